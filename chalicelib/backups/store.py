"""How are backups kept in DynamoDB? In their lab's partition of the labs table, which outlives the lab itself.

    LAB#<id>   BACKUPS          the shelf: whose, the newest, what is at work on them        by_person ("backups:<owner>")  by_due
               BACKUP#<id>      one backup                                                   by_due while it is made
               RESTORE#<id>     one restore                                                  by_due while it runs
               DRILL#<id>       one rehearsal                                                by_due while it runs

Keeps true: at most one backup or pruning is at work on a lab at once; what is over is never changed back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, cast, get_args, get_type_hints

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.backups.rules import Backup, Drill, Restore, Shelf, State
from chalicelib.runtime import store
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import AppError, Superseded
from chalicelib.runtime.pages import Page, decode, encode
from chalicelib.runtime.store import Item, Write

LABS = "labs"
DUE = "backups"
SHELF = "BACKUPS"
KINDS: dict[str, type[Backup] | type[Restore] | type[Drill]] = {"BACKUP": Backup, "RESTORE": Restore, "DRILL": Drill}
Piece = Backup | Restore | Drill
T = TypeVar("T", Backup, Restore, Drill)
V = TypeVar("V")


class ByPerson(GlobalSecondaryIndex["BackupsRow"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_person"
        projection = KeysOnlyProjection()

    person = UnicodeAttribute(hash_key=True)
    lab_id = UnicodeAttribute(range_key=True)


class ByDue(GlobalSecondaryIndex["BackupsRow"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_due"
        projection = KeysOnlyProjection()

    due_pk = UnicodeAttribute(hash_key=True)
    due = UnicodeAttribute(range_key=True)


class BackupsRow(Item):
    """An item of ours: what the indexes know of it, its state, and the rest as JSON text."""

    person = UnicodeAttribute(null=True)
    lab_id = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)
    busy = UnicodeAttribute(null=True)
    busy_until = UnicodeAttribute(null=True)
    version = NumberAttribute(default=0)
    said = UnicodeAttribute()
    by_person = ByPerson()
    by_due = ByDue()


store.bind(BackupsRow, LABS)


class Kept(NamedTuple):
    """A value and how often it was written: what is changed must be as it was read."""

    shelf: Shelf
    version: int


def pk(lab_id: str) -> str:
    return f"LAB#{lab_id}"


# ---- backups, restores, drills -------------------------------------------------------------------------------------------


def piece(kind: type[T], lab_id: str, piece_id: str, consistent: bool = True) -> T | None:
    item = store.fetch(BackupsRow, pk(lab_id), f"{_word(kind)}#{piece_id}", consistent)
    return _value(kind, item) if item else None


def pieces(kind: type[T], lab_id: str) -> list[T]:
    """All of a lab's, the oldest first."""
    found = BackupsRow.query(pk(lab_id), BackupsRow.sk.startswith(f"{_word(kind)}#"), consistent_read=True)
    return [_value(kind, item) for item in found]


def page(kind: type[T], lab_id: str, cursor: str | None, limit: int) -> Page[T]:
    """The newest first, a page at a time."""
    place = f"{_word(kind)} of {lab_id}"
    found = BackupsRow.query(
        pk(lab_id),
        BackupsRow.sk.startswith(f"{_word(kind)}#"),
        limit=limit,
        page_size=limit,
        last_evaluated_key=decode(cursor, place),
        scan_index_forward=False,
    )
    rows = tuple(_value(kind, item) for item in found)
    return Page(rows, encode(found.last_evaluated_key, place))


def put(new: Piece, before: Piece | None, refused: AppError | None = None) -> Write:
    """A new one, or what became of one: only while it is in the state that it was read in."""
    item = BackupsRow(pk(new.lab_id), f"{_word(type(new))}#{new.id}", lab_id=None, state=new.state, said=_text(new))
    if new.state is State.RUNNING:
        item.due_pk, item.due = DUE, f"0#{iso(new.asked_at)}"
    same: Condition = (BackupsRow.state == before.state) if before else BackupsRow.pk.does_not_exist()
    return store.save(item, same, refused or Superseded(f"{new.id} has moved on"))


def put_drill(new: Drill, before: Drill) -> Write:
    """How far a drill has got: only if nobody else went on from there."""
    item = BackupsRow(pk(new.lab_id), f"DRILL#{new.id}", state=new.state, said=_text(new))
    item.due_pk, item.due = DUE, f"0#{iso(new.asked_at)}"
    same = (BackupsRow.state == before.state) & (BackupsRow.said == _text(before))
    return store.save(item, same, Superseded(f"{new.id} has moved on"))


def drop(old: Piece) -> Write:
    return store.delete(BackupsRow(pk(old.lab_id), f"{_word(type(old))}#{old.id}"))


def running() -> Iterator[tuple[str, str, str]]:
    """What is at work, the oldest first: its lab, its kind (BACKUP, RESTORE, DRILL) and its id."""
    for row in BackupsRow.by_due.query(DUE, BackupsRow.due.startswith("0#")):
        kind, _, name = row.sk.partition("#")
        yield row.pk.removeprefix("LAB#"), kind, name


# ---- shelves -------------------------------------------------------------------------------------------------------------


def shelf(lab_id: str, consistent: bool = True) -> Kept | None:
    item = store.fetch(BackupsRow, pk(lab_id), SHELF, consistent)
    return Kept(_value(Shelf, item), int(item.version)) if item else None


def shelves(lab_ids: Iterable[str]) -> dict[str, Shelf]:
    """Many at once, by lab; a lab that was never backed up has none."""
    wanted = [(pk(lab_id), SHELF) for lab_id in dict.fromkeys(lab_ids)]
    return {one.lab_id: one for one in (_value(Shelf, item) for item in BackupsRow.batch_get(wanted))}


def shelves_of(owner: str, cursor: str | None, limit: int) -> Page[str]:
    """The labs of one owner that have backups, those included that are gone."""
    place = f"backups of {owner}"
    found = BackupsRow.by_person.query(f"backups:{owner}", limit=limit, page_size=limit, last_evaluated_key=decode(cursor, place))
    return Page(tuple(row.lab_id for row in found), encode(found.last_evaluated_key, place))


def all_shelves(cursor: str | None = None, limit: int = 100) -> Page[str]:
    """Every lab with backups."""
    found = BackupsRow.by_due.query(
        DUE,
        BackupsRow.due.startswith("1#"),
        limit=limit,
        page_size=limit,
        last_evaluated_key=decode(cursor, "all backups"),
    )
    return Page(tuple(row.pk.removeprefix("LAB#") for row in found), encode(found.last_evaluated_key, "all backups"))


def put_shelf(new: Shelf, before: Kept | None, refused: AppError) -> Write:
    """The shelf, provided nobody changed it since it was read."""
    version = before.version if before else 0
    item = BackupsRow(
        pk(new.lab_id),
        SHELF,
        person=f"backups:{new.owner}",
        lab_id=new.lab_id,
        due_pk=DUE,
        due=f"1#{new.lab_id}",
        busy=new.busy or None,
        version=version + 1,
        said=_text(new),
    )
    same: Condition = (BackupsRow.version == version) if before else BackupsRow.pk.does_not_exist()
    return store.save(item, same, refused)


def drop_shelf(known: Kept, refused: AppError) -> Write:
    return store.delete(BackupsRow(pk(known.shelf.lab_id), SHELF), BackupsRow.version == known.version, refused)


# ---- items ↔ values ------------------------------------------------------------------------------------------------------


def _word(kind: type[Any]) -> str:
    return next(word for word, one in KINDS.items() if one is kind)


def _text(value: Any) -> str:
    return json.dumps(plain(value), separators=(",", ":"))


def plain(value: Any) -> dict[str, Any]:
    """What differs from the defaults, as values that JSON knows."""
    said = {one.name: getattr(value, one.name) for one in fields(value) if getattr(value, one.name) != one.default}
    return {name: _plain(one) for name, one in said.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [list(vars(one).values()) if is_dataclass(one) else one for one in value]
    return value


def _value(kind: type[V], item: BackupsRow) -> V:
    return of_plain(kind, json.loads(item.said))


def of_plain(kind: type[V], said: Mapping[str, Any]) -> V:
    """What `plain` said; words that this release does not know are left out."""
    hints = _hints(cast("Callable[..., Any]", kind))
    made: V = kind(**{name: _read(hints[name], value) for name, value in said.items() if name in hints})
    return made


@lru_cache
def _hints(kind: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(hint: Any, value: Any) -> Any:
    """A value of this type from JSON."""
    kinds: tuple[Any, ...] = get_args(hint)
    of: Any = kinds[0] if kinds else None
    structured = is_dataclass(of)
    if hint is datetime or datetime in kinds:
        return parse_iso(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    if kinds and isinstance(value, list):
        return tuple(of(*one) if structured else one for one in value)
    return value
