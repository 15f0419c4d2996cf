"""When is a lab's timetable looked at next, and who knows? Its schedules, the note for people who wait for vCPUs, and its facts.

Keeps true: a schedule is only set after the item says what comes next; one that cannot be set is left to the sweep.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.hours import rules, scheduler
from chalicelib.hours.rules import Kind, Plan, Timetable
from chalicelib.hours.store import Hours
from chalicelib.labs.rules import Lab
from chalicelib.limits import service as limits
from chalicelib.runtime.errors import AppError
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import Write, commit

WIZARD = "aws-research-wizard"
WHY = "its timetable stops it"


def arm(hours: Hours, lab: Lab, now: datetime) -> None:
    """Each kind's schedule at its next moment. One that cannot be set is left to the sweep."""
    for kind in Kind:
        at = hours.plan.due(kind, hours.table.notice)
        try:
            scheduler.put(lab.id, kind, at, now) if at else scheduler.remove(lab.id, kind)
        except ClientError:
            logger().exception("a schedule could not be set", lab_id=lab.id, kind=kind)
    note(lab, hours.plan)


def note(lab: Lab, plan: Plan | None) -> None:
    """People who wait for vCPUs see when this lab gives them back; a lab that holds none has nothing to note."""
    at = plan.stop_at if plan else None
    try:
        commit(limits.note_frees(lab.team, lab.id, at, WHY if at else ""))
    except AppError:
        return


def forget(lab_id: str) -> None:
    """The lab, or its timetable, is gone: so are its schedules. Twice does no harm."""
    for kind in Kind:
        scheduler.remove(lab_id, kind)


def words(table: Timetable) -> str:
    parts = [f"{word} {at:%H:%M}" for word, at in (("stop", table.stop), ("start", table.start)) if at]
    more = f", {len(table.holidays)} holidays" if table.holidays else ""
    grace = f", waits up to {table.grace_minutes} min" if table.grace_minutes else ""
    return f"{', '.join(parts)} {table.zone} {rules.written_days(table.days)}{more}{grace}"


def fact(
    name: str, lab_id: str, now: datetime, by: str = WIZARD, request: str = "", changes: Any = None, **data: object
) -> Write:
    return record(Fact(name, lab_id, data, now, by, request or f"hours-{lab_id}", changes=changes or {}))
