"""How do facts leave the database? The facts table's stream is read here and put on the event bus, in order per subject.

A fact that EventBridge did not take is reported as failed, and the stream hands it over again.
"""

from __future__ import annotations

import json
from typing import Any

from chalice.app import Blueprint

from chalicelib.runtime import aws, settings
from chalicelib.runtime.clock import parse_iso
from chalicelib.runtime.entries import task
from chalicelib.runtime.outbox import is_new_fact as is_new_fact
from chalicelib.runtime.outbox import told

bp = Blueprint(__name__)
SOURCE = "aws-research-wizard"
BATCH = 10  # PutEvents takes no more


@bp.lambda_function(name="publish_facts")
@task(clients=("events",))
def publish_facts(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Stream → bus; answers with the sequence numbers that must come again."""
    facts = [record for record in event.get("Records", []) if is_new_fact(record)]
    failed: list[str] = []
    for start in range(0, len(facts), BATCH):
        failed += _put(facts[start : start + BATCH])
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}


def _put(records: list[dict[str, Any]]) -> list[str]:
    answer = aws.client("events").put_events(Entries=[entry_of(record["dynamodb"]["NewImage"]) for record in records])
    pairs = zip(records, answer["Entries"], strict=True)
    return [record["dynamodb"]["SequenceNumber"] for record, entry in pairs if entry.get("ErrorCode")]


def entry_of(image: dict[str, Any]) -> dict[str, Any]:
    """The bus's view of a stored fact. `id` is the same each time it is delivered."""
    detail = told(image)
    return {
        "Source": SOURCE,
        "DetailType": detail["name"],
        "Detail": json.dumps(detail),
        "Time": parse_iso(detail["at"]),
        "EventBusName": settings.current().bus,
    }
