"""What did this cell cost, and what did today?

    with cost_tracker.track_cell():        # or %%cost in a cell's first line
        results = run_variant_calling(samples)
    # Cell execution cost: $2.34 (15 minutes compute)

    cost_tracker.summary()                 # hour by hour: cells, idle, overhead, and their sum

A list price of the machine, shared by the people who use it at the time (hours.py says how); what the bill says in the end may
differ by discounts, taxes, storage and traffic.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from aws_research_wizard.notebook import hours
from aws_research_wizard.notebook.hours import HOUR, SECOND, Cell, Hour, Span
from aws_research_wizard.notebook.ledger import Ledger
from aws_research_wizard.notebook.machine import Price, Told
from aws_research_wizard.notebook.table import Row, Summary

__all__ = ["Summary", "summary", "track_cell"]


class Tracker:
    """One kernel's: its book, its machine, and the cell that runs now."""

    def __init__(self, ledger: Ledger | None = None, told: Told | None = None) -> None:
        self.ledger, self.told = ledger or Ledger(), told or Told.here()
        self.current: Cell | None = None

    def cost(self, cell: Cell) -> str:
        """Return the sentence about a cell that is over."""
        took = f"{duration((cell.ended - cell.begun) // SECOND)} compute"
        price = self.told.price()
        if price is None:
            return f"Cell execution cost: not known here ({took})"
        spans = self._spans(cell.begun, cell.ended)
        others = [one for one in self.ledger.cells(cell.begun, cell.ended) if one.id not in (cell.id, self._current_id())]
        parts = [hours.split(*hour, self.told.me, spans, [*others, cell]) for hour in hours.hours(cell.begun, cell.ended)]
        seconds = sum((part.cells.get(cell.id, Fraction(0)) for part in parts), Fraction(0))
        people = max((len(one.people) for one in spans), default=1)
        shared = f", {people} people shared the machine" if people > 1 else ""
        return f"Cell execution cost: {money(hours.price(seconds, price.hourly), price)} ({took}{shared})"

    def hours(self, count: int, now: int) -> list[Hour]:
        """Return the last hours in which anything ran, oldest first."""
        begun = now - now % HOUR - (count - 1) * HOUR
        spans, cells = self._spans(begun, now), self.ledger.cells(begun, now)
        found = [hours.split(*hour, self.told.me, spans, cells) for hour in hours.hours(begun, now)]
        return [one for one in found if one.total]

    def _spans(self, begun: int, now: int) -> list[Span]:
        """Return who had a server; where the machine tells nothing, this person had one all the time."""
        return self.told.spans(begun, now) or [Span(begun, now, frozenset({self.told.me}))]

    def _current_id(self) -> str:
        return self.current.id if self.current else ""


_tracker: Tracker | None = None


def tracker() -> Tracker:
    """Return this kernel's."""
    global _tracker
    if _tracker is None:
        _tracker = Tracker()
    return _tracker


@contextmanager
def track_cell(name: str = "") -> Iterator[None]:
    """Say what the lines inside cost, once they are done (also when they fail)."""
    mine = tracker()
    begun = mine.ledger.begin(name) if mine.current is None else None
    part = begun or Cell("part", mine.ledger._clock(), 0, name)
    try:
        yield
    finally:
        over = mine.ledger.end(begun) if begun else replace(part, ended=mine.ledger._clock())
        print(mine.cost(over))


def summary(last_hours: int = 24, places: int = 4) -> Summary:
    """Return a table of the last hours: cells + idle + overhead = the hour's cost, each rounded to `places`."""
    mine = tracker()
    mine.ledger.flush()
    now, price = mine.ledger._clock(), mine.told.price()
    found = mine.hours(last_hours, now)
    return Summary([_row(one, price, places) for one in found], price, _dearest(mine, found, price, places))


def _row(hour: Hour, price: Price | None, places: int) -> Row:
    hourly = price.hourly if price else Decimal(0)
    parts = [hours.price(part, hourly) for part in (sum(hour.cells.values(), Fraction(0)), hour.idle, hour.overhead)]
    cells, idle, overhead = hours.rounded(parts, places)
    return Row(hour.begun // SECOND, hour.people, len(hour.cells), cells, idle, overhead)


def _dearest(mine: Tracker, found: list[Hour], price: Price | None, places: int) -> list[tuple[str, Decimal]]:
    """Return the cells that cost most."""
    if price is None or not found:
        return []
    sums: dict[str, Fraction] = {}
    for hour in found:
        for key, seconds in hour.cells.items():
            sums[key] = sums.get(key, Fraction(0)) + seconds
    names = {one.id: one for one in mine.ledger.cells(found[0].begun, mine.ledger._clock())}
    first = sorted(sums, key=lambda key: -sums[key])[:5]
    amounts = [
        round(Decimal(price_of.numerator) / price_of.denominator, places)
        for price_of in (hours.price(sums[key], price.hourly) for key in first)
    ]
    return [(_title(names.get(key)), amount) for key, amount in zip(first, amounts)]


def _title(cell: Cell | None) -> str:
    return " · ".join(word for word in (cell.notebook, cell.name) if word) or "a cell" if cell else "a cell"


def money(amount: Fraction, price: Price) -> str:
    """Return an amount with the digits that tell something."""
    for places in (2, 4):
        if amount * 10**places >= 1:
            return price.words(hours.rounded([amount], places)[0])
    return "nothing" if not amount else f"less than {price.words(Decimal('0.0001'))}"


def duration(seconds: int) -> str:
    """Return a length of time as people say it."""
    if seconds < 120:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{seconds / 3600:.1f} hours"
