"""What became of bakes whose workflow broke off, and of builders that nobody counts as theirs? Called by news and by a timer.

Keeps true: after faults end every bake comes to rest, and no builder runs that no bake under way has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from chalicelib.images import ec2, rules, store
from chalicelib.images.ending import finish_retiring
from chalicelib.images.making import fact
from chalicelib.images.rules import LONGEST, Bake, Remedy, State
from chalicelib.images.waiting import tell_workflow
from chalicelib.runtime import settings, workflows
from chalicelib.runtime.ec2 import Seen
from chalicelib.runtime.errors import AppError, NotFound, StillThere
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import commit

STORY = "bake_image"
SETTLED = timedelta(minutes=2)  # so long after it was made EC2 shows no older view of an image
INTERRUPTED = "the bake's workflow was interrupted"


def start(bake: Bake) -> None:
    """Begin its workflow; saying so twice begins it once."""
    work = {"bake_id": bake.id, "pack": bake.pack, "generation": bake.generation, "correlation_id": bake.correlation_id}
    workflows.begin(STORY, bake.execution, work)


def tend(now: datetime, machines: Iterable[Seen]) -> int:
    """Every bake under way, and every builder; one's trouble does not keep the others from being looked at."""
    seen = 0
    for bake_id in list(store.ids_moving()):
        seen += _patiently(bake_id, lambda bake: mend(bake, now))
    for machine in machines:
        if machine.bake and machine.alive:
            seen += _end_unless_wanted(machine)
    return seen


def _patiently(bake_id: str, act: Callable[[Bake], None]) -> int:
    try:
        act(store.load(bake_id, consistent=True))
    except NotFound:
        return 0
    except (AppError, ClientError):
        logger().exception("bake could not be tended", bake_id=bake_id)
    return 1


def mend(bake: Bake, now: datetime) -> None:
    """Bring a bake to rest if its workflow does not; finish a removal that was begun."""
    if bake.state is State.RETIRING:
        try:
            return finish_retiring(bake, now)
        except StillThere as error:
            return logger().info("an image is still being removed", bake_id=bake.id, why=error.message)
    if bake.state is not State.BAKING:
        return None
    match rules.remedy(bake, workflows.standing(STORY, bake.execution), now):
        case Remedy.WAIT:
            return tell_workflow(bake, now, news=now - bake.asked_at > SETTLED)
        case Remedy.BEGIN:
            return start(bake)
        case Remedy.UNDO:
            return _undo(bake, now)


def _undo(bake: Bake, now: datetime) -> None:
    """A new workflow, whose first task reads the cause and fails: so it undoes."""
    cause = bake.cause or (INTERRUPTED if bake.deadline is None or now <= bake.deadline else "the bake took too long")
    again = replace(bake, generation=bake.generation + 1, cause=cause, deadline=now + LONGEST)
    commit(store.change(bake, again), fact("BakeInterrupted", again, now, before=bake, cause=cause))
    workflows.stop(settings.current().execution_arn(STORY, bake.execution), cause)
    start(again)


def broke_off(run: str, now: datetime) -> None:
    """An execution failed, timed out or was aborted: if it still was the bake's, bring the bake to rest. One that only undoes is
    repeated by the timer: at once, a lasting fault would make it spin."""
    bake_id, _, generation = run.rpartition("-")
    try:
        bake = store.load(bake_id, consistent=True)
    except NotFound:
        return
    mine = str(bake.generation) == generation and bake.state is State.BAKING and not bake.cause
    if mine and workflows.standing(STORY, bake.execution) == "ENDED":
        _undo(bake, now)


def _end_unless_wanted(machine: Seen) -> int:
    """A builder whose bake is over, or has gone on without it."""
    found = store.many([machine.bake], consistent=True)
    wanted, reason = rules.owned("builder", found[0] if found else None)
    if wanted or machine.kept_by:
        return 0
    logger().warning("builder ended", instance_id=machine.id, why=reason)
    ec2.terminate([machine.id])
    return 1
