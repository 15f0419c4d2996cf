"""What do questions and answers about limits look like?"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from chalicelib.limits import budgets
from chalicelib.limits.budgets import Budget, Line, Month, Reach, Threshold
from chalicelib.limits.quotas import WORDS, Held, Quotas
from chalicelib.limits.quotas import Usage as InUse
from chalicelib.limits.rules import Usage
from chalicelib.runtime.shapes import Asked, Field, Told

Amount = Decimal
MOST = 10_000_000


class TeamUsage(Told):
    team: str
    labs: int
    limit: int | None = Field(description="Null: no limit")

    @classmethod
    def of(cls, usage: Usage) -> TeamUsage:
        return cls(team=usage.team, labs=usage.labs, limit=usage.limit)


class LimitsView(Told):
    teams: list[TeamUsage]
    max_users_per_lab: int
    allowed_families: list[str] = Field(description="Instance families that may be used; empty: all")


# ---- quotas --------------------------------------------------------------------------------------------------------------


class QuotaView(Told):
    what: str = Field(description="labs, vcpus, gpus or storage_gb")
    used: int
    limit: int | None = Field(description="Null: no limit")
    left: int | None


class HeldView(Told):
    lab_id: str
    vcpus: int
    gpus: int
    storage_gb: int
    frees_at: datetime | None = Field(description="When it is going to stop, if anybody knows")
    frees_why: str

    @classmethod
    def of(cls, held: Held) -> HeldView:
        return cls(lab_id=held.lab_id, **held.holding._asdict(), frees_at=held.frees_at, frees_why=held.frees_why)


class TeamLimits(Told):
    team: str
    quotas: list[QuotaView]
    families: list[str] = Field(description="Instance families that may be used; empty: all")
    own: list[str] = Field(description="What an admin decided for this team; the rest is the stage's")
    labs: list[HeldView]
    frees_at: datetime | None = Field(description="The next moment at which something is given back, if it is known")

    @classmethod
    def of(cls, team: str, limits: Quotas, own: list[str], usage: InUse, held: list[Held]) -> TeamLimits:
        moments = [one.frees_at for one in held if one.frees_at and one.holding.vcpus]
        return cls(
            team=team,
            quotas=[_quota(name, usage.of(name), getattr(limits, name)) for name in WORDS],
            families=list(limits.families),
            own=own,
            labs=[HeldView.of(one) for one in held],
            frees_at=min(moments, default=None),
        )


def _quota(name: str, used: int, limit: int | None) -> QuotaView:
    return QuotaView(what=name, used=used, limit=limit, left=None if limit is None else max(0, limit - used))


class QuotaRequest(Asked):
    """What is left out stays; what stands in `reset` is the stage's again."""

    labs: int | None = Field(default=None, ge=0, le=MOST)
    vcpus: int | None = Field(default=None, ge=0, le=MOST)
    gpus: int | None = Field(default=None, ge=0, le=MOST)
    storage_gb: int | None = Field(default=None, ge=0, le=MOST)
    families: list[str] | None = Field(default=None, max_length=50, description="Instance families, as m7i or g5")
    reset: list[Literal["labs", "vcpus", "gpus", "storage_gb", "families"]] = Field(default_factory=list, max_length=5)


# ---- budgets -------------------------------------------------------------------------------------------------------------


class ThresholdRequest(Asked):
    percent: int = Field(ge=1, le=100, examples=[80])
    action: Reach


class BudgetRequest(Asked):
    monthly: Decimal = Field(ge=0, le=MOST, max_digits=14, decimal_places=6, examples=["500"])
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$", examples=["USD"])
    thresholds: list[ThresholdRequest] = Field(default_factory=list, max_length=10, description="Empty: 80 warn, 100 refuse")

    def budget(self) -> Budget:
        found = budgets.checked(Threshold(one.percent, one.action) for one in self.thresholds)
        return Budget(self.monthly, self.currency, found)


class ThresholdView(Told):
    percent: int
    action: Reach
    reached: bool


class LabMoney(Told):
    lab_id: str
    spent: Amount
    reserved: Amount


class BudgetView(Told):
    team: str
    month: str
    monthly: Amount | None = Field(description="Null: no budget, and so no limit")
    currency: str
    spent: Amount = Field(description="As far as it is settled, which happens every hour and when a lab stops")
    reserved: Amount = Field(description="Set aside for labs that run")
    left: Amount | None = Field(description="What may still be started; null: no budget")
    refuses_at: Amount | None = Field(description="Starts are refused above this much")
    thresholds: list[ThresholdView]
    labs: list[LabMoney]
    renews_at: datetime = Field(description="When the next month begins")

    @classmethod
    def of(cls, team: str, budget: Budget | None, month: Month, lines: dict[str, Line], now: datetime) -> BudgetView:
        return cls(
            team=team,
            month=month.month,
            monthly=budget.monthly if budget else None,
            currency=budget.currency if budget else "USD",
            spent=_tidy(month.spent),
            reserved=_tidy(month.held),
            left=_tidy(max(budgets.ZERO, budget.refuses_at - month.used)) if budget else None,
            refuses_at=budget.refuses_at if budget else None,
            thresholds=[_threshold(budget, month, one) for one in budget.thresholds] if budget else [],
            labs=[
                LabMoney(lab_id=lab_id, spent=_tidy(one.spent), reserved=_tidy(one.held)) for lab_id, one in sorted(lines.items())
            ],
            renews_at=budgets.following(now),
        )


def _tidy(value: Decimal) -> Decimal:
    """Without the noughts at its end."""
    return Decimal(f"{value.normalize():f}")


def _threshold(budget: Budget, month: Month, one: Threshold) -> ThresholdView:
    reached = one.word in month.announced or one in budgets.reached(budget, month)
    return ThresholdView(percent=one.percent, action=one.action, reached=reached)
