"""What did an hour cost one person? Cells + idle + overhead, of a machine that several people share.

The rule: while people have servers here, each moment of the machine is shared equally by them; a person's share is theirs to the
cells that run then (equally, when several do), else to idle. While nobody has a server the machine costs all the same: that is
overhead, shared equally by everybody who has one in that hour. So the shares of all people are the machine's hour.

Keeps true: arithmetic is exact (whole microseconds, fractions); it is rounded once, for the eye, so that parts sum to the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

SECOND = 1_000_000
HOUR = 3600 * SECOND


@dataclass(frozen=True)
class Span:
    """From `begun` to `ended` (microseconds since 1970) the machine ran with just these people's servers."""

    begun: int
    ended: int
    people: frozenset[str]


@dataclass(frozen=True)
class Cell:
    """A cell that ran from `begun` to `ended`; `name` and `notebook` are for the eye."""

    id: str
    begun: int
    ended: int
    name: str = ""
    notebook: str = ""


@dataclass
class Hour:
    """One person's part of a stretch of time, in seconds of the whole machine; `people`: how many had a server in it."""

    begun: int
    people: int = 0
    cells: dict[str, Fraction] = field(default_factory=dict)
    idle: Fraction = Fraction(0)
    overhead: Fraction = Fraction(0)

    @property
    def total(self) -> Fraction:
        """Return all of it."""
        return sum(self.cells.values(), Fraction(0)) + self.idle + self.overhead


def split(begun: int, ended: int, me: str, spans: Sequence[Span], cells: Sequence[Cell]) -> Hour:
    """Return what of a stretch of time is `me`'s."""
    within = [one for one in spans if one.begun < ended and one.ended > begun]
    people = {person for one in within for person in one.people}
    mine = Hour(begun, len(people))
    if me not in people:
        return mine
    for span in within:
        first, last = max(begun, span.begun), min(ended, span.ended)
        if not span.people:
            mine.overhead += _seconds(last - first) / len(people)
        elif me in span.people:
            _shared(mine, first, last, len(span.people), cells)
    return mine


def hours(begun: int, ended: int) -> Iterator[tuple[int, int]]:
    """Yield the hours of a stretch of time, the first and the last as far as they lie in it."""
    at = begun
    while at < ended:
        following = min(ended, at - at % HOUR + HOUR)
        yield at, following
        at = following


def _shared(mine: Hour, begun: int, ended: int, servers: int, cells: Sequence[Cell]) -> None:
    """Give a stretch with one set of servers to the cells that run in it, and to idle."""
    running = [one for one in cells if one.begun < ended and one.ended > begun]
    moments = sorted({begun, ended, *(min(max(at, begun), ended) for one in running for at in (one.begun, one.ended))})
    for first, last in zip(moments, moments[1:]):
        now = [one.id for one in running if one.begun <= first and one.ended >= last]
        share = _seconds(last - first) / servers
        if not now:
            mine.idle += share
        for name in now:
            mine.cells[name] = mine.cells.get(name, Fraction(0)) + share / len(now)


def _seconds(microseconds: int) -> Fraction:
    return Fraction(microseconds, SECOND)


def price(seconds: Fraction, hourly: Decimal) -> Fraction:
    """Return what so many seconds of the machine cost."""
    return seconds * Fraction(hourly) / 3600


def rounded(parts: Iterable[Fraction], places: int) -> list[Decimal]:
    """Return each part rounded, so that they sum to the rounded whole: what is over goes to the largest remainders."""
    scaled = [part * 10**places for part in parts]
    floors = [part.numerator // part.denominator for part in scaled]
    whole = round(sum(scaled, Fraction(0)))
    over = sorted(range(len(scaled)), key=lambda place: (floors[place] - scaled[place], place))[: whole - sum(floors)]
    return [Decimal(floor + (place in over)).scaleb(-places) for place, floor in enumerate(floors)]
