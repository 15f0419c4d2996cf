"""What makes up for moments that were missed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chalice.app import Blueprint, Rate

from chalicelib.hours import moments
from chalicelib.runtime import clock
from chalicelib.runtime.entries import schedule

bp = Blueprint(__name__)


@bp.schedule(Rate(5, unit=Rate.MINUTES), name="sweep_hours")
@schedule
def sweep_hours(_event: dict[str, Any]) -> dict[str, int]:
    """Reads only timetables whose moment has come; may be called at any time."""
    return asdict(moments.sweep(clock.now()))
