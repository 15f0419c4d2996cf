"""How is kept what is known of a lab's idleness? In its partition of the labs table; a sparse index names only labs that run.

    LAB#<id>   IDLE              what the rules remember, when to look next         idle (shard → moment), only while it runs
               DECISION#<iso>    a decision, with all it was made from; kept 90 days

Keeps true: whoever changes IDLE names the version that was read, so of two that act at once one wins. Shards spread the index
over DynamoDB's partitions; a look at what is due reads each shard once, and what is due.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zlib import crc32

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.idle.grounds import State
from chalicelib.runtime import store
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import Superseded
from chalicelib.runtime.pages import Page, decode, encode
from chalicelib.runtime.store import Item, Write

LABS = "labs"
SHARDS = tuple("0123456789")
KEPT = timedelta(days=90)
MOST = 100  # of a shard in one sweep; the rest is first in the next
_MOMENTS = ("since", "active_at", "warned_at", "deadline", "snooze_until", "exempt_until")


class ByMoment(GlobalSecondaryIndex["IdleRow"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "idle"
        projection = AllProjection()

    idle_shard = UnicodeAttribute(hash_key=True)
    idle_at = UnicodeAttribute(range_key=True)


class IdleRow(Item):
    idle_shard = UnicodeAttribute(null=True)
    idle_at = UnicodeAttribute(null=True)
    version = NumberAttribute()
    generation = NumberAttribute()
    said = UnicodeAttribute()
    by_moment = ByMoment()


class DecisionRow(Item):
    said = UnicodeAttribute()
    expires = NumberAttribute()


store.bind(IdleRow, LABS)
store.bind(DecisionRow, LABS)


class Record(NamedTuple):
    """What is remembered of a lab. `next_check` None: it does not run. `last`: the last decision in short (rule, action)."""

    lab_id: str
    generation: int
    state: State
    next_check: datetime | None
    last: str = ""
    version: int = 0


def pk(lab_id: str) -> str:
    return f"LAB#{lab_id}"


def shard_of(lab_id: str) -> str:
    return SHARDS[crc32(lab_id.encode()) % len(SHARDS)]


# ---- what is remembered --------------------------------------------------------------------------------------------------


def record(lab_id: str) -> Record | None:
    item = store.fetch(IdleRow, pk(lab_id), "IDLE", consistent=True)
    return _record(item) if item else None


def due(shard: str, now: datetime) -> Iterator[Record]:
    """What of a shard must be looked at, the longest due first; as the index shows it, a moment old."""
    found = IdleRow.by_moment.query(shard, IdleRow.idle_at <= iso(now), limit=MOST, page_size=MOST)
    return (_record(item) for item in found)


def put(new: Record, before: Record | None) -> Write:
    """The record, provided nobody changed it since it was read."""
    version = before.version if before else 0
    item = IdleRow(pk(new.lab_id), "IDLE", version=version + 1, generation=new.generation, said=_text(new))
    if new.next_check:
        item.idle_shard, item.idle_at = shard_of(new.lab_id), iso(new.next_check)
    same: Condition = (IdleRow.version == version) if before else IdleRow.pk.does_not_exist()
    return store.save(item, same, Superseded(f"somebody else decided about lab {new.lab_id}"))


def _text(new: Record) -> str:
    return json.dumps({"state": plain_state(new.state), "last": new.last}, separators=(",", ":"))


def _record(item: IdleRow) -> Record:
    said = json.loads(item.said)
    moment = parse_iso(item.idle_at) if item.idle_at else None
    lab_id = item.pk.removeprefix("LAB#")
    return Record(lab_id, int(item.generation), state_of(said["state"]), moment, said["last"], int(item.version))


def state_of(plain: Mapping[str, Any]) -> State:
    known = {name: value for name, value in plain.items() if name in State._fields}
    values: dict[str, Any] = {name: parse_iso(value) if name in _MOMENTS else value for name, value in known.items()}
    return State(**values)


def plain_state(state: State) -> dict[str, Any]:
    values = {name: value for name, value in state._asdict().items() if value not in ("", None, False, 0)}
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in values.items()}


# ---- decisions -----------------------------------------------------------------------------------------------------------


def keep(lab_id: str, decision_id: str, said: Mapping[str, Any], now: datetime) -> Write:
    text = json.dumps(said, separators=(",", ":"))
    expires = int((now + KEPT).timestamp())
    return store.save(DecisionRow(pk(lab_id), f"DECISION#{decision_id}", said=text, expires=expires))


def decision(lab_id: str, decision_id: str) -> dict[str, Any] | None:
    item = store.fetch(DecisionRow, pk(lab_id), f"DECISION#{decision_id}", consistent=True)
    return _decision(item) if item else None


def decision_at(lab_id: str, at: datetime) -> dict[str, Any] | None:
    """The last one of or before a moment."""
    span = DecisionRow.sk.between("DECISION#", f"DECISION#{iso(at)}")
    found = list(DecisionRow.query(pk(lab_id), span, limit=1, page_size=1, scan_index_forward=False, consistent_read=True))
    return _decision(found[0]) if found else None


def decisions(lab_id: str, cursor: str | None, limit: int) -> Page[dict[str, Any]]:
    """The newest first."""
    place = f"decisions on {lab_id}"
    found = DecisionRow.query(
        pk(lab_id),
        DecisionRow.sk.startswith("DECISION#"),
        limit=limit,
        page_size=limit,
        last_evaluated_key=decode(cursor, place),
        scan_index_forward=False,
    )
    rows = tuple(_decision(item) for item in found)
    return Page(rows, encode(found.last_evaluated_key, place))


def _decision(item: DecisionRow) -> dict[str, Any]:
    return {"id": item.sk.removeprefix("DECISION#"), **json.loads(item.said)}
