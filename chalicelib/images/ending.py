"""How does a bake end that did not go well, and how does an image go that is needed no more? Nothing of either is left.

UndoBake → FailBake: whatever the bake made is gone before anybody is told that it failed; what was served stays served.
RetireImages: an image first ceases to be served, then it goes with its snapshots and copies.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from chalicelib.images import ec2, rules, store
from chalicelib.images.journal import LASTING
from chalicelib.images.making import current, fact, take_down
from chalicelib.images.rules import LONGEST, Bake, State
from chalicelib.runtime.errors import StillThere
from chalicelib.runtime.store import commit


def undo_bake(bake_id: str, generation: int) -> None:
    """Take away all that a failed bake made; one that is served has left nothing else. StillThere while AWS shows it."""
    bake = current(bake_id, generation, State.BAKING, State.READY, State.FAILED)
    if bake.state is not State.READY:
        take_down(bake)


def fail_bake(bake_id: str, generation: int, now: datetime, error: str = "") -> None:
    """Say what went wrong; the pack may be baked again. A bake that is served has not failed."""
    bake = current(bake_id, generation, State.BAKING, State.READY, State.FAILED)
    if bake.state is State.BAKING:
        cause = bake.cause or error or "the bake was interrupted"
        after = replace(bake, state=State.FAILED, cause=cause[:500], finished_at=now, deadline=None)
        told = fact("BakeFailed", after, now, before=bake, cause=after.cause)
        commit(store.change(bake, after), store.free(bake), told, *store.forget_parts(bake))


def retire_images(pack: str, now: datetime) -> None:
    """All good images of a pack but the last two, and those that a machine lives on."""
    served = store.served(pack)
    beyond = rules.to_retire(served, ())
    going = rules.to_retire(served, ec2.images_in_use([one.image_id for one in beyond]))
    for bake in going:
        retire(bake, now)


def retire(bake: Bake, now: datetime) -> None:
    """No lab gets it any more; then it goes. What AWS still shows of it the sweep will find again."""
    after = replace(bake, state=State.RETIRING, deadline=now + LONGEST)
    told = fact("ImageRetiring", after, now, before=bake, image_id=bake.image_id)
    commit(store.change(bake, after), store.withdraw(bake), told)
    with suppress(StillThere):
        finish_retiring(after, now)


def finish_retiring(bake: Bake, now: datetime) -> None:
    """What was begun before is gone through with."""
    take_down(bake, LASTING)
    after = replace(bake, state=State.RETIRED, retired_at=now, deadline=None)
    told = fact("ImageRetired", after, now, before=bake, image_id=bake.image_id)
    commit(store.change(bake, after), told, *store.forget_parts(bake))
