"""Is the log whole, and is everything in it that ever happened? Asked every hour, by us; anybody may ask it themselves.

Each round anchors the head, verifies what was added since the last round and the next stretch of what is older (so that all of
it comes by again and again), and compares a share of the facts table with the log. A fact that got lost on its way is recorded
late; that it was lost is said, as every break is, by failing: the alarm on this function's errors is the alarm on the log.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from chalicelib.audit import rules, s3, service, store
from chalicelib.audit.rules import Break, Head, Kind, Told
from chalicelib.runtime import metrics, outbox
from chalicelib.runtime.clock import parse_iso
from chalicelib.runtime.errors import AppError
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import commit

STRETCH = 10_000  # entries verified at once
PAGES = 40  # of the facts table, 1 MB each, in one round
GRACE = timedelta(minutes=10)  # a younger fact may still be on its way


class LogBroken(AppError):  # noqa: N818 - it says what is wrong
    """The audit log is not what it was, or not all of what happened."""

    default_code = "audit_broken"


class Round(NamedTuple):
    """What one round looked at, and what it found."""

    verified: int
    facts: int
    breaks: tuple[Break, ...]

    def raised(self) -> Round:
        if self.breaks:
            raise LogBroken("; ".join(map(str, self.breaks[:5])), "aws-research-wizard audit verify")
        return self


def check(now: datetime) -> Round:
    """One round. Its breaks are counted and logged; what was lost is in the log afterwards."""
    head = service.anchor()
    newest = _place("newest", head)
    found = [*stretch(newest, head.seq), *_beyond(head)]
    oldest = _place("oldest", head)
    until = max(oldest, min(oldest + STRETCH, newest))  # what is newer was verified just now
    found += stretch(oldest, until)
    facts, lost = _complete(now)
    commit(store.set_mark("newest", str(head.seq)))
    commit(store.set_mark("oldest", str(until if until < newest else 0)))
    done = Round(head.seq - newest + until - oldest, facts, tuple(dict.fromkeys([*found, *lost])))
    _told(done)
    return done


def stretch(after: int, upto: int) -> list[Break]:
    """What is wrong with the entries in (after, upto]."""
    base = _base(after)
    if upto <= after:
        return []
    if base is None:
        return [Break(after, Kind.MISSING, "it is not there")]
    anchors = [one for one in s3.anchors(after, upto - after) if one.seq <= upto]
    found = rules.breaks(store.all_entries(after, upto), base, anchors=anchors)
    ends = store.entry(upto) is not None
    found += [] if ends else [Break(upto, Kind.TRUNCATED, f"the head says that the log has {upto} entries")]
    return found + [Break(seq, Kind.MISFILED, "its keys say otherwise than it does") for seq in store.misfiled(after, upto)]


def _base(after: int) -> Head | None:
    if after == 0:
        return rules.genesis(store.name())
    found = store.entry(after)
    return found.head if found else None


def _beyond(head: Head) -> list[Break]:
    """Anchors of places that the log does not reach (any more)."""
    farther = [one for one in s3.anchors(head.seq, 100) if one.seq > store.head().seq]
    return [Break(head.seq + 1, Kind.TRUNCATED, f"an anchor remembers entry {one.seq}") for one in farther[:1]]


def _place(check: str, head: Head) -> int:
    text = store.mark(check)
    return min(int(text), head.seq) if text.isdecimal() else 0


# ---- is everything in it? ------------------------------------------------------------------------------------------------


def _complete(now: datetime) -> tuple[int, list[Break]]:
    """Compare the next share of the facts table with the log; how many facts, and what is missing or different."""
    place = store.mark("facts")
    start: dict[str, Any] | None = json.loads(place) if place else None
    found: list[Break] = []
    count = 0
    for _ in range(PAGES):
        facts, start = outbox.stored(start)
        count += len(facts)
        found += _compared([fact for fact in facts if parse_iso(fact["at"]) < now - GRACE], now)
        if start is None:
            break
    commit(store.set_mark("facts", json.dumps(start) if start else ""))
    return count, found


def _compared(facts: Sequence[Told], now: datetime) -> list[Break]:
    known = store.seen(str(fact["id"]) for fact in facts)
    entries = store.by_number(known.values())
    lost = [fact for fact in facts if str(fact["id"]) not in known]
    end = store.head().seq
    service.record(lost, now)
    found = [Break(end + 1, Kind.LOST, f"{fact['id']} ({fact['name']}) was not in the log, and is now") for fact in lost]
    for fact in facts:
        entry = entries.get(known.get(str(fact["id"]), 0))
        if entry is not None and not rules.same(entry, fact):
            found.append(Break(entry.seq, Kind.DIFFERENT, f"the facts table tells {fact['id']} differently"))
    return found


def _told(done: Round) -> None:
    metrics.count("AuditEntriesVerified", done.verified)
    metrics.count("AuditBreaks", len(done.breaks))
    for one in done.breaks[:20]:
        logger().error("the audit log is broken", seq=one.seq, kind=str(one.kind), said=one.said)
