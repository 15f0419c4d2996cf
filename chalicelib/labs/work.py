"""What has a lab's machine been ordered to do, and how does the workflow that ordered it hear how it went?

A workflow's task `assign_work` leaves a piece of work with the lab; the machine is told of it in the answer to its heartbeat, and
reports until it is heard. Nothing is lost, in whatever order they speak: an assignment leaves its token first and looks for a
report then, a report is kept first and answers the token then, so that at least one of the two sees the other.

Before a machine stops, the last thing it is asked is to save people's work (`save`): never longer than the workflow waits.

Keeps true: only a READY lab has open work, and one that is about to stop its last; whatever else is open when a lab leaves READY
fails (MachineAway); a finished report is never changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.labs import beats, machine_store, store
from chalicelib.labs.machines import Machine, Work, WorkState
from chalicelib.labs.provisioning import fact
from chalicelib.labs.rules import Lab, Phase
from chalicelib.runtime import settings, workflows
from chalicelib.runtime.errors import AppError, Conflict, NotFound, Superseded
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import Write, commit

AWAY = "MachineAway"
FAILED = "WorkFailed"
SAVE = "save"
SAVING = (Phase.STOPPING, Phase.SCALING)
"""Phases in which a machine that is about to stop still saves people's work."""
SAVE_SECONDS = 90


# ---- the workflow's side -------------------------------------------------------------------------------------------------


def assign(lab_id: str, work: Work) -> None:
    """Leave the work and its token with the lab; answer at once what is known already, or can never be done."""
    try:
        _leave(store.load(lab_id, consistent=True), work)
    except (Superseded, NotFound) as error:
        workflows.fail(work.token, AWAY, error.message)
    except AppError as error:
        workflows.fail(work.token, "Retryable", error.message)
    except Exception as error:  # whoever waits must be answered, whatever happened
        logger().exception("work could not be assigned")
        workflows.fail(work.token, "Retryable", str(error))


def save(lab_id: str, generation: int, token: str, now: datetime) -> None:
    """Have the machine save people's work before it stops; one that has not been heard of lately is not waited for."""
    work, machine = Work(f"{SAVE}-{generation}", SAVE, {"seconds": SAVE_SECONDS}, token, now), machine_store.load(lab_id)
    heard = machine.heartbeat.at if machine and machine.heartbeat else None
    if heard is None or now - heard > 2 * beats.lease(settings.current()):
        workflows.fail(token, AWAY, "the machine has not been heard of lately: nothing was saved before it stops")
    else:
        assign(lab_id, work)


def _able(lab: Lab, kind: str) -> bool:
    return lab.phase is Phase.READY or (kind == SAVE and lab.phase in SAVING)


def _leave(lab: Lab, work: Work) -> None:
    known = machine_store.work(lab.id, work.id)
    if known and not known.open:
        return _answer(replace(known, token=work.token))
    if not _able(lab, work.kind):
        raise away(lab)
    if known and known.generation != lab.generation:
        raise Superseded(f"lab {lab.id} was started anew since this was ordered")
    reported_meanwhile = Conflict("it was reported meanwhile")
    try:
        commit(*machine_store.leave_work(lab, replace(work, generation=lab.generation), known, reported_meanwhile))
    except Conflict:
        return _leave(store.load(lab.id, consistent=True), work)
    return None


def away(lab: Lab) -> Superseded:
    return Superseded(f"lab {lab.id} is {lab.phase}: its machine is not there to do it")


def end_all(lab: Lab, why: str) -> None:
    """The lab left READY: nothing open will be done any more, and whoever waits for it is told.

    Also of what is done: its machine may go before it can repeat a report whose answer was lost. What a later generation was
    asked (to save before it stops) is not this one's.
    """
    for work in machine_store.works(lab.id):
        if work.open and work.generation <= lab.generation:
            _end(lab.id, work, WorkState.FAILED, cause=why, error=AWAY)
        elif work.generation == lab.generation:
            _answer(work)


def end_stale(lab_id: str, work_id: str) -> None:
    """Close one piece that its lab's machine will never do, unless it may do it after all."""
    lab, known = store.load(lab_id, consistent=True), machine_store.work(lab_id, work_id)
    if known and known.open and (not _able(lab, known.kind) or known.generation != lab.generation):
        _end(lab_id, known, WorkState.FAILED, cause=away(lab).message, error=AWAY)


# ---- the machine's side --------------------------------------------------------------------------------------------------


def open_work(lab: Lab) -> list[dict[str, Any]]:
    """What the machine has to do, oldest first."""
    if lab.phase is not Phase.READY and lab.phase not in SAVING:
        return []
    works = machine_store.works(lab.id)
    todo = [one for one in works if one.open and one.generation == lab.generation and _able(lab, one.kind)]
    return [{"id": one.id, "kind": one.kind, "order": dict(one.order)} for one in sorted(todo, key=lambda one: one.asked_at)]


def reported(machine: Machine, work_id: str, state: str, report: Mapping[str, Any], cause: str, now: datetime) -> None:
    """Keep what the machine says of a piece of work, and tell whoever waits. NotFound: it is not wanted (any more)."""
    work = machine_store.work(machine.lab_id, work_id)
    if work is None or work.error == AWAY:
        raise _unwanted(work_id)
    if not work.open:
        return _answer(work)
    lab = store.load(machine.lab_id, consistent=True)
    if not _able(lab, work.kind) or lab.generation != work.generation:
        _end(lab.id, work, WorkState.FAILED, cause=away(lab).message, error=AWAY)
        raise _unwanted(work_id)
    if state == "running":
        return _goes_on(work, report, now)
    said = WorkState(state)
    told = [_saved(lab, machine, report, now)] if work.kind == SAVE and said is WorkState.DONE else []
    _end(lab.id, work, said, report, cause or "the machine gave no reason", FAILED if said is WorkState.FAILED else "", told)
    return None


def _saved(lab: Lab, machine: Machine, report: Mapping[str, Any], now: datetime) -> Write:
    """The fact, from the little of the report that everybody may read."""
    counts = {name: report[name] for name in ("saved", "kernels", "terminals") if isinstance(report.get(name), int)}
    return fact("WorkSaved", lab, now, by=f"machine:{machine.instance_id}", **counts)


def _goes_on(work: Work, report: Mapping[str, Any], now: datetime) -> None:
    running = replace(work, state=WorkState.RUNNING, report=report, heard_at=now)
    commit(machine_store.note_work(running, _unwanted(work.id)))
    workflows.beat(work.token)


def _end(
    lab_id: str,
    work: Work,
    state: WorkState,
    report: Mapping[str, Any] | None = None,
    cause: str = "",
    error: str = "",
    told: Sequence[Write] = (),
) -> None:
    """Close a piece of work once, whoever comes first; then answer by the token that is left with it now."""
    closed = replace(work, state=state, report=report or {}, cause=cause if error else "", error=error)
    try:
        commit(machine_store.note_work(closed, NotFound("it is closed")), *told)
    except NotFound:
        logger().info("work was closed by another", work_id=work.id)
    known = machine_store.work(lab_id, work.id)
    if known:
        _answer(known)


def _answer(work: Work) -> None:
    if work.state is WorkState.DONE:
        workflows.succeed(work.token, dict(work.report))
    elif work.state is WorkState.FAILED:
        workflows.fail(work.token, work.error or FAILED, work.cause)


def _unwanted(work_id: str) -> NotFound:
    return NotFound(f"there is no work '{work_id[:60]}' to do", "forget it")
