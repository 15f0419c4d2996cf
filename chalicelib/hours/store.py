"""How is a timetable kept? One item in its lab's partition of the labs table, which goes with the lab; and one for each team's.

    LAB#<id>     HOURS   the timetable, and what it does next     by_due ("hours", the next moment)
    TEAM#<name>  HOURS   what the team's labs keep that have none of their own

Keeps true: each change names the version it was decided on, so that of two runs that race for one moment only one acts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.hours.rules import Kind, Plan, Timetable
from chalicelib.runtime import store
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import AppError, Superseded
from chalicelib.runtime.store import Item, Write

DUE = "hours"


class ByDue(GlobalSecondaryIndex["HoursItem"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_due"
        projection = KeysOnlyProjection()

    due_pk = UnicodeAttribute(hash_key=True)
    due = UnicodeAttribute(range_key=True)


class HoursItem(Item):
    lab_id = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)
    version = NumberAttribute(default=0)
    said = UnicodeAttribute(null=True)
    by_due = ByDue()


store.bind(HoursItem, "labs")


class Hours(NamedTuple):
    """A lab's timetable and what it does next; `by` who set it, `team` whose it is when it is not the lab's own."""

    lab_id: str
    table: Timetable
    plan: Plan
    by: str
    set_at: datetime
    version: int = 0
    team: str = ""


class OfTeam(NamedTuple):
    """A team's timetable; `by` who set it."""

    team: str
    table: Timetable
    by: str
    set_at: datetime
    version: int = 0


def load(lab_id: str) -> Hours | None:
    item = store.fetch(HoursItem, f"LAB#{lab_id}", "HOURS", consistent=True)
    return _hours(item) if item else None


def of_team(team: str) -> OfTeam | None:
    item = store.fetch(HoursItem, f"TEAM#{team}", "HOURS", consistent=True)
    if item is None:
        return None
    said = json.loads(item.said)
    return OfTeam(team, table_of(said["table"]), said["by"], parse_iso(said["set_at"]), int(item.version))


def keep_of_team(before: OfTeam | None, after: OfTeam) -> Write:
    """Superseded when somebody else changed it in the meantime."""
    said = {"table": table_row(after.table), "by": after.by, "set_at": iso(after.set_at)}
    item = HoursItem(f"TEAM#{after.team}", "HOURS", version=after.version, said=json.dumps(said, separators=(",", ":")))
    return store.save(item, _still(before), _raced(after.team))


def drop_of_team(known: OfTeam) -> Write:
    return store.delete(HoursItem(f"TEAM#{known.team}", "HOURS"), _still(known), _raced(known.team))


def due(now: datetime) -> Iterator[str]:
    """The labs whose timetable has a moment that has come."""
    found = HoursItem.by_due.query(DUE, HoursItem.due <= f"{iso(now)}~")
    return (row.pk.removeprefix("LAB#") for row in found)


def keep(before: Hours | None, after: Hours) -> Write:
    """Superseded when somebody else changed it in the meantime."""
    said = {"table": table_row(after.table), "plan": _plan_row(after.plan), "by": after.by, "set_at": iso(after.set_at)}
    said |= {"team": after.team} if after.team else {}
    moments = [after.plan.due(kind, after.table.notice) for kind in Kind]
    next_ = min((one for one in moments if one), default=None)
    item = HoursItem(f"LAB#{after.lab_id}", "HOURS", lab_id=after.lab_id, version=after.version)
    item.said = json.dumps(said, separators=(",", ":"))
    if next_:
        item.due_pk, item.due = DUE, f"{iso(next_)}#{after.lab_id}"
    return store.save(item, _still(before), _raced(after.lab_id))


def drop(known: Hours, refused: AppError) -> Write:
    return store.delete(HoursItem(f"LAB#{known.lab_id}", "HOURS"), _still(known), refused)


def _still(before: Hours | OfTeam | None) -> Condition:
    return (HoursItem.version == before.version) if before else HoursItem.pk.does_not_exist()


def _raced(whose: str) -> Superseded:
    return Superseded(f"the timetable of {whose} was changed by another request", "look at it again")


# ---- items ↔ values ------------------------------------------------------------------------------------------------------


def table_row(table: Timetable) -> dict[str, Any]:
    return {
        "zone": table.zone,
        "stop": f"{table.stop:%H:%M}" if table.stop else "",
        "start": f"{table.start:%H:%M}" if table.start else "",
        "days": list(table.days),
        "holidays": [one.isoformat() for one in table.holidays],
        "grace": table.grace_minutes,
        "notice": table.notice_minutes,
    }


def table_of(row: dict[str, Any]) -> Timetable:
    return Timetable(
        row["zone"],
        time.fromisoformat(row["stop"]) if row["stop"] else None,
        time.fromisoformat(row["start"]) if row["start"] else None,
        tuple(row["days"]),
        tuple(date.fromisoformat(one) for one in row["holidays"]),
        row["grace"],
        row["notice"],
    )


def _plan_row(plan: Plan) -> dict[str, Any]:
    moments = {"stop_at": plan.stop_at, "start_at": plan.start_at, "look_at": plan.look_at}
    return {"told": plan.told, **{name: iso(one) if one else "" for name, one in moments.items()}}


def _hours(item: HoursItem) -> Hours:
    said = json.loads(item.said)
    table, plan = table_of(said["table"]), said["plan"]
    moments = {name: parse_iso(plan[name]) if plan[name] else None for name in ("stop_at", "start_at", "look_at")}
    next_ = Plan(moments["stop_at"], plan["told"], moments["start_at"], moments["look_at"])
    whose = item.pk.removeprefix("LAB#")
    return Hours(whose, table, next_, said["by"], parse_iso(said["set_at"]), int(item.version), said.get("team", ""))
