"""What EventBridge Scheduler calls when a lab's moment has come."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from chalice.app import Blueprint

from chalicelib.hours import moments
from chalicelib.runtime import clock
from chalicelib.runtime.entries import Event, task
from chalicelib.runtime.errors import Superseded

bp = Blueprint(__name__)


@bp.lambda_function(name="run_hours")
@task(clients=("scheduler", "stepfunctions"), door="schedule")
def run_hours(event: Event, _context: Any) -> None:
    """Its event's detail is {"lab_id", "kind"}; called too early or twice, it does nothing."""
    with suppress(Superseded):  # another run was faster
        moments.run(event["detail"]["lab_id"], clock.now())
