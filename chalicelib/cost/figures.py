"""How do days add up to what people ask: by person, lab, domain, team or day; today and this month; and by the end of the month?

Keeps true: every row is its machine, disk and files, and it is its users, idle and overhead; rows sum to the total. Nothing is
rounded here. Whoever may not see other people's shares sees them as one, so that the sums still hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from chalicelib.cost.rules import ESTIMATE, IDLE, NOTHING, OVERHEAD, Cell, Cells, Part, State, begins

OTHERS = "others"
STAGE = "(stage)"  # no team's: what baking cost
SECOND = 1_000_000
USUAL = timedelta(days=7)  # what a day costs is judged by so many


class By(StrEnum):
    USER = "user"
    LAB = "lab"
    DOMAIN = "domain"
    TEAM = "team"
    DAY = "day"


class Entry(NamedTuple):
    """A day of a lab, as one person may see it: with everybody's shares, or only with their own (`me`)."""

    state: State
    day: date
    cells: Cells
    me: str = ""
    sees_all: bool = True


@dataclass
class Row:
    """A line of a report, in exact figures."""

    key: str
    parts: dict[Part, Decimal] = field(default_factory=lambda: dict.fromkeys(Part, Decimal(0)))
    users: Decimal = Decimal(0)
    idle: Decimal = Decimal(0)
    overhead: Decimal = Decimal(0)
    micros: int = 0  # the machines' time
    unpriced: int = 0
    estimate: Decimal = Decimal(0)

    @property
    def amount(self) -> Decimal:
        return self.users + self.idle + self.overhead

    def add(self, part: Part, who: str, cell: Cell) -> None:
        if who == ESTIMATE:
            self.estimate += cell.amount
            return
        self.parts[part] += cell.amount
        self.unpriced += cell.unpriced
        self.micros += cell.micros if part is Part.MACHINE else 0
        if who == IDLE:
            self.idle += cell.amount
        elif who == OVERHEAD:
            self.overhead += cell.amount
        else:
            self.users += cell.amount


def rows(entries: Iterable[Entry], by: By) -> tuple[list[Row], Row]:
    """The lines of a report, the dearest first (days in their order; idle and overhead last), and their total."""
    found: dict[str, Row] = {}
    total = Row("")
    for entry in entries:
        for (part, who), cell in entry.cells.items():
            key = _key(entry, by, who)
            found.setdefault(key, Row(key)).add(part, who, cell)
            total.add(part, who, cell)
    shown = [row for key, row in found.items() if key != ESTIMATE]
    return sorted(shown, key=lambda row: _place(row, by)), total


def _key(entry: Entry, by: By, who: str) -> str:
    match by:
        case By.USER:
            return who if entry.sees_all or who == entry.me or "@" not in who else OTHERS
        case By.LAB:
            return entry.state.lab
        case By.DOMAIN:
            return entry.state.domain
        case By.TEAM:
            return entry.state.team or STAGE
        case By.DAY:
            return entry.day.isoformat()


def _place(row: Row, by: By) -> tuple[object, ...]:
    if by is By.DAY:
        return (row.key,)
    last = {OTHERS: 1, IDLE: 2, OVERHEAD: 3}.get(row.key, 0) if by is By.USER else 0
    return (last, -row.amount, row.key)


def mine(entries: Iterable[Entry], me: str) -> tuple[list[Row], Row]:
    """One person's own share, lab by lab."""
    own = [entry._replace(cells={key: cell for key, cell in entry.cells.items() if key[1] == me}) for entry in entries]
    found, total = rows([one for one in own if one.cells], By.LAB)
    return found, total


# ---- the end of the month ------------------------------------------------------------------------------------------------


class Forecast(NamedTuple):
    amount: Decimal
    how: str


def forecast(spent: Mapping[date, Decimal], state: State, rate: Decimal | None, now: datetime) -> Forecast | None:
    """What this month comes to if it goes on as it lately did. `spent`: by day, of this month and of the last week; `rate`: what
    an hour costs as the lab stands now, None when a price is missing, which makes the forecast unknown."""
    if rate is None:
        return None
    today = now.date()
    so_far = sum((amount for day, amount in spent.items() if day.month == today.month and day.year == today.year), Decimal(0))
    left = _month_end(today) - now
    if not state.costs:
        return Forecast(so_far, "nothing of it is left that costs")
    since = max(begins(min(spent, default=today)), begins(today) - USUAL)
    seen = now - since
    lately = sum((amount for day, amount in spent.items() if begins(day) >= since), Decimal(0))
    per_day = lately * 86_400 / Decimal(max(seen.total_seconds(), 1.0))
    days = Decimal(left.total_seconds()) / 86_400
    if seen < timedelta(days=1):
        per_day = rate * 24 if state.runs else per_day
        how = "if it goes on as it stands now" if state.runs else "as on its first day"
        return Forecast(so_far + per_day * days, f"so far, and {how} for the {days:.1f} days left")
    return Forecast(
        so_far + per_day * days,
        f"so far, and each of the {days:.1f} days left as the last {seen.total_seconds() / 86_400:.1f} on average",
    )


def _month_end(day: date) -> datetime:
    following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return begins(following)


# ---- what must be said beside figures --------------------------------------------------------------------------------------


def unpriced(cells: Cells, states: Sequence[State]) -> list[str]:
    """What has no price, in words; it is in no sum."""
    lacking: dict[Part, int] = {}
    for (part, _), cell in cells.items():
        if cell.unpriced and part is not Part.TRANSFER:
            lacking[part] = lacking.get(part, 0) + cell.unpriced
    types = ", ".join(sorted({machine.type for state in states for machine in state.machines if machine.type}))
    named = {Part.MACHINE: f"a machine{f' ({types})' if types else ''}", Part.DISK: "disks", Part.FILES: "files"}
    return [f"{_hours(micros)} of {named[part]} without a known price: in no sum" for part, micros in sorted(lacking.items())]


def _hours(micros: int) -> str:
    minutes = micros // (60 * SECOND)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def cell_of(cells: Cells, part: Part) -> Cell:
    """A part's cells, whoever's they are, added up."""
    total = NOTHING
    for (one, _), cell in cells.items():
        total = total.plus(cell) if one is part else total
    return total
