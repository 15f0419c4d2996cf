"""The verbs of a timetable, a lab's or a team's: set it, show it, take it away; let a team's labs keep it.

What it does when its moment comes is in `moments`. Keeps true: a lab that has hours of its own keeps those; every other one keeps
its team's, also those that are made later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.hours import moments, rules, store
from chalicelib.hours.arming import WIZARD, arm, fact, forget, note, words
from chalicelib.hours.moments import GONE
from chalicelib.hours.rules import Timetable
from chalicelib.hours.store import Hours, OfTeam
from chalicelib.labs import service as labs
from chalicelib.labs.rules import Lab
from chalicelib.labs.service import Asking
from chalicelib.limits import service as limits
from chalicelib.people.rules import Action, Principal
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import AppError, Conflict, NotFound, Superseded
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.store import Write, commit

# ---- people's verbs --------------------------------------------------------------------------------------------------------


def put(lab_id: str, table: Timetable, asking: Asking) -> Hours:
    """Set a lab's timetable; its first moment is the next one from now."""
    lab = labs.visible(asking.who, lab_id, Action.CHANGE_LAB).lab
    if lab.phase in GONE:
        raise Conflict(f"lab {lab.id} is {lab.phase}", "it is gone: deploy a new one")
    before, checked = store.load(lab.id), rules.checked(table)
    version = before.version + 1 if before else 1
    after = Hours(lab.id, checked, rules.planned(checked, asking.now), asking.who.email, asking.now, version)
    changes = {"hours": (words(before.table) if before else None, words(checked))}
    told = fact("LabHoursSet", lab.id, asking.now, asking.who.email, asking.correlation_id, changes, hours=words(checked))
    commit(*remembered(asking.request_key, {"lab_id": lab.id}), store.keep(before, after), told)
    arm(after, lab, asking.now)
    return after


def take_away(lab_id: str, asking: Asking) -> None:
    lab = labs.visible(asking.who, lab_id, Action.CHANGE_LAB).lab
    known = store.load(lab.id)
    if known is None:
        raise _none(lab.id)
    if known.team:
        hint = f"aws-research-wizard jupyter hours --team {known.team} --off, or give the lab hours of its own"
        raise Conflict(f"lab {lab.id} keeps the hours of the team {known.team}", hint)
    raced = Conflict(f"the timetable of {lab.id} was changed by another request", "look at it again")
    kept = remembered(asking.request_key, {"status": 204})
    _dropped(lab, known, raced, asking.now, asking.who.email, asking.correlation_id, *kept)
    keep_the_teams(lab.id, asking.now)


def _dropped(lab: Lab, known: Hours, raced: AppError, now: datetime, by: str, request: str, *also: Write) -> None:
    changes = {"hours": (words(known.table), None)}
    commit(*also, store.drop(known, raced), fact("LabHoursSet", lab.id, now, by, request, changes, hours=""))
    forget(lab.id)
    note(lab, None)


def of(who: Principal, lab_id: str) -> Hours:
    """A lab's timetable. NotFound when it has none."""
    lab = labs.visible(who, lab_id).lab
    known = store.load(lab.id)
    if known is None:
        raise _none(lab.id)
    return known


def _none(lab_id: str) -> NotFound:
    hint = f'set one: aws-research-wizard jupyter hours {lab_id} --stop "19:00" --start "08:00" --tz Europe/Berlin --days mon-fri'
    return NotFound(f"lab {lab_id} has no timetable", hint, code="no_hours")


# ---- a team's --------------------------------------------------------------------------------------------------------------


def put_for_team(team: str, table: Timetable, asking: Asking) -> OfTeam:
    """The timetable of all its labs that have none of their own, those to come included."""
    before, checked = store.of_team(team), rules.checked(table)
    after = OfTeam(team, checked, asking.who.email, asking.now, before.version + 1 if before else 1)
    kept = remembered(asking.request_key, {"team": team})
    told = _team_told(team, before, after, asking.now, asking.who.email, asking.correlation_id)
    commit(*kept, store.keep_of_team(before, after), told)
    return after


def take_from_team(team: str, asking: Asking) -> None:
    """Its labs keep no hours any more, but those that have their own."""
    before = team_hours(team)
    told = _team_told(team, before, None, asking.now, asking.who.email, asking.correlation_id)
    commit(*remembered(asking.request_key, {"status": 204}), store.drop_of_team(before), told)


def team_hours(team: str) -> OfTeam:
    """NotFound when it has none."""
    known = store.of_team(team)
    if known is None:
        hint = f'set one: aws-research-wizard jupyter hours --team {team} --stop "19:00" --tz Europe/Berlin --days mon-fri'
        raise NotFound(f"the team {team} has no timetable", hint, code="no_hours")
    return known


def _team_told(team: str, before: OfTeam | None, after: OfTeam | None, now: datetime, by: str, request: str) -> Write:
    was, is_now = (words(one.table) if one else None for one in (before, after))
    data, changes = {"team": team, "hours": is_now or ""}, {"hours": (was, is_now)}
    return fact("TeamHoursSet", limits.subject(team), now, by, request, changes, **data)


def keep_the_teams(lab_id: str, now: datetime) -> None:
    """A lab that has no timetable of its own keeps its team's as it is now. Said twice it is done once."""
    lab, known = labs.as_it_is(lab_id), store.load(lab_id)
    if lab.phase in GONE or (known and not known.team):
        return
    wanted = store.of_team(lab.team)
    if wanted is None:
        if known:
            _dropped(lab, known, Superseded("it was changed meanwhile"), now, WIZARD, f"hours-{lab_id}")
    elif known is None or (known.table, known.by) != (wanted.table, wanted.by):
        plan, version = rules.planned(wanted.table, now), known.version + 1 if known else 1
        after = Hours(lab_id, wanted.table, plan, wanted.by, wanted.set_at, version, lab.team)
        changes = {"hours": (words(known.table) if known else None, words(wanted.table))}
        commit(store.keep(known, after), fact("LabHoursSet", lab_id, now, WIZARD, "", changes, hours=words(wanted.table)))
        arm(after, lab, now)


def heard(name: str, subject: str, data: dict[str, Any], now: datetime) -> None:
    """A lab was deleted, runs again, or is to be kept running; a team's timetable is another one. May be told twice, late and
    in any order."""
    if name == "LabDeleted":
        forget(subject)
    elif name in ("LabExtended", "LabExempted"):
        moments.put_off(subject, now)
    elif name == "TeamHoursSet":
        _spread(str(data["team"]), now)
    else:
        keep_the_teams(subject, now)
        known = store.load(subject)
        if known is not None:
            note(labs.as_it_is(subject), known.plan)


def _spread(team: str, now: datetime) -> None:
    """To all its labs: one that cannot be reached keeps no other from it, and is told again."""
    failed: list[AppError | ClientError] = []
    for lab_id in sorted(limits.reserved_labs(team)):
        try:
            keep_the_teams(lab_id, now)
        except NotFound:
            continue
        except (AppError, ClientError) as error:
            failed.append(error)
    if failed:
        raise failed[0]


# ---- kept outside of the tables, and taken in from there -------------------------------------------------------------------


def written(teams: Iterable[str], lab_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The timetables of these teams, and of these labs their own, as plain values. What comes next is worked out anew."""
    for known in map(store.of_team, teams):
        if known:
            yield {"team": known.team, **_plain(known)}
    for own in map(store.load, lab_ids):
        if own and not own.team:
            yield {"lab_id": own.lab_id, **_plain(own)}


def _plain(known: Hours | OfTeam) -> dict[str, Any]:
    return {"table": store.table_row(known.table), "by": known.by, "set_at": iso(known.set_at)}


def take_in(value: Mapping[str, Any], now: datetime, by: str, request: str) -> bool:
    """A timetable as it was; False when another one was set here already. NotFound for a lab that is not here."""
    table, set_at = store.table_of(value["table"]), parse_iso(value["set_at"])
    if "team" in value:
        return _team_taken_in(OfTeam(str(value["team"]), table, str(value["by"]), set_at, 1), now, by, request)
    lab = labs.as_it_is(str(value["lab_id"]))
    known = store.load(lab.id)
    if lab.phase in GONE or (known and not known.team):
        return False
    after = Hours(lab.id, table, rules.planned(table, now), str(value["by"]), set_at, known.version + 1 if known else 1)
    changes = {"hours": (words(known.table) if known else None, words(table))}
    commit(store.keep(known, after), fact("LabHoursSet", lab.id, now, by, request, changes, hours=words(table)))
    arm(after, lab, now)
    return True


def _team_taken_in(wanted: OfTeam, now: datetime, by: str, request: str) -> bool:
    if store.of_team(wanted.team) is not None:
        return False
    commit(store.keep_of_team(None, wanted), _team_told(wanted.team, None, wanted, now, by, request))
    return True
