"""How far is the boot, and how long did each step take? Timed here, told to the control plane in the background.

Keeps true: telling never holds up the boot; steps are told in the order they happened; each time is sent again with `ready`.
"""

import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aws_research_wizard.host.control_plane import Away, ControlPlane, Refused


class StepFailed(Exception):  # noqa: N818
    """A step that cannot be done: `cause` is one line for a person, `log_tail` the last lines of what was run."""

    def __init__(self, step: str, cause: str, log_tail: list[str] | None = None) -> None:
        super().__init__(f"{step}: {cause}")
        self.step, self.cause, self.log_tail = step, cause, log_tail or []


class CommandFailed(Exception):  # noqa: N818
    """A program ended badly: the line that says why, and its last lines."""

    def __init__(self, cause: str, log_tail: list[str]) -> None:
        super().__init__(cause)
        self.cause, self.log_tail = cause, log_tail


class LeftOut(CommandFailed):
    """A kernel that could not be had, and without which the lab goes on."""


@dataclass
class Note:
    """What a step says of itself when it is done."""

    detail: str = ""


class Steps:
    """The steps of one boot."""

    def __init__(self) -> None:
        self._news: queue.Queue[tuple[str, str, float, str] | None] = queue.Queue()
        self._done: list[dict[str, Any]] = []
        self._told = threading.Thread(target=self._tell, name="steps", daemon=True)
        self._door: ControlPlane | None = None

    def tell(self, door: ControlPlane) -> None:
        """Start telling: all that happened so far, then each step as it comes."""
        self._door = door
        self._told.start()

    def times(self) -> list[dict[str, Any]]:
        """Return `[{name, seconds}]` in the order the steps ended."""
        return list(self._done)

    def add(self, name: str, seconds: float, detail: str = "") -> None:
        """Record a step that somebody else timed."""
        self._done.append({"name": name, "seconds": round(seconds, 3)})
        self._say(name, "done", seconds, detail)

    @contextmanager
    def step(self, name: str) -> Iterator[Note]:
        """Time what is done inside; its failure becomes a StepFailed that names it."""
        begun, note = time.monotonic(), Note()
        self._say(name, "started", 0.0, "")
        try:
            yield note
        except StepFailed:
            raise
        except CommandFailed as error:
            self._say(name, "failed", time.monotonic() - begun, error.cause)
            raise StepFailed(name, error.cause, error.log_tail) from error
        except Exception as error:
            cause = str(error) if isinstance(error, (Away, Refused)) else f"{type(error).__name__}: {error}"
            self._say(name, "failed", time.monotonic() - begun, cause)
            raise StepFailed(name, cause) from error
        self.add(name, time.monotonic() - begun, note.detail)

    def flush(self, seconds: float = 5.0) -> None:
        """Give what is not yet told a last chance."""
        if self._told.is_alive():
            self._news.put(None)
            self._told.join(seconds)

    def _say(self, name: str, state: str, seconds: float, detail: str) -> None:
        shown = f" {seconds:.1f} s" if state != "started" else ""
        print(f"[boot] {name}: {state}{shown}{' · ' + detail if detail else ''}", file=sys.stderr, flush=True)
        self._news.put((name, state, seconds, detail))

    def _tell(self) -> None:
        while (news := self._news.get()) is not None:
            try:
                if self._door:
                    self._door.step(*news)
            except (Away, Refused) as error:
                print(f"[boot] not told: {news[0]} {news[1]} ({error})", file=sys.stderr, flush=True)
