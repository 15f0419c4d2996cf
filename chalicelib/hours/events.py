"""Facts that concern timetables: a lab that is deleted takes its schedules along, one that runs keeps its team's hours and says
when it frees, and a team sets other hours."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.hours import service
from chalicelib.runtime import clock
from chalicelib.runtime.entries import Event, task

bp = Blueprint(__name__)


@bp.lambda_function(name="follow_labs")
@task(clients=("scheduler",), door="reaction")
def follow_labs(event: Event, _context: Any) -> None:
    """May come twice, late and in any order."""
    fact = event["detail"]
    service.heard(fact["name"], fact["subject"], fact["data"], clock.now())
