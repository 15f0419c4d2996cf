"""Which release does a lab's machine run, which is the newest, and who is told of it?

Keeps true: `release` is what the machine says and nothing else; nobody is upgraded by a deployment, only told of it, and once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chalicelib.labs import naming, store
from chalicelib.labs.machines import Machine
from chalicelib.labs.provisioning import NEXT, fact
from chalicelib.labs.rules import BEFORE_RELEASES, Lab, Phase, newer
from chalicelib.runtime import settings
from chalicelib.runtime.errors import AppError, Conflict
from chalicelib.runtime.store import Write, commit


def newest() -> str:
    """The release that labs get now; "" where none is deployed."""
    return naming.release_of(settings.current().bundle_key)


def newer_than(lab: Lab) -> str:
    """The newest release, if this lab runs another; "" otherwise."""
    return newer(lab, newest())


# ---- what the machine says -----------------------------------------------------------------------------------------------


def heard(lab: Lab, machine: Machine, said: str, now: datetime) -> None:
    """Note the release that a machine says it runs; one that was to come with a start and did not is told as failed."""
    if lab.phase is not Phase.READY or lab.upgrading:
        return
    release = said or lab.release
    by = f"machine:{machine.instance_id}"
    after = replace(lab, release=release)
    told: list[Write] = []
    if said and said != lab.release:
        told.append(fact("LabUpgraded", lab, now, by=by, release=said, came_from=lab.release))
        after = replace(after, release_note="")
    if lab.wanted_release and lab.wanted_release != said:
        cause = f"release {lab.wanted_release} did not serve when the lab was started; it runs release {release} as before"
        told.append(fact("LabUpgradeFailed", lab, now + NEXT, by=by, release=release, cause=cause))
        after = replace(after, release_note=cause)
    after = replace(after, wanted_release="")
    if after == lab:
        return
    same = store.unchanged(lab, "release") & store.unchanged(lab, "wanted_release") & store.unchanged(lab, "upgrading")
    try:
        commit(store.change(lab, after, store.moved_on(lab), same), *told)
    except AppError:
        return  # said again with the next beat


# ---- after a deployment --------------------------------------------------------------------------------------------------


def announce(now: datetime) -> int:
    """Tell every running lab once that a newer release is there; how many were told."""
    return sum(_told(lab, now) for lab in store.many(store.ids_ready()))


def _told(lab: Lab, now: datetime) -> bool:
    wanted = newer_than(lab)
    if not wanted or lab.told_release == wanted or lab.phase is not Phase.READY:
        return False
    told = fact("LabReleaseAvailable", lab, now, release=lab.release or BEFORE_RELEASES, newest=wanted)
    try:
        commit(store.change(lab, replace(lab, told_release=wanted), also=store.unchanged(lab, "told_release")), told)
    except Conflict:
        return False
    return True
