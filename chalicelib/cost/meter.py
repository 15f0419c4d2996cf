"""What did a lab cost in a span of time? Intervals in which nothing changes, times their prices.

A machine costs by the hour while EC2 runs it; its disk by GB and month while it exists; the files by GB and month, by what is
used. A month has its own seconds (28 to 31 days). While the lab is ready, a second of the machine is shared equally by whoever
has a server then; if nobody has, it is idle. All else is overhead.

Keeps true: users + idle + overhead = what the machine cost, and parts sum to the whole, exactly; a missing price makes the time
unpriced, never free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple, Protocol

from chalicelib.cost.rules import (
    DISK,
    ESTIMATE,
    FILES,
    GIB,
    IDLE,
    NOTHING,
    OVERHEAD,
    PLACES,
    TRANSFER,
    Cell,
    Cells,
    Key,
    Moment,
    Part,
    Quote,
    State,
    after,
    begins,
    day_of,
    ends,
    shared_out,
)

MICRO = 1_000_000
HOUR = 3600
GB = 10**9


class Prices(Protocol):
    """What a list of prices can say."""

    def at(self, key: Key, moment: datetime) -> Quote | None: ...

    def since(self, key: Key) -> Sequence[datetime]: ...


class Sheet(NamedTuple):
    """One day of a lab: how it stood when the day began and at the end of what is metered, what it cost, by which prices."""

    day: date
    opening: State
    closing: State
    cells: Cells
    quotes: tuple[Quote, ...]
    until: datetime


class Use(NamedTuple):
    """Something that costs: price times `rate` each second, shared equally by `who`."""

    key: Key
    rate: Fraction | None  # None: how much of it there is, is not known
    who: tuple[str, ...]


def uses(state: State, day: date) -> Iterator[Use]:
    """All that a lab in this state costs by."""
    month = Fraction(1, _seconds_of_month(day))
    for machine in state.machines:
        if machine.running:
            yield Use((Part.MACHINE, machine.type), Fraction(1, HOUR), _whose(state))
        yield Use(DISK, machine.disk_gb * month, (OVERHEAD,))
    if state.files:
        yield Use(FILES, None if state.stored is None else Fraction(state.stored, GIB) * month, (OVERHEAD,))
    if state.runs:
        yield Use(TRANSFER, None if state.network is None else state.network / GB, (ESTIMATE,))


def _whose(state: State) -> tuple[str, ...]:
    if not state.ready or state.servers is None:
        return (OVERHEAD,)
    return state.servers or (IDLE,)


def _seconds_of_month(day: date) -> int:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return (following - day.replace(day=1)).days * 86400


def per_hour(state: State, prices: Prices, moment: datetime) -> Fraction | None:
    """What an hour costs as the lab stands, the estimate left out; None when a price is missing."""
    total = Fraction(0)
    for use in uses(state, day_of(moment)):
        if use.who == (ESTIMATE,):
            continue
        quote = prices.at(use.key, moment)
        if quote is None or use.rate is None:
            return None
        total += use.rate * Fraction(quote.amount) * HOUR
    return total


# ---- a day ---------------------------------------------------------------------------------------------------------------


def day_sheet(day: date, opening: State, moments: Iterable[Moment], until: datetime, prices: Prices) -> Sheet:
    """The day from its beginning to `until`. `moments` in order; those of other days, and those after `until`, are left out."""
    end = min(ends(day), until)
    tally, state, cursor = _Tally(prices), opening, begins(day)
    for told in moments:
        if begins(day) <= told.at < ends(day) and told.at <= until:
            tally.add(state, cursor, told.at)
            state, cursor = after(state, told), told.at
    tally.add(state, cursor, max(cursor, end))
    return Sheet(day, opening, state, tally.cells(), tuple(sorted(tally.quotes, key=str)), end)


class _Tally:
    """Exact sums while a day is read; whole numbers at its end."""

    def __init__(self, prices: Prices) -> None:
        self.prices = prices
        self.micros: dict[Part, dict[str, Fraction]] = {}
        self.money: dict[Part, dict[str, Fraction]] = {}
        self.unpriced: dict[Part, dict[str, Fraction]] = {}
        self.quotes: set[Quote] = set()

    def add(self, state: State, start: datetime, end: datetime) -> None:
        if start < end:
            for use in uses(state, day_of(start)):
                cuts = [start, *(one for one in self.prices.since(use.key) if start < one < end), end]
                for begin, stop in pairwise(cuts):
                    self._charge(use, begin, (stop - begin) // timedelta(microseconds=1))

    def _charge(self, use: Use, start: datetime, micros: int) -> None:
        quote, share, part = self.prices.at(use.key, start), Fraction(micros, len(use.who)), use.key[0]
        for who in use.who:
            _grow(self.micros, part, who, share)
            if quote is None or use.rate is None:
                _grow(self.unpriced, part, who, share)
            else:
                _grow(self.money, part, who, share / MICRO * use.rate * Fraction(quote.amount))
        if quote:
            self.quotes.add(quote)

    def cells(self) -> dict[tuple[Part, str], Cell]:
        found: dict[tuple[Part, str], Cell] = {}
        for part, people in self.micros.items():
            micros, unpriced = shared_out(people), shared_out(self.unpriced.get(part, {}))
            money = shared_out({who: value * 10**PLACES for who, value in self.money.get(part, {}).items()})
            for who in people:
                found[part, who] = Cell(micros[who], Decimal(money.get(who, 0)).scaleb(-PLACES), unpriced.get(who, 0))
        return found


def _grow(table: dict[Part, dict[str, Fraction]], part: Part, who: str, by: Fraction) -> None:
    row = table.setdefault(part, {})
    row[who] = row.get(who, Fraction(0)) + by


# ---- many days -----------------------------------------------------------------------------------------------------------


def story(
    opening: State, moments: Sequence[Moment], start: date, until: datetime, prices: Prices, known: Iterable[date] = ()
) -> Iterator[Sheet]:
    """Day by day from `start` on, until nothing is left that costs, nothing more is told, and no day is `known` to have cost."""
    by_day: dict[date, list[Moment]] = {}
    for told in moments:
        by_day.setdefault(day_of(told.at), []).append(told)
    last, state, day = max([*by_day, *known], default=start), opening, start
    while begins(day) < until and (state.costs or day <= last):
        sheet = day_sheet(day, state, by_day.get(day, ()), until, prices)
        yield sheet
        state, day = sheet.closing, day + timedelta(days=1)


def difference(now: Cells, before: Cells) -> dict[tuple[Part, str], Cell]:
    """What must be added to `before` to make it `now`."""
    deltas = {key: now.get(key, NOTHING).minus(before.get(key, NOTHING)) for key in {**before, **now}}
    return {key: cell for key, cell in deltas.items() if cell != NOTHING}


def added(cells: Iterable[Cells]) -> dict[tuple[Part, str], Cell]:
    total: dict[tuple[Part, str], Cell] = {}
    for one in cells:
        for key, cell in one.items():
            total[key] = total.get(key, NOTHING).plus(cell)
    return {key: cell for key, cell in total.items() if cell != NOTHING}


def spent(cells: Cells) -> Decimal:
    """The money in them, the estimate left out."""
    return sum((cell.amount for (_, who), cell in cells.items() if who != ESTIMATE), Decimal(0))
