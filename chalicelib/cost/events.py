"""Facts by which a lab begins or ceases to cost something: its ledger is brought up to date at once."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.cost import service
from chalicelib.runtime import clock
from chalicelib.runtime.entries import task

bp = Blueprint(__name__)


@bp.lambda_function(name="meter_facts")
@task(door="reaction")
def meter_facts(event: dict[str, Any], _context: Any) -> None:
    """May come twice, late and in any order: the ledger reads the facts themselves, and only hears here that there are some."""
    fact = event["detail"]
    at = clock.parse_iso(fact["data"].get("at") or fact["at"])
    service.heard(fact["subject"], fact["name"], at, clock.now())
