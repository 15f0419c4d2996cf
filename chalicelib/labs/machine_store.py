"""What is kept of a lab's machine: what it said last, the token that it or EC2 will answer, what it was ordered to do.

Keeps true: of two words of a machine the newer one stays; work that is closed is not opened again; a token that another one
replaced answers nobody.
"""

from __future__ import annotations

from datetime import datetime

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.labs import rules
from chalicelib.labs.machines import Evidence, Expect, Heartbeat, Machine, Notice, Running, Waiting, Work, WorkState
from chalicelib.labs.rules import Lab
from chalicelib.labs.shapes import MachineItem, WaitItem, WorkItem, machine_of
from chalicelib.labs.store import holds, pk
from chalicelib.runtime import store
from chalicelib.runtime.errors import AppError, Retryable, Superseded
from chalicelib.runtime.store import Write

OPEN = (WorkState.ORDERED, WorkState.RUNNING)


# ---- reading -------------------------------------------------------------------------------------------------------------


def load(lab_id: str, consistent: bool = False) -> Machine | None:
    item = store.fetch(MachineItem, pk(lab_id), "MACHINE", consistent)
    return machine_of(item) if item else None


def waiting(lab_id: str) -> Waiting | None:
    item = store.fetch(WaitItem, pk(lab_id), "WAIT", consistent=True)
    return Waiting(item.token, Expect(item.expect), int(item.generation)) if item else None


def work(lab_id: str, work_id: str) -> Work | None:
    item = store.fetch(WorkItem, pk(lab_id), f"WORK#{work_id}", consistent=True)
    return _work(item) if item else None


def works(lab_id: str) -> list[Work]:
    return [_work(item) for item in WorkItem.query(pk(lab_id), WorkItem.sk.startswith("WORK#"), consistent_read=True)]


# ---- writing -------------------------------------------------------------------------------------------------------------


def new_machine(lab: Lab, instance_id: str, refused: AppError) -> Write:
    """A machine that nobody has claimed yet; refused when this very one is known already."""
    item = MachineItem(pk(lab.id), "MACHINE", instance_id=instance_id, generation=lab.generation)
    another = MachineItem.pk.does_not_exist() | (MachineItem.instance_id != instance_id)
    return store.save(item, another, refused)


def expect_boot(known: Machine, generation: int) -> Write:
    """From now on only a boot of this generation counts as ready; said twice, the second time changes nothing."""
    actions: list[Action] = [MachineItem.generation.set(generation), MachineItem.ready_boot.remove(), MachineItem.notice.remove()]
    if known.ready_boot:
        actions.append(MachineItem.past_boot.set(known.ready_boot))
    item = MachineItem(pk(known.lab_id), "MACHINE")
    faster = Retryable("this machine's boot is expected already")
    return store.update(item, actions, MachineItem.generation == known.generation, faster)


def claimed(known: Machine, token_hash: str, now: datetime, refused: AppError) -> Write:
    item = MachineItem(pk(known.lab_id), "MACHINE")
    unready = (MachineItem.instance_id == known.instance_id) & MachineItem.ready_boot.does_not_exist()
    return store.update(item, [MachineItem.token_hash.set(token_hash), MachineItem.claimed_at.set(now)], unready, refused)


def booted(known: Machine, boot_id: str, address: str) -> Write:
    item = MachineItem(pk(known.lab_id), "MACHINE")
    same = (MachineItem.token_hash == known.token_hash) & (MachineItem.generation == known.generation)
    return store.update(item, [MachineItem.ready_boot.set(boot_id), MachineItem.address.set(address)], same)


def beat(known: Machine, heard: Heartbeat, evidence: Evidence | None, running: Running | None) -> Write:
    """What the machine said last; Superseded when it said something newer meanwhile."""
    item = MachineItem(pk(known.lab_id), "MACHINE")
    actions: list[Action] = [MachineItem.heartbeat.set(heard)]
    condition: Condition = MachineItem.token_hash == known.token_hash
    if running:
        actions.append(MachineItem.running.set(running))
    if evidence:
        actions += [MachineItem.evidence.set(evidence), MachineItem.beat_boot.set(evidence.boot_id)]
        actions.append(MachineItem.beat_seq.set(evidence.seq))
        another = MachineItem.beat_boot.does_not_exist() | (MachineItem.beat_boot != evidence.boot_id)
        condition &= another | (MachineItem.beat_seq < evidence.seq)
    return store.update(item, actions, condition, Superseded("the machine has said something newer"))


def notice(lab: Lab, what: Notice | None, decided_on: Evidence | None = None) -> Write:
    """What people on the lab's machine are warned of from now on; None: of nothing. Superseded once the machine has said anything
    newer than what this was decided on."""
    action = MachineItem.notice.set(what) if what else MachineItem.notice.remove()
    condition: Condition = MachineItem.instance_id == lab.instance_id
    if decided_on:
        condition &= (MachineItem.beat_boot == decided_on.boot_id) & (MachineItem.beat_seq == decided_on.seq)
    item = MachineItem(pk(lab.id), "MACHINE")
    return store.update(item, [action], condition, Superseded(f"the machine of {lab.id} has said something newer"))


def wait(lab: Lab, what: Waiting) -> tuple[Write, ...]:
    return holds(lab), store.save(WaitItem(pk(lab.id), "WAIT", token=what.token, expect=what.expect, generation=what.generation))


def spent(lab_id: str, token: str) -> Write:
    """Forget a token that nobody waits on any more; a newer one stays."""
    return store.delete(WaitItem(pk(lab_id), "WAIT"), WaitItem.token == token, Superseded("another token is there"))


def leave_work(lab: Lab, what: Work, known: Work | None, refused: AppError) -> tuple[Write, ...]:
    """Work for the machine of a lab that holds; work it has already only gets another token, while it is open."""
    item = WorkItem(pk(lab.id), f"WORK#{what.id}")
    if known:
        return holds(lab), store.update(item, [WorkItem.token.set(what.token)], WorkItem.state.is_in(*OPEN), refused)
    item.kind, item.order, item.state, item.token = what.kind, what.order, what.state, what.token
    item.generation, item.asked_at, item.report = what.generation, what.asked_at, what.report
    item.expires = int((what.asked_at + rules.REMEMBERED).timestamp())
    return holds(lab), store.save(item, WorkItem.pk.does_not_exist(), refused)


def note_work(what: Work, refused: AppError) -> Write:
    """What became of work that is open."""
    values = {"state": what.state, "report": what.report, "cause": what.cause, "error": what.error, "heard_at": what.heard_at}
    actions = [getattr(WorkItem, name).set(value) for name, value in values.items() if value]
    return store.update(WorkItem(pk(what.lab_id), f"WORK#{what.id}"), actions, WorkItem.state.is_in(*OPEN), refused)


def _work(item: WorkItem) -> Work:
    return Work(
        id=item.sk.removeprefix("WORK#"),
        kind=item.kind,
        order=item.order,
        token=item.token,
        asked_at=item.asked_at,
        generation=int(item.generation),
        lab_id=item.pk.removeprefix("LAB#"),
        state=WorkState(item.state),
        report=item.report or {},
        cause=item.cause or "",
        error=item.error or "",
        heard_at=item.heard_at,
    )
