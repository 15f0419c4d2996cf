"""The sweep that makes labs right again whatever news was lost."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chalice.app import Blueprint, Rate

from chalicelib.labs import reconcile
from chalicelib.runtime import clock
from chalicelib.runtime.entries import schedule

bp = Blueprint(__name__)


@bp.schedule(Rate(5, unit=Rate.MINUTES), name="reconcile_labs")
@schedule
def reconcile_labs(_event: dict[str, Any]) -> dict[str, int]:
    """May be called at any time and as often as one likes."""
    return asdict(reconcile.sweep(clock.now()))
