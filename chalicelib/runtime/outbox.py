"""How is a stored fact read from the facts table's stream? By whoever consumes it: the bus, and the audit log."""

from __future__ import annotations

import json
from typing import Any


def is_new_fact(record: dict[str, Any]) -> bool:
    """A stream record of a fact that was written, and not of a request that was remembered or of something that expired."""
    image = record["dynamodb"].get("NewImage", {})
    return record.get("eventName") == "INSERT" and image.get("sk", {}).get("S", "").startswith("FACT#")


def told(image: dict[str, Any]) -> dict[str, Any]:
    """A stored fact as its consumers know it. `id` is the same each time it is delivered."""
    text = {name: value["S"] for name, value in image.items() if "S" in value}
    return {
        "id": f"{text['pk']}/{text['sk']}",
        "name": text["name"],
        "subject": text["subject"],
        "data": json.loads(text["data"]),
        "at": text["at"],
        "by": text["by"],
        "correlation_id": text["correlation_id"],
        "changes": json.loads(text.get("changes", "{}")),
        "origin": json.loads(text.get("origin", "{}")),
        "on_behalf_of": text.get("on_behalf_of", ""),
    }


def stored(start: dict[str, Any] | None = None) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """A page (1 MB) of everything that the facts table keeps, in no order, and the key to go on from; None at the end.

    This reads the whole table, a page at a time: for the one check that must see everything, and for no request."""
    from chalicelib.runtime import aws, settings

    asked: dict[str, Any] = {"TableName": settings.current().table("facts")}
    if start:
        asked["ExclusiveStartKey"] = start
    answer = aws.client("dynamodb").scan(**asked)
    facts = [told(item) for item in answer["Items"] if item["sk"]["S"].startswith("FACT#")]
    return facts, answer.get("LastEvaluatedKey")
