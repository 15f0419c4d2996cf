"""The items of limits, and the values that they are read as.

One class for all kinds of items: each has some of these attributes. Money is kept in millionths.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute

from chalicelib.limits import budgets, quotas
from chalicelib.limits.budgets import Budget, Line, Month, Reach, Threshold
from chalicelib.limits.quotas import Held, Holding, Usage
from chalicelib.runtime.clock import parse_iso
from chalicelib.runtime.store import Item, bind

COUNTED = Holding._fields


class LimitItem(Item):
    """Any item of the table; each kind has some of these."""

    version = NumberAttribute(null=True)
    labs = UnicodeSetAttribute(null=True)
    reserved_at = UnicodeAttribute(null=True)
    vcpus = NumberAttribute(null=True)
    gpus = NumberAttribute(null=True)
    storage_gb = NumberAttribute(null=True)
    frees_at = UnicodeAttribute(null=True)
    frees_why = UnicodeAttribute(null=True)
    most_labs = NumberAttribute(null=True)
    families = UnicodeSetAttribute(null=True)
    monthly = NumberAttribute(null=True)
    currency = UnicodeAttribute(null=True)
    thresholds = UnicodeSetAttribute(null=True)
    used = NumberAttribute(null=True)
    spent = NumberAttribute(null=True)
    rate = NumberAttribute(null=True)
    since = UnicodeAttribute(null=True)
    announced = UnicodeSetAttribute(null=True)
    expires = NumberAttribute(null=True)


bind(LimitItem, "limits")


@dataclass(frozen=True)
class Terms:
    """What was decided for one team; None where the stage's own setting counts."""

    version: int = 0
    labs: int | None = None
    vcpus: int | None = None
    gpus: int | None = None
    storage_gb: int | None = None
    families: tuple[str, ...] | None = None
    budget: Budget | None = None


@dataclass(frozen=True)
class Book:
    """Everything that a decision about one lab of a team needs, from one consistent read; `versions` by sort key."""

    team: str
    lab_id: str
    month: str
    terms: Terms = field(default_factory=Terms)
    usage: Usage = quotas.NONE_USED
    holding: Holding | None = None
    total: Month = budgets.NO_MONTH
    line: Line = budgets.NO_LINE
    past: Line = budgets.NO_LINE
    past_month: str = ""
    versions: dict[str, int] = field(default_factory=dict)


# ---- what an item says ---------------------------------------------------------------------------------------------------


def usage_of(item: LimitItem | None) -> Usage:
    return Usage(frozenset(item.labs or ()), holding_of(item)) if item else Usage()


def holding_of(item: LimitItem) -> Holding:
    return Holding(*(int(getattr(item, name) or 0) for name in COUNTED))


def held_of(item: LimitItem) -> Held:
    at = parse_iso(item.frees_at) if item.frees_at else None
    return Held(item.sk.removeprefix("HELD#"), holding_of(item), at, item.frees_why or "")


def month_of(item: LimitItem | None, name: str) -> Month:
    if item is None:
        return Month(name)
    spent = budgets.amount(item.spent)
    return Month(name, spent, budgets.amount(item.used) - spent, frozenset(item.announced or ()))


def line_of(item: LimitItem | None) -> Line:
    if item is None:
        return budgets.NO_LINE
    spent = budgets.amount(item.spent)
    since = parse_iso(item.since) if item.since else None
    return Line(spent, budgets.amount(item.used) - spent, budgets.amount(item.rate), since)


def terms_of(item: LimitItem | None) -> Terms:
    if item is None:
        return Terms()
    numbers = {name: _number(getattr(item, name)) for name in COUNTED}
    families = tuple(sorted(item.families)) if item.families else None
    return Terms(int(item.version or 0), labs=_number(item.most_labs), families=families, budget=_budget(item), **numbers)


def _number(value: float | None) -> int | None:
    return int(value) if value is not None else None


def _budget(item: LimitItem) -> Budget | None:
    monthly: float | None = item.monthly
    if monthly is None:
        return None
    thresholds = tuple(sorted(_threshold(word) for word in item.thresholds or ()))
    return Budget(budgets.amount(monthly), item.currency or "USD", thresholds)


def _threshold(word: str) -> Threshold:
    percent, _, action = word.partition(":")
    return Threshold(int(percent), Reach(action))
