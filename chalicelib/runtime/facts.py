"""What has happened? Facts: past tense, data only, written in the transaction of the state they describe.

The facts table is the outbox: its stream carries each fact to the event bus, so nothing that happened goes unnoticed,
and a consumer that sees one twice knows it by its id.
"""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.pages import Page, decode, page_of
from chalicelib.runtime.store import Item, Write, bind, save

KEPT = timedelta(days=400)
_sequence = count(secrets.randbelow(0x8000))  # facts of one moment keep the order in which they were recorded


class Fact(NamedTuple):
    name: str
    subject: str  # a lab's id or a person's e-mail address
    data: dict[str, Any]
    at: datetime
    by: str
    correlation_id: str
    id: str = ""  # given when stored


class FactItem(Item):
    name = UnicodeAttribute()
    subject = UnicodeAttribute()
    data = UnicodeAttribute()
    at = UnicodeAttribute()
    by = UnicodeAttribute()
    correlation_id = UnicodeAttribute()
    expires = NumberAttribute()


bind(FactItem, "facts")


def record(fact: Fact) -> Write:
    """The write that makes a fact known; commit it together with the state it describes."""
    item = FactItem(
        _partition(fact.subject),
        f"FACT#{iso(fact.at)}-{next(_sequence) % 0x10000:04x}",
        name=fact.name,
        subject=fact.subject,
        data=json.dumps(fact.data, separators=(",", ":"), default=str),
        at=iso(fact.at),
        by=fact.by,
        correlation_id=fact.correlation_id,
        expires=int((fact.at + KEPT).timestamp()),
    )
    return save(item)


def facts_of(subject: str, cursor: str | None = None, limit: int = 50, newest_first: bool = False) -> Page[Fact]:
    """The facts of one subject in the order they happened, `limit` at a time."""
    pk = _partition(subject)
    found = FactItem.query(
        pk,
        FactItem.sk.startswith("FACT#"),
        limit=limit,
        page_size=limit,
        last_evaluated_key=decode(cursor, pk),
        scan_index_forward=not newest_first,
    )
    return page_of(found, pk, _fact)


def _partition(subject: str) -> str:
    return f"PERSON#{subject}" if "@" in subject else f"LAB#{subject}"


def _fact(item: FactItem) -> Fact:
    return Fact(item.name, item.subject, json.loads(item.data), parse_iso(item.at), item.by, item.correlation_id, item.sk)
