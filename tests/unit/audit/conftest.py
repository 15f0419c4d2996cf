"""A log of its own for each test: the tables, the locked bucket, and facts as the stream tells them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.audit import s3, service, store
from chalicelib.audit.rules import Entry, Told
from chalicelib.runtime import aws
from chalicelib.runtime.clock import iso
from tests.conftest import ACCOUNT, NOW, STAGE_ENV

NAMES = ("LabRequested", "MachineStep", "LabReady", "LabStopping", "LabStopped", "TokenCreated", "LabUserAdded")


def a_fact(number: int, subject: str = "genomics-k3x9", **more: Any) -> dict[str, Any]:
    """A fact as its consumers know it."""
    at = iso(NOW + timedelta(seconds=number))
    chance = random.Random(number)
    made = {
        "id": f"LAB#{subject}/FACT#{at}-{number:04x}",
        "name": chance.choice(NAMES),
        "subject": subject,
        "data": {"step": "install", "seconds": number / 4, "kernels": ["Genomics (Python 3.11)", "größer 🧬"], "none": None},
        "at": at,
        "by": chance.choice(("ada@uni.edu", "bob@uni.edu", "aws-research-wizard")),
        "correlation_id": f"req-{number}",
        "changes": {"users": [number or None, number + 1], "phase": ["READY", "STOPPING"]},
        "origin": {"door": "api", "ip": "203.0.113.7", "agent": "test", "token": "0123456789ab"},
        "on_behalf_of": "",
    }
    return made | more


@pytest.fixture(scope="module")
def bucket(tables: Any) -> str:
    name = f"{STAGE_ENV['PREFIX']}-audit-{ACCOUNT}"
    client = aws.client("s3")
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 400}}
    client.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    return name


@pytest.fixture
def log(tables: Any, bucket: str) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """The empty log; called with a table's name it gives that table's items."""
    yield tables
    from moto.s3.models import s3_backends

    tables.clear()
    s3_backends[ACCOUNT]["aws"].buckets[bucket].keys.clear()


def recorded(count: int, batch: int = 7) -> list[Entry]:
    """A log of that many entries, appended in batches, each anchored."""
    numbers = iter(range(count))
    while part := list(itertools.islice(numbers, batch)):
        service.record([a_fact(number) for number in part], NOW + timedelta(minutes=part[0]))
    return service_entries()


def service_entries() -> list[Entry]:
    return store.entries(0, 10_000, consistent=True)


def views(entries: list[Entry]) -> list[dict[str, Any]]:
    """What the API would answer."""
    from chalicelib.audit.models import AuditEntryView

    return [AuditEntryView.of(one).model_dump(mode="json") for one in entries]


def anchors() -> list[dict[str, Any]]:
    return [one._asdict() for one in s3.anchors()]


__all__ = ["Told", "datetime"]
