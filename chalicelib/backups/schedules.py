"""What happens to backups by itself: made every night, pruned every day, rehearsed every week. Each may be called at any time."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chalice.app import Blueprint, Cron, Rate

from chalicelib.backups import recovery, tending
from chalicelib.runtime import clock
from chalicelib.runtime.entries import schedule

bp = Blueprint(__name__)
MOST = 800  # seconds of a function's 900


@bp.schedule(Rate(1, unit=Rate.HOURS), name="nightly_backups")
@schedule
def nightly_backups(_event: dict[str, Any]) -> dict[str, int]:
    """Looks every hour, so that a lab that slept at night is backed up once it runs again."""
    return asdict(tending.nightly(clock.now()))


@bp.schedule(Cron(30, 5, "*", "*", "?", "*"), name="prune_backups")
@schedule(clients=("s3",))
def prune_backups(_event: dict[str, Any]) -> dict[str, int]:
    began = clock.now()
    return asdict(tending.prune_all(began, lambda: (clock.now() - began).total_seconds() > MOST))


@bp.schedule(Cron(0, 6, "?", "*", "SUN", "*"), name="drill_backups")
@schedule(clients=("stepfunctions",))
def drill_backups(_event: dict[str, Any]) -> dict[str, int]:
    return asdict(tending.drills(clock.now()))


@bp.schedule(Cron(45, 3, "*", "*", "?", "*"), name="back_up_tables")
@schedule(clients=("s3",))
def back_up_tables(_event: dict[str, Any]) -> dict[str, Any]:
    """People, packs, labs, backups and agreements as lists beside the labs' backups; also whenever an operator asks."""
    return recovery.back_up(clock.now())
