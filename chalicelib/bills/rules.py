"""What is on a bill, whose is it, and how far is it from what we estimated? Values and decisions only.

A bill is sums by lab, product, day, charge and currency, each as billed (`unblended`: what the invoice says) and as used
(`amortized`: what was paid ahead is laid on the hours that used it). Amounts are exact, to ten decimal places as AWS has them.

Keeps true: every line of a bill is counted once, or listed as malformed. A lab's day is divided over its people, its idle time
and its overhead as the estimate says, and what bears no lab's tag is unattributed, so that the four are the bill; amounts are
rounded once, where they are shown, by largest remainders, so that rows sum up to what stands below. Currencies are never added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import NamedTuple, TypeVar

QUANTUM = Decimal("0.0000000001")  # what AWS's amounts are multiples of
MINOR = {"BIF": 0, "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "PYG": 0, "UGX": 0, "VND": 0, "BHD": 3, "JOD": 3, "KWD": 3, "TND": 3}
ZERO = Decimal(0)
K = TypeVar("K", bound=Hashable)


class Format(StrEnum):
    CUR2 = "cur2"
    FOCUS = "focus"


class Container(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"


class Cost(StrEnum):
    UNBLENDED = "unblended"  # FOCUS: BilledCost
    AMORTIZED = "amortized"  # FOCUS: EffectiveCost


class Charge(StrEnum):
    USAGE = "usage"
    COMMITMENT = "commitment"  # savings plans and reservations: fees, and what takes back what they cover
    CREDIT = "credit"
    REFUND = "refund"
    DISCOUNT = "discount"
    TAX = "tax"
    FEE = "fee"
    OTHER = "other"


#: CUR 2.0 `line_item_line_item_type` and FOCUS `ChargeCategory`, lower-case, by what they are.
CHARGES: Mapping[str, Charge] = {
    "usage": Charge.USAGE,
    "discountedusage": Charge.USAGE,
    "savingsplancoveredusage": Charge.USAGE,
    "savingsplanrecurringfee": Charge.COMMITMENT,
    "savingsplanupfrontfee": Charge.COMMITMENT,
    "savingsplannegation": Charge.COMMITMENT,
    "rifee": Charge.COMMITMENT,
    "purchase": Charge.COMMITMENT,
    "credit": Charge.CREDIT,
    "refund": Charge.REFUND,
    "adjustment": Charge.REFUND,
    "edpdiscount": Charge.DISCOUNT,
    "bundleddiscount": Charge.DISCOUNT,
    "privateratediscount": Charge.DISCOUNT,
    "discount": Charge.DISCOUNT,
    "tax": Charge.TAX,
    "fee": Charge.FEE,
}


def charge_of(text: str) -> Charge:
    """What a charge's name in an export means; one that AWS invents later is OTHER, and counted."""
    return CHARGES.get(text.strip().lower(), Charge.OTHER)


class Group(NamedTuple):
    """One sum of a bill. `lab` is "" where a line bears no lab's tag."""

    period: str  # the bill's month, 2026-10
    day: str
    lab: str
    product: str
    charge: Charge
    currency: str
    unblended: Decimal
    amortized: Decimal
    lines: int

    @property
    def key(self) -> tuple[str, str, str, str, Charge, str]:
        return (self.period, self.day, self.lab, self.product, self.charge, self.currency)

    def amount(self, cost: Cost) -> Decimal:
        return self.unblended if cost is Cost.UNBLENDED else self.amortized


class Fault(NamedTuple):
    """A line that cannot be counted: where it stands and why. `line` is 0 where a file has no lines; `place` names it then."""

    file: str
    line: int
    place: str
    reason: str


class FileSum(NamedTuple):
    """All that is known of one data file."""

    groups: tuple[Group, ...]
    lines: int
    malformed: int
    faults: tuple[Fault, ...]  # as many as are listed


class DataFile(NamedTuple):
    """One object of an export, as it was when it was listed."""

    bucket: str
    key: str
    etag: str
    size: int

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def container_of(name: str) -> Container | None:
    """By the file's name, as AWS names them; None for another kind of file."""
    lowered = name.lower()
    if lowered.endswith((".csv.gz", ".csv")):
        return Container.CSV
    return Container.PARQUET if lowered.endswith(".parquet") else None


def merged(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Groups with the same key summed up, in order."""
    found: dict[tuple[str, ...], Group] = {}
    for one in groups:
        known = found.get(one.key)
        found[one.key] = (
            one
            if known is None
            else known._replace(
                unblended=known.unblended + one.unblended,
                amortized=known.amortized + one.amortized,
                lines=known.lines + one.lines,
            )
        )
    return tuple(found[key] for key in sorted(found))


def is_month(text: str) -> bool:
    year, _, month = text.partition("-")
    return len(text) == 7 and year.isdecimal() and month.isdecimal() and 1 <= int(month) <= 12


# ---- rounding ------------------------------------------------------------------------------------------------------------


def digits_of(currency: str) -> int:
    """Decimal places of a currency's smallest coin."""
    return MINOR.get(currency.upper(), 2)


def rounded(amounts: Mapping[K, Decimal], digits: int = 2, total: Decimal | None = None) -> dict[K, Decimal]:
    """Each amount to so many places, such that they sum up to the rounded total: the largest remainders are rounded up.

    `total` is what they are to sum up to where somebody has rounded that before (the amounts' own sum, to within a coin or two).
    """
    coin = Decimal(1).scaleb(-digits)
    wanted = (sum(amounts.values(), ZERO) if total is None else total).quantize(coin, ROUND_HALF_EVEN)
    down = {key: (amount / coin).to_integral_value("ROUND_FLOOR") for key, amount in amounts.items()}
    missing = int(wanted / coin - sum(down.values(), ZERO))
    order = sorted(amounts, key=lambda key: (down[key] - amounts[key] / coin, str(key)))
    for turn in range(abs(missing)):
        place = order[turn % len(order)] if missing > 0 else order[-1 - turn % len(order)]
        down[place] += 1 if missing > 0 else -1
    return {key: (count * coin).quantize(coin) for key, count in down.items()}


def split(amount: Decimal, weights: Mapping[K, Decimal]) -> dict[K, Decimal]:
    """An exact amount divided as the weights are, to the last decimal place; weights are not negative, and one is positive."""
    whole = sum(weights.values(), ZERO)
    return rounded({key: amount * weight / whole for key, weight in weights.items()}, -int(QUANTUM.adjusted()), amount)


# ---- reconciliation ------------------------------------------------------------------------------------------------------


class Part(StrEnum):
    USERS = "users"
    IDLE = "idle"
    OVERHEAD = "overhead"
    UNATTRIBUTED = "unattributed"


class Estimate(NamedTuple):
    """What we said that a lab cost on a day, and for whom."""

    users: Mapping[str, Decimal]
    idle: Decimal = ZERO
    overhead: Decimal = ZERO
    currency: str = "USD"
    team: str = ""

    @property
    def total(self) -> Decimal:
        return sum(self.users.values(), ZERO) + self.idle + self.overhead

    @property
    def weights(self) -> dict[tuple[Part, str], Decimal]:
        found = {(Part.USERS, who): amount for who, amount in self.users.items()}
        found |= {(Part.IDLE, ""): self.idle, (Part.OVERHEAD, ""): self.overhead}
        return {key: amount for key, amount in found.items() if amount > 0}


Estimates = Mapping[tuple[str, str], Estimate]  # (lab, day)


class Share(NamedTuple):
    """The smallest piece of a bill: one person's, or nobody's, part of a lab's day. Exact."""

    day: str
    lab: str
    part: Part
    who: str
    team: str  # the one that paid for the lab on that day, whatever teams its people are in
    amount: Decimal


def shares(groups: Iterable[Group], estimates: Estimates, currency: str, cost: Cost) -> list[Share]:
    """The bill in one currency, divided: each cent is in one share, and in one only.

    A lab's day without an estimate (a stopped lab's disk, a lab of another stage) is the lab's overhead.
    """
    days: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for one in groups:
        if one.currency == currency:
            days[one.lab, one.day] += one.amount(cost)
    found: list[Share] = []
    for (lab, day), amount in sorted(days.items()):
        known = estimates.get((lab, day))
        if not lab:
            found.append(Share(day, "", Part.UNATTRIBUTED, "", "", amount))
        elif known is None or not known.weights:
            found.append(Share(day, lab, Part.OVERHEAD, "", known.team if known else "", amount))
        else:
            pieces = split(amount, known.weights).items()
            found += [Share(day, lab, part, who, known.team, piece) for (part, who), piece in pieces]
    return found


class Row(NamedTuple):
    """A lab, a day, or both: what was billed and what had been estimated. The parts sum up to `bill`."""

    lab: str
    day: str
    bill: Decimal
    parts: Mapping[Part, Decimal]
    estimate: Decimal | None  # None: nothing was estimated, or in another currency

    @property
    def drift(self) -> Decimal | None:
        return None if self.estimate is None else self.bill - self.estimate

    @property
    def percent(self) -> Decimal | None:
        """The drift in percent of the estimate; None where that is nothing."""
        if not self.estimate or self.drift is None:
            return None
        return (self.drift * 100 / self.estimate).quantize(Decimal("0.1"))


class Reconciliation(NamedTuple):
    """A month in one currency, rounded for the eye: rows and parts sum up to `bill`."""

    period: str
    currency: str
    cost: Cost
    bill: Decimal
    parts: Mapping[Part, Decimal]
    rows: tuple[Row, ...]
    estimate: Decimal
    missing: tuple[tuple[str, str], ...]  # lab and day that were estimated, and of which the bill says nothing


def reconciled(
    period: str, groups: Iterable[Group], estimates: Estimates, currency: str, cost: Cost, by: str = "lab"
) -> Reconciliation:
    """Estimate and bill side by side; `by` is lab, day or lab-day."""
    pieces = shares(groups, estimates, currency, cost)
    digits = digits_of(currency)
    exact: dict[tuple[str, str], dict[Part, Decimal]] = defaultdict(dict)
    for one in pieces:
        place = exact[_place(one.lab, one.day, by)]
        place[one.part] = place.get(one.part, ZERO) + one.amount
    said = rounded(_estimated(estimates, currency, by), digits)
    sums = rounded({key: sum(exact.get(key, {}).values(), ZERO) for key in sorted({*exact, *said})}, digits)
    rows = tuple(Row(*key, sums[key], _parts(exact.get(key, {}), digits, sums[key]), said.get(key)) for key in sums)
    billed = {(one.lab, one.day) for one in pieces}
    missing = tuple(sorted(key for key, one in estimates.items() if one.currency == currency and one.total and key not in billed))
    parts = {part: sum((row.parts.get(part, ZERO) for row in rows), ZERO) for part in Part}
    return Reconciliation(period, currency, cost, sum(sums.values(), ZERO), parts, rows, sum(said.values(), ZERO), missing)


def _parts(exact: Mapping[Part, Decimal], digits: int, total: Decimal) -> dict[Part, Decimal]:
    return rounded(exact, digits, total) if exact else {}


def _place(lab: str, day: str, by: str) -> tuple[str, str]:
    return (lab if "lab" in by else "", day if "day" in by else "")


def _estimated(estimates: Estimates, currency: str, by: str) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for (lab, day), one in estimates.items():
        if one.currency == currency:
            found[_place(lab, day, by)] += one.total
    return found


# ---- is the lab's tag on the bill? ---------------------------------------------------------------------------------------


def untagged(groups: Iterable[Group], estimates: Estimates) -> bool:
    """Do labs cost, and no line bears their tag? Then the tag is not activated for cost allocation (or not long enough)."""
    return any(one.total for one in estimates.values()) and not any(one.lab for one in groups)
