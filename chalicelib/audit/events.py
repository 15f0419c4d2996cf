"""Every fact becomes an entry: read from the stream of the facts table, as soon as it is stored."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.audit import service
from chalicelib.runtime import clock
from chalicelib.runtime.entries import task
from chalicelib.runtime.outbox import is_new_fact, told

bp = Blueprint(__name__)


@bp.lambda_function(name="record_facts")
@task(clients=("s3",), door="reaction")
def record_facts(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """A batch that cannot be recorded comes again, whole; what is in the log already is not recorded twice."""
    facts = [told(record["dynamodb"]["NewImage"]) for record in event.get("Records", []) if is_new_fact(record)]
    return {"batchItemFailures": [], "recorded": service.record(facts, clock.now())}
