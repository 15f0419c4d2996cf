"""What does a bake wait for, and who answers? Its builder stops, its image becomes available: EC2 says both by itself.

Nothing here polls: a workflow leaves its token in WAIT, then looks once, so that whatever happened before it looked is seen, and
whatever happens after finds the token. A builder says that it is done by stopping; what it did stands in its report.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

from chalicelib.images import ec2, rules, s3, store
from chalicelib.images.baking import lessons_of
from chalicelib.images.making import current, fact
from chalicelib.images.rules import Bake, BakeFailed, Expect, State, Waiting
from chalicelib.packs import service as packs
from chalicelib.runtime import settings, workflows
from chalicelib.runtime.errors import NotFound, Superseded, Unavailable
from chalicelib.runtime.store import commit

DYING = ("shutting-down", "terminated")


# ---- AwaitBuilder · AwaitImage -------------------------------------------------------------------------------------------


def wait(bake_id: str, generation: int, expect: Expect, token: str, now: datetime) -> None:
    """Leave the token, then look: if it is so already, or can never be, the workflow is answered at once."""
    waiting = Waiting(token, expect, generation)
    with workflows.answered(token, Unavailable, BakeFailed):
        bake = current(bake_id, generation, State.BAKING)
        commit(*store.wait(bake, waiting))
        answer(bake, waiting, now)


def answer(bake: Bake, waiting: Waiting, now: datetime, *, news: bool = False) -> bool:
    """Does what is waited for hold now? Then say so to the workflow. Raises what makes waiting useless.

    What cannot be seen right after it was made may be hidden by an old view; with `news` of it, it is gone."""
    match waiting.expect:
        case Expect.BUILDER:
            so = _is_done(bake, now, news)
        case Expect.IMAGE:
            so = _is_available(bake, news)
        case _:
            assert_never(waiting.expect)
    return workflows.succeed(waiting.token, {"expect": waiting.expect}) if so else False


def _is_done(bake: Bake, now: datetime, news: bool) -> bool:
    """Has the builder stopped, and does its report say that all went well?"""
    if bake.passed:
        return True
    seen = ec2.see(bake.builder_id)
    if seen is None and not news:
        return False
    if seen is None or seen.state in DYING:
        raise BakeFailed("the builder was terminated before it was done")
    if seen.state != "stopped":
        return False
    _read(bake, now)
    return True


def _read(bake: Bake, now: datetime) -> None:
    """Keep what the builder reported. BakeFailed, with its own cause, when no image may be made of it."""
    report = s3.report(bake.id)
    said = rules.reported(report or {})
    wrong = rules.fault(bake.id, report, [one["file"] for one in lessons_of(packs.resolve(bake.pack))])
    after = replace(bake, passed=not wrong, **said)
    took: dict[str, Any] = {"seconds": after.seconds, "lessons": len(after.lessons)}
    told = fact("BuilderReported", after, now, before=bake, ok=not wrong, cause=wrong, **took)
    commit(store.change(bake, after), told)
    if wrong:
        raise BakeFailed(wrong)


def _is_available(bake: Bake, news: bool) -> bool:
    seen = ec2.see_image(bake.image_id)
    if seen is None and not news:
        return False
    if seen is None or seen.hopeless:
        raise BakeFailed(f"EC2 could not make the image: it is {seen.state if seen else 'gone'}")
    return seen.state == "available"


# ---- news ----------------------------------------------------------------------------------------------------------------


def builder_changed(bake_id: str, now: datetime) -> None:
    """EC2 said that a builder changed. What it is now counts, not what the news said."""
    _tell(bake_id, Expect.BUILDER, now)


def image_changed(image_id: str, now: datetime) -> None:
    """EC2 said that an image changed: if it is that of a bake of ours, whoever waits for it is told."""
    seen = ec2.see_image(image_id)
    if seen and seen.bake and seen.stage == settings.current().stage:
        _tell(seen.bake, Expect.IMAGE, now)


def _tell(bake_id: str, of: Expect, now: datetime) -> None:
    with suppress(NotFound):
        tell_workflow(store.load(bake_id, consistent=True), now, of)


def tell_workflow(bake: Bake, now: datetime, of: Expect | None = None, *, news: bool = True) -> None:
    """Answer the workflow that waits on this bake (for what there is news `of`), if that holds, or never will."""
    waiting = store.waiting(bake.id)
    if waiting is None or waiting.generation != bake.generation or bake.state is not State.BAKING:
        return
    if of is not None and waiting.expect is not of:
        return
    with suppress(Superseded):
        try:
            answer(bake, waiting, now, news=news)
        except BakeFailed as error:
            workflows.fail(waiting.token, type(error).__name__, error.message)
