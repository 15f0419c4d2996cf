"""How much do a person's processes work? One pass over the process table: each server, what it started, its terminals.

Keeps true: a shell at its prompt is nothing; whatever runs in it counts. What a person left running on purpose outlives its
terminal (nohup, tmux): it is found by the variable that every server gives its children, and told of while it works.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aws_research_wizard.host.machine import MARKER

WORKING = 5.0
"""From this percent of a core on, what runs without a terminal counts."""
PERSON = "JUPYTERHUB_USER"
TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """A process as the table shows it; `seconds`: of CPU so far; `tty`: it has a terminal."""

    pid: int
    parent: int
    born: float
    seconds: float
    bytes: int
    tty: bool


@dataclass(frozen=True)
class Shell:
    """What one terminal's shell runs: live children, and their percent of a core (None before the second look)."""

    children: int
    cpu: float | None


@dataclass(frozen=True)
class Tree:
    """What a server and all it started use; `shells` in the order their terminals were opened; `loose` works without one."""

    cpu: float | None = None
    memory_mb: float | None = None
    pids: frozenset[int] = frozenset()
    shells: tuple[Shell, ...] = ()
    loose: Shell | None = None


@dataclass
class Forest:
    """All processes, look after look."""

    table: Callable[[], Iterable[Process]] = field(default_factory=lambda: listed)
    clock: Callable[[], float] = time.monotonic
    owner: Callable[[int], tuple[str, str]] = field(default_factory=lambda: whose)
    _before: dict[tuple[int, float], float] = field(default_factory=dict)
    _at: float | None = None
    _owners: dict[tuple[int, float], tuple[str, str]] = field(default_factory=dict)

    def look(self, servers: Mapping[str, int], instance_id: str = "") -> dict[str, Tree]:
        """Return each person's tree; `servers` maps a person to their server's process."""
        now, processes = self.clock(), {one.pid: one for one in self.table()}
        rates = self._rates(processes.values(), now)
        below: dict[int, list[int]] = {}
        for one in processes.values():
            below.setdefault(one.parent, []).append(one.pid)
        loose = self._loose(processes.values(), instance_id)
        return {
            person: _tree(pid, processes, below, rates, loose.get(person, []))
            for person, pid in servers.items()
            if pid in processes
        }

    def _rates(self, processes: Iterable[Process], now: float) -> dict[int, float] | None:
        """Return each process's percent of a core since the last look; None at the first."""
        before, elapsed = self._before, None if self._at is None else max(now - self._at, 0.001)
        self._before, self._at = {(one.pid, one.born): one.seconds for one in processes}, now
        if elapsed is None:
            return None
        return {
            pid: max(0.0, seconds - before.get((pid, born), 0.0)) / elapsed * 100 for (pid, born), seconds in self._before.items()
        }

    def _loose(self, processes: Iterable[Process], instance_id: str) -> dict[str, list[int]]:
        """Return what people left running: no server is its parent any more."""
        known = self._owners
        found: dict[str, list[int]] = {}
        self._owners = {}
        for one in processes:
            if one.parent != 1:
                continue
            key = (one.pid, one.born)
            self._owners[key] = known.get(key) or self.owner(one.pid)
            marker, person = self._owners[key]
            if person and marker == instance_id:
                found.setdefault(person, []).append(one.pid)
        return found


def _tree(
    root: int,
    processes: Mapping[int, Process],
    below: Mapping[int, list[int]],
    rates: Mapping[int, float] | None,
    loose: list[int],
) -> Tree:
    mine = _under(root, below)
    astray = [pid for top in loose if top != root for pid in _under(top, below)]
    shells = sorted((processes[pid] for pid in below.get(root, ()) if processes[pid].tty), key=lambda one: one.born)
    told = [_shell([pid for pid in _under(one.pid, below) if pid != one.pid], rates) for one in shells]
    left = _shell(astray, rates)
    loose_one = left if (left.cpu or 0.0) >= WORKING else None
    all_pids = [*mine, *astray]
    memory = sum(processes[pid].bytes for pid in all_pids) / 1e6
    return Tree(_sum(all_pids, rates), round(memory, 1), frozenset(all_pids), tuple(told), loose_one)


def _shell(pids: list[int], rates: Mapping[int, float] | None) -> Shell:
    return Shell(len(pids), _sum(pids, rates))


def _sum(pids: Iterable[int], rates: Mapping[int, float] | None) -> float | None:
    return None if rates is None else round(sum(rates.get(pid, 0.0) for pid in pids), 1)


def _under(root: int, below: Mapping[int, list[int]]) -> list[int]:
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += below.get(pid, ())
    return found


def listed(proc: Path = Path("/proc")) -> Iterable[Process]:
    """Return the live processes of this computer, one small file each; zombies are none."""
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                row = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if row and row[0] not in ("Z", "X"):
                yield _process(int(folder.name), row)


def _process(pid: int, row: list[str]) -> Process:
    """Read what stands behind a process's name: state, parent, group, session, terminal, …"""
    seconds, bytes_ = (int(row[11]) + int(row[12])) / TICKS, int(row[21]) * PAGE
    return Process(pid, int(row[1]), born=float(row[19]), seconds=seconds, bytes=bytes_, tty=row[4] != "0")


def whose(pid: int) -> tuple[str, str]:
    """Return the machine and the person that a process was started for, from its environment; blank where not known."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return "", ""
    env = dict(pair.split("=", 1) for pair in raw.split("\0") if "=" in pair)
    return ("", "") if pid == os.getpid() else (env.get(MARKER, ""), env.get(PERSON, ""))
