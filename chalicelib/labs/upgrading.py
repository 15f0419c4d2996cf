"""How does a lab get the newest release, and when? When somebody asks for it, and never unasked.

A lab that runs is upgraded by its machine while people work (`upgrade_lab`: RenewRights → AssignWork → FinishUpgrade; what goes
wrong → FailUpgrade) and stays READY throughout. A lab that is stopped takes it at its next start. The machine goes back by itself
when the new release does not serve; here it is only noted which one runs, and why it is not the other.

Keeps true: one upgrade of a lab at a time; `release` is what its machine says; nobody is upgraded by a deployment.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.labs import access, iam, naming, provisioning, releases, store
from chalicelib.labs.provisioning import fact
from chalicelib.labs.rules import BEFORE_RELEASES, Lab, Phase, advice
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Action
from chalicelib.runtime import settings, workflows
from chalicelib.runtime.errors import Conflict, Superseded
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.store import commit

WORKFLOW = "upgrade_lab"
ABANDONED = timedelta(hours=3)  # upgrade_lab ends before: an upgrade that is older is nobody's any more
STOP_FIRST = "stop it, ask for the upgrade again, then start it: the new release comes with the start"


# ---- asked for -----------------------------------------------------------------------------------------------------------


def ask(lab_id: str, asking: Asking) -> Lab:
    """Bring a lab to the newest release: at once if it runs, at its next start if it is stopped. Twice is once."""
    lab = access.find(asking.who, lab_id, Action.CHANGE_LAB).lab
    wanted = releases.newer_than(lab)
    if lab.phase is Phase.STOPPED:
        return _at_next_start(lab, wanted, asking) if wanted and lab.wanted_release != wanted else lab
    if lab.phase is not Phase.READY:
        raise Conflict(f"a lab that is {lab.phase} cannot be upgraded", advice(lab.phase))
    if not wanted:
        commit(*remembered(asking.request_key, {"lab_id": lab.id}))
        return lab
    if (lab.release or BEFORE_RELEASES) == BEFORE_RELEASES:
        raise Conflict("this lab's machine is of a release that cannot be changed while it runs", STOP_FIRST)
    if any(one.installing for one in lab.kernels):
        raise Conflict(f"kernels are being installed in lab {lab.id}", "wait until they are there, then upgrade it")
    if not lab.upgrading or _age(lab.upgrading, asking.now) > ABANDONED:
        lab = _begun(lab, wanted, asking)
    _start(lab, wanted, asking)
    return lab


def _at_next_start(lab: Lab, wanted: str, asking: Asking) -> Lab:
    after = replace(lab, wanted_release=wanted)
    data: dict[str, Any] = {"release": lab.release, "wanted": wanted, "when": "start"}
    told = fact("LabUpgradeAsked", lab, asking.now, by=asking.who.email, request=asking.correlation_id, **data)
    commit(*remembered(asking.request_key, {"lab_id": lab.id}), store.change(lab, after), told)
    return after


def _begun(lab: Lab, wanted: str, asking: Asking) -> Lab:
    letters = "".join(secrets.choice(naming.ALPHABET) for _ in range(naming.ID_LETTERS))
    after = replace(lab, upgrading=f"u-{asking.now:%Y%m%d-%H%M%S}-{letters}", wanted_release="")
    data: dict[str, Any] = {"release": lab.release, "wanted": wanted, "upgrade_id": after.upgrading}
    told = fact("LabUpgrading", lab, asking.now, by=asking.who.email, request=asking.correlation_id, **data)
    same = store.unchanged(lab, "upgrading")
    commit(*remembered(asking.request_key, {"lab_id": lab.id}), store.change(lab, after, also=same), told)
    return after


def _start(lab: Lab, wanted: str, asking: Asking) -> None:
    """Start its workflow; said again, for a start that was lost, it is the same execution."""
    bundle = f"s3://{settings.current().need('artifacts_bucket')}/{naming.bundle_key(wanted)}"
    order = {"bundle": bundle, "release": wanted, "upgrade_id": lab.upgrading}
    known = {"lab_id": lab.id, "generation": lab.generation, "correlation_id": asking.correlation_id}
    workflows.begin(WORKFLOW, f"{lab.id}-{lab.upgrading}", {**known, "upgrade_id": lab.upgrading, "order": order})


def _age(upgrade_id: str, now: datetime) -> timedelta:
    began = datetime.strptime(upgrade_id[2:17], "%Y%m%d-%H%M%S").replace(tzinfo=now.tzinfo)
    return now - began


# ---- the workflow's tasks ------------------------------------------------------------------------------------------------


def renew_rights(lab_id: str, generation: int) -> None:
    """A new release may need what the lab's role did not have: give the role today's rights."""
    lab = store.load(lab_id, consistent=True)
    if lab.phase is not Phase.READY or lab.generation != generation:
        raise Superseded(f"lab {lab_id} is {lab.phase} {lab.generation}")
    give_rights(lab)


def give_rights(lab: Lab) -> None:
    """Today's rights for a role that exists."""
    name = naming.role_name(settings.current().prefix, lab.id)
    iam.give_rights(name, provisioning.rights_of(lab))


def finish(lab_id: str, upgrade_id: str, report: Mapping[str, Any], now: datetime) -> None:
    """The machine runs the new release, and people were not disturbed."""
    lab = store.load(lab_id, consistent=True)
    if lab.upgrading != upgrade_id:
        return
    release = str(report.get("release") or lab.release)
    data: dict[str, Any] = {
        "release": release,
        "came_from": lab.release,
        "upgrade_id": upgrade_id,
        "seconds": report.get("seconds"),
    }
    after = replace(lab, release=release, upgrading="", release_note="")
    same = store.unchanged(lab, "upgrading")
    commit(store.change(lab, after, store.moved_on(lab), same), fact("LabUpgraded", lab, now, **data))


def fail(lab_id: str, upgrade_id: str, cause: str, now: datetime) -> None:
    """The machine runs what it ran; the lab says why."""
    lab = store.load(lab_id, consistent=True)
    if lab.upgrading != upgrade_id:
        return
    data: dict[str, Any] = {"release": lab.release, "upgrade_id": upgrade_id, "cause": cause}
    after = replace(lab, upgrading="", release_note=cause[:500])
    same = store.unchanged(lab, "upgrading")
    commit(store.change(lab, after, store.moved_on(lab), same), fact("LabUpgradeFailed", lab, now, **data))
