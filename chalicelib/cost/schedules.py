"""What keeps the ledger up to date where nothing happens: labs that cost every hour, prices every day."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Rate

from chalicelib.cost import prices, service
from chalicelib.runtime import clock
from chalicelib.runtime.entries import schedule

bp = Blueprint(__name__)


@bp.schedule(Rate(1, unit=Rate.HOURS), name="aggregate_costs")
@schedule
def aggregate_costs(_event: dict[str, Any]) -> dict[str, int]:
    """May be called at any time and as often as one likes."""
    return service.aggregate(clock.now())


@bp.schedule(Rate(1, unit=Rate.DAYS), name="refresh_prices")
@schedule
def refresh_prices(_event: dict[str, Any]) -> dict[str, int]:
    """Keeps what AWS's price list says that is new."""
    return {"new": prices.refresh(clock.now())}
