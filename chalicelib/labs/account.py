"""Is there anything in the account that nobody counts as theirs? Looks, says so, and puts right what it safely can.

Look → judge (pure) → read its owner again, strongly → act → tell. Every act is conditional or harmless when said twice, so two
of these may run beside each other, beside every workflow and beside the five-minute sweep, which ends machines through here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.images import service as images
from chalicelib.labs import census, ec2, efs, findings, iam, machine_store, naming, reports, route53, store, teardown, work
from chalicelib.labs.census import Census
from chalicelib.labs.findings import GRACE, Fate, Finding
from chalicelib.labs.journal import Entry, Kind, State
from chalicelib.labs.needs import need_of
from chalicelib.labs.provisioning import fact
from chalicelib.labs.reports import Report
from chalicelib.labs.rules import Lab
from chalicelib.labs.things import Thing, What
from chalicelib.limits import service as limits
from chalicelib.runtime import functions, settings, workflows
from chalicelib.runtime.errors import AppError, NotFound
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import commit

WIZARD = "aws-research-wizard"
ACTED_ON = (Fate.ADOPT, Fate.REMOVE)


@dataclass(frozen=True)
class Asked:
    """One look: who asked for it, whether anything may be changed, and how young a thing is left alone."""

    run: str
    by: str = WIZARD
    dry_run: bool = False
    grace: timedelta = GRACE


def new_run(now: datetime) -> str:
    letters = "".join(secrets.choice(naming.ALPHABET) for _ in range(naming.ID_LETTERS))
    return f"a-{now:%Y%m%d-%H%M%S}-{letters}"


def ask(by: str, now: datetime, *, dry_run: bool, grace_minutes: int) -> str:
    """Have the account looked at now; the report of this run (or of a later one) will be there in a while."""
    run = new_run(now)
    functions.later("reconcile_account", {"run": run, "by": by, "dry_run": dry_run, "grace_minutes": grace_minutes}, now)
    return run


def asked(detail: dict[str, Any], now: datetime) -> Asked:
    """What an event asks for; one of the timer says nothing."""
    grace = timedelta(minutes=int(detail["grace_minutes"])) if "grace_minutes" in detail else GRACE
    return Asked(detail.get("run") or new_run(now), detail.get("by") or WIZARD, bool(detail.get("dry_run")), grace)


def last() -> Report:
    """The last report. NotFound when nobody has looked yet."""
    report = reports.last()
    if report is None:
        raise NotFound("nobody has looked at the account yet", "aws-research-wizard doctor --account")
    return report


def reconcile(asked: Asked, now: datetime) -> Report:
    """One look at the account, and (unless it is dry) everything done that may be done."""
    before = reports.last()
    seen = census.take()
    judged = [(thing, _judge(seen, thing, asked, now, before)) for thing in seen.things]
    found = [*(one for _, one in judged), *_lost(seen, now, before), *seen.unseen]
    if not asked.dry_run:
        found = _acted(seen, judged, asked, now) + found[len(judged) :]
    report = Report(asked.run, now, asked.by, asked.dry_run).of(found)
    commit(reports.kept(report), *reports.told(report, before))
    return report


def _judge(seen: Census, thing: Thing, asked: Asked, now: datetime, before: Report | None) -> Finding:
    since = before.firsts().get(thing.key, now) if before else now
    return findings.judge(seen.judged_by(thing), seen.owner(thing), now, since, asked.grace)


def _lost(seen: Census, now: datetime, before: Report | None) -> Iterable[Finding]:
    """What a journal says is there, and is not: neither in the list nor when asked for by itself."""
    keys = frozenset(one.key for one in seen.things)
    firsts = before.firsts() if before else {}
    for lab in seen.labs.values():
        for entry in findings.missing(lab, seen.lines.get(lab.id, ()), keys):
            if entry.kind is not Kind.RECORD and teardown.absent(lab, entry):
                yield findings.lost(lab, entry, firsts.get(f"{entry.kind}/{entry.id}", now))


# ---- acting --------------------------------------------------------------------------------------------------------------


def _acted(seen: Census, judged: list[tuple[Thing, Finding]], asked: Asked, now: datetime) -> list[Finding]:
    things = {one.key: thing for thing, one in judged}
    done = []
    for one in findings.sorted_for_acting(found for _, found in judged):
        weighty = seen.owner(things[one.key]).weighty
        done.append(settle(things[one.key], one, asked, now, weighty=weighty) if one.verdict in ACTED_ON else one)
    return done


def settle(thing: Thing, found: Finding, asked: Asked, now: datetime, *, weighty: bool = False) -> Finding:
    """Adopt or remove one thing, if it still is what it was found to be. One that cannot be had does not hold up the others."""
    try:
        owner = census.fresh(thing, weighty=weighty)
        if found.verdict is Fate.REMOVE and thing.kind is Kind.FILE_SYSTEM:
            thing = replace(thing, size_gb=efs.size_gb(thing.id))
        again = findings.judge(thing, owner, now, found.since or now, asked.grace)
        if again.verdict is not found.verdict:
            return again
        _adopt(thing, owner.lab, now) if found.verdict is Fate.ADOPT and owner.lab else _remove(thing, owner.lab, now)
    except (AppError, ClientError) as error:
        logger().warning("left for the next look", kind=thing.kind, id=thing.id, why=str(error))
        return replace(found, outcome=f"not yet: {str(error)[:200]}")
    logger().warning("account put right", verdict=found.verdict, kind=thing.kind, id=thing.id, lab_id=thing.lab_id)
    return replace(found, outcome="done")


def _adopt(thing: Thing, lab: Lab, now: datetime) -> None:
    """Write down what the tables lack, while the lab is what it was found as."""
    after = replace(lab, file_system_id=thing.id) if thing.kind is Kind.FILE_SYSTEM else lab
    told = fact("LabPartAdopted", lab, now, before=lab, after=after, kind=thing.kind, id=thing.id)
    held = store.change(lab, after, store.moved_on(lab))
    if isinstance(thing.kind, Kind):
        return commit(held, store.adopted(lab, Entry(thing.kind, thing.name, State.MADE, thing.id)), told)
    return limits.committed(lab.team, now, lambda: (held, limits.restore(lab.team, lab.id, need_of(lab), now), told))


def _remove(thing: Thing, lab: Lab | None, now: datetime) -> None:
    if thing.state == "sums":
        return limits.recount(thing.name)
    if thing.kind is What.PLACE:
        held = store.holds(lab) if lab else store.never(thing.lab_id)
        if thing.state == "money":
            return limits.committed(thing.name, now, lambda: (held, *limits.rest_money(thing.name, thing.lab_id, now)))
        return limits.committed(thing.name, now, lambda: (held, limits.release(thing.name, thing.lab_id, now)))
    return REMOVALS[thing.kind](thing)


def _stop(thing: Thing) -> None:
    arn = settings.current().execution_arn(*thing.id.split("/", 1))
    workflows.stop(arn, "its lab does not wait for it")


REMOVALS: dict[str, Callable[[Thing], None]] = {
    Kind.INSTANCE: lambda thing: ec2.terminate([thing.id]),
    Kind.RECORD: lambda thing: route53.remove(settings.current().need("hosted_zone_id"), thing.id),
    Kind.PROFILE: lambda thing: iam.remove_profile(thing.id),
    Kind.ROLE: lambda thing: iam.remove_role(thing.id),
    What.BUILDER: lambda thing: ec2.terminate([thing.id]),
    What.BUILDER_GROUP: lambda thing: ec2.remove_group(thing.id),
    What.IMAGE: lambda thing: images.remove_part("image", thing.id, thing.region or ""),
    What.SNAPSHOT: lambda thing: images.remove_part("snapshot", thing.id, thing.region or ""),
    What.INTERFACE: lambda thing: ec2.remove_interface(thing.id),
    Kind.MOUNT_TARGET: lambda thing: efs.remove_mount_targets(thing.name),
    Kind.FILE_SYSTEM: lambda thing: efs.remove_file_system(thing.id),
    Kind.STORAGE_GROUP: lambda thing: ec2.remove_group(thing.id),
    Kind.MACHINE_GROUP: lambda thing: ec2.remove_group(thing.id),
    What.WORKFLOW: _stop,
    What.TOKEN: lambda thing: commit(machine_store.spent(thing.lab_id, thing.name)),
    What.WORK: lambda thing: work.end_stale(thing.lab_id, thing.name),
}


# ---- machines, every five minutes ----------------------------------------------------------------------------------------


def end_machines(seen: Iterable[ec2.Seen], now: datetime) -> int:
    """End the machines that their lab does not count as its own; returns how many. They cost most, so the fast sweep asks for
    this, and without a grace age: what is in the making belongs to a lab in motion."""
    things = list(census.machines(one for one in seen if one.lab_id))
    labs = {lab.id: lab for lab in store.many(one.lab_id for one in things)}
    asked = Asked("sweep", grace=timedelta(0))
    ended = 0
    for thing in things:
        found = findings.judge(thing, census.owner(labs.get(thing.lab_id), (), weighty=True), now, now, asked.grace)
        if found.verdict is Fate.REPORT:
            logger().error("machine of an unknown lab", instance_id=thing.id, lab_id=thing.lab_id)
        if found.verdict is Fate.REMOVE:
            ended += settle(thing, found, asked, now, weighty=True).outcome == "done"
    return ended
