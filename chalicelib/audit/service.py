"""The verbs of the log: record facts, anchor its head, read it, check it.

Recording may be said any number of times, in any order, by several at once: a fact is in the log once, and the log has no gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from chalicelib.audit import rules, s3, store
from chalicelib.audit.rules import BATCH, Anchor, Entry, Head, Told
from chalicelib.audit.store import Raced
from chalicelib.runtime.clock import iso
from chalicelib.runtime.errors import Unavailable
from chalicelib.runtime.store import commit, pause

TRIES = 12
SKEW = timedelta(minutes=10)  # by which the clocks of what tells and what records may differ


class Wanted(NamedTuple):
    """Which entries somebody asks for; blank: all."""

    lab: str = ""
    person: str = ""
    since: datetime | None = None
    until: datetime | None = None


def record(facts: Iterable[Told], now: datetime) -> int:
    """Append what is not in the log yet, and anchor the new head; how many entries were added."""
    wanted = list({str(fact["id"]): fact for fact in facts}.values())
    added = 0
    for start in range(0, len(wanted), BATCH):
        added += _appended(wanted[start : start + BATCH], iso(now))
    if wanted:
        anchor()
    return added


def _appended(facts: Sequence[Told], now: str) -> int:
    for attempt in range(TRIES):
        head = store.head()
        known = store.seen(str(fact["id"]) for fact in facts)
        entries = rules.follow(head, (fact for fact in facts if str(fact["id"]) not in known), now)
        if not entries:
            return 0
        try:
            commit(*store.append(entries, head))
        except (Raced, Unavailable):
            pause(attempt)
            continue
        return len(entries)
    raise Unavailable("the audit log is being written by many, or its head is not its end", "the facts come again by themselves")


def anchor() -> Head:
    """Remember where the log ends now, outside the table."""
    head = store.head()
    if head.seq:
        s3.anchor(head, store.name())
    return head


# ---- reading -------------------------------------------------------------------------------------------------------------


def head() -> Head:
    return store.head()


def anchors(after: int, limit: int) -> tuple[Anchor, ...]:
    return s3.anchors(after, limit)


def page(wanted: Wanted, after: int, limit: int) -> tuple[list[Entry], int | None]:
    """The next entries that are wanted, and the number to go on from; None at the end."""
    after = max(after, first_since(wanted.since - SKEW)) if wanted.since else after
    if wanted.lab or wanted.person:
        numbers = _numbers(wanted, after, limit)
        found = _found(numbers)
    else:
        found = store.entries(after, limit)
        numbers = [one.seq for one in found]
    return [one for one in found if _fits(one, wanted)], numbers[-1] if len(numbers) == limit else None


def _numbers(wanted: Wanted, after: int, limit: int) -> list[int]:
    """About a lab, or about a person: what they did, had done, and what was done to their record."""
    if wanted.lab:
        return store.numbers_about(wanted.lab, after, limit)
    theirs = (store.numbers_by(wanted.person, after, limit), store.numbers_about(wanted.person, after, limit))
    return sorted({number for one in theirs for number in one})[:limit]


def _fits(entry: Entry, wanted: Wanted) -> bool:
    at = rules.moment(entry.at)
    early = wanted.since is not None and at < wanted.since
    late = wanted.until is not None and at > wanted.until
    who = not wanted.person or wanted.person in (entry.who, entry.on_behalf_of, entry.subject)
    return who and not early and not late


def team_of(lab: str) -> str:
    """The team that a lab was made for, as the log tells it; "" when the log does not know the lab."""
    for one in _found(store.numbers_about(lab, 0, 20)):
        if "team" in one.changes:
            return str(one.changes["team"][1])
    return ""


def first_since(moment: datetime) -> int:
    """The number before the first entry recorded at or after a moment, found by halving."""
    low, high, wanted = 0, store.head().seq, iso(moment)
    while low < high:
        middle = (low + high + 1) // 2
        found = store.entry(middle)
        if found is not None and found.recorded_at < wanted:
            low = middle
        else:
            high = middle - 1
    return low


def _found(numbers: Sequence[int]) -> list[Entry]:
    known = store.by_number(numbers)
    return [known[number] for number in numbers if number in known]
