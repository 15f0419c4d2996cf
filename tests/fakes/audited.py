"""What do the tables say of everything that is audited, and was it ever changed without a fact that says so?

`view` reads stored items into `{subject: {attribute: value}}`, the shape of a state rebuilt from the log. `Witness` stands
between the code and DynamoDB: around every transaction it looks at the items touched, and every audited attribute that is another
one afterwards must stand in a fact of that very transaction, with what it was and what it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from chalicelib.labs.rules import AUDITED
from chalicelib.runtime import store

Item = Mapping[str, Any]
State = dict[str, dict[str, Any]]
Read = Callable[[str, dict[str, Any]], Item | None]  # (table, key) → the stored item


def value(raw: Any) -> Any:
    found = TypeDeserializer().deserialize(raw)
    return int(found) if type(found).__name__ == "Decimal" and found == int(found) else found


def plain(item: Item) -> dict[str, Any]:
    return {name: value(raw) for name, raw in item.items()}


def view(items: Iterable[Item]) -> State:
    """What stored items (of any table, in DynamoDB's JSON) say of audited attributes; nothing counts as not there."""
    state: State = {}
    for item in items:
        subject, attributes = _audited(plain(item))
        known = {name: one for name, one in attributes.items() if one}
        if subject and known:
            state.setdefault(subject, {}).update(known)
    return state


def _audited(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    pk, sk = item["pk"], item["sk"]
    if pk.startswith("LAB#") and sk == "LAB":
        return item["lab_id"], {name: item.get(name) for name in AUDITED}
    if pk.startswith("LAB#") and sk.startswith("MEMBER#"):
        return item["lab_id"], {f"member:{item['person']}.role": item["role"]}
    if pk == "PEOPLE":
        return sk, {"role": item["role"], "teams": item["teams"].split(), "added_by": item["added_by"]}
    if pk.startswith("TOKEN#"):
        place = f"token:{pk.removeprefix('TOKEN#')[:12]}"
        return item["person"], {f"{place}.scopes": item["scopes"].split(), f"{place}.label": item["label"]}
    return "", {}


class Witness:
    """Watches every transaction of this process; `breaks` says which change was not told, or told wrongly."""

    def __init__(self, read: Read) -> None:
        self.read, self.breaks, self.seen = read, list[str](), 0
        self._send = store._send

    def __enter__(self) -> Witness:
        store._send = self.send
        return self

    def __exit__(self, *_: object) -> None:
        store._send = self._send

    def send(self, transaction: Any) -> None:
        operations = [one for name in store.LISTS for one in getattr(transaction, name)]
        before = self._look(operations)
        try:
            self._send(transaction)
        finally:
            self._compare(before, self._look(operations), operations)

    def _look(self, operations: list[dict[str, Any]]) -> State:
        found = [self.read(one["TableName"], _key(one)) for one in operations]
        return view(item for item in found if item)

    def _compare(self, before: State, after: State, operations: list[dict[str, Any]]) -> None:
        told: dict[tuple[str, str], list[Any]] = {}
        for item in (plain(one["Item"]) for one in operations if "Item" in one):
            if item["sk"].startswith("FACT#"):
                told |= {(item["subject"], name): pair for name, pair in _changes(item).items()}
        for place, pair in difference(before, after).items():
            self.seen += 1
            if told.get(place) != pair and not self._of_a_deleted_lab(place):
                self.breaks.append(f"{place[0]}: {place[1]} went {pair[0]!r} → {pair[1]!r}, a fact told {told.get(place)}")

    def _of_a_deleted_lab(self, place: tuple[str, str]) -> bool:
        """The people of a lab that is gone are forgotten with it: its DELETED tells of that."""
        table = f"{_prefix()}-labs"
        lab = self.read(table, {"pk": {"S": f"LAB#{place[0]}"}, "sk": {"S": "LAB"}})
        return place[1].startswith("member:") and lab is not None and lab["phase"]["S"] == "DELETED"


def difference(before: State, after: State) -> dict[tuple[str, str], list[Any]]:
    places = {(subject, name) for state in (before, after) for subject, known in state.items() for name in known}
    pairs = {(who, name): [before.get(who, {}).get(name), after.get(who, {}).get(name)] for who, name in places}
    return {place: pair for place, pair in pairs.items() if pair[0] != pair[1]}


def _changes(fact: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(fact.get("changes") or "{}"))


def _key(operation: dict[str, Any]) -> dict[str, Any]:
    source = operation.get("Item") or operation["Key"]
    return {"pk": source["pk"], "sk": source["sk"]}


def _prefix() -> str:
    from chalicelib.runtime import settings

    return settings.current().prefix
