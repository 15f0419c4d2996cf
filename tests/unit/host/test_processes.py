from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aws_research_wizard.host import processes
from aws_research_wizard.host.machine import MARKER
from aws_research_wizard.host.processes import Process, born, orphaned_kernels, ours

NAME = f"i-test{os.getpid()}"
CONNECTION = "/x/kernel-12345678-1234-1234-1234-123456789abc.json"


@contextmanager
def running(code: str, *words: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the machine, in a session of its own; it prints a line once it runs."""
    command = [sys.executable, "-c", f"import signal, time; {code}; print(flush=True); time.sleep(60)", *words]
    process = subprocess.Popen(command, env={**os.environ, MARKER: NAME, **env}, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_processes_are_found_by_their_marker_in_any_session() -> None:
    with running("pass") as mine, running("pass", **{MARKER: "i-other"}) as other:
        found = [process.pid for process in ours(NAME)]
        assert mine.pid in found
        assert other.pid not in found


def test_what_a_supervisor_started_is_told_from_peoples_servers() -> None:
    with running("pass", SUPERVISOR_ENABLED="1") as hub, running("pass") as server:
        found = [process.pid for process in processes.supervised(NAME)]
        assert hub.pid in found
        assert server.pid not in found


def test_the_asker_and_its_parents_are_spared() -> None:
    code = f"import sys; sys.path[:] = {sys.path!r}; from aws_research_wizard.host.processes import ours; print(ours('{NAME}'))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, MARKER: NAME}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_stubborn_process_is_killed_after_patience() -> None:
    with running("signal.signal(signal.SIGTERM, signal.SIG_IGN)") as stubborn, running("pass") as obliging:
        begun = time.monotonic()
        assert processes.end(lambda: ours(NAME), patience=0.5) >= 2
        assert time.monotonic() - begun < 5
        assert (stubborn.wait(), obliging.wait()) == (-9, -15)


def test_only_kernels_whose_server_is_gone_are_orphans() -> None:
    with running("pass") as server:
        pass
    dead, alive = {"JPY_PARENT_PID": str(server.pid)}, {"JPY_PARENT_PID": str(os.getpid())}
    seen = [
        Process(1, ("python", "-m", "ipykernel_launcher", "-f", CONNECTION), dead),
        Process(2, ("R", "--slave", "-e", "IRkernel::main()", "--args", CONNECTION), dead),
        Process(3, ("python", "-m", "ipykernel_launcher", "-f", CONNECTION), alive),
        Process(4, ("sleep", "1000"), dead),
        Process(5, ("python", "train.py"), {}),
    ]
    assert [process.pid for process in orphaned_kernels(seen)] == [1, 2]


def test_a_process_is_more_than_its_number() -> None:
    with running("pass") as first, running("pass") as second:
        marks = {born(first.pid), born(second.pid)}
        assert len(marks) == 2
        assert "" not in marks
        first.kill()
        time.sleep(0.1)
        assert born(first.pid) == "", "a zombie is dead"
    assert born(second.pid) == ""
