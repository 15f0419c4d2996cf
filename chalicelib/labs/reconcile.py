"""Does what the table says of the labs still hold? Called by news from EC2 and Step Functions, and by a timer.

Keeps true: after faults end, every lab in motion comes to rest, a running lab whose machine is gone says so, and no machine
runs that no lab knows. Each verdict is pure (`remedies.judge`); acting on it twice is the same as once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.images import rules as rules_of_images
from chalicelib.images import service as images
from chalicelib.labs import account, ec2, equipping, machine_store, remedies, store, teardown, work
from chalicelib.labs.power import FILES_KEPT, LOST, answer
from chalicelib.labs.provisioning import fact, patience, point_name
from chalicelib.labs.remedies import Execution, Remedy
from chalicelib.labs.rules import MOVING, WORKFLOWS, Command, Lab, MachineGone, Phase, settle
from chalicelib.limits import service as limits
from chalicelib.runtime import settings, workflows
from chalicelib.runtime.clock import iso
from chalicelib.runtime.errors import AppError, MachineFailed, NotFound
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import commit

STOPPED_OUTSIDE = "the machine was stopped outside the wizard"
BILLED, UNBILLED = ("running",), ("stopping", "shutting-down")  # the news by which EC2 begins and ceases to charge a machine
SETTLED = timedelta(minutes=2)  # so long after a command EC2 shows no older view: what it says counts even without news of it


@dataclass
class Sweep:
    """What a sweep did, for the log."""

    moving: int = 0
    checked: int = 0
    orphans: int = 0
    bakes: int = 0


def sweep(now: datetime) -> Sweep:
    """Labs in motion whose workflow ended · running labs whose check has come or whose machine died · machines without a lab."""
    done = Sweep()
    for lab_id in list(store.ids_moving()):
        done.moving += _patiently(lab_id, lambda lab: mend(lab, now))
    machines = ec2.all_machines()
    dead = {one.id: one.lab_id for one in machines if one.lab_id and not one.alive}
    robbed = [lab.id for lab in store.many(dead.values()) if lab.phase is Phase.READY and lab.instance_id in dead]
    for lab_id in sorted({*store.ids_to_check(now), *robbed}):
        done.checked += _patiently(lab_id, lambda lab: check(lab, now))
    done.orphans = account.end_machines(machines, now)
    done.bakes = images.tend(now, machines)
    return done


def _patiently(lab_id: str, act: Callable[[Lab], None]) -> int:
    """One lab's trouble must not keep the others from being looked at."""
    try:
        act(store.load(lab_id, consistent=True))
    except NotFound:
        return 0
    except (AppError, ClientError):
        logger().exception("lab could not be reconciled", lab_id=lab_id)
    return 1


# ---- labs in motion ------------------------------------------------------------------------------------------------------


def mend(lab: Lab, now: datetime) -> None:
    """Bring a lab in motion to rest if its workflow does not."""
    if not lab.moving:
        return
    name = WORKFLOWS[lab.phase]
    verdict = remedies.judge(lab, execution(name, lab.execution), now)
    match verdict.remedy:
        case Remedy.WAIT:
            settled = lab.phase is not Phase.SCALING and now - lab.changed_at > SETTLED
            tell_workflow(lab, news=settled)
        case Remedy.BEGIN:
            workflows.start(name, lab.id, lab.generation, lab.correlation_id)
        case Remedy.RESUME | Remedy.UNDO:
            again = remedies.interrupted(lab, verdict, now, patience())
            told = fact("LabResumed", lab, now, before=lab, after=again, reason=verdict.reason)
            commit(store.change(lab, again, store.moved_on(lab)), told)
            if verdict.stop:
                workflows.stop(settings.current().execution_arn(name, lab.execution), verdict.reason)
            workflows.start(name, again.id, again.generation, again.correlation_id)


def execution(name: str, run: str) -> Execution:
    """What Step Functions says of one execution."""
    return Execution(workflows.standing(name, run))


def workflow_ended(arn: str, now: datetime) -> None:
    """An execution failed, timed out or was aborted: if it still was the lab's, bring the lab to rest."""
    run = arn.rpartition(":")[2]
    if rules_of_images.is_id(run.rpartition("-")[0]):
        return images.broke_off(run, now)
    lab_id, _, generation = run.rpartition("-")
    try:
        lab = store.load(lab_id, consistent=True)
    except NotFound:
        return
    if lab.moving and str(lab.generation) == generation and not _broke_before(lab):
        mend(lab, now)


def _broke_before(lab: Lab) -> bool:
    """A workflow that only undoes or carries on is repeated by the timer: at once, a lasting fault would make it spin."""
    return bool(lab.cause) or lab.phase in (Phase.STOPPING, Phase.DELETING)


# ---- labs that run -------------------------------------------------------------------------------------------------------


def machine_changed(instance_id: str, now: datetime, state: str = "", at: str = "") -> None:
    """EC2 said that a machine changed (to `state`, `at` its own time). For the lab, what it is now counts, not what the news
    said: news may be late or out of order. When it began and ceased to be billed is a fact, in EC2's time."""
    seen = ec2.see(instance_id)
    if seen is None or seen.stage != settings.current().stage:
        return
    if seen.bake:
        return images.builder_changed(seen.bake, now)
    if not seen.lab_id:
        return
    try:
        lab = store.load(seen.lab_id, consistent=True)
    except NotFound:
        return
    _tell_power(lab, seen, state, at, now)
    if state == "stopping":  # nobody waits for that
        return
    if lab.instance_id == instance_id and seen.state == "running" and lab.phase in MOVING:
        point_name(lab, seen)
    tell_workflow(lab)
    if lab.instance_id == instance_id:
        check(lab, now)


def _tell_power(lab: Lab, seen: ec2.Seen, state: str, at: str, now: datetime) -> None:
    """From `running` on a machine is billed, until it stops or ends. Told twice it is one moment, not two."""
    if state in BILLED or state in UNBILLED:
        name = "MachineRunning" if state in BILLED else "MachineStopped"
        told: dict[str, Any] = {"instance_id": seen.id, "instance_type": seen.instance_type, "at": at or iso(now)}
        commit(fact(name, lab, now, **told, state=state, seen=seen.state))


def tell_workflow(lab: Lab, *, news: bool = True) -> None:
    """Answer the workflow that waits on this lab's machine, if what it waits for holds, or never will."""
    waiting = machine_store.waiting(lab.id)
    if waiting is None or waiting.generation != lab.generation or not lab.moving:
        return
    try:
        answer(lab, waiting, news=news)
    except (MachineFailed, MachineGone) as error:
        workflows.fail(waiting.token, type(error).__name__, error.message)


def check(lab: Lab, now: datetime) -> None:
    """Is the machine of a READY lab still running? If not, say so; if so, look again in a while: at what it owes us, too."""
    if lab.phase is not Phase.READY:
        return
    seen = ec2.see(lab.instance_id)
    state = seen.state if seen else "terminated"
    if state in ("shutting-down", "terminated"):
        teardown.lose(lab, LOST, FILES_KEPT, now)
        work.end_all(lab, LOST)
    elif state == "stopped":
        _stopped_outside(lab, now)
        work.end_all(lab, STOPPED_OUTSIDE)
    elif lab.deadline is None or lab.deadline <= now:
        equipping.looked_at(lab, now, patience().check)


def _stopped_outside(lab: Lab, now: datetime) -> None:
    parked = settle(lab, Command.PARK, now, patience())
    parked = replace(parked, cause=STOPPED_OUTSIDE, cause_hint="start it again; its files are kept", address="")
    told = fact("LabStopped", lab, now, before=lab, after=parked, cause=STOPPED_OUTSIDE)
    given_back = partial(limits.rest, lab.team, lab.id, lab.shared_storage_gb, now)
    limits.committed(lab.team, now, lambda: (store.change(lab, parked, store.moved_on(lab)), *given_back(), told))
