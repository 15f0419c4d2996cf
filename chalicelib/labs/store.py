"""How is a lab kept in DynamoDB? One partition a lab: the lab, its people, its journal; of its machine see `machine_store`.

    LAB#<id>   LAB                        the lab                          by_person (owner)   by_due
               MACHINE                    what its machine said last
               MEMBER#<email>             somebody who may work in it      by_person
               JOURNAL#<nnn>#<kind>…      a part of AWS it has, or had
               WAIT                       the task token that its machine or EC2 will answer
               WORK#<id>                  what its machine was ordered to do, and what it reported
    ACCOUNT    LAST                       the last look at what exists in the account

Keeps true: every change names the phase and generation it was decided on, so of two racing ones only the first wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.labs import rules
from chalicelib.labs.journal import Entry, Kind, State
from chalicelib.labs.machines import Machine, Member
from chalicelib.labs.rules import Lab, Phase
from chalicelib.labs.shapes import LABS, AccountItem, Anything, LabItem, MachineItem, MemberItem, Row, machine_of
from chalicelib.runtime import journal as journals
from chalicelib.runtime import parts, store
from chalicelib.runtime.errors import AppError, Conflict, NotFound, Superseded
from chalicelib.runtime.pages import Page, decode, encode
from chalicelib.runtime.store import Write


def pk(lab_id: str) -> str:
    return f"LAB#{lab_id}"


# ---- reading -------------------------------------------------------------------------------------------------------------


def load(lab_id: str, consistent: bool = False) -> Lab:
    item = store.fetch(LabItem, pk(lab_id), "LAB", consistent)
    if item is None:
        raise unknown(lab_id)
    return _lab(item)


def unknown(lab_id: str) -> NotFound:
    return NotFound(f"there is no lab '{lab_id[:40]}'", "aws-research-wizard jupyter list")


def with_machine(lab_id: str, consistent: bool = False) -> tuple[Lab, Machine | None]:
    """A lab and its machine in one read: both together stay under 4 KB, half a read unit."""
    lab, known, _ = _parts(lab_id, "MACHINE", consistent)
    return lab, known


def whole(lab_id: str) -> tuple[Lab, Machine | None, tuple[Member, ...]]:
    """A lab, its machine and its people in one read."""
    return _parts(lab_id, "MEMBER#~")


def _parts(lab_id: str, until: str, consistent: bool = False) -> tuple[Lab, Machine | None, tuple[Member, ...]]:
    items: list[Any] = list(Anything.query(pk(lab_id), Anything.sk.between("LAB", until), consistent_read=consistent))
    labs = [_lab(item) for item in items if isinstance(item, LabItem)]
    if not labs:
        raise unknown(lab_id)
    known = [machine_of(item) for item in items if isinstance(item, MachineItem)]
    return labs[0], known[0] if known else None, tuple(_member(item) for item in items if isinstance(item, MemberItem))


def many(lab_ids: Iterable[str]) -> list[Lab]:
    """Labs in the order asked for; those that are gone are left out."""
    wanted = list(dict.fromkeys(lab_ids))
    found = {item.lab_id: _lab(item) for item in LabItem.batch_get([(pk(lab_id), "LAB") for lab_id in wanted])}
    return [found[lab_id] for lab_id in wanted if lab_id in found]


def ids_of(person: str, cursor: str | None, limit: int) -> Page[str]:
    """The labs somebody owns or is a member of."""
    found = Row.by_person.query(person, limit=limit, page_size=limit, last_evaluated_key=decode(cursor, f"labs of {person}"))
    ids = tuple(row.lab_id for row in found if row.lab_id)
    return Page(ids, encode(found.last_evaluated_key, f"labs of {person}"))


def ids_of_all(cursor: str | None, limit: int) -> Page[str]:
    """All labs that are not DELETED, those in motion first."""
    found = Row.by_due.query(LABS, limit=limit, page_size=limit, last_evaluated_key=decode(cursor, "all labs"))
    ids = tuple(row.pk.removeprefix("LAB#") for row in found)
    return Page(ids, encode(found.last_evaluated_key, "all labs"))


def every() -> Iterator[Lab]:
    """All labs that are not DELETED."""
    ids = [row.pk.removeprefix("LAB#") for row in Row.by_due.query(LABS)]
    yield from many(ids)


def ids_moving() -> Iterator[str]:
    return (row.pk.removeprefix("LAB#") for row in Row.by_due.query(LABS, Row.due.startswith("0#")))


def ids_ready() -> Iterator[str]:
    return (row.pk.removeprefix("LAB#") for row in Row.by_due.query(LABS, Row.due.startswith("1#")))


def ids_to_check(now: datetime) -> Iterator[str]:
    """Running labs whose next check has come."""
    until = f"1#{now:%Y-%m-%dT%H:%M:%S}"
    return (row.pk.removeprefix("LAB#") for row in Row.by_due.query(LABS, Row.due.between("1#", until)))


def journal(lab_id: str) -> tuple[Entry, ...]:
    found = journals.lines(pk(lab_id))
    return tuple(Entry(Kind(item.kind), item.token, State(item.state), item.id or "") for item in found)


def member(lab_id: str, email: str) -> Member | None:
    item = store.fetch(MemberItem, pk(lab_id), f"MEMBER#{email}")
    return _member(item) if item else None


def members(lab_id: str, cursor: str | None = None, limit: int = 50) -> Page[Member]:
    found = MemberItem.query(
        pk(lab_id),
        MemberItem.sk.startswith("MEMBER#"),
        limit=limit,
        page_size=limit,
        last_evaluated_key=decode(cursor, f"people of {lab_id}"),
    )
    rows = tuple(_member(item) for item in found)
    return Page(rows, encode(found.last_evaluated_key, f"people of {lab_id}"))


# ---- writing -------------------------------------------------------------------------------------------------------------


def create(lab: Lab, refused: AppError) -> Write:
    item = LabItem(pk(lab.id), "LAB", **{name: value for name, value in _attributes(lab).items() if value is not None})
    return store.save(item, LabItem.pk.does_not_exist(), refused)


def change(before: Lab, after: Lab, refused: AppError | None = None, also: Condition | None = None) -> Write:
    """What differs, provided the lab is still in the phase and generation it was read in, and every audited attribute that
    changes still is what it was, or is so already: what a fact tells of before is true."""
    old, new = _attributes(before), _attributes(after)
    actions = [_action(name, value) for name, value in new.items() if value != old[name]]
    condition = _still(before) if also is None else _still(before) & also
    for name in rules.AUDITED:
        if new[name] != old[name] and name not in ("phase", "generation"):
            condition &= _is(name, old[name]) | _is(name, new[name])
    refused = refused or Conflict(f"lab {before.id} was changed by another request", "look at it again, then repeat the request")
    if not actions:
        return store.check(LabItem, pk(before.id), "LAB", condition, refused)
    return store.update(LabItem(pk(before.id), "LAB"), actions, condition, refused)


def unchanged(lab: Lab, *names: str) -> Condition:
    """These attributes of the lab are still what they were read as."""
    values = _attributes(lab)
    return reduce(and_, (_is(name, values[name]) for name in names))


def holds(lab: Lab) -> Write:
    """Refused with Superseded once the lab has moved on."""
    return store.check(LabItem, pk(lab.id), "LAB", _still(lab), moved_on(lab))


def moved_on(lab: Lab) -> Superseded:
    return Superseded(f"lab {lab.id} has moved on from {lab.phase} {lab.generation}")


def count_member(lab: Lab, by: int, most: int) -> Write:
    """Keep count of a lab's people within its bound."""
    room = (LabItem.members < most) if by > 0 else (LabItem.members > 0)
    action = LabItem.members.set(LabItem.members + by)
    refused = Conflict(f"lab {lab.id} already has {most} people", "remove somebody first", code="limit_reached")
    return store.update(LabItem(pk(lab.id), "LAB"), [action], (LabItem.phase != Phase.DELETED) & room, refused)


def add_member(who: Member, refused: AppError) -> Write:
    item = MemberItem(pk(who.lab_id), f"MEMBER#{who.email}")
    item.person, item.lab_id, item.role, item.added_at = who.email, who.lab_id, who.role, who.added_at
    return store.save(item, MemberItem.pk.does_not_exist(), refused)


def change_member(who: Member, role: str, refused: AppError) -> Write:
    """Another role, provided they still have the one they were seen in."""
    item = MemberItem(pk(who.lab_id), f"MEMBER#{who.email}")
    return store.update(item, [MemberItem.role.set(role)], MemberItem.role == who.role, refused)


def drop_member(who: Member, refused: AppError) -> Write:
    return store.delete(MemberItem(pk(who.lab_id), f"MEMBER#{who.email}"), MemberItem.role == who.role, refused)


def plan(lab: Lab, entry: parts.Entry) -> tuple[Write, ...]:
    """The intent, written before the act, by whoever may still act."""
    return holds(lab), journals.planned(pk(lab.id), entry, moved_on(lab))


def made(lab: Lab, entry: Entry) -> tuple[Write, ...]:
    """What the act brought. Superseded: the lab moved on meanwhile, and what was made must be unmade by its maker."""
    return holds(lab), noted(lab, entry)


def mark(lab: Lab, entry: Entry) -> Write:
    """REMOVED or KEPT, whoever says so."""
    return journals.marked(pk(lab.id), entry)


def noted(lab: Lab, entry: parts.Entry) -> Write:
    """A part is MADE, unless somebody took it down in the meantime. Commit it with a write that holds the lab."""
    return journals.noted(pk(lab.id), entry, moved_on(lab))


def adopted(lab: Lab, entry: Entry) -> Write:
    """A part that the journal lacked is MADE. Commit it with a write that holds the lab."""
    return journals.adopted(pk(lab.id), entry, moved_on(lab))


def never(lab_id: str) -> Write:
    """Refused once there is a lab of this id."""
    return store.check(LabItem, pk(lab_id), "LAB", LabItem.pk.does_not_exist(), Superseded(f"there is a lab {lab_id}"))


def last_look() -> str:
    """The last report on the account; "" when nobody looked yet."""
    item = store.fetch(AccountItem, "ACCOUNT", "LAST", consistent=True)
    return item.report if item else ""


def looked(report: str) -> Write:
    return store.save(AccountItem("ACCOUNT", "LAST", report=report))


# ---- items ↔ values ------------------------------------------------------------------------------------------------------

MACHINERY = ("JOURNAL#", "MACHINE", "WAIT", "WORK#")
OUTLIVING = ("LAB", "BACKUP", "RESTORE#", "DRILL#", "DECISION#")
_INTEGERS = ("users", "shared_storage_gb", "generation", "members", "notebooks")
_FIELDS = tuple(field.name for field in fields(Lab) if field.name != "id")
_BLANK: dict[str, Any] = {field.name: "" if field.default is MISSING else field.default for field in fields(Lab)}


def _attributes(lab: Lab) -> dict[str, Any]:
    """Every attribute of the lab's item; None where there is nothing to keep."""
    values: dict[str, Any] = {name: getattr(lab, name) for name in _FIELDS}
    kept = {name: None if value in ("", (), None) else value for name, value in values.items()}
    due = rules.due(lab)
    gone = {"person": None if lab.phase is Phase.DELETED else lab.owner, "due_pk": LABS if due else None, "due": due or None}
    return kept | gone | {"lab_id": lab.id, "expires": rules.expires(lab)}


def _action(name: str, value: Any) -> Action:
    attribute = getattr(LabItem, name)
    action: Action = attribute.remove() if value is None else attribute.set(value)
    return action


def _is(name: str, value: Any) -> Condition:
    attribute = getattr(LabItem, name)
    so: Condition = attribute.does_not_exist() if value is None else attribute == value
    return so


def _still(lab: Lab) -> Condition:
    still: Condition = (LabItem.phase == lab.phase) & (LabItem.generation == lab.generation)
    return still


def _lab(item: LabItem) -> Lab:
    values = {name: getattr(item, name) for name in _FIELDS}
    values |= {name: int(values[name] or 0) for name in _INTEGERS}
    filled = {name: _BLANK[name] if value is None else value for name, value in values.items()}
    return Lab(id=item.lab_id, **filled | {"phase": Phase(item.phase)})


def _member(item: MemberItem) -> Member:
    return Member(item.lab_id, item.person, item.role, item.added_at)


def forget_machinery(lab_id: str) -> None:
    """Drop what an attempt left: journal, machine, whoever waited. The lab and its people stay; twice does no harm."""
    for sk in [row.sk for row in Row.query(pk(lab_id)) if row.sk.startswith(MACHINERY)]:
        store.commit(store.delete(Row(pk(lab_id), sk)))


def forget_parts(lab_id: str) -> None:
    """Drop everything but the lab's own record (once it is DELETED), and what is known of its backups; twice does no harm."""
    for sk in [row.sk for row in Row.query(pk(lab_id)) if not row.sk.startswith(OUTLIVING)]:
        store.commit(store.delete(Row(pk(lab_id), sk)))
