"""What a lab's timetable does when its moment comes: tell, wait, stop, start, or put it off.

    decide (pure) → one transaction: HOURS at its version · the fact · the lab, when it stops or starts → schedules

Keeps true: a moment is acted on once, however many schedules and sweeps see it; a timetable never starts a lab that its team's
budget or quota refuses; what was missed is made up for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from chalicelib.hours import arming, rules, store
from chalicelib.hours.arming import fact
from chalicelib.hours.rules import Act, Standing, Step
from chalicelib.hours.store import Hours
from chalicelib.idle import service as idling
from chalicelib.idle.grounds import State
from chalicelib.idle.signs import Verdict, look
from chalicelib.labs import service as labs
from chalicelib.labs.machines import Machine, Notice
from chalicelib.labs.rules import MOVING, Lab, Phase
from chalicelib.runtime.clock import iso
from chalicelib.runtime.errors import AppError, LimitReached, NotFound, Superseded
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import Write, commit

KEEP = "To keep it running: aws-research-wizard jupyter extend {lab} --for 2h"
HINT = "start it whenever you need it: aws-research-wizard jupyter start {lab}"
GONE = (Phase.DELETING, Phase.DELETED)


@dataclass
class Swept:
    """What a sweep did, for the log."""

    due: int = 0
    troubled: int = 0


@dataclass(frozen=True)
class Case:
    """One lab and its timetable, as they were read for a decision."""

    known: Hours
    lab: Lab
    machine: Machine | None
    now: datetime

    def step(self, working: bool | None) -> Step:
        """What the timetable says now of a lab in which something works, or not, or nobody knows."""
        kept = idling.kept_until(self.lab.id)
        return rules.decide(self.known.table, self.known.plan, standing(self.lab), working, self.now, kept)

    def carry_out(self, step: Step) -> None:
        after = self.known._replace(plan=step.plan, version=self.known.version + 1)
        ACTS[step.act](self.lab, step, store.keep(self.known, after), self.now)
        arming.arm(after, self.lab, self.now)
        logger().info("timetable", lab_id=self.lab.id, act=step.act, reason=step.reason)


# ---- when it comes -----------------------------------------------------------------------------------------------------------


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
    case = _case(lab_id, now)
    if case is None:
        return None
    step = case.step(busy(case.lab, case.machine, now))
    case.carry_out(step)
    return step


def put_off(lab_id: str, now: datetime) -> None:
    """Somebody asked to keep the lab running: a stop that people were told of is put off at once. Everything else waits for its
    moment."""
    case = _case(lab_id, now)
    if case is None or not case.known.plan.told:
        return
    step = case.step(True)
    if step.act is Act.PUT_OFF:
        case.carry_out(step)


def _case(lab_id: str, now: datetime) -> Case | None:
    """None: it has no timetable (any more), or it is gone and its timetable goes, too."""
    known = store.load(lab_id)
    if known is None:
        return None
    try:
        lab, machine = labs.with_machine(lab_id, consistent=True)
    except NotFound:
        commit(store.drop(known, Superseded("it is gone")))
        arming.forget(lab_id)
        return None
    return Case(known, lab, machine, now)


def standing(lab: Lab) -> Standing:
    if lab.phase is Phase.READY:
        return Standing.RUNS
    if lab.phase in GONE or (lab.phase is Phase.FAILED and not lab.opened):  # one that never came to be is not started either
        return Standing.GONE
    return Standing.MOVES if lab.phase in MOVING else Standing.RESTS


def busy(lab: Lab, machine: Machine | None, now: datetime) -> bool | None:
    """Does something work in it? A person who was there a moment ago is no work. None: not known."""
    if lab.phase is not Phase.READY:
        return False
    seen = look(idling.evidence_of(machine), idling.policy_of(lab), State(since=lab.ready_at or lab.changed_at), now)
    if seen.verdict is Verdict.UNKNOWN:
        return None
    return seen.verdict is Verdict.BUSY and seen.rule != "recent"


# ---- acts --------------------------------------------------------------------------------------------------------------------


def _note_only(_lab: Lab, _step: Step, kept: Write, _now: datetime) -> None:
    commit(kept)


def _tell(lab: Lab, step: Step, kept: Write, now: datetime) -> None:
    at = step.plan.stop_at or now
    minutes = max(1, round((at - now).total_seconds() / 60))
    words = f"This lab's timetable stops it in {minutes} minutes. Save your work; files are kept. {KEEP.format(lab=lab.id)}"
    notice = Notice("hours", at, words, now)
    told = fact("LabHoursStopping", lab.id, now, deadline=iso(at), minutes=minutes)
    commit(kept, *labs.give_notice(lab, notice), told)


def _put_off(lab: Lab, step: Step, kept: Write, now: datetime) -> None:
    told = fact("LabHoursPutOff", lab.id, now, reason=step.reason)
    commit(kept, *labs.give_notice(lab, None), told)


def _wait(lab: Lab, step: Step, kept: Write, now: datetime) -> None:
    look_at = step.plan.look_at
    commit(kept, fact("LabHoursWaiting", lab.id, now, reason=step.reason, until=iso(look_at) if look_at else ""))


def _stop(lab: Lab, step: Step, kept: Write, now: datetime) -> None:
    told = fact("LabHoursStopped", lab.id, now, reason=step.reason)
    labs.stop_by_rule(lab.id, now, step.reason, HINT.format(lab=lab.id), (kept, told), None)


def _start(lab: Lab, step: Step, kept: Write, now: datetime) -> None:
    """A team that may not have it now is told why; the next start is tried again."""
    try:
        labs.start_by_rule(lab.id, now, (kept, fact("LabHoursStarted", lab.id, now, reason=step.reason)))
    except LimitReached as error:
        commit(kept, fact("LabHoursRefused", lab.id, now, cause=error.message, hint=error.hint))


ACTS: dict[Act, Callable[[Lab, Step, Write, datetime], None]] = {
    Act.NOTHING: _note_only,
    Act.SKIP: _note_only,
    Act.TELL: _tell,
    Act.PUT_OFF: _put_off,
    Act.WAIT: _wait,
    Act.STOP: _stop,
    Act.START: _start,
}
