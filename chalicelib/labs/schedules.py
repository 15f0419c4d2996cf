"""What makes things right again whatever news was lost: labs every five minutes, the account every hour."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chalice.app import Blueprint, Rate

from chalicelib.labs import account, reconcile
from chalicelib.runtime import clock, metrics
from chalicelib.runtime.entries import schedule

bp = Blueprint(__name__)


@bp.schedule(Rate(5, unit=Rate.MINUTES), name="reconcile_labs")
@schedule
def reconcile_labs(_event: dict[str, Any]) -> dict[str, int]:
    """May be called at any time and as often as one likes."""
    return asdict(reconcile.sweep(clock.now()))


@bp.schedule(Rate(1, unit=Rate.HOURS), name="reconcile_account")
@schedule
def reconcile_account(event: dict[str, Any]) -> dict[str, Any]:
    """By the timer, or because an admin asked (then `detail` says how). May run beside anything, also beside itself."""
    now = clock.now()
    report = account.reconcile(account.asked(event.get("detail") or {}, now), now)
    metrics.count("UnresolvedFindings", report.unresolved(now))
    return {"run": report.run, "looked_at": report.looked_at, "unowned": report.unowned}
