"""Which bill holds? Pointers in the cost table; the bills themselves are documents in the bucket.

    BILL   SOURCE#<id>             an export that is looked at every night
           IMPORT#<id>             something that somebody asked to be taken in, and how that went
           MONTH#<month>#<source>  which document tells that month, according to that source
           RUN                     how the last run went

Keeps true: a month changes in one step, and only from what it was when the change was worked out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import AppError, Superseded
from chalicelib.runtime.store import Item, Write, bind, fetch, save

BILL = "BILL"
TABLE = "cost"


class BillItem(Item):
    token = UnicodeAttribute(null=True)
    version = NumberAttribute(default=0)
    said = UnicodeAttribute()


bind(BillItem, TABLE)


class Source(NamedTuple):
    """An export in S3, or (`uri` blank) the files that people import."""

    id: str
    uri: str
    format: str  # auto, cur2, focus
    by: str
    at: datetime


class Month(NamedTuple):
    """Which document tells a month, and what of it one wants to know without reading it."""

    period: str
    source: str
    token: str
    document: str
    published_at: datetime  # the youngest publication tells the month
    as_of: datetime
    totals: Mapping[str, str]  # currency → billed
    lines: int
    malformed: int
    files: int
    version: int = 0


class Import(NamedTuple):
    id: str
    source: str
    by: str
    at: datetime
    state: str = "RUNNING"  # RUNNING, FINISHED, FAILED
    cause: str = ""
    hint: str = ""
    files: tuple[Mapping[str, Any], ...] = ()  # of an upload: name, key, sha256
    format: str = "auto"
    months: tuple[str, ...] = ()
    read: int = 0  # files that were read
    unchanged: int = 0  # files that were known
    lines: int = 0
    malformed: int = 0


def put_source(one: Source) -> Write:
    return save(BillItem(BILL, f"SOURCE#{one.id}", said=_text(one)))


def source(source_id: str) -> Source | None:
    item = fetch(BillItem, BILL, f"SOURCE#{source_id}", consistent=True)
    return _source(item) if item else None


def sources() -> list[Source]:
    return [_source(item) for item in BillItem.query(BILL, BillItem.sk.startswith("SOURCE#"), consistent_read=True)]


def put_import(one: Import, before: Import | None = None) -> Write:
    """A new one, or what became of one that was running."""
    item = BillItem(BILL, f"IMPORT#{one.id}", token=one.state, said=_text(one))
    same = (BillItem.token == before.state) if before else BillItem.pk.does_not_exist()
    return save(item, same, Superseded(f"import {one.id} has moved on"))


def import_of(import_id: str) -> Import | None:
    item = fetch(BillItem, BILL, f"IMPORT#{import_id}", consistent=True)
    return _import(item) if item else None


def running_imports() -> list[Import]:
    found = BillItem.query(BILL, BillItem.sk.startswith("IMPORT#"), filter_condition=BillItem.token == "RUNNING")  # noqa: S105
    return [_import(item) for item in found]


def put_month(new: Month, before: Month | None, refused: AppError | None = None) -> Write:
    """The month as it is from now on: only if it still is what it was when this was worked out."""
    item = BillItem(BILL, f"MONTH#{new.period}#{new.source}", token=new.token, version=new.version, said=_text(new))
    same = (BillItem.version == before.version) if before else BillItem.pk.does_not_exist()
    return save(item, same, refused or Superseded(f"the bill of {new.period} was taken in by another run"))


def month_of(period: str, source_id: str) -> Month | None:
    item = fetch(BillItem, BILL, f"MONTH#{period}#{source_id}", consistent=True)
    return _month(item) if item else None


def months(period: str = "") -> list[Month]:
    """What every source tells of a month, or of all months."""
    return [_month(item) for item in BillItem.query(BILL, BillItem.sk.startswith(f"MONTH#{period}"))]


def put_run(said: Mapping[str, Any]) -> Write:
    return save(BillItem(BILL, "RUN", said=_text(said)))


def last_run() -> dict[str, Any]:
    item = fetch(BillItem, BILL, "RUN")
    return dict(json.loads(item.said)) if item else {}


# ---- items ↔ values ------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    said = value._asdict() if hasattr(value, "_asdict") else dict(value)
    return json.dumps(said, separators=(",", ":"), default=lambda one: iso(one) if isinstance(one, datetime) else str(one))


def _source(item: BillItem) -> Source:
    said = json.loads(item.said)
    return Source(**{**said, "at": parse_iso(said["at"])})


def _import(item: BillItem) -> Import:
    said = json.loads(item.said)
    return Import(**{**said, "at": parse_iso(said["at"]), "files": tuple(said["files"]), "months": tuple(said["months"])})


def _month(item: BillItem) -> Month:
    said = json.loads(item.said)
    return Month(**{**said, "published_at": parse_iso(said["published_at"]), "as_of": parse_iso(said["as_of"])})
