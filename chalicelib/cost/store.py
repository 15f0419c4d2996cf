"""How is a ledger kept that only grows, however often and in whatever order it is told what happened?

    LAB#<id>        HEAD                how far the ledger has come            open (while something is billed)
                    LINE#<number>       what was added to a day, and why       never changed, never removed
                    DAY#<day>           that day's lines, added up             by_month
    PERSON#<email>  MONTH#<m>#<lab>     a lab in which somebody worked
    PRICE#<region>  <part>#<name>#<n>   a list price, from when on             never changed
    PRICES          <region>            the last look at AWS's price list

A line, the day it belongs to and the head are one transaction, on the head that was read: of two that settle at once the second
begins anew. A correction is another line. So a day is always the sum of its lines, and what facts tell is what they come to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.cost.rules import Cell, Cells, Key, Machine, Part, Quote, State, begins, month_of
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import Conflict
from chalicelib.runtime.store import Item, Write, bind, commit, fetch, save

SHARDS = 10
NOBODY = State("")


class Raced(Conflict):
    """Another run settled this lab in the meantime."""


@dataclass(frozen=True)
class Head:
    """`until`: metered up to here. `stale`: from this day on, days may have to be read anew. `lines`: how many there are."""

    lab: str
    version: int = 0  # how often it was written
    lines: int = 0
    until: datetime | None = None
    stale: date | None = None
    day: date | None = None  # the last that is kept
    state: State = NOBODY
    due: datetime | None = None  # when to look again; None: nothing is billed any more


@dataclass(frozen=True)
class Day:
    """One lab's one day."""

    lab: str
    day: date
    opening: State
    cells: Cells
    until: datetime
    as_of: str = ""  # of the oldest price in it
    sources: tuple[str, ...] = ()
    currency: str = ""
    at: State = NOBODY  # how it stood at `until`


@dataclass(frozen=True)
class Line:
    """What was added to a day at a moment; negative where too much had been written before."""

    number: int
    day: date
    cells: Cells
    until: datetime
    at: datetime
    cause: str


class ByMonth(GlobalSecondaryIndex["DayItem"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_month"
        projection = AllProjection()

    month = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)


class Open(GlobalSecondaryIndex["HeadItem"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "open"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    due = UnicodeAttribute(range_key=True)


class HeadItem(Item):
    version = NumberAttribute()
    lines = NumberAttribute()
    until = UnicodeAttribute()
    stale = UnicodeAttribute()
    day = UnicodeAttribute()
    state = UnicodeAttribute()
    shard = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)
    open = Open()


class DayItem(Item):
    month = UnicodeAttribute()
    place = UnicodeAttribute()
    opening = UnicodeAttribute()
    closing = UnicodeAttribute()
    cells = UnicodeAttribute()
    until = UnicodeAttribute()
    as_of = UnicodeAttribute(null=True)
    sources = UnicodeAttribute(null=True)
    currency = UnicodeAttribute(null=True)
    by_month = ByMonth()


class LineItem(Item):
    day = UnicodeAttribute()
    cells = UnicodeAttribute()
    until = UnicodeAttribute()
    at = UnicodeAttribute()
    cause = UnicodeAttribute()


class WorkedItem(Item):
    lab = UnicodeAttribute()


class QuoteItem(Item):
    amount = UnicodeAttribute()
    currency = UnicodeAttribute()
    as_of = UnicodeAttribute()
    since = UnicodeAttribute()
    source = UnicodeAttribute()


class LookItem(Item):
    at = UnicodeAttribute()
    outcome = UnicodeAttribute()


for _model in (HeadItem, DayItem, LineItem, WorkedItem, QuoteItem, LookItem):
    bind(_model, "cost")


# ---- reading -------------------------------------------------------------------------------------------------------------


def head(lab: str) -> Head:
    item = fetch(HeadItem, _pk(lab), "HEAD", consistent=True)
    if item is None:
        return Head(lab)
    day, stale = date.fromisoformat(item.day), date.fromisoformat(item.stale)
    due = parse_iso(item.due) if item.due else None
    return Head(lab, int(item.version), int(item.lines), parse_iso(item.until), stale, day, _state(item.state), due)


def days(lab: str, first: date, last: date, consistent: bool = True) -> dict[date, Day]:
    found = DayItem.query(_pk(lab), DayItem.sk.between(_day_sk(first), _day_sk(last)), consistent_read=consistent)
    return {one.day: one for one in map(_day, found)}


def lines(lab: str) -> Iterator[Line]:
    """The whole ledger of a lab, in order."""
    for item in LineItem.query(_pk(lab), LineItem.sk.startswith("LINE#"), consistent_read=True):
        day, until, at = date.fromisoformat(item.day), parse_iso(item.until), parse_iso(item.at)
        yield Line(int(item.sk[5:]), day, _cells(item.cells), until, at, item.cause)


def days_of_team(team: str, first: date, last: date) -> Iterator[Day]:
    """All days of a team's labs; of all teams when it is blank."""
    for month in months(first, last):
        place = DayItem.place.between(f"{team}#{first}", f"{team}#{last}~") if team else None
        found = DayItem.by_month.query(month, place)
        yield from (one for one in map(_day, found) if first <= one.day <= last)


def months(first: date, last: date) -> Iterator[str]:
    month = first.replace(day=1)
    while month <= last:
        yield month_of(month)
        month = (month + timedelta(days=32)).replace(day=1)


def worked_in(email: str, first: date, last: date) -> list[str]:
    """The labs in which somebody had a server in these months."""
    between = WorkedItem.sk.between(f"MONTH#{month_of(first)}", f"MONTH#{month_of(last)}~")
    return list(dict.fromkeys(item.lab for item in WorkedItem.query(f"PERSON#{email}", between)))


def due(now: datetime) -> Iterator[str]:
    """The labs whose ledger is to be brought up to now."""
    for shard in range(SHARDS):
        for item in HeadItem.open.query(f"OPEN#{shard}", HeadItem.due <= iso(now)):
            yield item.pk.removeprefix("LAB#")


# ---- writing -------------------------------------------------------------------------------------------------------------


def append(before: Head, after: Head, day: Day, cells: Cells, at: datetime, cause: str) -> list[Write]:
    """A day as it is now, the line that makes it so (if anything is to be added), and the head; on the head that was read."""
    raced = Raced(f"lab {before.lab} was settled by another run")
    same = HeadItem.version == before.version if before.version else HeadItem.pk.does_not_exist()
    writes = [save(_head_item(after), same, raced), save(_day_item(day))]
    if cells:
        sk, told = f"LINE#{after.lines:010d}", _cells_text(cells)
        line = LineItem(_pk(after.lab), sk, day=str(day.day), cells=told, until=iso(day.until), at=iso(at), cause=cause)
        writes.append(save(line, LineItem.pk.does_not_exist(), raced))
    return writes


def note_worker(email: str, day: date, lab: str) -> None:
    """Somebody had a server in this lab; said again it changes nothing."""
    commit(save(WorkedItem(f"PERSON#{email}", f"MONTH#{month_of(day)}#{lab}", lab=lab)))


# ---- prices --------------------------------------------------------------------------------------------------------------


def quotes(region: str, key: Key) -> tuple[Quote, ...]:
    """Every price there was, in the order in which they came into force."""
    found = QuoteItem.query(f"PRICE#{region}", QuoteItem.sk.startswith(f"{key[0]}#{key[1]}#"), consistent_read=True)
    return tuple(sorted(map(_quote, found), key=lambda one: (one.since, one.as_of)))


def all_quotes(region: str) -> dict[Key, Quote]:
    """The latest of each."""
    found: dict[Key, Quote] = {}
    for item in QuoteItem.query(f"PRICE#{region}"):
        part, name, _ = item.sk.split("#")
        new, key = _quote(item), (Part(part), name)
        if key not in found or (found[key].since, found[key].as_of) < (new.since, new.as_of):
            found[key] = new
    return found


def keep_quotes(region: str, new: Mapping[Key, Quote]) -> None:
    """Prices that were not known yet; each once."""
    for (part, name), quote in new.items():
        since = iso(quote.since or begins(quote.as_of))
        item = QuoteItem(f"PRICE#{region}", f"{part}#{name}#{since}@{quote.as_of}", amount=str(quote.amount), since=since)
        item.currency, item.as_of, item.source = quote.currency, quote.as_of.isoformat(), quote.source
        commit(save(item))


def last_look(region: str) -> tuple[str, str]:
    """When the price list was last asked, and what came of it; blank: never."""
    item = fetch(LookItem, "PRICES", region)
    return (item.at, item.outcome) if item else ("", "")


def looked(region: str, at: datetime, outcome: str) -> None:
    commit(save(LookItem("PRICES", region, at=iso(at), outcome=outcome)))


# ---- items ↔ values ------------------------------------------------------------------------------------------------------


def _pk(lab: str) -> str:
    return f"LAB#{lab}"


def _day_sk(day: date) -> str:
    return f"DAY#{day}"


def shard_of(lab: str) -> str:
    return f"OPEN#{sum(lab.encode()) % SHARDS}"


def _head_item(one: Head) -> HeadItem:
    item = HeadItem(_pk(one.lab), "HEAD", version=one.version, lines=one.lines, state=_state_text(one.state))
    item.until, item.day, item.stale = iso(one.until or begins(date.min)), str(one.day), str(one.stale)
    if one.due:
        item.shard, item.due = shard_of(one.lab), iso(one.due)
    return item


def _day_item(one: Day) -> DayItem:
    place = f"{one.at.team}#{one.day}#{one.lab}"
    item = DayItem(_pk(one.lab), _day_sk(one.day), month=month_of(one.day), place=place, cells=_cells_text(one.cells))
    item.opening, item.closing, item.until = _state_text(one.opening), _state_text(one.at), iso(one.until)
    item.as_of, item.sources, item.currency = one.as_of or None, "; ".join(one.sources) or None, one.currency or None
    return item


def _day(item: DayItem) -> Day:
    lab, day = item.pk.removeprefix("LAB#"), date.fromisoformat(item.sk.removeprefix("DAY#"))
    sources = tuple(item.sources.split("; ")) if item.sources else ()
    opening, closing = _state(item.opening), _state(item.closing)
    return Day(
        lab, day, opening, _cells(item.cells), parse_iso(item.until), item.as_of or "", sources, item.currency or "", closing
    )


def _cells_text(cells: Cells) -> str:
    rows = [[part, who, cell.micros, str(cell.amount), cell.unpriced] for (part, who), cell in sorted(cells.items())]
    return json.dumps(rows, separators=(",", ":"))


def _cells(text: str) -> dict[tuple[Part, str], Cell]:
    return {(Part(part), who): Cell(micros, Decimal(amount), un) for part, who, micros, amount, un in json.loads(text)}


def _state_text(state: State) -> str:
    told = {name: value for name, value in asdict(state).items() if value not in ("", None) and value is not False}
    return json.dumps(told, separators=(",", ":"), default=str)


_NAMES = {one.name for one in fields(State)}


def _state(text: str) -> State:
    told = {name: value for name, value in json.loads(text).items() if name in _NAMES}
    told["machines"] = tuple(Machine(*one) for one in told.get("machines", ()))
    told["gone"] = tuple(told.get("gone", ()))
    told["servers"] = None if told.get("servers") is None else tuple(told["servers"])
    told["network"] = Fraction(told["network"]) if "network" in told else None
    return State(**told)


def _quote(item: QuoteItem) -> Quote:
    as_of = date.fromisoformat(item.as_of)
    return Quote(Decimal(item.amount), item.currency, as_of, item.source, parse_iso(item.since))
