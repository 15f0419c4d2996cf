"""What do questions and answers about costs look like? Money is exact, in one currency, with the date of its oldest price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from chalicelib.cost import answers, figures
from chalicelib.cost.answers import LabCost, Report
from chalicelib.cost.figures import OTHERS, SECOND, By, Row
from chalicelib.cost.rules import IDLE, OVERHEAD, Cells, Part
from chalicelib.cost.store import Day
from chalicelib.runtime.shapes import Asked, Field, Told

TITLES = {
    Part.MACHINE: "Machine",
    Part.DISK: "Root disk",
    Part.FILES: "Files",
    Part.TRANSFER: "Transfer (estimate, in no sum)",
}
ESTIMATED = "at most: what the network carried, as if all of it had left AWS, at the price of the first tier"


class SpanQuery(Asked):
    first: date | None = Field(default=None, alias="from", description="First day (UTC); left out: the first of this month")
    last: date | None = Field(default=None, alias="to", description="Last day (UTC), included; left out: today")


class CostQuery(SpanQuery):
    by: By = Field(default=By.LAB, description="One row for each of these")
    lab: str | None = Field(default=None, max_length=80, description="Only this lab")
    team: str | None = Field(default=None, max_length=40, description="Only this team's labs")


class CostSum(Told):
    amount: Decimal
    currency: str
    as_of: str = Field(description="Date of the oldest list price in it; blank: nothing was charged")


class CostForecastView(Told):
    amount: Decimal
    currency: str
    as_of: str
    how: str = Field(description="How it was made")


class CostPartView(Told):
    part: str
    title: str
    estimate: bool = Field(description="True: it is in no sum")
    how: str
    today: Decimal
    month: Decimal
    unpriced_seconds: int = Field(description="How long it stood there this month without a known price")


class CostShareView(Told):
    who: str = Field(description="An address, or `idle`, `overhead`, or `others` (whose shares are not shown)")
    seconds: Decimal = Field(description="The machines' time this month; a second that two share counts half for each")
    today: Decimal
    month: Decimal


class LabCostView(Told):
    lab_id: str
    name: str
    team: str
    phase: str
    at: datetime = Field(description="Metered up to here")
    currency: str
    prices_as_of: str
    price_sources: list[str]
    per_hour: CostSum | None = Field(description="As it stands now; null: a price is not known")
    today: CostSum
    month: CostSum
    forecast: CostForecastView | None = Field(description="Of this month; null: a price is not known")
    parts: list[CostPartView]
    people: list[CostShareView]
    notes: list[str] = Field(description="What must be known to read the figures")

    @classmethod
    def of(cls, cost: LabCost) -> LabCostView:
        currency, as_of, sources = _prices(cost.days)

        def total(amount: Decimal) -> CostSum:
            return CostSum(amount=amount, currency=currency, as_of=as_of)

        ahead = cost.forecast
        return cls(
            lab_id=cost.state.lab,
            name=cost.state.name,
            team=cost.state.team,
            phase=cost.state.phase,
            at=cost.at,
            currency=currency,
            prices_as_of=as_of,
            price_sources=sources,
            per_hour=None if cost.per_hour is None else total(cost.per_hour),
            today=total(_spent(cost.today)),
            month=total(_spent(cost.month)),
            forecast=CostForecastView(amount=ahead.amount, currency=currency, as_of=as_of, how=ahead.how) if ahead else None,
            parts=_parts(cost),
            people=_people(cost),
            notes=list(cost.notes),
        )


def _spent(cells: Cells) -> Decimal:
    return sum((answers.money_of(cells, part) for part in Part if part is not Part.TRANSFER), Decimal(0))


def _prices(days: Sequence[Day]) -> tuple[str, str, list[str]]:
    currency = next((one.currency for one in days if one.currency), "USD")
    return (
        currency,
        min((one.as_of for one in days if one.as_of), default=""),
        sorted({name for one in days for name in one.sources}),
    )


def _parts(cost: LabCost) -> list[CostPartView]:
    found = []
    for part in Part:
        month = figures.cell_of(cost.month, part)
        guess = part is Part.TRANSFER
        if month.micros:
            found.append(
                CostPartView(
                    part=part,
                    title=TITLES[part],
                    estimate=guess,
                    how=ESTIMATED if guess else "",
                    today=answers.money_of(cost.today, part),
                    month=month.amount,
                    unpriced_seconds=month.unpriced // SECOND,
                )
            )
    return found


def _people(cost: LabCost) -> list[CostShareView]:
    """Everybody's share for whoever may see it, else one's own and the others' as one; idle and overhead stand apart."""
    shown = {who: who if cost.sees_all or who == cost.me else OTHERS for _, who in {**cost.month, **cost.today} if "@" in who}
    rows: dict[str, list[Decimal]] = {}
    for who, name in [*sorted(shown.items()), (IDLE, IDLE), (OVERHEAD, OVERHEAD)]:
        micros, month = answers.share(cost.month, who)
        _, today = answers.share(cost.today, who)
        old = rows.get(name, [Decimal(0)] * 3)
        rows[name] = [old[0] + Decimal(micros) / SECOND, old[1] + today, old[2] + month]
    views = [CostShareView(who=name, seconds=row[0], today=row[1], month=row[2]) for name, row in rows.items()]
    return sorted(views, key=lambda one: ({OTHERS: 1, IDLE: 2, OVERHEAD: 3}.get(one.who, 0), -one.month, one.who))


# ---- reports -------------------------------------------------------------------------------------------------------------


class CostRowView(Told):
    key: str = Field(description="An address, `others`, `idle`, `overhead`; a lab's id, a domain, a team, or a day")
    amount: Decimal = Field(description="machine + disk + files, which is users + idle + overhead")
    machine: Decimal
    disk: Decimal
    files: Decimal
    users: Decimal
    idle: Decimal
    overhead: Decimal
    seconds: Decimal = Field(description="The machines' time")
    unpriced_seconds: Decimal = Field(description="Time without a known price: in no sum")

    @classmethod
    def of(cls, row: Row) -> CostRowView:
        return cls(
            key=row.key,
            amount=row.amount,
            machine=row.parts[Part.MACHINE],
            disk=row.parts[Part.DISK],
            files=row.parts[Part.FILES],
            users=row.users,
            idle=row.idle,
            overhead=row.overhead,
            seconds=Decimal(row.micros) / SECOND,
            unpriced_seconds=Decimal(row.unpriced) / SECOND,
        )


class CostReportView(Told):
    by: str
    first: str
    last: str
    up_to: datetime = Field(description="Everything up to here is in it")
    currency: str
    prices_as_of: str
    price_sources: list[str]
    rows: list[CostRowView]
    total: CostRowView
    transfer_at_most: Decimal = Field(description="An estimate, in no sum: " + ESTIMATED)
    notes: list[str]

    @classmethod
    def of(cls, report: Report) -> CostReportView:
        currency, as_of, sources = _prices(report.days)
        return cls(
            by=report.wanted.by,
            first=report.wanted.first.isoformat(),
            last=report.wanted.last.isoformat(),
            up_to=report.up_to,
            currency=currency,
            prices_as_of=as_of,
            price_sources=sources,
            rows=[CostRowView.of(row) for row in report.rows],
            total=CostRowView.of(report.total),
            transfer_at_most=report.total.estimate,
            notes=list(report.notes),
        )
