"""Only our own processes are known, and they end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from aws_research_wizard.local import processes
from aws_research_wizard.local.home import Home

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def start(tmp_path: Path, command: list[str], **env: str) -> psutil.Process:
    log = tmp_path / "log"
    log.unlink(missing_ok=True)
    known = processes.launch(command, log=log, env={**os.environ, **env}, cwd=tmp_path)
    while "up" not in log.read_text():
        time.sleep(0.02)
    return psutil.Process(known.pid)


def test_a_detached_process_has_its_own_session_and_log(tmp_path: Path) -> None:
    process = start(tmp_path, SLEEP)
    assert os.getsid(process.pid) == process.pid
    processes.end([process], 5.0)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_reused_id_is_not_ours(tmp_path: Path) -> None:
    process = start(tmp_path, SLEEP)
    known = processes.Known.of(process)
    assert known.alive() == process
    assert processes.Known(known.pid, known.started - 60).alive() is None
    processes.end([process], 5.0)
    assert known.alive() is None


def test_the_stubborn_are_killed_after_their_grace(tmp_path: Path) -> None:
    process = start(tmp_path, STUBBORN)
    began = time.monotonic()
    processes.end([process], 0.3)
    assert 0.25 < time.monotonic() - began < 5
    assert processes.Known.still(process) is False


def test_a_marked_process_is_found_even_in_another_session(tmp_path: Path) -> None:
    name = f"i-{os.getpid()}"
    start(tmp_path, ["setsid", "--fork", *SLEEP], **{processes.MACHINE_MARK: name})
    found = processes.marked(processes.MACHINE_MARK, name)
    assert found
    processes.end(found, 5.0)
    assert processes.marked(processes.MACHINE_MARK, name) == []


def test_a_zombie_has_ended(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    process = psutil.Process(child.pid)
    deadline = time.monotonic() + 10
    while process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes.gone([process], 0.1) == []
    child.wait()


def test_what_was_noted_is_recalled_and_struck_off(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    assert processes.recall(home, "runner") is None
    known = processes.Known.of(start(tmp_path, SLEEP))
    processes.note(home, "runner", known)
    assert processes.recall(home, "runner") == known
    processes.end_noted(home, "runner", 5.0)
    assert processes.recall(home, "runner") is None
    assert known.alive() is None


@pytest.mark.parametrize("name", ["runner", "emulator"])
def test_ending_what_never_ran_is_no_fault(tmp_path: Path, name: str) -> None:
    processes.end_noted(Home.at(tmp_path), name, 1.0)
