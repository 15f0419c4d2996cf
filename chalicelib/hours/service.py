"""The verbs of a timetable, a lab's or a team's: set it, show it, take it away, and do what it says when its moment comes.

    decide (pure) → one transaction: HOURS at its version · the fact · the lab, when it stops or starts → schedules

Keeps true: a moment is acted on once, however many schedules and sweeps see it; a timetable never starts a lab that its team's
budget or quota refuses; what was missed is made up for. Schedules are only set after the item says what comes next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.hours import rules, scheduler, store
from chalicelib.hours.rules import Act, Kind, Plan, Standing, Step, Timetable
from chalicelib.hours.store import Hours, OfTeam
from chalicelib.idle import rules as idle
from chalicelib.idle import service as idling
from chalicelib.labs import service as labs
from chalicelib.labs.machines import Machine, Notice
from chalicelib.labs.rules import MOVING, Lab, Phase
from chalicelib.labs.service import Asking
from chalicelib.labs.starting import start_by_rule
from chalicelib.limits import service as limits
from chalicelib.people.rules import Action, Principal
from chalicelib.runtime.clock import iso
from chalicelib.runtime.errors import AppError, Conflict, LimitReached, NotFound, Superseded
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.log import logger
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.store import Write, commit

WIZARD = "aws-research-wizard"
WHY = "its timetable stops it"
KEEP = "To keep it running: aws-research-wizard jupyter extend {lab} --for 2h"
HINT = "start it whenever you need it: aws-research-wizard jupyter start {lab}"
GONE = (Phase.DELETING, Phase.DELETED)


@dataclass
class Swept:
    """What a sweep did, for the log."""

    due: int = 0
    troubled: int = 0


# ---- people's verbs --------------------------------------------------------------------------------------------------------


def put(lab_id: str, table: Timetable, asking: Asking) -> Hours:
    """Set a lab's timetable; its first moment is the next one from now."""
    lab = labs.visible(asking.who, lab_id, Action.CHANGE_LAB).lab
    if lab.phase in GONE:
        raise Conflict(f"lab {lab.id} is {lab.phase}", "it is gone: deploy a new one")
    before, checked = store.load(lab.id), rules.checked(table)
    version = before.version + 1 if before else 1
    after = Hours(lab.id, checked, rules.planned(checked, asking.now), asking.who.email, asking.now, version)
    changes = {"hours": (_words(before.table) if before else None, _words(checked))}
    told = _fact("LabHoursSet", lab.id, asking.now, asking.who.email, asking.correlation_id, changes, hours=_words(checked))
    commit(*remembered(asking.request_key, {"lab_id": lab.id}), store.keep(before, after), told)
    _arm(after, lab, asking.now)
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
    changes = {"hours": (_words(known.table), None)}
    commit(*also, store.drop(known, raced), _fact("LabHoursSet", lab.id, now, by, request, changes, hours=""))
    forget(lab.id)
    _note(lab, None)


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
    commit(*kept, store.keep_of_team(before, after), _team_told(team, before, after, asking))
    return after


def take_from_team(team: str, asking: Asking) -> None:
    """Its labs keep no hours any more, but those that have their own."""
    before = team_hours(team)
    told = _team_told(team, before, None, asking)
    commit(*remembered(asking.request_key, {"status": 204}), store.drop_of_team(before), told)


def team_hours(team: str) -> OfTeam:
    """NotFound when it has none."""
    known = store.of_team(team)
    if known is None:
        hint = f'set one: aws-research-wizard jupyter hours --team {team} --stop "19:00" --tz Europe/Berlin --days mon-fri'
        raise NotFound(f"the team {team} has no timetable", hint, code="no_hours")
    return known


def _team_told(team: str, before: OfTeam | None, after: OfTeam | None, asking: Asking) -> Write:
    was, is_now = (_words(one.table) if one else None for one in (before, after))
    data, changes = {"team": team, "hours": is_now or ""}, {"hours": (was, is_now)}
    subject, by = limits.subject(team), asking.who.email
    return _fact("TeamHoursSet", subject, asking.now, by, asking.correlation_id, changes, **data)


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
        changes = {"hours": (_words(known.table) if known else None, _words(wanted.table))}
        commit(store.keep(known, after), _fact("LabHoursSet", lab_id, now, WIZARD, "", changes, hours=_words(wanted.table)))
        _arm(after, lab, now)


# ---- its moments -----------------------------------------------------------------------------------------------------------


def sweep(now: datetime) -> Swept:
    """Whatever is due, and was not seen to by its schedule."""
    done = Swept()
    for lab_id in list(store.due(now)):
        done.due += 1
        done.troubled += not _patiently(lab_id, now)
    return done


def _patiently(lab_id: str, now: datetime) -> bool:
    try:
        run(lab_id, now)
    except Superseded:
        return True  # somebody else saw to it
    except (AppError, ClientError):
        logger().exception("a timetable could not be carried out", lab_id=lab_id)
        return False
    return True


def run(lab_id: str, now: datetime) -> Step | None:
    """Do what the lab's timetable says now. None: it has none (any more). Superseded: another run was faster."""
    known = store.load(lab_id)
    if known is None:
        return None
    try:
        lab, machine = labs.with_machine(lab_id, consistent=True)
    except NotFound:
        commit(store.drop(known, Superseded("it is gone")))
        forget(lab_id)
        return None
    step = rules.decide(known.table, known.plan, standing(lab), busy(lab, machine, now), now, idling.kept_until(lab_id))
    _do(known, lab, machine, step, now)
    return step


def _do(known: Hours, lab: Lab, machine: Machine | None, step: Step, now: datetime) -> None:
    after = known._replace(plan=step.plan, version=known.version + 1)
    ACTS[step.act](lab, machine, step, store.keep(known, after), now)
    _arm(after, lab, now)
    logger().info("timetable", lab_id=lab.id, act=step.act, reason=step.reason)


def put_off(lab_id: str, now: datetime) -> None:
    """Somebody asked to keep the lab running: a stop that people were told of is put off at once. Everything else waits for its
    moment."""
    known = store.load(lab_id)
    if known is None or not known.plan.told:
        return
    lab, machine = labs.with_machine(lab_id, consistent=True)
    step = rules.decide(known.table, known.plan, standing(lab), True, now, idling.kept_until(lab_id))
    if step.act is Act.PUT_OFF:
        _do(known, lab, machine, step, now)


def standing(lab: Lab) -> Standing:
    if lab.phase is Phase.READY:
        return Standing.RUNS
    if lab.phase in GONE:
        return Standing.GONE
    return Standing.MOVES if lab.phase in MOVING else Standing.RESTS


def busy(lab: Lab, machine: Machine | None, now: datetime) -> bool | None:
    """Does something work in it? A person who was there a moment ago is no work. None: not known."""
    if lab.phase is not Phase.READY:
        return False
    seen = idle.look(idling.evidence_of(machine), idling.policy_of(lab), idle.State(since=lab.ready_at or lab.changed_at), now)
    if seen.verdict is idle.Verdict.UNKNOWN:
        return None
    return seen.verdict is idle.Verdict.BUSY and seen.rule != "recent"


def _note_only(_lab: Lab, _machine: Machine | None, _step: Step, kept: Write, _now: datetime) -> None:
    commit(kept)


def _tell(lab: Lab, _machine: Machine | None, step: Step, kept: Write, now: datetime) -> None:
    at = step.plan.stop_at or now
    minutes = max(1, round((at - now).total_seconds() / 60))
    words = f"This lab's timetable stops it in {minutes} minutes. Save your work; files are kept. {KEEP.format(lab=lab.id)}"
    notice = Notice("hours", at, words, now)
    told = _fact("LabHoursStopping", lab.id, now, deadline=iso(at), minutes=minutes)
    commit(kept, *labs.give_notice(lab, notice), told)


def _put_off(lab: Lab, _machine: Machine | None, step: Step, kept: Write, now: datetime) -> None:
    told = _fact("LabHoursPutOff", lab.id, now, reason=step.reason)
    commit(kept, *labs.give_notice(lab, None), told)


def _wait(lab: Lab, _machine: Machine | None, step: Step, kept: Write, now: datetime) -> None:
    look_at = step.plan.look_at
    commit(kept, _fact("LabHoursWaiting", lab.id, now, reason=step.reason, until=iso(look_at) if look_at else ""))


def _stop(lab: Lab, _machine: Machine | None, step: Step, kept: Write, now: datetime) -> None:
    told = _fact("LabHoursStopped", lab.id, now, reason=step.reason)
    labs.stop_by_rule(lab.id, now, step.reason, HINT.format(lab=lab.id), (kept, told), None)


def _start(lab: Lab, _machine: Machine | None, step: Step, kept: Write, now: datetime) -> None:
    """A team that may not have it now is told why; the next start is tried again."""
    try:
        start_by_rule(lab.id, now, (kept, _fact("LabHoursStarted", lab.id, now, reason=step.reason)))
    except LimitReached as error:
        commit(kept, _fact("LabHoursRefused", lab.id, now, cause=error.message, hint=error.hint))


ACTS: dict[Act, Callable[[Lab, Machine | None, Step, Write, datetime], None]] = {
    Act.NOTHING: _note_only,
    Act.SKIP: _note_only,
    Act.TELL: _tell,
    Act.PUT_OFF: _put_off,
    Act.WAIT: _wait,
    Act.STOP: _stop,
    Act.START: _start,
}


# ---- schedules -------------------------------------------------------------------------------------------------------------


def _arm(hours: Hours, lab: Lab, now: datetime) -> None:
    """Each kind's schedule at its next moment. One that cannot be set is left to the sweep."""
    for kind in Kind:
        at = hours.plan.due(kind, hours.table.notice)
        try:
            scheduler.put(lab.id, kind, at, now) if at else scheduler.remove(lab.id, kind)
        except ClientError:
            logger().exception("a schedule could not be set", lab_id=lab.id, kind=kind)
    _note(lab, hours.plan)


def _note(lab: Lab, plan: Plan | None) -> None:
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


def heard(name: str, subject: str, data: dict[str, Any], now: datetime) -> None:
    """A lab was deleted, runs again, or is to be kept running; a team's timetable is another one. May be told twice, late and
    in any order."""
    if name == "LabDeleted":
        forget(subject)
    elif name in ("LabExtended", "LabExempted"):
        put_off(subject, now)
    elif name == "TeamHoursSet":
        _spread(str(data["team"]), now)
    else:
        keep_the_teams(subject, now)
        known = store.load(subject)
        if known is not None:
            _note(labs.as_it_is(subject), known.plan)


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


# ---- words -----------------------------------------------------------------------------------------------------------------


def _words(table: Timetable) -> str:
    parts = [f"{word} {at:%H:%M}" for word, at in (("stop", table.stop), ("start", table.start)) if at]
    more = f", {len(table.holidays)} holidays" if table.holidays else ""
    grace = f", waits up to {table.grace_minutes} min" if table.grace_minutes else ""
    return f"{', '.join(parts)} {table.zone} {rules.written_days(table.days)}{more}{grace}"


def _fact(
    name: str, lab_id: str, now: datetime, by: str = WIZARD, request: str = "", changes: Any = None, **data: object
) -> Write:
    return record(Fact(name, lab_id, data, now, by, request or f"hours-{lab_id}", changes=changes or {}))
