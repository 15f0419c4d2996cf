"""What does a lab take from its team: while its machine runs or is about to, and while it rests?"""

from __future__ import annotations

from chalicelib.labs.rules import RESTING, Lab, Phase
from chalicelib.limits.service import Need
from chalicelib.packs import service as packs
from chalicelib.runtime.errors import AppError


def need_of(lab: Lab) -> Need:
    """Of a lab that may still come up as one of several types, the largest counts; of one that runs, the one it has."""
    if lab.phase in RESTING:
        return Need((), lab.shared_storage_gb)
    types = (lab.instance_type,) if lab.phase in (Phase.READY, Phase.STOPPING) else (lab.instance_type, *lab.candidates)
    return Need(tuple(dict.fromkeys(types)), lab.shared_storage_gb, idle_minutes(lab))


def idle_minutes(lab: Lab) -> int | None:
    """After how long without work its pack would have it stopped; None when no rule says."""
    try:
        return packs.of(lab.domain, lab.pack_version).idle.auto_shutdown
    except AppError:
        return None
