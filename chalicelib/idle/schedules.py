"""The sweep: every five minutes, whatever is due of the labs that run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chalice.app import Blueprint, Rate

from chalicelib.idle import service
from chalicelib.runtime import clock, metrics
from chalicelib.runtime.entries import schedule

bp = Blueprint(__name__)


@bp.schedule(Rate(5, unit=Rate.MINUTES), name="sweep_idle")
@schedule(clients=("stepfunctions",))
def sweep_idle(_event: dict[str, Any]) -> dict[str, int]:
    """May be called at any time, as often as one likes, and beside itself."""
    done = service.sweep(clock.now())
    metrics.count("LabsStoppedIdle", done.stopped)
    return asdict(done)
