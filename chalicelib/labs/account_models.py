"""What do requests and answers about the account look like?"""

from __future__ import annotations

from datetime import datetime

from chalicelib.labs.findings import Fate, Finding
from chalicelib.labs.models import Money
from chalicelib.labs.reports import Report
from chalicelib.runtime.shapes import Asked, Field, Told


class LookRequest(Asked):
    dry_run: bool = Field(default=True, description="Only say what would be done")
    grace_minutes: int = Field(default=15, ge=0, le=1440, description="What is younger is left alone: it may be in the making")


class LookView(Told):
    run: str = Field(description="The look that was begun; its report is the account's once its `run` is not earlier")


class FindingView(Told):
    kind: str
    id: str
    lab_id: str | None
    verdict: Fate
    reason: str
    hint: str | None
    monthly_cost: Money | None = Field(description="What a month of it costs; null: nothing, or not known")
    since: datetime | None = Field(description="When it was first found like this")
    outcome: str | None = Field(description="`done`, or why it is not done yet; null: nothing was tried")
    unowned: bool = Field(description="Somebody has to do something, or something was done")

    @classmethod
    def of(cls, one: Finding) -> FindingView:
        return cls(
            kind=one.kind,
            id=one.id,
            lab_id=one.lab_id or None,
            verdict=one.verdict,
            reason=one.reason,
            hint=one.hint or None,
            monthly_cost=Money.of(one.monthly_cost),
            since=one.since,
            outcome=one.outcome or None,
            unowned=one.unowned,
        )


class AccountView(Told):
    run: str
    at: datetime
    by: str
    dry_run: bool
    looked_at: int = Field(description="How many things were seen")
    unowned: int = Field(description="How many of them nobody counts as theirs")
    findings: list[FindingView] = Field(description="The dearest first")
    left_out: int = Field(description="Findings beyond those listed")

    @classmethod
    def of(cls, report: Report) -> AccountView:
        return cls(
            run=report.run,
            at=report.at,
            by=report.by,
            dry_run=report.dry_run,
            looked_at=report.looked_at,
            unowned=report.unowned,
            findings=[FindingView.of(one) for one in report.findings],
            left_out=report.left_out,
        )
