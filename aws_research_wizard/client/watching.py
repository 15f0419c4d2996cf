"""What is happening to a lab right now? Its state and its facts, followed until it rests.

Watching only reads, so it may end at any moment without harm; the lab goes on. A control plane that is away for a while
does not end it either: labs live without one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from aws_research_wizard.client.errors import CannotReach, NoAnswerYet, Unavailable, WizardError

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import EventView, LabView, LineView

AT_REST = frozenset({"READY", "STOPPED", "DELETED", "FAILED"})
FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 0.3, 1.1, 2.0
"""Seconds between two looks. At this growth a look comes late by a tenth of the time without news at most."""
UNDER_WAY = ("RUNNING", "BAKING")
PATIENCE = 300.0  # seconds without an answer before watching gives up


@dataclass(frozen=True)
class Update:
    """The lab as it is, every fact so far (oldest first), those that are new since the last update, and any trouble."""

    lab: LabView
    facts: tuple[EventView, ...]
    news: tuple[EventView, ...]
    trouble: str = ""

    @property
    def at_rest(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.lab["phase"] in AT_REST


@dataclass
class Trail:
    """The facts of one lab, read so that each is seen once and no page twice (but the last, which still grows)."""

    calls: Calls
    lab_id: str
    seen: dict[str, EventView] = field(default_factory=dict)
    cursor: str | None = None

    def news(self) -> tuple[EventView, ...]:
        """Facts that were not there the last time."""
        fresh: list[EventView] = []
        while True:
            page = self.calls.events_page(self.lab_id, self.cursor)
            fresh += [fact for fact in page["items"] if fact["id"] not in self.seen]
            self.seen |= {fact["id"]: fact for fact in fresh}
            if not page.get("cursor"):
                return tuple(fresh)
            self.cursor = page["cursor"]


@dataclass
class Lines:
    """The log lines of one lab's machine, each read once; they have no ids, so the place in the last page is kept."""

    calls: Calls
    lab_id: str
    cursor: str | None = None
    read: int = 0

    def news(self) -> Iterator[LineView]:
        """Lines that were not there the last time, oldest first."""
        while True:
            page = self.calls.logs_page(self.lab_id, self.cursor)
            yield from page["items"][self.read :]
            self.read = len(page["items"])
            following = page.get("cursor")
            if not following:
                return
            self.cursor, self.read = following, 0


def follow(
    calls: Calls,
    lab_id: str,
    *,
    since: LabView | None = None,
    timeout: float | None = None,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Update]:
    """Updates as they happen, the first at once and the last when the lab rests. NoAnswerYet after `timeout` seconds.

    `since` is the lab as a write just answered it: a read that lags behind that (they are eventually consistent) is not
    mistaken for news, so a lab that was asked to stop is never taken for READY and at rest.
    """
    trail, began, answered, pause = Trail(calls, lab_id), now(), now(), FIRST_PAUSE
    last: Update | None = None
    while True:
        try:
            update = _look(trail, last, since)
            answered = now()
        except (CannotReach, Unavailable) as error:
            if last is None or now() - answered > PATIENCE:
                raise
            update = Update(last.lab, last.facts, (), _trouble(error))
        if last is None or update.news or (update.lab, update.trouble) != (last.lab, last.trouble):
            yield update
        if update.at_rest and not update.trouble:
            return
        if timeout is not None and now() - began > timeout:
            raise NoAnswerYet(
                f"lab {lab_id} is still {update.lab['phase']} after {timeout:.0f} s", "it goes on by itself; look again later"
            )
        pause = FIRST_PAUSE if update.news else min(pause * GROWTH, LONGEST_PAUSE)
        last = update
        sleep(pause)


Piece = TypeVar("Piece", bound=Mapping[str, Any])


def news(fetch: Callable[[], Piece], first: Piece, sleep: Callable[[float], None] = time.sleep) -> Iterator[Piece]:
    """A backup, restore, drill or bake as it goes on, the first at once, the last when it is over. What lags is read again."""
    seen, answered, pause = first, time.monotonic(), FIRST_PAUSE
    yield seen
    while seen["state"] in UNDER_WAY:
        sleep(pause)
        pause = min(pause * GROWTH, LONGEST_PAUSE)
        try:
            seen, answered = fetch(), time.monotonic()
        except (CannotReach, Unavailable):
            if time.monotonic() - answered > PATIENCE:
                raise
            continue
        yield seen


def over(fetch: Callable[[], Piece], timeout: float | None = None) -> Piece:
    """The piece once it is over; NoAnswerYet after `timeout` seconds."""
    began = time.monotonic()
    for seen in news(fetch, fetch()):
        if seen["state"] in UNDER_WAY and timeout is not None and time.monotonic() - began > timeout:
            raise NoAnswerYet(f"{seen['id']} is still RUNNING after {timeout:.0f} s", "it goes on by itself; look again later")
    return seen


def _look(trail: Trail, last: Update | None, since: LabView | None) -> Update:
    """State first, then facts: a lab seen at rest has all its facts written, since both are one transaction."""
    lab = trail.calls.lab(trail.lab_id)
    if since and _moment(lab) < _moment(since):
        lab = since
    news = trail.news()
    return Update(lab, (*(last.facts if last else ()), *news), news)


def _moment(lab: LabView) -> datetime:
    return datetime.fromisoformat(lab["changed_at"])


def _trouble(error: WizardError) -> str:
    return f"{error.message}; the lab goes on, still trying"
