"""Whose is this? What exists in the account, beside what the tables and the journal know: keep, adopt, remove or report.

Pure: a `Thing` that was seen, its `Owner` as the tables know it, a verdict with its reason. Keeps true:

- what a moving lab has is left to its workflow; what is younger than the grace age is left alone;
- files are never removed, unless their lab is known and nobody ever worked in it; nor are disks;
- of a lab that is not known at all nothing is touched while a machine, a disk or files of it exist: after the loss of a
  table that would be every lab there is;
- whatever carries the tag `aws-research-wizard:kept-by` stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from chalicelib.images import rules as images
from chalicelib.labs.journal import Entry, Kind, State
from chalicelib.labs.rules import REMEMBERED, RESTING, Lab, Phase
from chalicelib.labs.things import NOTES, ORDER, UNSEEN, Owner, Thing, What
from chalicelib.limits.rules import Price

GRACE = timedelta(minutes=15)
LATE = timedelta(minutes=15)
EMPTY_GB = 0.001  # EFS meters 6 KB of a file system that holds nothing


class Fate(StrEnum):
    """What becomes of a thing that was seen."""

    KEEP = "keep"
    ADOPT = "adopt"
    REMOVE = "remove"
    REPORT = "report"


@dataclass(frozen=True)
class Finding:
    """What is to become of one thing, and why; `since` it was first found like this, `outcome` once it was dealt with."""

    kind: str
    id: str
    lab_id: str
    verdict: Fate
    reason: str
    hint: str = ""
    monthly_cost: Price | None = None
    since: datetime | None = None
    outcome: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.id}"

    @property
    def unowned(self) -> bool:
        """Does somebody have to do something, or was something done?"""
        return self.verdict is not Fate.KEEP and (self.kind not in NOTES or self.id == UNSEEN)

    @property
    def open(self) -> bool:
        return self.unowned and self.outcome != "done"


Said = tuple[Fate, str]


def judge(thing: Thing, owner: Owner, now: datetime, since: datetime, grace: timedelta = GRACE) -> Finding:
    """`since` is when it was first seen without an owner: counts as its age where AWS tells none."""
    verdict, reason = (Fate.KEEP, f"kept by {thing.kept_by}") if thing.kept_by else _verdict(thing, owner, now)
    known = [moment for moment in (thing.made_at or since, owner.lab.changed_at if owner.lab else None) if moment]
    if verdict in (Fate.ADOPT, Fate.REMOVE) and now - max(known) < grace:
        verdict, reason = Fate.KEEP, f"younger than {round(grace.total_seconds() / 60)} minutes: {reason}"
    cost = thing.monthly_cost
    return Finding(thing.kind, thing.id, thing.lab_id, verdict, reason, _hint(thing, verdict), cost, since)


def _verdict(thing: Thing, owner: Owner, now: datetime) -> Said:
    match thing.kind:
        case Kind.INSTANCE:
            return _machine(thing, owner)
        case Kind.FILE_SYSTEM:
            return _files(thing, owner)
        case Kind.MOUNT_TARGET:
            return _door(thing, owner)
        case Kind.RECORD:
            return (
                _part(thing, owner, owner.names.get(thing.kind, ""))
                if owner.lab
                else (Fate.KEEP, "no lab of that name is known: it may be anybody's")
            )
        case Kind.MACHINE_GROUP | Kind.STORAGE_GROUP | Kind.ROLE | Kind.PROFILE:
            return _part(thing, owner, owner.names.get(thing.kind, ""))
        case What.VOLUME:
            return _loose(thing, owner, Fate.REPORT, "a disk that no machine has; what is on it nobody knows")
        case What.INTERFACE:
            verdict, reason = (Fate.REMOVE, "it is attached to nothing") if owner.lab else _nobodys(thing, owner)
            return _loose(thing, owner, verdict, reason)
        case What.WORKFLOW:
            return _workflow(thing, owner)
        case What.TOKEN:
            return _token(thing, owner.lab)
        case What.WORK:
            return _work(thing, owner.lab)
        case What.PLACE:
            return _place(thing, owner)
        case What.QUEUE:
            said = f"{thing.state} messages wait that nobody could take"
            return (Fate.REPORT, said) if thing.state not in ("", "0") else (Fate.KEEP, "it is empty")
        case What.LOG_STREAM | What.BACKUPS:
            return _remains(thing, owner.lab, now)
        case What.LAB:
            return _late(owner.lab, now)
        case What.BUILDER | What.BUILDER_GROUP | What.IMAGE | What.SNAPSHOT:
            return _of_bake(thing, owner)
        case _:
            assert_never(thing.kind)


def gone(lab: Lab) -> bool:
    """Is nothing of this lab wanted any more (but files that somebody worked on)? What is gone never comes back."""
    return lab.phase is Phase.DELETED or (lab.phase is Phase.FAILED and not lab.opened)


def _machine(thing: Thing, owner: Owner) -> Said:
    lab = owner.lab
    if lab is None:
        return Fate.REPORT, "no lab of that name is known: the table may have been lost"
    if lab.moving:
        return _underway(lab)
    if gone(lab):
        return Fate.REMOVE, f"lab {lab.id} is {lab.phase}"
    if thing.id != lab.instance_id:
        return Fate.REMOVE, f"lab {lab.id} counts another machine as its own"
    line = owner.line(thing.kind, thing.name)
    return _yes(lab) if line and line.state is State.MADE else (Fate.ADOPT, f"lab {lab.id}'s journal lacks it")


def _files(thing: Thing, owner: Owner) -> Said:
    lab = owner.lab
    if lab is None:
        return Fate.REPORT, "files of a lab that is not known; files are never removed unasked"
    if lab.moving:
        return _underway(lab)
    if lab.receipt and any(one.id == thing.id for one in lab.receipt.kept):
        return Fate.KEEP, f"kept when lab {lab.id} was deleted"
    if gone(lab):
        unused = not lab.opened and thing.size_gb <= EMPTY_GB
        return (Fate.REMOVE, f"nobody ever worked in lab {lab.id}, and it is empty") if unused else _never(lab)
    if thing.id == lab.file_system_id:
        line = owner.line(thing.kind)
        return _yes(lab) if line and line.state is State.MADE else (Fate.ADOPT, f"lab {lab.id}'s journal lacks it")
    if not lab.file_system_id and thing.name == owner.names.get(thing.kind):
        return Fate.ADOPT, f"lab {lab.id} does not know that these are its files"
    return _never(lab)


def _door(thing: Thing, owner: Owner) -> Said:
    """A mount target goes with its file system, unless the lab behind it is gone."""
    lab = owner.lab
    if lab is None or (not lab.moving and not gone(lab) and thing.name != lab.file_system_id):
        return Fate.KEEP, f"it goes with {thing.name}"
    return _part(thing, owner, lab.file_system_id)


def _part(thing: Thing, owner: Owner, name: str) -> Said:
    """What a journal line stands for and holds nobody's data; the lab's own one is called `name`."""
    lab = owner.lab
    if lab is None:
        return _nobodys(thing, owner)
    if lab.moving:
        return _underway(lab)
    if gone(lab):
        return Fate.REMOVE, f"lab {lab.id} is {lab.phase}"
    line = owner.line(thing.kind)
    if line and line.state is State.MADE and line.id == thing.id:
        return _yes(lab)
    if thing.name != name:
        return Fate.REMOVE, f"lab {lab.id} has another {thing.kind}"
    if line is None or line.state is State.PLANNED:
        return Fate.ADOPT, f"lab {lab.id}'s journal lacks it"
    return Fate.REPORT, f"lab {lab.id}'s journal says {line.state} {line.id} instead"


def _nobodys(thing: Thing, owner: Owner) -> Said:
    if owner.weighty:
        return Fate.REPORT, "its lab is not known, but a machine, a disk or files of it exist: the table may have been lost"
    if thing.region is None or thing.region == owner.region:
        return Fate.REMOVE, "its lab is not known, and no machine, disk or files of it exist"
    if thing.region:
        return Fate.KEEP, f"it belongs to {thing.region}"
    return Fate.REPORT, "its lab is not known here, and it does not say which region it was made for"


def _loose(thing: Thing, owner: Owner, verdict: Fate, reason: str) -> Said:
    if thing.state == "in-use":
        return Fate.KEEP, "it is in use"
    return _underway(owner.lab) if owner.lab and owner.lab.moving else (verdict, reason)


def _workflow(thing: Thing, owner: Owner) -> Said:
    lab = owner.lab
    if lab is None:
        return _nobodys(thing, owner)
    if lab.moving and thing.generation == lab.generation:
        return _underway(lab)
    return Fate.REMOVE, f"lab {lab.id} is {lab.phase} {lab.generation}, and does not wait for it"


def _token(thing: Thing, lab: Lab | None) -> Said:
    if lab and lab.moving and thing.generation == lab.generation:
        return _underway(lab)
    return Fate.REMOVE, "the workflow that left it is over"


def _work(thing: Thing, lab: Lab | None) -> Said:
    if lab and (lab.moving or (lab.phase is Phase.READY and thing.generation == lab.generation)):
        return _yes(lab)
    return Fate.REMOVE, "no machine will ever do it, and it is still open"


def _place(thing: Thing, owner: Owner) -> Said:
    lab = owner.lab
    if thing.state == "missing":
        return Fate.ADOPT, f"lab {thing.lab_id} counts, but team {thing.name} does not count it"
    if thing.state == "wrong":
        return Fate.ADOPT, f"team {thing.name} counts lab {thing.lab_id} for something else than it is"
    if thing.state == "sums":
        return Fate.REMOVE, f"what team {thing.name} counts in all is not what its labs hold"
    if thing.state == "money":
        return _money(lab) if lab else _nobodys(thing, owner)
    if lab is None:
        return _nobodys(thing, owner)
    if lab.reserved and lab.team == thing.name:
        return _yes(lab)
    return Fate.REMOVE, f"lab {lab.id} has given its place back"


def _money(lab: Lab) -> Said:
    said = f"lab {lab.id} is {lab.phase}, and money is set aside for it"
    return (Fate.REMOVE if lab.phase in RESTING else Fate.KEEP), said


def _remains(thing: Thing, lab: Lab | None, now: datetime) -> Said:
    if lab is None:
        return Fate.REPORT, "its lab is not known any more"
    long_gone = thing.kind is What.LOG_STREAM and lab.phase is Phase.DELETED and now - lab.changed_at > REMEMBERED
    return (Fate.REPORT, f"lab {lab.id} is long gone") if long_gone else _yes(lab)


def _of_bake(thing: Thing, owner: Owner) -> Said:
    wanted, reason = images.owned(thing.kind, owner.bake)
    reason += f", in {thing.region}" if thing.region else ""
    if wanted is None:
        return Fate.REPORT, f"{reason}: labs may have been meant to get it"
    return (Fate.KEEP if wanted else Fate.REMOVE), reason


def _late(lab: Lab | None, now: datetime) -> Said:
    if lab is None or not lab.moving or lab.deadline is None or now - lab.deadline < LATE:
        return Fate.KEEP, "it is on its way"
    return Fate.REPORT, f"{lab.phase} since {lab.changed_at:%Y-%m-%d %H:%M}, and the sweep could not bring it to rest"


def _underway(lab: Lab) -> Said:
    return Fate.KEEP, f"lab {lab.id} is {lab.phase}"


def _yes(lab: Lab) -> Said:
    return Fate.KEEP, f"lab {lab.id} has it"


def _never(lab: Lab) -> Said:
    return Fate.REPORT, f"lab {lab.id} does not count these files as its own; files are never removed unasked"


HINTS: Mapping[str, str] = {
    Kind.FILE_SYSTEM: "keep: tag it aws-research-wizard:kept-by=YOU · remove: aws efs delete-file-system --file-system-id {id}",
    What.VOLUME: "keep: tag it aws-research-wizard:kept-by=YOU · remove: aws ec2 delete-volume --volume-id {id}",
    Kind.INSTANCE: "keep: tag it aws-research-wizard:kept-by=YOU · remove: aws ec2 terminate-instances --instance-ids {id}",
    Kind.ROLE: "keep: it costs nothing · remove: aws iam delete-role --role-name {id}, its inline policy first",
    Kind.PROFILE: "keep: it costs nothing · remove: aws iam delete-instance-profile --instance-profile-name {id}",
    What.IMAGE: "keep: tag it aws-research-wizard:kept-by=YOU · remove: aws ec2 deregister-image --image-id {id}",
    What.SNAPSHOT: "keep: tag it aws-research-wizard:kept-by=YOU · remove: aws ec2 delete-snapshot --snapshot-id {id}",
    What.QUEUE: "look: aws sqs receive-message; redrive: aws sqs start-message-move-task",
    What.LOG_STREAM: "its lines age out by themselves",
    What.BACKUPS: "restore from it, or remove the prefix labs/{id}/ from the backups bucket",
    What.LAB: "read the alarms of reconcile_labs and of its workflow; deleting the lab always works",
}


def _hint(thing: Thing, verdict: Fate) -> str:
    if verdict is not Fate.REPORT:
        return ""
    there = f" --region {thing.region}" if thing.region and thing.kind in (What.IMAGE, What.SNAPSHOT) else ""
    return HINTS.get(thing.kind, "").format(id=thing.id) + there


def missing(lab: Lab, lines: Iterable[Entry], seen: frozenset[str]) -> list[Entry]:
    """What a lab at rest should have, and is not among the things seen (by key). Its machine the sweep watches."""
    if lab.moving or gone(lab):
        return []
    wanted = [one for one in lines if one.state is State.MADE and one.id and one.kind is not Kind.INSTANCE]
    return [one for one in wanted if f"{one.kind}/{one.id}" not in seen]


def lost(lab: Lab, entry: Entry, since: datetime) -> Finding:
    """A lab's part is gone from the account, and not by us."""
    said = f"lab {lab.id} has it in its journal, but it is gone from the account"
    hint = (
        "its files are in its backups" if entry.kind is Kind.FILE_SYSTEM else "a lab that is deleted and made anew has it again"
    )
    return Finding(entry.kind, entry.id, lab.id, Fate.REPORT, said, hint, since=since)


def sorted_for_acting(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=lambda one: (ORDER.index(one.kind), one.id))
