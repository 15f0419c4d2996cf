"""What of a stored thing decides about the future? The rest is left out when two worlds are compared.

Sound because nothing ever asks for what is left out, or asks only whether two such values are equal: the hour and the order in
which facts were recorded, the hashes of the log's chain, the bytes of an object whose name is its checksum, how an execution
that is over came to its end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

NAMELESS = frozenset({"table.facts", "table.audit", "table.cost", "s3.objects"})
FACT = ("pk", "name", "data", "changes")


def fact(key: Any, item: Any) -> Any:
    if not key[1].startswith("FACT#"):
        return [*key, {name: item[name] for name in item if name != "expires"}]
    return [item[name] for name in FACT if name in item]


def row(key: Any, item: Any) -> Any:
    """The account's last report is for people to read."""
    return None if key[0] == "ACCOUNT" else item


def entry(key: Any, item: Any) -> Any:
    match key[0]:
        case "CHAIN":
            return [item["subject"], item["name"], item["changes"], item["data"]]
        case "HEAD":
            return item["seq"]
        case _:
            return None


def execution(_key: Any, one: Any) -> Any:
    return one if one["status"] == "RUNNING" else [one["arn"], one["status"]]


def blob(key: Any, versions: Any) -> Any:
    bucket, name = key
    return None if "-audit-" in bucket else [bucket, name, [bool(one.get("gone")) for one in versions]]


def outbox(_key: Any, records: Any) -> Any:
    """What waits to be told; in which order is told by time, which is left out."""
    bodies = [(one["eventName"], one["dynamodb"]) for one in records]
    return sorted(([name, fact(("", body["Keys"]["sk"]["S"]), body.get("NewImage", {}))] for name, body in bodies), key=str)


def mail(_key: Any, deliveries: Any) -> Any:
    return [[function, attempts, _event(event)] for function, event, attempts in deliveries]


def _event(event: Any) -> Any:
    told = event["detail"]
    kept = {name: told[name] for name in told if name not in ("id", "at", "by", "origin", "correlation_id", "on_behalf_of")}
    return [event["source"], event["detail-type"], kept]


def ledger(key: Any, item: Any) -> Any:
    """What a lab costs by, and what of it was ever charged; not when, nor how much."""
    if "cells" in item and key[1].startswith("DAY#"):
        return sorted({f"{part}/{who}" for part, who, *_ in json.loads(item["cells"]["S"])})
    if key[1] != "HEAD":
        return [item["amount"], item["since"]] if "amount" in item else None
    state = json.loads(item["state"]["S"])
    return ["due" in item, sorted(one[0] for one in state["machines"] if one[3]), len(state["machines"]), state.get("files")]


ESSENCES: Mapping[str, Callable[[Any, Any], Any]] = {
    "table.facts": fact,
    "table.labs": row,
    "table.audit": entry,
    "table.cost": ledger,
    "stepfunctions.executions": execution,
    "s3.objects": blob,
    "stream": outbox,
    "bus": mail,
}
