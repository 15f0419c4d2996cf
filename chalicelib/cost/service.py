"""The verbs of the ledger: settle a lab, measure it, bring all that are due up to now, and say what a lab costs as it stands.

Settling reads the lab's facts from the first day that may be stale, meters each day anew, and adds what is missing. It may be
said any number of times, at any time, by several at once; it is the same whether a fact came once or twice, early or late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from chalicelib.cost import meter, store
from chalicelib.cost.meter import Sheet
from chalicelib.cost.prices import Book
from chalicelib.cost.rules import IDLE, OVERHEAD, Moment, State, begins, day_of, ends, in_order, moment, month_of
from chalicelib.cost.store import Day, Head, Raced
from chalicelib.labs import service as labs
from chalicelib.labs.needs import idle_minutes
from chalicelib.labs.rules import Phase
from chalicelib.limits import service as limits
from chalicelib.runtime.errors import NotFound, Unavailable
from chalicelib.runtime.facts import Fact, facts_since, record
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import commit, pause

TRIES = 8
LATE = timedelta(hours=26)  # how late a fact may come and still be found without being announced
SOON, LATER = timedelta(hours=1), timedelta(minutes=10)  # when a running lab is looked at again; and others, after midnight
GRAIN = 16 * 2**20  # bytes by which files must have grown or shrunk to be measured anew, or a hundredth
WIZARD = "aws-research-wizard"


class Read(NamedTuple):
    """A lab's days as they stand, and as facts tell them now."""

    head: Head
    rows: dict[date, Day]
    sheets: Iterator[Sheet]


# ---- settling ------------------------------------------------------------------------------------------------------------


def settle(lab_id: str, now: datetime, since: datetime | None = None, book: Book | None = None) -> Head:
    """Bring a lab's ledger up to now. `since`: a moment before which nothing has changed, if that is known."""
    for attempt in range(TRIES):
        try:
            return _settled(lab_id, now, since or now - LATE, book or Book())
        except Raced:
            pause(attempt)
    raise Unavailable(f"the ledger of lab {lab_id} is being written by many", "it is brought up to date within the hour")


def _settled(lab_id: str, now: datetime, since: datetime, book: Book) -> Head:
    head, rows, sheets = read(lab_id, now, since, book)
    for sheet in sheets:
        row = rows.get(sheet.day)
        day = _day(lab_id, sheet)
        if row == day:
            continue
        _note_workers(day, row)
        delta = meter.difference(day.cells, row.cells if row else {})
        after = _after(head, sheet, bool(delta), now)
        cause = "corrected" if row and row.until >= day.until else "metered"
        commit(*store.append(head, after, day, delta, now, cause))
        head = after
    return head


def read(lab_id: str, now: datetime, since: datetime, book: Book) -> Read:
    """What the facts say of a lab from the first day on that may be stale."""
    head = store.head(lab_id)
    start = min([day_of(since), *(one for one in (head.stale, head.day) if one)])
    rows = store.days(lab_id, start - timedelta(days=1), head.day) if head.day else {}
    day_before = rows.pop(start - timedelta(days=1), None)
    moments = _moments(lab_id, begins(start) if head.day else None)
    first = min([day_of(one.at) for one in moments if begins(start) <= one.at or not head.day] + list(rows), default=None)
    if first is None:
        return Read(head, rows, iter(()))
    opening = day_before.at if day_before and first == start else State(lab_id)
    until = max(now, head.until or now)
    return Read(head, rows, meter.story(opening, moments, first, until, book, rows))


def _moments(lab_id: str, since: datetime | None) -> list[Moment]:
    told = facts_since(lab_id, since or begins(date(2000, 1, 1)))
    return in_order(moment(one.name, one.data, one.changes, one.at, one.id) for one in told)


def _day(lab_id: str, sheet: Sheet) -> Day:
    priced = sheet.quotes
    return Day(
        lab_id,
        sheet.day,
        sheet.opening,
        sheet.cells,
        sheet.until,
        as_of=min((one.as_of.isoformat() for one in priced), default=""),
        sources=tuple(sorted({one.source for one in priced})),
        currency=next((one.currency for one in priced), ""),
        at=sheet.closing,
    )


def _after(head: Head, sheet: Sheet, adds: bool, now: datetime) -> Head:
    whole = sheet.until == ends(sheet.day)
    last = sheet.day if head.day is None else max(head.day, sheet.day)
    return replace(
        head,
        version=head.version + 1,
        lines=head.lines + adds,
        until=sheet.until if head.until is None else max(head.until, sheet.until),
        stale=sheet.day + timedelta(days=1) if whole else sheet.day,
        day=last,
        state=sheet.closing if sheet.day == last else head.state,
        due=now if whole and sheet.closing.costs else _due(sheet.closing, now),  # cut off here, it is due at once
    )


def _due(state: State, now: datetime) -> datetime | None:
    if state.runs:
        return now + SOON
    return ends(day_of(now)) + LATER if state.costs else None


def _note_workers(day: Day, row: Day | None) -> None:
    known = {who for _, who in row.cells} if row else set()
    for who in sorted({who for _, who in day.cells if "@" in who} - known):
        store.note_worker(who, day.day, day.lab)


# ---- measuring -----------------------------------------------------------------------------------------------------------


def measure(lab_id: str, head: Head, now: datetime) -> bool:
    """How much the lab's files take, and what its network carries, as its machine last said: a fact, if that is news."""
    try:
        _, machine = labs.with_machine(lab_id)
    except NotFound:
        return False
    beat = machine.heartbeat if machine else None
    if machine is None or beat is None or beat.storage_used_bytes is None:
        return False
    known, said = head.state.stored, beat.storage_used_bytes
    network = machine.evidence.said.get("network_kb_per_second") if machine.evidence else None
    if known is not None and abs(said - known) < max(GRAIN, known // 100) and (network is None) == (head.state.network is None):
        return False
    data = {"storage_bytes": said, "network_kb_per_second": network}
    commit(record(Fact("LabMeasured", lab_id, data, now, WIZARD, "cost")))
    return True


# ---- what calls it -------------------------------------------------------------------------------------------------------


def heard(lab_id: str, name: str, at: datetime, now: datetime) -> None:
    """A fact that changes what a lab costs."""
    head = settle(lab_id, now, min(at, now))
    if name in MEASURES and measure(lab_id, head, now):
        head = settle(lab_id, now, now)
    pay(head, now)


MEASURES = ("LabReady", "LabStopping", "LabStopped", "MachineStopped")


def aggregate(now: datetime) -> dict[str, int]:
    """Every lab that is due, one at a time; one that cannot be settled is told, and keeps nobody else waiting."""
    book, done = Book(), {"settled": 0, "failed": 0}
    for lab_id in list(store.due(now)):
        try:
            head = store.head(lab_id)
            measure(lab_id, head, now)
            pay(settle(lab_id, now, None, book), now)
            done["settled"] += 1
        except Exception:  # whatever is wrong with this one is not wrong with the next
            logger().exception("lab could not be settled", lab_id=lab_id)
            done["failed"] += 1
    return done


def pay(head: Head, now: datetime) -> None:
    """Tell the team's budget what the lab has cost this month, and last month's end on the first day of a new one."""
    if not head.state.team:
        return
    today = day_of(now)
    keep = _keep(head.lab)
    if today.day == 1:
        last = today - timedelta(days=1)
        limits.settle_money(head.state.team, head.lab, month_cost(head.lab, last), Decimal(0), now, month_of(last))
    limits.settle_money(head.state.team, head.lab, month_cost(head.lab, today), keep, now)


def _keep(lab_id: str) -> Decimal:
    """What stays set aside while the lab runs; whether it does, limits knows better than a ledger that may be late."""
    try:
        lab = labs.as_it_is(lab_id)
    except NotFound:
        return Decimal(0)
    gone = lab.phase is Phase.DELETED
    return Decimal(0) if gone else limits.share(limits.Need((lab.instance_type,), idle_minutes=idle_minutes(lab))) or Decimal(0)


def month_cost(lab_id: str, day: date) -> Decimal:
    """What the ledger says of the month in which this day lies."""
    rows = store.days(lab_id, day.replace(day=1), day.replace(day=28) + timedelta(days=3))
    cells = [one.cells for one in rows.values() if month_of(one.day) == month_of(day)]
    return meter.spent(meter.added(cells))


# ---- as it stands --------------------------------------------------------------------------------------------------------


def lately(lab_id: str, now: datetime, book: Book) -> tuple[State, dict[date, Day]]:
    """How a lab stands now, and its latest days, metered up to now without writing anything."""
    head, rows, sheets = read(lab_id, now, now - LATE, book)
    days, state = dict(rows), head.state
    for sheet in sheets:
        days[sheet.day], state = _day(lab_id, sheet), sheet.closing
    return state, days


class Estimated(NamedTuple):
    """What the ledger says of a lab's day; the estimate of transfer is not in it."""

    users: Mapping[str, Decimal]
    idle: Decimal
    overhead: Decimal
    currency: str
    team: str


def estimates(first: date, last: date) -> dict[tuple[str, date], Estimated]:
    """The ledger of every lab, day by day, both days included; for the slices above."""
    return {(one.lab, one.day): _estimated(one) for one in store.days_of_team("", first, last)}


def _estimated(day: Day) -> Estimated:
    whose: dict[str, Decimal] = {}
    for (_, who), cell in day.cells.items():
        whose[who] = whose.get(who, Decimal(0)) + cell.amount
    users = {who: amount for who, amount in whose.items() if "@" in who}
    zero = Decimal(0)
    return Estimated(users, whose.get(IDLE, zero), whose.get(OVERHEAD, zero), day.currency, day.at.team)
