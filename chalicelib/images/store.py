"""How is a bake kept in DynamoDB? In the labs table, one partition a bake, and one for all images of a pack.

    BAKE#<id>        BAKE                  the bake                        by_person ("images:<pack>")   by_due
                     JOURNAL#<nnn>#…       a part of AWS it has, or had
                     WAIT                  the task token that EC2's news will answer
    IMAGES#<pack>    BUSY                  which bake of the pack is under way: one at a time
                     IMAGE#<bake id>       an image that labs may get

Keeps true: every change names the state and generation it was decided on; an image is served from the moment its bake is READY,
and no longer than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.images.journal import Entry, Kind
from chalicelib.images.rules import MOVING, OVER, REMEMBERED, Bake, Expect, State, Waiting
from chalicelib.runtime import journal as journals
from chalicelib.runtime import parts, store, values
from chalicelib.runtime.errors import AppError, Conflict, NotFound, Retryable, Superseded
from chalicelib.runtime.pages import Page, decode, encode
from chalicelib.runtime.store import Item, Write

LABS, DUE = "labs", "bakes"
BUSY, SERVED = "BUSY", "IMAGE#"


class ByPerson(GlobalSecondaryIndex["BakeItem"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_person"
        projection = KeysOnlyProjection()

    person = UnicodeAttribute(hash_key=True)
    lab_id = UnicodeAttribute(range_key=True)


class ByDue(GlobalSecondaryIndex["BakeItem"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_due"
        projection = KeysOnlyProjection()

    due_pk = UnicodeAttribute(hash_key=True)
    due = UnicodeAttribute(range_key=True)


class BakeItem(Item):
    """A bake: what the indexes know of it, and each of its fields as text."""

    person = UnicodeAttribute(null=True)
    lab_id = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)
    expires = NumberAttribute(null=True)
    by_person = ByPerson()
    by_due = ByDue()
    pack = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)
    asked_at = UnicodeAttribute(null=True)
    asked_by = UnicodeAttribute(null=True)
    correlation_id = UnicodeAttribute(null=True)
    region = UnicodeAttribute(null=True)
    release = UnicodeAttribute(null=True)
    why = UnicodeAttribute(null=True)
    architecture = UnicodeAttribute(null=True)
    generation = UnicodeAttribute(null=True)
    deadline = UnicodeAttribute(null=True)
    instance_type = UnicodeAttribute(null=True)
    builder_id = UnicodeAttribute(null=True)
    image_id = UnicodeAttribute(null=True)
    passed = UnicodeAttribute(null=True)
    kernels = UnicodeAttribute(null=True)
    lessons = UnicodeAttribute(null=True)
    steps = UnicodeAttribute(null=True)
    seconds = UnicodeAttribute(null=True)
    size_gb = UnicodeAttribute(null=True)
    copies = UnicodeAttribute(null=True)
    finished_at = UnicodeAttribute(null=True)
    retired_at = UnicodeAttribute(null=True)
    cause = UnicodeAttribute(null=True)
    log_tail = UnicodeAttribute(null=True)


class WaitItem(Item):
    token = UnicodeAttribute()
    expect = UnicodeAttribute()
    generation = NumberAttribute()


class ShelfItem(Item):
    """A line of a pack's shelf: `bake_id` is at work on it, or its image is served."""

    bake_id = UnicodeAttribute()


for _model in (BakeItem, WaitItem, ShelfItem):
    store.bind(_model, LABS)

_NAMES = tuple(field.name for field in fields(Bake) if field.name != "id")


def pk(bake_id: str) -> str:
    return f"BAKE#{bake_id}"


def shelf(pack: str) -> str:
    return f"IMAGES#{pack}"


# ---- reading -------------------------------------------------------------------------------------------------------------


def load(bake_id: str, consistent: bool = False) -> Bake:
    item = store.fetch(BakeItem, pk(bake_id), "BAKE", consistent)
    if item is None:
        raise NotFound(f"there is no bake '{bake_id[:40]}'", "aws-research-wizard packs images")
    return _bake(item)


def many(bake_ids: Iterable[str], consistent: bool = False) -> list[Bake]:
    """Bakes in the order asked for; those that are gone are left out."""
    wanted = list(dict.fromkeys(bake_ids))
    found = {one.id: one for one in map(_bake, BakeItem.batch_get([(pk(one), "BAKE") for one in wanted], consistent))}
    return [found[one] for one in wanted if one in found]


def served(pack: str) -> list[Bake]:
    """The images of a pack that labs may get."""
    rows = ShelfItem.query(shelf(pack), ShelfItem.sk.startswith(SERVED), consistent_read=True)
    ids = [row.bake_id for row in rows]
    return many(ids, consistent=True) if ids else []


def all_served() -> list[Bake]:
    return many(row.pk.removeprefix("BAKE#") for row in BakeItem.by_due.query(DUE, BakeItem.due.startswith("1#")))


def busy(pack: str) -> str:
    """Which bake of this pack is under way; "" when none is."""
    item = store.fetch(ShelfItem, shelf(pack), BUSY, consistent=True)
    return item.bake_id if item else ""


def ids_moving() -> Iterator[str]:
    return (row.pk.removeprefix("BAKE#") for row in BakeItem.by_due.query(DUE, BakeItem.due.startswith("0#")))


def page(pack: str, cursor: str | None, limit: int) -> Page[Bake]:
    """Of one pack the newest first; of all packs those under way, then those that are served, then what is over."""
    place = f"images of {pack or 'all packs'}"
    how: dict[str, Any] = {"limit": limit, "page_size": limit, "last_evaluated_key": decode(cursor, place)}
    if pack:
        found = BakeItem.by_person.query(f"images:{pack}", scan_index_forward=False, **how)
    else:
        found = BakeItem.by_due.query(DUE, **how)
    ids = [row.pk.removeprefix("BAKE#") for row in found]
    return Page(tuple(many(ids)) if ids else (), encode(found.last_evaluated_key, place))


def journal(bake_id: str) -> tuple[Entry, ...]:
    found = journals.lines(pk(bake_id))
    return tuple(Entry(Kind(item.kind), item.token, parts.State(item.state), item.id or "") for item in found)


def waiting(bake_id: str) -> Waiting | None:
    item = store.fetch(WaitItem, pk(bake_id), "WAIT", consistent=True)
    return Waiting(item.token, Expect(item.expect), int(item.generation)) if item else None


# ---- writing -------------------------------------------------------------------------------------------------------------


def create(bake: Bake, refused: AppError) -> tuple[Write, ...]:
    """A new bake, if no other one of its pack is under way."""
    item = BakeItem(pk(bake.id), "BAKE", **{name: text for name, text in _attributes(bake).items() if text is not None})
    alone = store.save(ShelfItem(shelf(bake.pack), BUSY, bake_id=bake.id), ShelfItem.pk.does_not_exist(), refused)
    return alone, store.save(item, BakeItem.pk.does_not_exist(), Conflict("this bake's id is taken", "try again"))


def change(before: Bake, after: Bake) -> Write:
    """What differs, provided the bake still is in the state and generation it was read in."""
    old, new = _attributes(before), _attributes(after)
    actions = [_action(name, value) for name, value in new.items() if value != old[name]]
    if not actions:
        return holds(before)
    return store.update(BakeItem(pk(before.id), "BAKE"), actions, _still(before), moved_on(before))


def holds(bake: Bake) -> Write:
    return store.check(BakeItem, pk(bake.id), "BAKE", _still(bake), moved_on(bake))


def moved_on(bake: Bake) -> Superseded:
    return Superseded(f"{bake.id} has moved on from {bake.state} {bake.generation}")


def free(bake: Bake) -> Write:
    """The pack may be baked again. Said twice, or of another's turn, it changes nothing: commit it with the end of the bake."""
    mine = ShelfItem.bake_id == bake.id
    return store.delete(ShelfItem(shelf(bake.pack), BUSY), mine, moved_on(bake))


def serve(bake: Bake) -> Write:
    return store.save(ShelfItem(shelf(bake.pack), f"{SERVED}{bake.id}", bake_id=bake.id))


def withdraw(bake: Bake) -> Write:
    return store.delete(ShelfItem(shelf(bake.pack), f"{SERVED}{bake.id}"))


def wait(bake: Bake, what: Waiting) -> tuple[Write, ...]:
    item = WaitItem(pk(bake.id), "WAIT", token=what.token, expect=what.expect, generation=what.generation)
    return holds(bake), store.save(item)


def plan(bake: Bake, entry: parts.Entry) -> tuple[Write, ...]:
    return holds(bake), journals.planned(pk(bake.id), entry, moved_on(bake))


def noted(bake: Bake, entry: parts.Entry) -> Write:
    return journals.noted(pk(bake.id), entry, moved_on(bake))


def mark(bake: Bake, entry: Entry) -> Write:
    return journals.marked(pk(bake.id), entry)


def close(bake: Bake, entry: Entry) -> tuple[Write, ...]:
    """It could not be had. Retryable: another run of the task has it."""
    return holds(bake), journals.closed(pk(bake.id), entry, Retryable(f"{entry.token} was made by another run of this task"))


def forget_parts(bake: Bake) -> tuple[Write, ...]:
    """Journal and token go with the end of a bake."""
    lines = [journals.dropped(pk(bake.id), entry) for entry in journal(bake.id)]
    return *lines, store.delete(WaitItem(pk(bake.id), "WAIT"))


# ---- items ↔ values ------------------------------------------------------------------------------------------------------


def _attributes(bake: Bake) -> dict[str, Any]:
    texts: dict[str, Any] = {name: values.written(getattr(bake, name)) for name in _NAMES}
    over = bake.finished_at if bake.state is State.FAILED else bake.retired_at
    expires = int((over + REMEMBERED).timestamp()) if bake.state in OVER and over else None
    index = {"person": f"images:{bake.pack}", "lab_id": bake.id, "due_pk": DUE, "due": _due(bake), "expires": expires}
    return texts | index


def _due(bake: Bake) -> str:
    """`0#` under way by deadline, `1#` served, `2#` over."""
    if bake.state in MOVING:
        return f"0#{values.written(bake.deadline) or ''}#{bake.id}"
    return f"1#{bake.id}" if bake.state is State.READY else f"2#{bake.id}"


def _action(name: str, value: Any) -> Any:
    attribute = getattr(BakeItem, name)
    return attribute.remove() if value is None else attribute.set(value)


def _still(bake: Bake) -> Condition:
    still: Condition = (BakeItem.state == str(bake.state)) & (BakeItem.generation == str(bake.generation))
    return still


def _bake(item: BakeItem) -> Bake:
    said = values.read(Bake, {name: getattr(item, name) for name in _NAMES})
    return Bake(id=item.pk.removeprefix("BAKE#"), **said)
