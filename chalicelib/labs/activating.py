"""How does a lab get the kernels of another pack while people work in it? It is written down; its machine does it, and says so.

No workflow waits: a lab's record says which packs are active, every heartbeat is answered with the kernels that follow
(equipping.py), and the machine puts in place what it lacks. A fact of each change renews what the lab's role may read.

Keeps true: one transaction changes the packs, tells of it and answers the request; nobody's server or kernel is touched; of two
renewals of a role, in whatever order they come, the last word is that of the lab's packs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.labs import access, equipping, fitting, iam, naming, provisioning, releases, store
from chalicelib.labs.environment import Use
from chalicelib.labs.provisioning import fact, known_packs
from chalicelib.labs.rules import Lab, Phase, advice
from chalicelib.labs.service import Asking
from chalicelib.packs import service as packs
from chalicelib.people.rules import Action
from chalicelib.runtime import settings
from chalicelib.runtime.errors import Conflict, LimitReached, NotFound
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.store import commit

MOST = 8
TRIES = 3
OPEN = (Phase.READY, Phase.STOPPED)
GONE = (Phase.DELETING, Phase.DELETED)


# ---- asked for -----------------------------------------------------------------------------------------------------------


def activate(lab_id: str, pack: str, keys: Sequence[str], asking: Asking) -> Lab:
    """Add a pack's kernels to a lab: now if it runs, with its next start if it is stopped. What is there already stays."""
    return _repeatedly(lambda: _activate(lab_id, pack, keys, asking))


def _activate(lab_id: str, name: str, keys: Sequence[str], asking: Asking) -> Lab:
    lab = access.find(asking.who, lab_id, Action.ADD_PACKS).lab
    uses = fitting.uses(lab)
    known = next((one for one in uses if one.pack == name), None)
    pack = packs.newest(name) if known is None else provisioning.known_packs(lab).get(name) or packs.newest(name)
    also = fitting.on_request(pack, keys)
    _fit(lab)
    version = known.version if known else pack.version
    merged = Use(name, tuple(dict.fromkeys((*(known.also if known else ()), *also))), version)
    if merged == known:
        commit(*remembered(asking.request_key, {"lab_id": lab.id}))
        return lab
    if known is None and len(uses) > MOST:
        raise LimitReached(f"lab {lab.id} has {MOST} packs beside its own already", "deactivate one first")
    left = [merged if one.pack == name else one for one in uses] + ([] if known else [merged])
    return _changed(lab, left, "PackActivated", name, asking)


def deactivate(lab_id: str, pack: str, asking: Asking) -> Lab:
    """Take back what a pack brought: kernels are no longer offered, those that run go on, people keep their notebooks."""
    return _repeatedly(lambda: _deactivate(lab_id, pack, asking))


def _deactivate(lab_id: str, name: str, asking: Asking) -> Lab:
    lab = access.find(asking.who, lab_id, Action.REMOVE_PACKS).lab
    _at_rest(lab)
    uses = fitting.uses(lab)
    known = next((one for one in uses if one.pack == name), None)
    if known is None:
        return _dismissed(lab, name, asking)
    if name == lab.domain and not known.also:
        raise Conflict(f"{name} is the lab's own pack", "it stays; deploy another lab for another field")
    left = [replace(one, also=()) if one.pack == name else one for one in uses if one.pack != name or name == lab.domain]
    return _changed(lab, left, "PackDeactivated", name, asking)


def _dismissed(lab: Lab, name: str, asking: Asking) -> Lab:
    """Forget why a pack could not be activated; NotFound when there is nothing to forget."""
    after = fitting.without(lab, name)
    if after == lab:
        raise NotFound(f"pack '{name[:64]}' is not active in lab {lab.id}", f"aws-research-wizard jupyter status {lab.id}")
    kept = remembered(asking.request_key, {"lab_id": lab.id})
    commit(*kept, store.change(lab, after, _raced(lab), store.unchanged(lab, *equipping.HELD)))
    return after


def _fit(lab: Lab) -> None:
    """Conflict when the lab cannot be given kernels now."""
    _at_rest(lab)
    if lab.upgrading:
        raise Conflict(f"lab {lab.id} is being upgraded", "wait until that is over")
    newest = releases.newer_than(lab)
    silent = not any(one.state for one in lab.kernels)
    if silent and newest and lab.wanted_release != newest:
        said = "this lab's machine is of a release that tells nothing of its kernels"
        raise Conflict(said, f"aws-research-wizard jupyter upgrade {lab.id}")


def _at_rest(lab: Lab) -> None:
    if lab.phase not in OPEN:
        raise Conflict(f"the packs of a lab that is {lab.phase} cannot be changed", advice(lab.phase))


def _changed(lab: Lab, left: Sequence[Use], tells: str, name: str, asking: Asking) -> Lab:
    """The lab with other packs, told in one transaction."""
    letters = "".join(secrets.choice(naming.ALPHABET) for _ in range(naming.ID_LETTERS))
    moved = replace(fitting.without(lab, name), packs=fitting.words(lab, left))
    known = known_packs(moved)
    after = fitting.fresh(moved, known, f"p-{asking.now:%Y%m%d-%H%M%S}-{letters}")
    after = replace(after, notebooks=equipping.examples(after, known), changed_at=asking.now)
    if lab.phase is Phase.READY and any(one.installing for one in after.kernels):
        after = replace(after, deadline=fitting.check_by(after, asking.now, provisioning.patience().check))
    names = {one.name for one in lab.kernels if not one.failed} ^ {one.name for one in after.kernels if not one.failed}
    data: dict[str, Any] = {"pack": name, "kernels": sorted(names)}
    told = fact(tells, lab, asking.now, by=asking.who.email, request=asking.correlation_id, before=lab, after=after, **data)
    commit(
        *remembered(asking.request_key, {"lab_id": lab.id}),
        store.change(lab, after, _raced(lab), store.unchanged(lab, *equipping.HELD)),
        *equipping.of_teams(lab, after),
        told,
    )
    return after


def _repeatedly(act: Callable[[], Lab]) -> Lab:
    """Once more when the lab changed under our hands."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except _Raced:
            continue
    return act()


class _Raced(Conflict):
    """Somebody, or its machine, changed the lab at the same moment."""


def _raced(lab: Lab) -> Conflict:
    return _Raced(f"lab {lab.id} was changed by another request", "look at it again, then repeat the request")


# ---- the role follows ----------------------------------------------------------------------------------------------------


def renew_rights(lab_id: str) -> None:
    """What the lab's role may read is what its packs are now; looked at again afterwards, so that the last word counts."""
    lab = _standing(lab_id)
    while lab:
        name = naming.role_name(settings.current().prefix, lab.id)
        if not iam.renew_rights(name, provisioning.rights_of(lab)):
            return
        now = _standing(lab_id)
        if now is None or now.packs == lab.packs:
            return
        lab = now


def _standing(lab_id: str) -> Lab | None:
    """The lab, unless it is gone, and its role with it."""
    try:
        lab = store.load(lab_id, consistent=True)
    except NotFound:
        return None
    return None if lab.phase in GONE else lab
