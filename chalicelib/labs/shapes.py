"""How are the parts of a lab written as JSON text inside its item? Small, and readable by the next version."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from pynamodb.attributes import Attribute
from pynamodb.constants import STRING

from chalicelib.labs.journal import Kept, Kind, Receipt, Removed
from chalicelib.labs.machines import Heartbeat
from chalicelib.labs.rules import KernelName, Step
from chalicelib.runtime.clock import iso, parse_iso

T = TypeVar("T")


class Moment(Attribute[datetime]):
    """A UTC moment, as text that sorts as time does."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return iso(value)

    def deserialize(self, value: str) -> datetime:
        return parse_iso(value)


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


def words() -> Shape[tuple[str, ...]]:
    return Shape(list, tuple)


def steps() -> Shape[tuple[Step, ...]]:
    return Shape(lambda all_: [[one.name, one.seconds] for one in all_], lambda rows: tuple(Step(*row) for row in rows))


def kernels() -> Shape[tuple[KernelName, ...]]:
    return Shape(
        lambda all_: [[one.name, one.display_name] for one in all_], lambda rows: tuple(KernelName(*row) for row in rows)
    )


def receipt() -> Shape[Receipt]:
    return Shape(_receipt_rows, _receipt)


def heartbeat() -> Shape[Heartbeat]:
    return Shape(lambda beat: asdict(beat) | {"at": iso(beat.at)}, lambda row: Heartbeat(**row | {"at": parse_iso(row["at"])}))


def _receipt_rows(value: Receipt) -> dict[str, Any]:
    return {
        "removed": [[one.kind, one.id, one.verified_absent] for one in value.removed],
        "kept": [[one.kind, one.id, str(one.monthly_cost), one.currency, one.as_of] for one in value.kept],
    }


def _receipt(row: dict[str, Any]) -> Receipt:
    removed = tuple(Removed(Kind(kind), name, seen) for kind, name, seen in row["removed"])
    return Receipt(removed, tuple(Kept(Kind(kind), name, Decimal(cost), *when) for kind, name, cost, *when in row["kept"]))
