"""How is a lab taken apart, and how is it seen that nothing is left? Worked from the journal, last made first.

undo_lab takes everything away, for nobody ever worked in the lab; teardown_lab keeps the files unless it was told not to.
Keeps true: a part counts as REMOVED only once AWS no longer shows it; parts that are merely planned are looked for by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_UP, Decimal
from math import ceil

from chalicelib.labs import ec2, efs, fitting, iam, route53, sessions, store
from chalicelib.labs.journal import ORDER, Entry, Kept, Kind, Receipt, Removed, State, to_take_down
from chalicelib.labs.making import current
from chalicelib.labs.power import FILES_KEPT, LOST
from chalicelib.labs.provisioning import NEXT, fact, patience
from chalicelib.labs.rules import Command, Lab, Phase, settle
from chalicelib.limits import rules as prices
from chalicelib.limits import service as limits
from chalicelib.packs import service as packs
from chalicelib.runtime import settings
from chalicelib.runtime.errors import StillThere
from chalicelib.runtime.store import Write, commit

CENT = Decimal("0.01")


# ---- UndoLab · FailLab ---------------------------------------------------------------------------------------------------


def undo_lab(lab_id: str, generation: int) -> None:
    """Take away all that a failed provisioning made. StillThere while AWS still shows some of it."""
    lab = current(lab_id, generation, Phase.PROVISIONING)
    ec2.terminate(one.id for one in ec2.machines_of(lab.id) if one.alive)
    take_down(lab, keep_files=lab.opened)


def fail_lab(lab_id: str, generation: int, now: datetime, error: str = "") -> None:
    """Say what went wrong. A lab that never opened gives its place back, for nothing of it is left."""
    phases = (Phase.PROVISIONING, Phase.STARTING, Phase.SCALING, Phase.STOPPING, Phase.FAILED)
    lab = current(lab_id, generation, *phases)
    if lab.phase is Phase.FAILED:
        return
    cause, hint = ("", "") if lab.phase is Phase.STOPPING else (lab.cause, lab.cause_hint)  # there it says why it was stopped
    lose(lab, cause or error or LOST, hint or ("" if lab.opened else "deploy it again"), now)


def lose(lab: Lab, cause: str, hint: str, now: datetime) -> None:
    """Move a lab to FAILED with its cause."""
    failed = settle(lab, Command.FAIL, now, patience())
    failed = replace(failed, cause=cause, cause_hint=hint or FILES_KEPT, address="", last_session=sessions.noted(lab))
    lost = (fact("MachineLost", lab, now, cause=cause, instance_id=lab.instance_id),) if lab.opened else ()
    if lab.reserved and not lab.opened:
        failed = replace(failed, reserved=False, instance_id="", file_system_id="")
    told = fact("LabFailed", lab, now + NEXT, before=lab, after=failed, cause=cause)
    held = store.change(lab, failed, store.moved_on(lab))
    limits.committed(lab.team, now, lambda: (held, *lost, *_given_back(lab, failed, now), told))


def _given_back(lab: Lab, after: Lab, now: datetime) -> tuple[Write, ...]:
    """What a lab whose machine is gone no longer takes from its team; all of it, when the lab counts no more."""
    if after.reserved:
        return limits.rest(lab.team, lab.id, lab.shared_storage_gb, now)
    return (limits.release(lab.team, lab.id, now),) if lab.reserved else ()


# ---- RemoveMachine · RemoveResources · CloseLab --------------------------------------------------------------------------


def remove_machine(lab_id: str, generation: int) -> None:
    """Terminate every machine of the lab, those included that the journal does not know by id."""
    lab = current(lab_id, generation, Phase.DELETING)
    noted = [entry.id for entry in store.journal(lab.id) if entry.kind is Kind.INSTANCE and entry.state is State.MADE]
    tagged = [one.id for one in ec2.machines_of(lab.id) if one.alive]
    ec2.terminate(dict.fromkeys([*noted, *tagged]))


def remove_resources(lab_id: str, generation: int) -> None:
    """Everything else in reverse; the files stay if they are somebody's and were not asked to go."""
    lab = current(lab_id, generation, Phase.DELETING)
    ec2.terminate(one.id for one in ec2.machines_of(lab.id) if one.alive)
    take_down(lab, keep_files=lab.opened and lab.keep_data)


def close_lab(lab_id: str, generation: int, now: datetime) -> None:
    """Look once more that each removed part is absent, write the receipt, forget the people. StillThere if one is back."""
    lab = current(lab_id, generation, Phase.DELETING, Phase.DELETED)
    if lab.phase is Phase.DELETING:
        paper = receipt(lab, store.journal(lab.id))
        closed = replace(settle(lab, Command.CLOSE, now, patience()), receipt=paper, address="", reserved=False)
        closed = replace(closed, last_session=sessions.noted(lab))
        kept = [one.id for one in paper.kept]
        told = fact("LabDeleted", lab, now, before=lab, after=closed, removed=len(paper.removed), kept=kept)
        held = store.change(lab, closed, store.moved_on(lab))
        limits.committed(lab.team, now, lambda: (held, *_given_back(lab, closed, now), told))
    commit(*(write for name, version in fitting.versions(lab) for write in packs.leaves(name, version, lab.id)))
    store.forget_parts(lab.id)


# ---- taking down ---------------------------------------------------------------------------------------------------------


def take_down(lab: Lab, *, keep_files: bool) -> None:
    """Remove what the journal says may stand. Parts that others still lean on are left for the next run (StillThere)."""
    standing: list[str] = []
    for entry in to_take_down(store.journal(lab.id)):
        if entry.kind is Kind.FILE_SYSTEM and keep_files:
            commit(store.mark(lab, replace(entry, state=State.KEPT, id=entry.id or _find(lab, entry))))
            continue
        try:
            commit(store.mark(lab, replace(entry, state=State.REMOVED, id=_remove(lab, entry))))
        except StillThere as error:
            standing.append(f"{entry.kind}: {error.message}")
    if standing:
        raise StillThere("; ".join(standing))


def _remove(lab: Lab, entry: Entry) -> str:
    """Remove one part; returns its id, "" when it was never made. StillThere until AWS no longer shows it."""
    part = entry.id or _find(lab, entry)
    if not part:
        return ""
    match entry.kind:
        case Kind.RECORD:
            route53.remove(settings.current().need("hosted_zone_id"), part)
        case Kind.INSTANCE:
            ec2.terminate([part])
        case Kind.PROFILE:
            iam.remove_profile(part)
        case Kind.ROLE:
            iam.remove_role(part)
        case Kind.MOUNT_TARGET:
            efs.remove_mount_targets(entry.token)
        case Kind.FILE_SYSTEM:
            efs.remove_file_system(part)
        case Kind.STORAGE_GROUP | Kind.MACHINE_GROUP:
            ec2.remove_group(part)
    if not absent(lab, replace(entry, id=part)):
        raise StillThere(f"{part} is still being removed")
    return part


def _find(lab: Lab, entry: Entry) -> str:
    """The id of a part whose creation may have been cut short."""
    match entry.kind:
        case Kind.RECORD:
            return entry.token if route53.find(settings.current().need("hosted_zone_id"), entry.token) else ""
        case Kind.INSTANCE:
            return next((one.id for one in ec2.machines_of(lab.id) if one.token == entry.token), "")
        case Kind.PROFILE:
            return entry.token if iam.profile_exists(entry.token) else ""
        case Kind.ROLE:
            return entry.token if iam.role_exists(entry.token) else ""
        case Kind.MOUNT_TARGET:
            return next(iter(efs.mount_targets(entry.token)), "")
        case Kind.FILE_SYSTEM:
            return efs.find_file_system(entry.token)
        case Kind.STORAGE_GROUP | Kind.MACHINE_GROUP:
            return ec2.find_group(entry.token)


def absent(lab: Lab, entry: Entry) -> bool:
    """Does AWS no longer show this part?"""
    match entry.kind:
        case Kind.INSTANCE:
            seen = ec2.see(entry.id)
            return seen is None or seen.state == "terminated"
        case Kind.FILE_SYSTEM:
            return not efs.exists(entry.id)
        case _:
            return not _find(lab, entry)


def receipt(lab: Lab, entries: Iterable[Entry]) -> Receipt:
    """What is gone and what is kept. StillThere when a part is neither, or is there again."""
    lines = sorted((entry for entry in entries if entry.id), key=lambda entry: ORDER.index(entry.kind))
    back = [entry.id for entry in lines if entry.state is not State.KEPT and not absent(lab, entry)]
    if back:
        raise StillThere(f"still there: {', '.join(back)}")
    removed = tuple(Removed(entry.kind, entry.id, verified_absent=True) for entry in lines if entry.state is State.REMOVED)
    kept = tuple(_kept(entry) for entry in lines if entry.state is State.KEPT and entry.kind is Kind.FILE_SYSTEM)
    return Receipt(removed, kept)


def _kept(entry: Entry) -> Kept:
    """A kept file system with what a month of it costs, by what EFS meters, every begun GB counted."""
    price = prices.storage_monthly_price(ceil(efs.size_gb(entry.id)), settings.current().region)
    if price is None:
        return Kept(entry.kind, entry.id, Decimal(0), "", "")
    return Kept(entry.kind, entry.id, price.amount.quantize(CENT, ROUND_UP), price.currency, price.as_of.isoformat())
