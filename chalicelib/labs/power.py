"""How is a lab's machine stopped, started, resized and waited for? The tasks that stop_lab, start_lab and scale_lab share.

Nothing here polls: a workflow leaves its token in WAIT, then looks once, so that whatever happened before it looked is seen,
and whatever happens after finds the token.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, assert_never

from chalicelib.labs import ec2, iam, machine_store, naming, sessions, store, userdata, work
from chalicelib.labs.machines import Expect, Machine, Waiting
from chalicelib.labs.making import current
from chalicelib.labs.provisioning import fact, patience, rights_of
from chalicelib.labs.rules import MOVING, Command, Interrupted, Lab, MachineGone, Phase, settle
from chalicelib.limits import service as limits
from chalicelib.runtime import settings, workflows
from chalicelib.runtime.errors import MachineFailed, NoCapacity, Retryable
from chalicelib.runtime.store import commit

LOST = "the machine was terminated outside the wizard"
FILES_KEPT = "start it again: a new machine is made, its files are kept"
DYING = ("shutting-down", "terminated")


# ---- AwaitMachine --------------------------------------------------------------------------------------------------------


def await_machine(lab_id: str, generation: int, expect: Expect, token: str) -> None:
    """Leave the token, then look: if it is so already, or can never be, the workflow is answered at once."""
    waiting = Waiting(token, expect, generation)
    with workflows.answered(token, MachineFailed, MachineGone):
        lab = current(lab_id, generation, *MOVING)
        commit(*machine_store.wait(lab, waiting))
        answer(lab, waiting)


def answer(lab: Lab, waiting: Waiting, *, news: bool = False) -> bool:
    """Does what is waited for hold now? Then say so to the workflow. Raises what makes waiting useless.

    A machine that EC2 shows as stopped right after it was started may only be an old view; with `news` of it, it is true.
    """
    match waiting.expect:
        case Expect.READY:
            so = _is_ready(lab, waiting.generation, (*DYING, "stopping", "stopped") if news else DYING)
        case Expect.STOPPED:
            so = _is_stopped(lab)
        case Expect.TERMINATED:
            so = all(one.state == "terminated" for one in ec2.machines_of(lab.id))
        case _:
            assert_never(waiting.expect)
    return workflows.succeed(waiting.token, {"expect": waiting.expect}) if so else False


def _is_ready(lab: Lab, generation: int, hopeless: tuple[str, ...]) -> bool:
    machine = machine_store.load(lab.id, consistent=True)
    if machine and machine.ready_for(generation):
        return True
    if lab.cause:
        raise MachineFailed(lab.cause)
    seen = ec2.see(lab.instance_id) if lab.instance_id else None
    if seen and seen.state in hopeless:
        raise MachineFailed(f"the machine went {seen.state} while it was booting")
    return False


def _is_stopped(lab: Lab) -> bool:
    return _standing(lab).state == "stopped"


def _standing(lab: Lab) -> ec2.Seen:
    """The lab's machine. MachineGone when there is none to stop or start."""
    seen = ec2.see(lab.instance_id) if lab.instance_id else None
    if seen is None or seen.state in DYING:
        raise MachineGone(LOST, FILES_KEPT)
    return seen


# ---- StopMachine · ParkLab -----------------------------------------------------------------------------------------------


def stop_machine(lab_id: str, generation: int) -> None:
    """Ask the machine to stop, on a person's word or because a start or a change of size failed."""
    lab = current(lab_id, generation, Phase.STOPPING, Phase.SCALING, Phase.STARTING)
    work.end_all(lab, "the machine stops: it was waited for long enough")
    if _standing(lab).state not in ("stopping", "stopped"):
        ec2.stop(lab.instance_id)


def park_lab(lab_id: str, generation: int, now: datetime, error: str = "") -> None:
    """The machine has stopped; the lab waits, with the cause if it was to become READY."""
    lab = current(lab_id, generation, Phase.STOPPING, Phase.SCALING, Phase.STARTING, Phase.STOPPED)
    if lab.phase is Phase.STOPPED:
        return
    cause = lab.cause or (error if lab.phase is not Phase.STOPPING else "")  # a lab that is stopped by a rule says by which
    hint = lab.cause_hint or ("start it again, or scale it to another instance type" if cause else "")
    parked = replace(settle(lab, Command.PARK, now, patience()), cause=cause, cause_hint=hint, address="")
    parked = replace(parked, last_session=sessions.noted(lab))
    data: dict[str, Any] = {"cause": cause} if cause else {}
    told = fact("LabStopped", lab, now, before=lab, after=parked, **data)
    given_back = partial(limits.rest, lab.team, lab.id, lab.shared_storage_gb, now)
    limits.committed(lab.team, now, lambda: (store.change(lab, parked, store.moved_on(lab)), *given_back(), told))


# ---- ResizeMachine · StartMachine ----------------------------------------------------------------------------------------


def resize_machine(lab_id: str, generation: int) -> None:
    """Give the stopped machine the instance type that was asked for."""
    lab = current(lab_id, generation, Phase.SCALING)
    if lab.cause:
        raise Interrupted(lab.cause, lab.cause_hint)
    seen = _standing(lab)
    if seen.instance_type != lab.instance_type:
        ec2.resize(seen.id, lab.instance_type)


def start_machine(lab_id: str, generation: int, now: datetime) -> None:
    """Start the machine, as the first of its instance types that can be had."""
    lab = current(lab_id, generation, Phase.STARTING, Phase.SCALING)
    if lab.cause:
        raise Interrupted(lab.cause, lab.cause_hint)
    seen = _standing(lab)
    _expect_boot(lab)
    match seen.state:
        case "pending" | "running":
            return
        case "stopped":
            _take_release(lab, seen)
            _start(lab, seen, now)
        case _:
            raise Retryable(f"machine {seen.id} is {seen.state}")


def _expect_boot(lab: Lab) -> None:
    """Only a boot that follows this start counts as ready."""
    machine = machine_store.load(lab.id, consistent=True) or Machine(lab.id, lab.instance_id, 0)
    if machine.generation != lab.generation:
        commit(store.holds(lab), machine_store.expect_boot(machine, lab.generation))


def _take_release(lab: Lab, seen: ec2.Seen) -> None:
    """A release that was asked for while the lab slept comes with this start: its rights, and the bundle to boot."""
    if lab.wanted_release:
        iam.give_rights(naming.role_name(settings.current().prefix, lab.id), rights_of(lab))
        ec2.give_user_data(seen.id, userdata.compose(lab, settings.current(), lab.wanted_release))


def _start(lab: Lab, seen: ec2.Seen, now: datetime) -> None:
    types = (lab.instance_type, *(name for name in lab.candidates if name != lab.instance_type))
    has, said = seen.instance_type, ""
    for place, wanted in enumerate(types):
        if wanted != has:
            ec2.resize(seen.id, wanted)
            has = wanted
        try:
            ec2.start(seen.id)
        except NoCapacity as error:
            following = types[place + 1] if place + 1 < len(types) else None
            said = error.message
            commit(store.holds(lab), fact("LabCapacityFallback", lab, now, instance_type=wanted, next=following))
            continue
        if wanted != lab.instance_type:
            after = replace(lab, instance_type=wanted)
            told = fact("MachineResized", lab, now, before=lab, after=after, instance_type=wanted)
            commit(store.change(lab, after, store.moved_on(lab)), told)
        return
    raise NoCapacity(f"none of {', '.join(types)} can be had now ({said})", "try another instance type, or later")
