"""Which processes belong to this cloud, which are alive, and how do they start and end?

A process is known by its id *and* its start time, so a reused id is never mistaken for ours. Detached processes live in
their own session and write to a log file. Everything a machine starts carries ``AWR_INSTANCE_ID`` in its environment, so
that even a process that left its group is found. Kept true: we only ever signal processes we recognise in one of these two
ways.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from aws_research_wizard.local.home import Home, read_json, write_atomically

CLOUD_MARK = "AWR_CLOUD"
MACHINE_MARK = "AWR_INSTANCE_ID"


@dataclass(frozen=True)
class Known:
    """A process as it was when we started it."""

    pid: int
    started: float

    @classmethod
    def of(cls, process: psutil.Process) -> Known:
        return cls(process.pid, process.create_time())

    @staticmethod
    def still(process: psutil.Process) -> bool:
        """Does this very process live, and not as a zombie?"""
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def alive(self) -> psutil.Process | None:
        """The living process, or None when it ended, is a zombie, or its id belongs to someone else."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 0.05
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


def launch(command: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path) -> Known:
    """Start a detached process (own session, no terminal) that appends its output to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        started = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            close_fds=True,
        )
    known = Known.of(psutil.Process(started.pid))
    started.returncode = 0  # let go of: it outlives us, and nobody here will wait for it
    return known


def note(home: Home, name: str, known: Known) -> None:
    """Write down a process of the cloud under its name."""
    write_atomically(home.processes / f"{name}.json", json.dumps({"pid": known.pid, "started": known.started}))


def recall(home: Home, name: str) -> Known | None:
    """The process written down under ``name``, alive or not."""
    noted = read_json(home.processes / f"{name}.json")
    return Known(int(noted["pid"]), float(noted["started"])) if "pid" in noted else None


def forget(home: Home, name: str) -> None:
    """Strike a process off the books."""
    (home.processes / f"{name}.json").unlink(missing_ok=True)


def marked(mark: str, value: str) -> list[psutil.Process]:
    """Every living process whose environment says ``mark=value``, ourselves excepted."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(mark) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Signal each process; those already gone do not matter."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def gone(processes: Sequence[psutil.Process], within_seconds: float) -> list[psutil.Process]:
    """Wait for processes to end; returns those that still live. A zombie has ended, whoever forgot to bury it."""
    deadline = time.monotonic() + within_seconds
    while left := [one for one in processes if Known.still(one)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return left


def end(processes: Sequence[psutil.Process], grace_seconds: float) -> None:
    """Ask processes to end, wait, then kill what is left; returns when they are gone."""
    send(processes, signal.SIGTERM)
    left = gone(processes, grace_seconds)
    send(left, signal.SIGKILL)
    gone(left, 5.0)


def end_noted(home: Home, name: str, grace_seconds: float) -> None:
    """End the process written down under ``name``, if it lives, and strike it off."""
    known = recall(home, name)
    living = known.alive() if known else None
    if living is not None:
        end([living], grace_seconds)
    forget(home, name)
