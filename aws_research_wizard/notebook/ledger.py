"""Which cells ran, from when to when? A book in the person's home, one file for each kernel and day.

A line for a cell that ended, and one without an end for a cell that has run a second: so that another notebook of the same person
knows of it. Keeps true: writing never fails a cell (a full home keeps no book, the cells go on), and never holds one up for long:
short cells are written together.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from aws_research_wizard.notebook.hours import SECOND, Cell

OPEN_SECONDS, FLUSH_SECONDS = 1.0, 1.0
KEPT_DAYS = 32
LONGEST_DAYS = 7
"""No cell is looked for that began earlier than so many days before the time asked for."""


def microseconds() -> int:
    """Return the time now."""
    return time.time_ns() // 1000


def home() -> Path:
    """Return where the books are."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local/share") / "aws-research-wizard" / "cells"


class Ledger:
    """This process's book, and what all of the person's books say."""

    def __init__(self, place: Path | None = None, clock: Callable[[], int] = microseconds) -> None:
        self._place, self._clock = place or home(), clock
        self._own = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._open: dict[str, Cell] = {}
        self._all: dict[str, Cell] = {}
        self._pending: list[str] = []
        self._flushed = 0.0
        self._lock = threading.Lock()
        atexit.register(self.flush)

    def begin(self, name: str = "", notebook: str = "") -> Cell:
        """Note that a cell begins."""
        now = self._clock()
        cell = Cell(f"{self._own}-{len(self._all)}", now, now, name, notebook)
        self._open[cell.id] = self._all[cell.id] = cell
        timer = threading.Timer(OPEN_SECONDS, self._still, (cell,))
        timer.daemon = True
        timer.start()
        return cell

    def end(self, cell: Cell) -> Cell:
        """Note that it is over; return it with its end."""
        over = replace(cell, ended=max(self._clock(), cell.begun))
        self._open.pop(cell.id, None)
        self._all[cell.id] = over
        self._pending.append(_line(over, over.ended))
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()
        return over

    def cells(self, begun: int, ended: int) -> list[Cell]:
        """Return the person's cells of a stretch of time, of this kernel and all others; one that still runs ends now."""
        found = {cell.id: cell for cell in self._written(begun, ended)}
        now = self._clock()
        found.update({key: replace(cell, ended=now) if key in self._open else cell for key, cell in self._all.items()})
        return sorted((cell for cell in found.values() if cell.begun < ended and cell.ended > begun), key=lambda one: one.begun)

    def flush(self) -> None:
        """Write down what waits."""
        with self._lock:
            lines, self._pending = self._pending, []
            self._flushed = time.monotonic()
            if not lines:
                return
            try:
                folder = self._place / _day(self._clock())
                folder.mkdir(parents=True, exist_ok=True)
                with (folder / f"{self._own}.jsonl").open("a") as file:
                    file.write("".join(lines))
                self._tidy()
            except OSError:
                return

    def _still(self, cell: Cell) -> None:
        if cell.id in self._open:
            self._pending.append(_line(cell, None))
            self.flush()

    def _written(self, begun: int, ended: int) -> Iterator[Cell]:
        day = 86400 * SECOND
        first, last = _day(begun - LONGEST_DAYS * day), _day(ended)
        try:
            books = [book for folder in self._place.iterdir() if first <= folder.name <= last for book in folder.glob("*.jsonl")]
        except OSError:
            return
        for book in books:
            yield from _read(book, self._clock())

    def _tidy(self) -> None:
        oldest = _day(self._clock() - KEPT_DAYS * 86400 * SECOND)
        for folder in self._place.iterdir():
            if folder.name < oldest:
                for book in folder.glob("*.jsonl"):
                    book.unlink()
                folder.rmdir()


def _read(book: Path, now: int) -> Iterator[Cell]:
    """Yield the cells of one book: one without an end runs still, if its kernel lives; else nobody knows, and it is none."""
    found: dict[str, Cell] = {}
    try:
        for line in book.read_text().splitlines():
            raw = json.loads(line)
            ended = raw["ended"] if raw["ended"] is not None else now
            if raw["ended"] is not None or _alive(book):
                found[raw["id"]] = Cell(raw["id"], raw["begun"], ended, raw.get("name", ""), raw.get("notebook", ""))
    except (OSError, ValueError, KeyError):
        pass  # a torn last line: what stands before it counts
    yield from found.values()


def _alive(book: Path) -> bool:
    pid = book.name.partition("-")[0]
    return pid.isdigit() and Path(f"/proc/{pid}").exists()


def _line(cell: Cell, ended: int | None) -> str:
    said = {"id": cell.id, "begun": cell.begun, "ended": ended, "name": cell.name, "notebook": cell.notebook}
    return json.dumps(said) + "\n"


def _day(moment: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment // SECOND))
