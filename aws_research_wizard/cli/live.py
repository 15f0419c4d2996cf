"""What does a person see while a lab is being made?

On a terminal: the steps with a spinner and the time that passes, drawn by rich. Without one: a plain line for each step
as it ends, the same words. Both write to stderr, so that stdout holds the result alone.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from aws_research_wizard.cli import screen
from aws_research_wizard.cli.board import State, Step

MARKS = {State.DONE: ("✔", "green"), State.FAILED: ("✘", "red"), State.NOTE: ("·", "yellow"), State.RUNNING: ("▸", "cyan")}
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
WIDEST = 76


class Display(Protocol):
    """Something that shows steps as they come."""

    def show(self, steps: list[Step], trouble: str = "") -> None:
        """The steps as they stand now; `trouble` is a word about the connection."""


@contextmanager
def display(*, quiet: bool = False) -> Iterator[Display]:
    """The display that suits stderr; `quiet` shows nothing unless a person watches."""
    watched = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if watched:
        with _moving() as moving:
            yield moving
    else:
        yield Lines(silent=quiet)


class Lines:
    """A line per step, when it ends: for logs, pipes and CI."""

    def __init__(self, *, silent: bool = False) -> None:
        self._told: set[str] = set()
        self._silent = silent
        self._trouble = ""

    def show(self, steps: list[Step], trouble: str = "") -> None:
        """Tell what has not been told yet."""
        for step in steps:
            mark = f"{step.key}{step.state}"
            if step.state is not State.RUNNING and mark not in self._told and not self._silent:
                screen.tell(line(step))
            self._told.add(mark)
        if trouble and trouble != self._trouble and not self._silent:
            screen.tell(f"· {trouble}")
        self._trouble = trouble


def line(step: Step) -> str:
    """One step as plain text: mark, words, detail, how long it took."""
    mark = screen.paint(MARKS[step.state][0], MARKS[step.state][1], sys.stderr)
    took = f"  {screen.span(step.seconds)}" if step.seconds is not None else ""
    return f"{mark} {step.label}{f' ({step.detail})' if step.detail else ''}{took}"


@contextmanager
def _moving() -> Iterator[Display]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    picture = Picture()
    with Live(picture, console=console, refresh_per_second=8):
        yield picture


class Picture:
    """The steps as rich draws them eight times a second; time passes between two answers of the API."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._trouble = ""
        self._since: dict[str, float] = {}

    def show(self, steps: list[Step], trouble: str = "") -> None:
        """Take the new state; the next frame shows it."""
        for step in steps:
            self._since.setdefault(step.key + step.label, time.monotonic())
        self._steps, self._trouble = steps, trouble

    def __rich_console__(self, _console: Any, options: Any) -> Iterator[Any]:
        from rich.text import Text

        room = min(options.max_width - 1, WIDEST)
        for step in self._steps:
            yield Text.assemble(*self._line(step, room), no_wrap=True, overflow="crop")
        if self._trouble:
            yield Text(f"· {self._trouble}", style="yellow", no_wrap=True, overflow="ellipsis")

    def _line(self, step: Step, room: int) -> list[tuple[str, str]]:
        """Mark, words, detail as far as there is room, and the time at the right."""
        mark, style = MARKS[step.state]
        took = self._time(step)
        words = room - len(took) - 4
        label = step.label[:words]
        detail = screen.cut(step.detail, words - len(label) - 2) if words - len(label) > 6 else ""
        gap = " " * (words - len(label) - len(detail))
        if step.state is State.RUNNING:
            mark = FRAMES[int(time.monotonic() * 10) % len(FRAMES)]
        return [(f"{mark} ", style), (label, ""), (f"  {detail}{gap}" if gap[2:] or detail else gap, "dim"), (took, "dim")]

    def _time(self, step: Step) -> str:
        if step.seconds is not None:
            return screen.span(step.seconds)
        return screen.span(time.monotonic() - self._since[step.key + step.label]) if step.state is State.RUNNING else ""
