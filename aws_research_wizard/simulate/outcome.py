# ruff: noqa: N818 (errors are named for what happened)
"""What came of a policy: exact seconds per lab, and dollars that are hours times the list price."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.simulate.production import limits
from aws_research_wizard.simulate.usage import Lab

HOUR = Decimal(3600)


class NoPrice(WizardError):
    """A lab whose machine has no price that we know."""


class Price(NamedTuple):
    """Of an hour."""

    amount: Decimal
    currency: str
    as_of: date


def price_of(lab: Lab) -> Price:
    """What an hour of a lab's machine costs."""
    known = limits.hourly_price(lab.instance_type, lab.region)
    if known is None:
        raise NoPrice(
            f"lab {lab.name} has no price: nothing is known of {lab.instance_type} in {lab.region}",
            "give its line an 'instance_type' and a 'region' of the price table (aws-research-wizard packs show lists types)",
        )
    return Price(known.amount, known.currency, known.as_of)


def dollars(seconds: int, price: Decimal) -> Decimal:
    """Exact: seconds of an hourly price."""
    return Decimal(seconds) * price / HOUR


@dataclass
class Outcome:
    """Seconds and counts of one lab, or of many. `paid_s` = worked + booting and saving + idle."""

    cost: Decimal = Decimal(0)
    paid_s: int = 0
    worked_s: int = 0
    overhead_s: int = 0
    stops: int = 0
    wrong_stops: int = 0
    crossed: int = 0
    lost_s: int = 0
    waits: int = 0
    wait_s: int = 0
    warnings: int = 0
    withdrawn: int = 0
    snoozed: int = 0
    decisions: int = 0
    ran: list[tuple[int, int]] = field(default_factory=list)

    @property
    def idle_s(self) -> int:
        """Paid, and nothing was at work."""
        return self.paid_s - self.worked_s - self.overhead_s


def total(outcomes: Iterable[Outcome]) -> Outcome:
    """The sum over labs."""
    whole = Outcome()
    for one in outcomes:
        for each in fields(Outcome):
            if each.name != "ran":
                setattr(whole, each.name, getattr(whole, each.name) + getattr(one, each.name))
    return whole
