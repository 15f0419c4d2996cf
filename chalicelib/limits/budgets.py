"""How much money may a team's labs cost in a month, how much of it is spoken for, and what happens as it runs out?

    spoken for = spent (as far as it is settled) + set aside (for labs that run, until they are next looked at)

A start is refused when its share does not fit below the refusing threshold; nothing that is spent is ever refused. Months are
UTC's, as in AWS's bill. Everything is Decimal; the store keeps whole millionths. Values and pure decisions only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import NamedTuple

from chalicelib.runtime.errors import BudgetExceeded, Unprocessable

ZERO = Decimal(0)
MILLION = Decimal(1_000_000)
SETTLED_EVERY = timedelta(hours=1)  # how often what was spent is settled, and what is set aside renewed
NO_IDLE_RULE = timedelta(hours=24)  # nobody stops a lab that no rule looks at: a day is set aside for it
MOST_THRESHOLDS = 10


class Reach(StrEnum):
    """What happens at a threshold."""

    WARN = "warn"
    STOP = "stop"
    REFUSE = "refuse"


class Threshold(NamedTuple):
    percent: int
    action: Reach

    @property
    def word(self) -> str:
        return f"{self.percent}:{self.action}"


USUAL = (Threshold(80, Reach.WARN), Threshold(100, Reach.REFUSE))


class Budget(NamedTuple):
    """What a team's labs may cost in any month."""

    monthly: Decimal
    currency: str = "USD"
    thresholds: tuple[Threshold, ...] = USUAL

    @property
    def refuses_at(self) -> Decimal:
        """Starts are refused above this much; 100 % unless a threshold says less."""
        percents = [one.percent for one in self.thresholds if one.action is Reach.REFUSE]
        return self.monthly * min(percents, default=100) / 100


class Month(NamedTuple):
    """A team's month: spent and set aside over all labs, and which thresholds were told of."""

    month: str
    spent: Decimal = ZERO
    held: Decimal = ZERO
    announced: frozenset[str] = frozenset()

    @property
    def used(self) -> Decimal:
        return self.spent + self.held


class Line(NamedTuple):
    """One lab's month. `rate` an hour since `since` is what it is believed to cost until it is next settled."""

    spent: Decimal = ZERO
    held: Decimal = ZERO
    rate: Decimal = ZERO
    since: datetime | None = None

    @property
    def used(self) -> Decimal:
        return self.spent + self.held


NO_LINE = Line()
NO_MONTH = Month("")


def month_of(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m}"


def month_before(moment: datetime) -> str:
    return month_of(begins(moment) - timedelta(days=1))


def begins(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def following(moment: datetime) -> datetime:
    """When the next month begins."""
    return begins(begins(moment) + timedelta(days=32))


def ahead(idle_minutes: int | None) -> timedelta:
    """For how long a start sets money aside: until its idle rule would first look at a lab that nobody uses, and what it has
    cost is settled; whole hours."""
    if not idle_minutes:
        return NO_IDLE_RULE
    hours = -(-(timedelta(minutes=idle_minutes) + SETTLED_EVERY) // timedelta(hours=1))
    return min(NO_IDLE_RULE, timedelta(hours=hours))


def share(hourly: Decimal, idle_minutes: int | None) -> Decimal:
    """What a start sets aside, and what stays set aside while the lab runs."""
    return upwards(hourly * Decimal(ahead(idle_minutes) // timedelta(minutes=1)) / 60)


def started(line: Line, rate: Decimal, amount: Decimal, now: datetime) -> Line:
    """The line of a lab that starts, or goes on as another machine."""
    return Line(rested(line, now).spent, upwards(amount), rounded(rate), now)


def rested(line: Line, now: datetime) -> Line:
    """The line of a lab that stops: what it is believed to have cost since it was last settled is spent, the rest is free."""
    return Line(line.spent + believed(line, now))


def settled(line: Line, spent: Decimal, keep: Decimal, now: datetime) -> Line:
    """The line once somebody knows what it has cost."""
    kept = upwards(max(ZERO, keep))
    return Line(rounded(max(ZERO, spent)), kept, line.rate if kept else ZERO, now if kept else None)


def believed(line: Line, now: datetime) -> Decimal:
    """What a lab is believed to have cost since it was last settled, within the line's own month."""
    if line.since is None or not line.rate:
        return ZERO
    lasted = max(timedelta(0), min(now, following(line.since)) - line.since)
    return rounded(line.rate * Decimal(int(lasted.total_seconds())) / 3600)


def carried(past: Line, now: datetime) -> Decimal:
    """What a lab that came over from the month before is believed to have cost in this one."""
    since = begins(now)
    return believed(past._replace(since=since), now) if past.since and past.since < since else ZERO


def refuse(team: str, budget: Budget | None, month: Month, added: Decimal | None) -> None:
    """BudgetExceeded when a start that needs so much more (None: its price is not known) does not fit."""
    if budget is None:
        return
    room = max(ZERO, budget.refuses_at - month.used)
    if budget.monthly <= 0:
        raise BudgetExceeded(f"team {team} has a budget of 0: nothing may start", _hint(team))
    if added is None:
        raise BudgetExceeded(
            f"team {team} has a budget, and what this lab costs is not known here", "choose another instance type"
        )
    if added > room:
        raise over(team, budget, room, added)


def over(team: str, budget: Budget, room: Decimal, added: Decimal) -> BudgetExceeded:
    said = f"team {team} has {money(room, budget.currency)} of {money(budget.monthly, budget.currency)} left this month"
    return BudgetExceeded(f"{said}; this start sets {money(added, budget.currency)} aside", _hint(team))


def _hint(team: str) -> str:
    return f"look: aws-research-wizard budget show {team} · whoever leads the team can raise it, and each new month begins anew"


def reached(budget: Budget | None, month: Month) -> Iterator[Threshold]:
    """The thresholds that what is spent has come to."""
    return (one for one in (budget.thresholds if budget else ()) if budget and month.spent * 100 >= budget.monthly * one.percent)


def news(budget: Budget | None, month: Month) -> Iterator[Threshold]:
    """Those of them that nobody was told of yet this month."""
    return (one for one in reached(budget, month) if one.word not in month.announced)


def refusing(budget: Budget) -> Threshold:
    """The threshold at which starts are refused, whether it was written down or goes without saying."""
    written = sorted(one for one in budget.thresholds if one.action is Reach.REFUSE)
    return written[0] if written else Threshold(100, Reach.REFUSE)


def checked(thresholds: Iterable[Threshold]) -> tuple[Threshold, ...]:
    """In order, each once. Unprocessable when they make no sense."""
    found = tuple(sorted(set(thresholds)))
    if len(found) > MOST_THRESHOLDS:
        raise Unprocessable(f"{len(found)} thresholds are too many", f"at most {MOST_THRESHOLDS}")
    for one in found:
        if not 1 <= one.percent <= 100:
            raise Unprocessable(f"a threshold of {one.percent} % cannot be", "name 1 to 100")
    return found or USUAL


# ---- as numbers of the store ----------------------------------------------------------------------------------------------


def micros(amount: Decimal) -> int:
    return int((amount * MILLION).to_integral_value(ROUND_HALF_EVEN))


def amount(micros: float | None) -> Decimal:
    return Decimal(int(micros or 0)) / MILLION


def rounded(value: Decimal) -> Decimal:
    return amount(micros(value))


def upwards(value: Decimal) -> Decimal:
    """To the next whole millionth: never less is set aside than was asked for."""
    return (value * MILLION).to_integral_value(ROUND_CEILING) / MILLION


def money(value: Decimal, currency: str) -> str:
    """`$12.34`, for the eye: cents, or four digits for what is less than one."""
    digits = Decimal("0.0001") if 0 < abs(value) < Decimal("0.01") else Decimal("0.01")
    text = f"{value.quantize(digits, ROUND_HALF_EVEN):,}"
    return f"${text}" if currency == "USD" else f"{text} {currency}"
