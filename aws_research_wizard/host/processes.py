"""Which processes are this machine's, and how are they ended? Found by the marker that each inherits, read from /proc.

Keeps true: every process started on this machine is found whatever session it made for itself; a process without the
marker is never touched. People's servers and kernels are sessions of their own, so no process group would reach them.
"""

import os
import re
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from aws_research_wizard.host.machine import MARKER

_KERNEL = re.compile(r"kernel-[0-9a-f-]{36}\.json")


@dataclass(frozen=True)
class Process:
    """A live process: its number, its words, its environment."""

    pid: int
    words: tuple[str, ...]
    env: dict[str, str]


def ours(instance_id: str, proc: Path = Path("/proc")) -> list[Process]:
    """Return the live processes that carry this machine's marker, ourselves and our parents excepted."""
    found = (_read(folder) for folder in proc.iterdir() if folder.name.isdigit())
    spared = _ancestors(proc)
    return [process for process in found if process and process.env.get(MARKER) == instance_id and process.pid not in spared]


def supervised(instance_id: str, proc: Path = Path("/proc")) -> list[Process]:
    """Return what a supervisor started here: the proxy, the hub, the agent. (A hub hands its own environment to no server.)"""
    return [process for process in ours(instance_id, proc) if "SUPERVISOR_ENABLED" in process.env]


def orphaned_kernels(processes: Iterable[Process], proc: Path = Path("/proc")) -> list[Process]:
    """Return the kernels whose server is gone. (A kernel names its server; whatever else a person left running is let be.)"""
    return [
        process
        for process in processes
        if any(_KERNEL.search(word) for word in process.words)
        and (parent := process.env.get("JPY_PARENT_PID", "")).isdigit()
        and not _alive(proc / parent)
    ]


def cullers(processes: Iterable[Process], etc: Path) -> list[Process]:
    """Return what a killed hub of this configuration left behind to end idle servers: the next hub starts another."""
    mine = f"--config={etc}/"
    return [
        one for one in processes if "jupyterhub_idle_culler" in one.words and any(word.startswith(mine) for word in one.words)
    ]


def born(pid: int, proc: Path = Path("/proc")) -> str:
    """Return what tells this process from any other that ever had its number, also after a reboot; blank when it is dead."""
    folder = proc / str(pid)
    try:
        start = (folder / "stat").read_text().rpartition(")")[2].split()[19]
        boot = (proc / "sys/kernel/random/boot_id").read_text().strip()
    except (OSError, IndexError):
        return ""
    return f"{boot}:{start}" if _alive(folder) else ""


def end(find: Callable[[], list[Process]], patience: float = 5.0) -> int:
    """End what `find` finds, again until it finds nothing: asked first, killed after `patience` seconds; return how many."""
    ended: set[int] = set()
    deadline, killing = time.monotonic() + patience, time.monotonic() + patience + 10
    while (found := find()) and time.monotonic() < killing:
        late = time.monotonic() > deadline
        for process in found:
            if late or process.pid not in ended:
                _signal(process.pid, signal.SIGKILL if late else signal.SIGTERM)
            ended.add(process.pid)
        time.sleep(0.1)
    return len(ended)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _read(folder: Path) -> Process | None:
    try:
        raw = (folder / "environ").read_bytes()
        words = (folder / "cmdline").read_bytes()
        if not _alive(folder):
            return None
    except (OSError, ValueError):
        return None
    env = dict(pair.split("=", 1) for pair in raw.decode(errors="replace").split("\0") if "=" in pair)
    return Process(int(folder.name), tuple(words.decode(errors="replace").strip("\0").split("\0")), env)


def _alive(folder: Path) -> bool:
    """Say whether the process exists and is more than a zombie."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return False


def _ancestors(proc: Path) -> set[int]:
    """Return ourselves and whoever started us: they outlive the reaping."""
    line, pid = {os.getpid()}, os.getpid()
    while pid > 1:
        try:
            pid = int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            break
        line.add(pid)
    return line
