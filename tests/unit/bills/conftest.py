"""A stage with an empty bills bucket, another bucket with an export in it, and labs whose cost had been estimated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bills import duckdb, estimating, ingesting, s3, service
from chalicelib.bills.rules import DataFile, Estimate, FileSum
from chalicelib.bills.sql import Shape
from chalicelib.runtime import aws, functions, settings
from tests.conftest import ACCOUNT, NOW, STAGE_ENV
from tools import exports
from tools.exports import Line

BILLS, FOREIGN = f"{STAGE_ENV['PREFIX']}-bills-{ACCOUNT}", "university-exports"
LABS = ("genomics-aaaa", "climate-bbbb")
ADA, BOB = "ada@university.edu", "bob@university.edu"
URI = f"s3://{FOREIGN}/exports"


class Reader(duckdb.Engine):
    """DuckDB, which also tells which files it was given, one after another."""

    at_once = 1

    def __init__(self) -> None:
        self.read: list[str] = []
        self.before: Callable[[DataFile], None] = lambda _file: None

    def sums(self, shape: Shape, files: Sequence[DataFile]) -> dict[DataFile, FileSum]:
        for file in files:
            self.before(file)
        found = super().sums(shape, files)
        self.read += [file.name for file in files]
        return found


@dataclass
class Books:
    """What a test of bills talks to."""

    folder: Path
    reader: Reader = field(default_factory=Reader)
    now: datetime = NOW
    estimates: dict[tuple[str, str], Estimate] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    executions: int = 0

    def publish(self, lines: Sequence[Line], format_: str = "cur2", container: str = "parquet", parts: int = 2) -> None:
        """AWS delivers a month's export: its files first, its manifest last."""
        self.executions += 1
        made = exports.export(lines, self.folder / "exports", format_, container, parts, f"execution-{self.executions}")
        for file in sorted(made.root.rglob("BILLING_PERIOD=*/*.*")):
            if "/data/" in str(file):
                self.put(file)
        self.put(made.manifest)

    def put(self, file: Path, bucket: str = FOREIGN) -> None:
        key = str(file.relative_to(self.folder))
        content = file.read_bytes().replace(b"s3://exports/", f"s3://{FOREIGN}/exports/".encode())
        known = s3.etag(bucket, key)
        if known != hashlib.md5(content, usedforsecurity=False).hexdigest():
            aws.client("s3").put_object(Bucket=bucket, Key=key, Body=content)

    def connect(self, format_: str = "auto") -> None:
        service.import_export(URI, format_, ADA, self.now)

    def night(self, over: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """The nightly run; which files it read."""
        self.now += timedelta(days=1)
        self.reader.read.clear()
        return service.ingest(self.now, over)

    def upload(self, *files: Path, format_: str = "auto") -> Any:
        """What `bill import PATH` does."""
        named = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest(), file) for file in files]
        for name, digest, file in named:
            aws.client("s3").put_object(Bucket=BILLS, Key=s3.upload_key(digest, name), Body=file.read_bytes())
        made = service.import_files([(name, digest) for name, digest, _ in named], format_, ADA, self.now)
        service.ingest(self.now, lambda: False, made.id)
        return service.import_of(made.id)

    def write(self, lines: Sequence[Line], name: str, format_: str = "focus", **how: Any) -> Path:
        return exports.write(exports.rows(lines, format_, **how), self.folder / name)

    def total(self, period: str = "2026-10") -> Decimal:
        return service.seen(period, self.now).bill.totals()["USD"]

    def estimated(self, lines: Sequence[Line], factor: str = "1") -> None:
        """As if the meter had seen what was billed: Ada has three quarters of the machine, and an eighth of it was idle."""
        for one in lines:
            if one.lab and one.unblended > 0:
                key = (one.lab, f"{one.start:%Y-%m-%d}")
                known = self.estimates.get(key, Estimate({}))
                amount = one.unblended * Decimal(factor)
                if one.usage.startswith("BoxUsage"):
                    users = {ADA: amount * Decimal("0.75"), BOB: amount * Decimal("0.125")}
                    users = {who: known.users.get(who, Decimal(0)) + more for who, more in users.items()}
                    self.estimates[key] = known._replace(users=users, idle=known.idle + amount * Decimal("0.125"), team="biology")
                else:
                    self.estimates[key] = known._replace(overhead=known.overhead + amount, team="biology")


@pytest.fixture(scope="module")
def buckets(tables: Any) -> None:
    for name in (BILLS, FOREIGN):
        aws.client("s3").create_bucket(Bucket=name)


@pytest.fixture
def books(tables: Any, buckets: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    monkeypatch.setenv("BILLS_BUCKET", BILLS)
    monkeypatch.setenv("BILL_ENGINE", "duckdb")
    settings.forget()
    made = Books(tmp_path)
    monkeypatch.setattr(ingesting, "engine", lambda: made.reader)
    monkeypatch.setattr(estimating, "estimates", lambda first, last: chosen(made.estimates, first, last))
    monkeypatch.setattr(functions, "later", lambda name, detail, now: made.asked.append({"function": name, **detail}))
    yield made
    from moto.s3.models import s3_backends

    tables.clear("cost")
    for name in (BILLS, FOREIGN):
        s3_backends[ACCOUNT]["aws"].buckets[name].keys.clear()
    settings.forget()


def chosen(estimates: dict[tuple[str, str], Estimate], first: Any, last: Any) -> dict[tuple[str, str], Estimate]:
    return {key: one for key, one in estimates.items() if str(first) <= key[1] <= str(last)}
