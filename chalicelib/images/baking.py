"""How does a pack become an image? The tasks of bake_image, in the order they happen.

Each may run twice, and from the top after a crash: what is journalled as made is not made again.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from chalicelib.images import ec2, s3, store
from chalicelib.images.journal import PASSING, Entry, Kind, State
from chalicelib.images.making import Book, current, fact, group_name, tags, take_down
from chalicelib.images.rules import BAKE_SECONDS, Bake, BakeFailed, Copy, builder_token, image_name
from chalicelib.images.rules import State as Phase
from chalicelib.kernels import service as kernels
from chalicelib.packs import rules as pack_rules
from chalicelib.packs import service as packs
from chalicelib.runtime import bootscript, settings
from chalicelib.runtime.errors import NoCapacity, NotFound, PackBroken, Retryable, Superseded
from chalicelib.runtime.store import Write, commit

# ---- LaunchBuilder -------------------------------------------------------------------------------------------------------


def launch_builder(bake_id: str, generation: int, now: datetime) -> None:
    """Its order in the bucket, a group that lets nobody in, one machine of the first type that can be had."""
    bake = current(bake_id, generation, Phase.BAKING)
    if bake.cause:
        raise BakeFailed(bake.cause)  # this workflow is here to undo another
    if bake.passed:
        return  # delivered once more, late: its builder is done, and may be gone already
    pack, book = _pack(bake), Book.open(bake)
    place = s3.key(bake.id, "order")
    book.make(Entry(Kind.ORDER, place), lambda: s3.put_order(bake.id, order_of(bake, pack)), lambda _: s3.remove(bake.id))
    where, name = ec2.place(bake.id), group_name(bake)
    says = f"aws-research-wizard {bake.id}"
    group = book.make(Entry(Kind.GROUP, name), lambda: ec2.ensure_group(name, where.vpc_id, says, tags(bake)), ec2.remove_group)
    _machine(book, pack, where.subnet_id, group, now)


def _pack(bake: Bake) -> pack_rules.Pack:
    try:
        return packs.resolve(bake.pack)
    except NotFound as error:
        raise PackBroken(error.message, error.hint) from error


def order_of(bake: Bake, pack: pack_rules.Pack) -> dict[str, Any]:
    """What the builder shall do; its kernels are told as a lab's orders tell them."""
    plans = kernels.plan(pack)
    return {
        "version": 1,
        "bake_id": bake.id,
        "pack": pack.name,
        "kernels": [asdict(plan) | {"env": dict(plan.env), "resources": dict(plan.resources)} for plan in plans],
        "lessons": lessons_of(pack),
        "seconds": BAKE_SECONDS,
    }


def lessons_of(pack: pack_rules.Pack) -> list[dict[str, str]]:
    """The pack's notebooks whose kernel every lab gets."""
    named = {kernel.key: kernel.name for kernel in pack.installed_kernels}
    return [
        {"pack": pack.name, "file": one.file, "kernel": named[one.kernel], "expect": one.expect}
        for one in pack.examples
        if one.kernel in named
    ]


def _machine(book: Book, pack: pack_rules.Pack, subnet: str, group: str, now: datetime) -> None:
    bake, types, refusals = book.bake, pack_rules.instance_for(pack, 1), list[str]()
    for attempt, instance_type in enumerate(types):
        entry = Entry(Kind.BUILDER, builder_token(bake, attempt))
        known = book.entries.get(entry.key)
        if known and known.state is State.REMOVED:
            continue
        try:
            return _launch(book, entry, _order(bake, entry.token, instance_type, subnet, group), now)
        except NoCapacity as error:
            refusals.append(error.message)
            commit(*store.close(bake, entry))
    said = refusals[-1] if refusals else "every type was refused before"
    raise NoCapacity(f"none of {', '.join(types)} can be had now ({said})", "bake it later")


def _order(bake: Bake, token: str, instance_type: str, subnet: str, group: str) -> ec2.Order:
    known = settings.current()
    return ec2.Order(
        token=token,
        instance_type=instance_type,
        image_id=ec2.image(),
        subnet_id=subnet,
        group_id=group,
        profile=f"{known.prefix}-builder",
        user_data=bootscript.compose(known, bake.id, known.need("bundle_key"), bake=bake.id),
        tags=tags(bake),
    )


def _launch(book: Book, entry: Entry, order: ec2.Order, now: datetime) -> None:
    bake = book.bake

    def also(made: str) -> tuple[Write, ...]:
        after = replace(bake, builder_id=made, instance_type=order.instance_type)
        told = fact("BuilderLaunched", after, now, before=bake, instance_id=made, instance_type=order.instance_type)
        return store.change(bake, after), told

    book.make(entry, lambda: ec2.launch(order), lambda made: ec2.terminate([made]), also)


# ---- CreateImage ---------------------------------------------------------------------------------------------------------


def create_image(bake_id: str, generation: int, now: datetime) -> None:
    """An image of the builder as it stopped, under the one name that this bake can give it."""
    bake = current(bake_id, generation, Phase.BAKING)
    if not bake.passed:
        raise BakeFailed("its lessons have not run well: no image is made of it")
    name = image_name(settings.current().prefix, bake)

    def also(made: str) -> tuple[Write, ...]:
        after = replace(bake, image_id=made)
        return store.change(bake, after), fact("ImageCreated", after, now, before=bake, image_id=made)

    Book.open(bake).make(
        Entry(Kind.IMAGE, name),
        lambda: ec2.create_image(name, bake.builder_id, tags(bake)),
        lambda _: ec2.remove_image(name, bake.id),
        also,
    )


# ---- RegisterImage -------------------------------------------------------------------------------------------------------


def register_image(bake_id: str, generation: int, now: datetime) -> None:
    """What nobody needs any more goes (StillThere while it can be seen); then labs get the image. In this order, so that an image
    that is served has left nothing behind that a crash could forget: a bake that breaks off before is undone, as ever."""
    bake = current(bake_id, generation, Phase.BAKING, Phase.READY)
    if bake.state is Phase.BAKING:
        size_gb = _checked(bake)
        take_down(bake, PASSING)
        _serve(replace(bake, size_gb=size_gb), bake, now)


def _checked(bake: Bake) -> int:
    """The size of its image, if that may be served."""
    if not bake.passed:
        raise BakeFailed("its lessons have not run well: it is not served")
    seen = ec2.see_image(bake.image_id)
    if seen and seen.hopeless:
        raise BakeFailed(f"its image is {seen.state}")
    if seen is None or seen.state != "available":  # it was a moment ago: this is an old view
        raise Retryable(f"its image is {seen.state if seen else 'gone'}")
    return seen.size_gb


def _serve(bake: Bake, before: Bake, now: datetime) -> None:
    """By this run of the task, or by a twin that was faster."""
    after = replace(bake, state=Phase.READY, finished_at=now, deadline=None)
    about: dict[str, Any] = {"image_id": after.image_id, "size_gb": after.size_gb, "seconds": after.seconds, "why": after.why}
    told = fact("ImageReady", after, now, before=before, **about)
    try:
        commit(store.change(before, after), store.serve(after), store.free(before), told)
    except Superseded:
        current(bake.id, bake.generation, Phase.READY)


# ---- CopyImage -----------------------------------------------------------------------------------------------------------


def copy_image(bake_id: str, generation: int, now: datetime) -> None:
    """Into the other regions that the stage's settings name. Nobody here waits until a copy is there: whoever rebuilds the stage
    in that region finds it, or does without."""
    known = settings.current()
    name = ""
    for region in known.image_regions:
        bake = current(bake_id, generation, Phase.READY)
        name = image_name(known.prefix, bake)
        if region != known.region and not any(one.region == region for one in bake.copies):
            _copy(bake, name, region, now)


def _copy(bake: Bake, name: str, region: str, now: datetime) -> None:
    def also(made: str) -> tuple[Write, ...]:
        after = replace(bake, copies=(*bake.copies, Copy(region, made)))
        return store.change(bake, after), fact("ImageCopied", after, now, before=bake, image_id=made, region=region)

    Book.open(bake).make(
        Entry(Kind.COPY, region),
        lambda: ec2.copy_image(bake.image_id, name, region, f"{bake.id}-{region}", tags(bake)),
        lambda _: ec2.remove_image(name, bake.id, region),
        also,
    )
