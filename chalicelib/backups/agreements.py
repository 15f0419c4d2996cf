"""What people agreed on, beyond who they are and which labs they have: how is it kept outside of the tables, and taken in again?

    terms        a team's quotas and budget, and what its labs had cost this month
    hours        timetables, of teams and of labs
    keys         wake keys, by their hashes
    exemptions   labs that are not to be stopped as idle

Each slice writes and takes in its own; here they are one list, a line each. Keeps true: what is agreed here already is left as it
is; what belongs to a lab that is not here yet is taken in when asked again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from chalicelib.hours import service as hours
from chalicelib.idle import service as idle
from chalicelib.limits import service as limits
from chalicelib.runtime.errors import Conflict, NotFound, Superseded
from chalicelib.wake import service as wake

Value = dict[str, Any]


def written(people: Iterable[Mapping[str, Any]], labs: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[Value]:
    """Of the teams and labs that these people and labs name."""
    lab_ids = [str(lab["id"]) for lab in labs]
    teams = sorted({str(lab["team"]) for lab in labs} | {team for one in people for team in one["teams"]})
    lists = {
        "terms": limits.written(teams, now),
        "hours": hours.written(teams, lab_ids),
        "keys": wake.written(lab_ids),
        "exemptions": idle.written(lab_ids),
    }
    return ({"kind": kind, **value} for kind, values in lists.items() for value in values)


def take_in(values: Iterable[Mapping[str, Any]], place: str, now: datetime, by: str, request: str) -> dict[str, int]:
    """What was added, what was known, and what waits for its lab. `place`: where they were agreed on."""
    counted = Counter(added=0, known=0, waiting=0)
    for value in values:
        try:
            counted["added" if _taken_in(value, place, now, by, request) else "known"] += 1
        except NotFound:
            counted["waiting"] += 1
        except (Conflict, Superseded):
            counted["known"] += 1  # somebody else agreed on it in this moment
    return dict(counted)


def _taken_in(value: Mapping[str, Any], place: str, now: datetime, by: str, request: str) -> bool:
    match value["kind"]:
        case "terms":
            return limits.take_in(value, place, now, by, request)
        case "hours":
            return hours.take_in(value, now, by, request)
        case "keys":
            return wake.take_in(value, now, by, request)
        case "exemptions":
            return idle.take_in(value, now, by, request)
        case kind:
            raise Conflict(f"'{kind}' is nothing that this release knows")
