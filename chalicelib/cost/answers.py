"""What is asked of the costs, and what is answered? Values only, so that the shapes of the API may know them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from chalicelib.cost.figures import By, Forecast, Row, cell_of
from chalicelib.cost.rules import ESTIMATE, Cells, Part, State
from chalicelib.cost.store import Day


@dataclass(frozen=True)
class LabCost:
    """One lab as it stands, and what it cost."""

    state: State
    at: datetime
    today: Cells
    month: Cells
    per_hour: Decimal | None
    forecast: Forecast | None
    days: tuple[Day, ...]
    sees_all: bool
    me: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """Which costs somebody asks for, from one day to another, both included."""

    by: By
    first: date
    last: date
    lab: str = ""
    team: str = ""


@dataclass(frozen=True)
class Report:
    wanted: Wanted
    rows: tuple[Row, ...]
    total: Row
    days: tuple[Day, ...]
    up_to: datetime
    notes: tuple[str, ...]


def money_of(cells: Cells, part: Part) -> Decimal:
    """A part's money; what is an estimate stands under its own part alone."""
    return cell_of(cells, part).amount


def share(cells: Cells, who: str) -> tuple[int, Decimal]:
    """Somebody's time at the machines, and their money."""
    found = [(part, cell) for (part, one), cell in cells.items() if one == who and one != ESTIMATE]
    micros = sum(cell.micros for part, cell in found if part is Part.MACHINE)
    return micros, sum((cell.amount for _, cell in found), Decimal(0))
