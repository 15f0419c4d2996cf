"""Which backups are kept, and which chunks does nobody need any more? Pure, so that it can be proven.

Kept are the newest of each of the last 7 days, 4 weeks and 6 months that have one, the newest of all, and for a week whatever a
person asked for. Periods without a backup do not count: a lab that rests, or is gone, loses nothing by waiting.

Keeps true: a chunk that any kept backup is made of is never garbage, and neither is one that is younger than a day.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from chalicelib.backups.rules import Backup, Digest, State

DAILY, WEEKLY, MONTHLY = 7, 4, 6
BY_HAND = timedelta(days=7)
GRACE = timedelta(hours=24)
FAILURES_REMEMBERED = timedelta(days=30)
PERIODS: tuple[tuple[str, int, Callable[[datetime], object]], ...] = (
    ("daily", DAILY, lambda at: at.date()),
    ("weekly", WEEKLY, lambda at: at.isocalendar()[:2]),
    ("monthly", MONTHLY, lambda at: (at.year, at.month)),
)


class Chunk(NamedTuple):
    """An object that holds a piece of files."""

    key: str
    digest: Digest
    size: int
    modified: datetime


def kept(backups: Iterable[Backup], now: datetime, in_use: Collection[str] = ()) -> dict[str, str]:
    """The backups that stay, each with the first reason for it."""
    finished = sorted((one for one in backups if one.state is State.FINISHED), key=_newest_first, reverse=True)
    reasons: dict[str, str] = {}
    if finished:
        reasons[finished[0].id] = "the newest"
    for word, most, period in PERIODS:
        for backup in _one_each(finished, most, period):
            reasons.setdefault(backup.id, word)
    for backup in finished:
        if backup.by_hand and now - backup.asked_at < BY_HAND:
            reasons.setdefault(backup.id, "asked for by a person, within 7 days")
        if backup.id in in_use:
            reasons.setdefault(backup.id, "in use")
    return reasons


def _newest_first(backup: Backup) -> tuple[datetime, str]:
    return backup.asked_at, backup.id


def _one_each(newest_first: Iterable[Backup], most: int, period: Callable[[datetime], object]) -> Iterator[Backup]:
    """The newest of each of the last periods that have any."""
    seen: set[object] = set()
    for backup in newest_first:
        place = period(backup.asked_at)
        if place not in seen:
            if len(seen) == most:
                return
            seen.add(place)
            yield backup


def forgettable(backups: Iterable[Backup], now: datetime, in_use: Collection[str] = ()) -> list[Backup]:
    """What need not be kept: finished backups outside of the policy, and failures that are a month old."""
    known = list(backups)
    stays = kept(known, now, in_use)
    old = [one for one in known if one.state is State.FAILED and now - one.asked_at > FAILURES_REMEMBERED]
    return [one for one in known if one.state is State.FINISHED and one.id not in stays] + old


def garbage(chunks: Iterable[Chunk], needed: Collection[Digest], now: datetime) -> Iterator[Chunk]:
    """Chunks that no kept backup needs, and that no backup can just be putting there."""
    return (chunk for chunk in chunks if chunk.digest not in needed and now - chunk.modified > GRACE)
