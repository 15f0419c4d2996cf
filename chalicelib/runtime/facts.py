"""What has happened? Facts: past tense, data only, written in the transaction of the state they describe.

The facts table is the outbox: its stream carries each fact to the event bus, so nothing that happened goes unnoticed,
and a consumer that sees one twice knows it by its id. A fact that changes something says what stood before and after, through
which door its cause came in, and for whom it was done; the audit log is made of nothing else.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import count
from types import MappingProxyType
from typing import Any, NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.runtime import origin as origins
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.origin import UNKNOWN, Origin
from chalicelib.runtime.pages import Page, decode, page_of
from chalicelib.runtime.store import Item, Write, bind, save

KEPT = timedelta(days=400)
Changes = Mapping[str, tuple[Any, Any]]  # attribute → before, after; None where there is nothing
NO_CHANGES: Changes = MappingProxyType({})
_sequence = count(secrets.randbelow(0x8000))  # facts of one moment keep the order in which they were recorded


class Fact(NamedTuple):
    name: str
    subject: str  # a lab's id or a person's e-mail address
    data: dict[str, Any]
    at: datetime
    by: str
    correlation_id: str
    id: str = ""  # given when stored
    changes: Changes = NO_CHANGES
    origin: Origin = UNKNOWN  # left out: that of the work under way
    on_behalf_of: str = ""  # the person for whom the system acted


class FactItem(Item):
    name = UnicodeAttribute()
    subject = UnicodeAttribute()
    data = UnicodeAttribute()
    at = UnicodeAttribute()
    by = UnicodeAttribute()
    correlation_id = UnicodeAttribute()
    changes = UnicodeAttribute(null=True)
    origin = UnicodeAttribute(null=True)
    on_behalf_of = UnicodeAttribute(null=True)
    expires = NumberAttribute()


bind(FactItem, "facts")


def record(fact: Fact) -> Write:
    """The write that makes a fact known; commit it together with the state it describes."""
    came_from = (fact.origin if fact.origin.door else origins.present()).told()
    item = FactItem(
        _partition(fact.subject),
        f"FACT#{iso(fact.at)}-{next(_sequence) % 0x10000:04x}",
        name=fact.name,
        subject=fact.subject,
        data=_text(fact.data),
        at=iso(fact.at),
        by=fact.by,
        correlation_id=fact.correlation_id,
        changes=_text(dict(fact.changes)) if fact.changes else None,
        origin=_text(came_from) if came_from else None,
        on_behalf_of=fact.on_behalf_of or None,
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


def facts_since(subject: str, moment: datetime) -> Iterator[Fact]:
    """The facts of one subject from a moment on, in the order they happened, read consistently."""
    found = FactItem.query(_partition(subject), FactItem.sk.between(f"FACT#{iso(moment)}", "FACT#~"), consistent_read=True)
    return (_fact(item) for item in found)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs between two views of a thing; nothing ("", 0, False, an empty list) counts as not there."""
    names = dict.fromkeys([*before, *after])
    pairs = {name: (before.get(name) or None, after.get(name) or None) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


def _partition(subject: str) -> str:
    return f"PERSON#{subject}" if "@" in subject else f"LAB#{subject}"


def _fact(item: FactItem) -> Fact:
    changes = {name: (before, after) for name, (before, after) in json.loads(item.changes or "{}").items()}
    return Fact(
        item.name,
        item.subject,
        json.loads(item.data),
        parse_iso(item.at),
        item.by,
        item.correlation_id,
        item.sk,
        changes,
        Origin(**json.loads(item.origin or "{}")),
        item.on_behalf_of or "",
    )
