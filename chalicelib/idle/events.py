"""Facts by which a lab begins or ceases to be watched, or is to be looked at now."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.idle import service
from chalicelib.runtime import clock
from chalicelib.runtime.entries import task

bp = Blueprint(__name__)


@bp.lambda_function(name="watch_labs")
@task(clients=("stepfunctions",), door="reaction")
def watch_labs(event: dict[str, Any], _context: Any) -> None:
    """May come twice, late and in any order."""
    fact = event["detail"]
    service.heard(fact["name"], fact["subject"], fact["data"], clock.now())
