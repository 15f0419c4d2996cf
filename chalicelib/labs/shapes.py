"""What does an item of the labs table look like? The items, and how their richer parts are written as compact JSON text.

Keeps true: the next version can read what this one wrote; a new lab's item stays under 1 KB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from pynamodb.attributes import Attribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.constants import STRING
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.labs.environment import LabKernel
from chalicelib.labs.journal import Kept, Kind, Receipt, Removed
from chalicelib.labs.machines import Evidence, Heartbeat, Machine, Notice, Running
from chalicelib.labs.rules import BakedFrom, Step
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.store import Item, bind

T = TypeVar("T")


class Moment(Attribute[datetime]):
    """A UTC moment, as text that sorts as time does."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return iso(value)

    def deserialize(self, value: str) -> datetime:
        return parse_iso(value)


class Words(Attribute[tuple[str, ...]]):
    """Words without blanks in them, as one line."""

    attr_type = STRING

    def serialize(self, value: tuple[str, ...]) -> str:
        return " ".join(value)

    def deserialize(self, value: str) -> tuple[str, ...]:
        return tuple(value.split())


class Shape(Attribute[T]):
    """A value kept as compact JSON text."""

    attr_type = STRING

    def __init__(self, dump: Callable[[T], Any], read: Callable[[Any], T]) -> None:
        super().__init__(null=True)
        self.dump, self.read = dump, read

    def serialize(self, value: T) -> str:
        return json.dumps(self.dump(value), separators=(",", ":"))

    def deserialize(self, value: str) -> T:
        return self.read(json.loads(value))


def as_words() -> Shape[tuple[str, ...]]:
    return Shape(list, tuple)


def as_steps() -> Shape[tuple[Step, ...]]:
    return Shape(lambda all_: [[one.name, one.seconds] for one in all_], lambda rows: tuple(Step(*row) for row in rows))


def as_kernels() -> Shape[tuple[LabKernel, ...]]:
    """A row each, without the blanks at its end."""
    return Shape(lambda all_: [_short(astuple(one)) for one in all_], lambda rows: tuple(LabKernel(*row) for row in rows))


def _short(row: tuple[Any, ...]) -> list[Any]:
    last = max(place for place, value in enumerate(row) if value)
    return list(row[: last + 1])


def as_receipt() -> Shape[Receipt]:
    return Shape(_receipt_rows, _receipt)


def as_image() -> Shape[BakedFrom]:
    return Shape(
        lambda one: [one.image_id, one.bake_id, iso(one.baked_at)], lambda row: BakedFrom(row[0], row[1], parse_iso(row[2]))
    )


def as_object() -> Shape[Mapping[str, Any]]:
    return Shape(dict, dict)


def as_heartbeat() -> Shape[Heartbeat]:
    return Shape(lambda beat: asdict(beat) | {"at": iso(beat.at)}, lambda row: Heartbeat(**row | {"at": parse_iso(row["at"])}))


def as_evidence() -> Shape[Evidence]:
    return Shape(
        lambda one: [iso(one.received_at), one.boot_id, one.seq, one.said], lambda row: Evidence(parse_iso(row[0]), *row[1:])
    )


def as_notice() -> Shape[Notice]:
    return Shape(
        lambda one: [one.kind, iso(one.at), one.text, iso(one.given_at)],
        lambda row: Notice(row[0], parse_iso(row[1]), row[2], parse_iso(row[3])),
    )


def as_running() -> Shape[Running]:
    return Shape(lambda one: [one.generation, *one.users], lambda row: Running(row[0], tuple(row[1:])))


def _receipt_rows(value: Receipt) -> dict[str, Any]:
    return {
        "removed": [[one.kind, one.id, one.verified_absent] for one in value.removed],
        "kept": [[one.kind, one.id, str(one.monthly_cost), one.currency, one.as_of] for one in value.kept],
    }


def _receipt(row: dict[str, Any]) -> Receipt:
    removed = tuple(Removed(Kind(kind), name, seen) for kind, name, seen in row["removed"])
    return Receipt(removed, tuple(Kept(Kind(kind), name, Decimal(cost), *when) for kind, name, cost, *when in row["kept"]))


# ---- the items of a lab's partition --------------------------------------------------------------------------------------

LABS = "labs"


class ByPerson(GlobalSecondaryIndex["Row"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_person"
        projection = KeysOnlyProjection()

    person = UnicodeAttribute(hash_key=True)
    lab_id = UnicodeAttribute(range_key=True)


class ByDue(GlobalSecondaryIndex["Row"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_due"
        projection = KeysOnlyProjection()

    due_pk = UnicodeAttribute(hash_key=True)
    due = UnicodeAttribute(range_key=True)


class Row(Item):
    """What both indexes know of an item."""

    person = UnicodeAttribute(null=True)
    lab_id = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)
    by_person = ByPerson()
    by_due = ByDue()


class LabItem(Item):
    person = UnicodeAttribute(null=True)
    lab_id = UnicodeAttribute()
    due_pk = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)
    expires = NumberAttribute(null=True)
    name = UnicodeAttribute(null=True)
    domain = UnicodeAttribute()
    phase = UnicodeAttribute()
    owner = UnicodeAttribute()
    team = UnicodeAttribute()
    users = NumberAttribute()
    instance_type = UnicodeAttribute()
    candidates = as_words()
    shared_storage_gb = NumberAttribute()
    generation = NumberAttribute()
    created_at = Moment()
    changed_at = Moment()
    correlation_id = UnicodeAttribute()
    deadline = Moment(null=True)
    examples = BooleanAttribute()
    reserved = BooleanAttribute()
    keep_data = BooleanAttribute()
    members = NumberAttribute(null=True)
    notebooks = NumberAttribute(null=True)
    address = UnicodeAttribute(null=True)
    instance_id = UnicodeAttribute(null=True)
    file_system_id = UnicodeAttribute(null=True)
    subnet_id = UnicodeAttribute(null=True)
    ready_at = Moment(null=True)
    last_session = Moment(null=True)
    cause = UnicodeAttribute(null=True)
    cause_hint = UnicodeAttribute(null=True)
    log_tail = as_words()
    steps = as_steps()
    kernels = as_kernels()
    receipt = as_receipt()
    asked_by = UnicodeAttribute(null=True)
    release = UnicodeAttribute(null=True)
    wanted_release = UnicodeAttribute(null=True)
    upgrading = UnicodeAttribute(null=True)
    told_release = UnicodeAttribute(null=True)
    release_note = UnicodeAttribute(null=True)
    pack_version = UnicodeAttribute(null=True)
    stops_at = Moment(null=True)
    image = as_image()
    packs = Words(null=True)


class MachineItem(Item):
    instance_id = UnicodeAttribute()
    generation = NumberAttribute()
    token_hash = UnicodeAttribute(null=True)
    claimed_at = Moment(null=True)
    ready_boot = UnicodeAttribute(null=True)
    past_boot = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)
    heartbeat = as_heartbeat()
    evidence = as_evidence()
    beat_boot = UnicodeAttribute(null=True)
    beat_seq = NumberAttribute(null=True)
    notice = as_notice()
    running = as_running()


class MemberItem(Item):
    person = UnicodeAttribute()
    lab_id = UnicodeAttribute()
    role = UnicodeAttribute()
    added_at = Moment()


class WaitItem(Item):
    token = UnicodeAttribute()
    expect = UnicodeAttribute()
    generation = NumberAttribute()


class WorkItem(Item):
    kind = UnicodeAttribute()
    order = as_object()
    state = UnicodeAttribute()
    token = UnicodeAttribute()
    generation = NumberAttribute()
    asked_at = Moment()
    report = as_object()
    cause = UnicodeAttribute(null=True)
    error = UnicodeAttribute(null=True)
    heard_at = Moment(null=True)
    expires = NumberAttribute(null=True)


class AccountItem(Item):
    """The last look at the account, as text."""

    report = UnicodeAttribute()


class Anything(Item):
    """An item of a lab's partition as the model its sort key names."""

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Any:
        sk = data["sk"]["S"]
        model: type[Item] = LabItem if sk == "LAB" else MachineItem if sk == "MACHINE" else MemberItem
        return model.from_raw_data(data)


for _model in (Row, Anything, LabItem, MachineItem, MemberItem, WaitItem, WorkItem, AccountItem):
    bind(_model, LABS)


def machine_of(item: MachineItem) -> Machine:
    return Machine(
        lab_id=item.pk.removeprefix("LAB#"),
        instance_id=item.instance_id,
        generation=int(item.generation),
        token_hash=item.token_hash or "",
        claimed_at=item.claimed_at,
        ready_boot=item.ready_boot or "",
        past_boot=item.past_boot or "",
        address=item.address or "",
        heartbeat=item.heartbeat,
        evidence=item.evidence,
        notice=item.notice,
        running=item.running,
    )
