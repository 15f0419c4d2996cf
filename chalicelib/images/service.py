"""The verbs: bake a pack, look at images, and which image does a lab of this pack get?

A bake begins as one transaction (bake, its pack's turn, fact, Idempotency-Key) and then a workflow whose name anybody can work
out again; if the start is lost, the sweep repeats it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.images import ec2, rules, store, tending, waiting
from chalicelib.images.making import ASKED, WIZARD, fact
from chalicelib.images.rules import LONGEST, Bake, State
from chalicelib.kernels import service as kernels
from chalicelib.packs import service as packs
from chalicelib.people import rules as people
from chalicelib.people.rules import Action, Principal
from chalicelib.runtime import settings
from chalicelib.runtime.ec2 import Seen
from chalicelib.runtime.errors import AppError, BadInput, Conflict, Forbidden
from chalicelib.runtime.log import logger
from chalicelib.runtime.pages import Page
from chalicelib.runtime.requests import RequestKey, remembered
from chalicelib.runtime.store import commit

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


# ---- bake ----------------------------------------------------------------------------------------------------------------


def request_bake(who: Principal, pack: str, now: datetime, correlation_id: str, key: RequestKey | None = None) -> Bake:
    """A bake under way. Conflict, saying which, while another one of this pack is."""
    decision = people.may(who, Action.BAKE_IMAGES)
    if not decision.allowed:
        raise Forbidden(decision.reason, "ask an admin to bake it")
    _shipped(pack)
    return begin(pack, now, who.email, correlation_id, key=key)


def begin(
    pack: str, now: datetime, by: str, correlation_id: str, why: str = "it was asked for", key: RequestKey | None = None
) -> Bake:
    """The bake, its pack's turn and the fact in one transaction; then its workflow."""
    name = packs.resolve(pack).name
    _may_begin(name)
    known = settings.current()
    bake = Bake(
        id=rules.new_id(now, "".join(secrets.choice(LETTERS) for _ in range(4))),
        pack=name,
        state=State.BAKING,
        asked_at=now,
        asked_by=by,
        correlation_id=correlation_id,
        region=known.region,
        release=rules.release_of(known.need("bundle_key")),
        why=why,
        deadline=now + LONGEST,
    )
    told = fact(ASKED, bake, now, by, why=why)
    commit(*remembered(key, {"bake_id": bake.id}), *store.create(bake, _busy(name, "another")), told)
    tending.start(bake)
    return bake


def _shipped(pack: str) -> None:
    """BadInput for a team's own pack: no builder may read its locks, and nothing says which of its notebooks would prove it."""
    found = packs.own_of(pack)
    if found is not None:
        owner, below = found
        other = f"; bake the pack that it extends: {below}" if below else ""
        said = f"pack {pack} is team {owner.team}'s own, and only packs that ship are baked"
        raise BadInput(said, f"labs of it install it when they first start{other}")


def _may_begin(pack: str) -> None:
    plans = kernels.plan(packs.resolve(pack))
    missing = [one.name for one in plans if one.name not in kernels.locks(plans)]
    if missing or not plans:
        raise BadInput(f"pack {pack} has nothing to bake: {', '.join(missing) or 'no kernel'} without a lock", "solve it first")
    under_way = store.busy(pack)
    if under_way:
        raise _busy(pack, under_way)


def _busy(pack: str, bake_id: str) -> Conflict:
    return Conflict(f"pack {pack} is being baked already, by {bake_id}", f"aws-research-wizard packs images --pack {pack}")


# ---- look ----------------------------------------------------------------------------------------------------------------


def images(pack: str, cursor: str | None, limit: int) -> Page[Bake]:
    """Bakes and what came of them; of one pack the newest first, and none of a team's own. NotFound for a pack that is none."""
    if pack and packs.own_of(pack) is None:
        packs.resolve(pack)
    return store.page(pack, cursor, limit)


def image(bake_id: str) -> Bake:
    return store.load(bake_id, consistent=True)


# ---- for the slices above ------------------------------------------------------------------------------------------------


def for_lab(pack: str) -> Bake | None:
    """The newest good image for labs of this pack; None: there is none, and the machine installs."""
    served = store.served(pack)
    return rules.choose(served, kernels.locks(kernels.plan(packs.resolve(pack)))) if served else None


def builder_changed(bake_id: str, now: datetime) -> None:
    """EC2 has news of a machine that is a bake's builder."""
    waiting.builder_changed(bake_id, now)


def tend(now: datetime, machines: Iterable[Seen]) -> int:
    """Bakes that broke off are begun again or undone, builders that no bake counts as its own end; returns how many were seen."""
    return tending.tend(now, machines)


def broke_off(run: str, now: datetime) -> None:
    """Step Functions says that the execution of this name failed, timed out or was aborted."""
    tending.broke_off(run, now)


def owner(bake_id: str) -> Bake | None:
    """The bake that a part of the account names, read strongly; None when it is not known."""
    found = store.many([bake_id], consistent=True)
    return found[0] if found else None


def owners(bake_ids: Iterable[str]) -> dict[str, Bake]:
    ids = sorted(set(bake_ids))
    return {one.id: one for one in store.many(ids)} if ids else {}


def parts(region: str = "") -> list[rules.Part]:
    """The images and snapshots of this stage, as EC2 shows them here, or in a region into which they are copied."""
    images = [rules.Part("image", one.id, one.bake, one.state, 0, one.made_at, one.kept_by) for one in ec2.all_images(region)]
    snapshots = [
        rules.Part("snapshot", one.id, one.bake, "", one.size_gb, one.made_at, one.kept_by) for one in ec2.all_snapshots(region)
    ]
    return [replace(one, region=region) for one in (*images, *snapshots)]


def regions() -> tuple[str, ...]:
    """The other regions into which images are copied."""
    known = settings.current()
    return tuple(one for one in known.image_regions if one != known.region)


def remove_part(kind: str, part: str, region: str = "") -> None:
    """An image or a snapshot that no bake counts as its own any more."""
    ec2.deregister(part, region) if kind == "image" else ec2.delete_snapshot(part, region)


# ---- every week ----------------------------------------------------------------------------------------------------------


def rebake(now: datetime) -> list[str]:
    """Bake again what has an image and another lock since, or an image older than the stage allows; returns the packs."""
    oldest = timedelta(days=settings.current().image_max_age_days)
    begun: list[str] = []
    for newest in rules.newest_of_each(store.all_served()):
        try:
            why = rules.due(newest, kernels.locks(kernels.plan(packs.resolve(newest.pack))), oldest, now)
            if why:
                begin(newest.pack, now, WIZARD, f"rebake-{now:%Y%m%d}", why)
                begun.append(newest.pack)
        except AppError as error:
            logger().warning("not baked again", pack=newest.pack, why=error.message)
    return begun
