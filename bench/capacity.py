"""What each route costs in DynamoDB: capacity units and calls, counted on the emulator, against a budget file.

The API runs in this process, its tables in the emulator, whose consumed capacity follows DynamoDB's
rules (0.5/1/2 read units per 4 KB eventual/strong/transactional; 1/2 write units per KB
plain/transactional; an index counts too). A Scan anywhere is a failure.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

BUDGETS = Path(__file__).with_name("budgets.json")
READS = {"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"}


@dataclass
class Meter:
    """Units and calls of one request."""

    reads: float = 0.0
    writes: float = 0.0
    calls: list[str] = field(default_factory=list)

    def count(self, operation: str, answer: dict[str, Any]) -> None:
        """Add what one DynamoDB call consumed, indexes included."""
        self.calls.append(operation)
        consumed = answer.get("ConsumedCapacity") or []
        units = sum(float(one["CapacityUnits"]) for one in (consumed if isinstance(consumed, list) else [consumed]))
        if operation in READS:
            self.reads += units
        else:
            self.writes += units


@contextmanager
def metered() -> Iterator[Meter]:
    """Count every DynamoDB call made in this process while the block runs."""
    from botocore.client import BaseClient

    meter, plain = Meter(), BaseClient._make_api_call

    def counted(self: BaseClient, operation: str, params: dict[str, Any]) -> Any:
        if self.meta.service_model.service_name != "dynamodb":
            return plain(self, operation, params)
        answer = plain(self, operation, params | {"ReturnConsumedCapacity": "INDEXES"})
        meter.count(operation, answer)
        return answer

    BaseClient._make_api_call = counted  # type: ignore[method-assign]
    try:
        yield meter
    finally:
        BaseClient._make_api_call = plain  # type: ignore[method-assign]


def compare(measured: dict[str, Meter]) -> dict[str, Any]:
    """Each route's figures beside its budget; a route without a budget line is a failure too."""
    budgets = json.loads(BUDGETS.read_text())
    report: dict[str, Any] = {}
    for route, meter in measured.items():
        budget = budgets.get(route)
        held = (
            budget is not None
            and meter.reads <= budget["reads"]
            and meter.writes <= budget["writes"]
            and "Scan" not in meter.calls
        )
        report[route] = {"reads": meter.reads, "writes": meter.writes, "calls": meter.calls, "budget": budget, "held": held}
    return report


class Api:
    """The API in this process, called as API Gateway would."""

    def __init__(self, token: str) -> None:
        from chalice.test import Client

        import app
        from chalicelib.runtime import settings

        self.token = token
        self.client = Client(app.app, stage_name="local").__enter__()
        settings.seen(SimpleNamespace(invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:bench"))

    def __call__(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if method != "GET":
            headers["Idempotency-Key"] = uuid.uuid4().hex  # as every client sends: its answer is kept, and costs
        answer = self.client.http.request(
            method, path, headers=headers, body=json.dumps(body).encode() if body is not None else b""
        )
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.body!r}")
        return dict(answer.json_body or {})


def run(endpoint: str, token: str) -> dict[str, Any]:
    """Walk through every route an ordinary day uses; the caller's cloud must be up and idle."""
    os.environ |= {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    config = json.loads((BUDGETS.parent.parent / ".chalice" / "config.json").read_text())
    os.environ |= config.get("environment_variables", {}) | config["stages"]["local"]["environment_variables"]
    api = Api(token)
    measured: dict[str, Meter] = {}

    def call(name: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        with metered() as meter:
            answer = api(method, path, body)
        measured[name] = meter
        return answer

    api("GET", "/whoami")
    lab = call("create_lab", "POST", "/labs", {"domain": "base", "users": 1})["id"]
    for name, path in (
        ("get_lab", f"/labs/{lab}"),
        ("list_labs", "/labs"),
        ("list_events", f"/labs/{lab}/events"),
        ("list_lab_users", f"/labs/{lab}/users"),
        ("list_packs", "/packs"),
        ("whoami", "/whoami"),
    ):
        call(name, "GET", path)
    call("add_lab_user", "POST", f"/labs/{lab}/users", {"email": "second@localhost"})
    call("delete_lab", "DELETE", f"/labs/{lab}?data=delete")
    return compare(measured)
