"""What was this machine asked to do, and what came of it? Work orders: a backup, a restore, an upgrade.

    orders of a heartbeat → waiting → one process of its own does the piece → its result is kept → told until it is taken

Keeps true: one piece at a time, in a process that gives way to everybody (`piece.py`); no piece is done twice under one id; a
result is written down before it is told, and told until the control plane took it (204) or no longer wants it (404); neither
a piece nor a slow control plane ever holds up a heartbeat. An agent that is started again in the middle starts the piece again,
so whatever does a piece must take that in its stride.

A kind of work is a module with `carry_out(machine, order, tell) -> report`: `tell(progress)` as often as it likes, `WorkFailed`
with one line for a person when it cannot be done. Add one to KINDS, and that is all.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aws_research_wizard.host import files
from aws_research_wizard.host.control_plane import Away, Refused

KINDS: dict[str, str] = {
    "backup": "aws_research_wizard.host.backup",
    "restore": "aws_research_wizard.host.restore",
    "upgrade": "aws_research_wizard.host.upgrade",
    "save": "aws_research_wizard.host.save",
    "kernel": "aws_research_wizard.host.fitting",
}
"""Kind of work → the module that does it."""
TELL_SECONDS = 60.0
STILL_SECONDS = 1800.0
"""A piece that has moved nothing for so long hangs, and is ended."""
KEPT = 50
"""Results remembered after they were taken: an order that crossed with its answer starts nothing anew."""
UNREADABLE = (400, 413, 422)
Tell = Callable[[Mapping[str, Any]], None]


class WorkFailed(Exception):  # noqa: N818
    """A piece of work that cannot be done; the words are for a person."""


class Unwanted(Exception):  # noqa: N818
    """The control plane no longer wants this piece."""


class Door(Protocol):
    """As much of the control plane as work needs."""

    def work(self, work_id: str, state: str, report: Mapping[str, Any], cause: str) -> None:
        """Tell how a piece goes."""


@dataclass(frozen=True)
class Piece:
    """One piece of work as ordered."""

    id: str
    kind: str
    order: Mapping[str, Any]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Piece":
        """Read one entry of the orders' `work`."""
        return cls(str(raw["id"]), str(raw["kind"]), dict(raw.get("order") or {}))


@dataclass(frozen=True)
class Result:
    """What came of a piece: `state` is done or failed."""

    state: str
    report: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    taken: bool = False


class Results:
    """The results of this machine, on disk; in memory alone while the disk takes nothing."""

    def __init__(self, state: Path) -> None:
        self._path, self._lock = state / "work.json", threading.Lock()
        raw = files.read_json(self._path) or {}
        self._all = {work_id: Result(**result) for work_id, result in raw.items()}

    def of(self, work_id: str) -> Result | None:
        """Return what came of a piece, if it is over."""
        return self._all.get(work_id)

    def untold(self) -> list[tuple[str, Result]]:
        """Return the results that the control plane has not taken, oldest first."""
        with self._lock:
            return [(work_id, result) for work_id, result in self._all.items() if not result.taken]

    def keep(self, work_id: str, result: Result) -> None:
        """Write a result down; of those taken the oldest are forgotten."""
        with self._lock:
            self._all[work_id] = result
            taken = [key for key, one in self._all.items() if one.taken]
            for key in taken[: max(0, len(taken) - KEPT)]:
                del self._all[key]
            self._save()

    def forget(self, work_id: str) -> None:
        """Drop a result that nobody wants."""
        with self._lock:
            if self._all.pop(work_id, None):
                self._save()

    def _save(self) -> None:
        try:
            files.write_json(self._path, {work_id: vars(result) for work_id, result in self._all.items()})
        except OSError as error:
            say(f"results are kept in memory only: {error}")


class Desk:
    """Where work arrives and is done, one piece after the other."""

    def __init__(self, state: Path, door: Door, do: Callable[[Piece, Tell], Mapping[str, Any]]) -> None:
        self.results, self._door, self._do = Results(state), door, do
        self._waiting: dict[str, Piece] = {}
        self._current = ""
        self._changed = threading.Condition()

    def follow(self, ordered: Iterable[Mapping[str, Any]]) -> None:
        """Take over what was ordered. Never waits."""
        with self._changed:
            for raw in ordered:
                self._take(Piece.parse(raw))
            self._changed.notify()

    def _take(self, piece: Piece) -> None:
        over = self.results.of(piece.id)
        if over is not None:
            self.results.keep(piece.id, Result(over.state, over.report, over.cause))  # asked again: told again
        elif piece.id != self._current:
            self._waiting[piece.id] = piece

    def run(self, stop: threading.Event, every: float = 5.0) -> None:
        """Do what waits and tell what is done, until `stop`."""
        while not stop.is_set():
            piece = self._next(every)
            if piece:
                self._carry_out(piece)
            self.deliver()

    def deliver(self) -> None:
        """Tell every result that was not yet taken."""
        for work_id, result in self.results.untold():
            self._deliver(work_id, result)

    def _next(self, seconds: float) -> Piece | None:
        with self._changed:
            if not self._waiting:
                self._changed.wait(seconds)
            self._current = next(iter(self._waiting), "")
            return self._waiting.pop(self._current, None)

    def _carry_out(self, piece: Piece) -> None:
        try:
            self._tell(piece.id, {})
            result = Result("done", self._do(piece, lambda progress: self._tell(piece.id, progress)))
        except Unwanted:
            say(f"{piece.kind} {piece.id} is no longer wanted")
            return
        except WorkFailed as failure:
            result = Result("failed", cause=str(failure)[:500])
        except Exception as error:
            result = Result("failed", cause=f"{type(error).__name__}: {error}"[:500])
        finally:
            with self._changed:
                kept, self._current = self._current, ""
        say(f"{piece.kind} {kept}: {result.state} {result.cause}".rstrip())
        self.results.keep(piece.id, result)

    def _tell(self, work_id: str, progress: Mapping[str, Any]) -> None:
        """Say that a piece goes on; an answer that does not come changes nothing, a 404 ends it."""
        self.deliver()
        try:
            self._door.work(work_id, "running", progress, "")
        except Away:
            return
        except Refused as error:
            if error.status == 404:
                raise Unwanted from None

    def _deliver(self, work_id: str, result: Result) -> None:
        try:
            self._door.work(work_id, result.state, result.report, result.cause)
        except Away:
            return
        except Refused as error:
            self._refused(work_id, result, error)
        else:
            self.results.keep(work_id, Result(result.state, result.report, result.cause, taken=True))

    def _refused(self, work_id: str, result: Result, error: Refused) -> None:
        if error.status == 404:
            self.results.forget(work_id)
        elif error.status in UNREADABLE and result.report:
            self.results.keep(work_id, Result("failed", cause=f"the report of it was refused: {error}"[:500]))
        else:
            say(f"the result of {work_id} was refused: {error}")


class Rhythm:
    """Passes progress on once a minute, and notices when there is none."""

    def __init__(self, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._last: Mapping[str, Any] = {}
        self._told = self._moved = clock()

    def hear(self, progress: Mapping[str, Any] | None) -> None:
        """Take news (None: a while passed without); raise WorkFailed when the piece stands still."""
        now = self._clock()
        if progress is not None and progress != self._last:
            self._last, self._moved = progress, now
        if now - self._moved > STILL_SECONDS:
            raise WorkFailed(f"it moved nothing for {STILL_SECONDS / 60:.0f} minutes and was ended")
        if now - self._told >= TELL_SECONDS:
            self._told = now
            self._tell(self._last)


def say(words: str) -> None:
    """Put a line into the agent's log."""
    print(f"[work] {words}", file=sys.stderr, flush=True)
