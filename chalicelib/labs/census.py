"""What is there? Everything in the account that says it is this stage's, and what the tables say beside it.

Each look lists once; what is asked of one thing is asked only where its verdict hangs on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_UP, Decimal
from math import ceil
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.images import service as images
from chalicelib.images.rules import Bake
from chalicelib.labs import ec2, efs, iam, logs, machine_store, naming, route53, s3, sqs, store
from chalicelib.labs.findings import Fate, Finding
from chalicelib.labs.journal import Entry, Kind
from chalicelib.labs.needs import need_of
from chalicelib.labs.rules import WORKFLOWS, Lab
from chalicelib.labs.things import UNSEEN, WEIGHTY, Owner, Thing, What
from chalicelib.limits import rules as prices
from chalicelib.limits import service as limits
from chalicelib.limits.quotas import Holding
from chalicelib.people import service as people
from chalicelib.runtime import settings, workflows
from chalicelib.runtime.errors import AppError, NotFound
from chalicelib.runtime.log import logger

QUEUES = ("undelivered", "unpublished-facts")
CENT = Decimal("0.01")


@dataclass
class Census:
    """What was seen, and the labs that it names."""

    things: list[Thing] = field(default_factory=list)
    labs: dict[str, Lab] = field(default_factory=dict)
    lines: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    bakes: dict[str, Bake] = field(default_factory=dict)
    unseen: list[Finding] = field(default_factory=list)

    def owner(self, thing: Thing) -> Owner:
        if thing.bake:
            return Owner(bake=self.bakes.get(thing.bake))
        weighty = any(one.lab_id == thing.lab_id and one.kind in WEIGHTY for one in self.things)
        return owner(self.labs.get(thing.lab_id), self.lines.get(thing.lab_id, ()), weighty=weighty)

    def judged_by(self, thing: Thing) -> Thing:
        """The thing with what only matters where its lab is not known: IAM's lists do not tell for which region it was made."""
        unknown = thing.kind in (Kind.ROLE, Kind.PROFILE) and thing.lab_id not in self.labs
        return replace(thing, region=iam.region_of(thing)) if unknown else thing


def take() -> Census:
    """One look. An error while listing what costs money ends it: half a look must not be taken for a whole one."""
    census = Census()
    living = list(store.every())
    census.things += [*parts(), *_workflows(), *_of_labs(living)]
    for kind, look in (
        (Kind.RECORD, _records), (What.QUEUE, _queues), (What.LOG_STREAM, _streams), (What.BACKUPS, _backups),
        (What.IMAGE, lambda: _copies(census)),
    ):  # fmt: skip
        census.things += _tolerantly(census, kind, look)
    census.labs = {lab.id: lab for lab in [*living, *store.many({one.lab_id for one in census.things if one.lab_id})]}
    census.bakes = images.owners(one.bake for one in census.things if one.bake)
    census.lines = {lab.id: store.journal(lab.id) for lab in living if not lab.moving}
    census.things += _places(census.labs.values())
    return census


def owner(lab: Lab | None, lines: tuple[Entry, ...], *, weighty: bool) -> Owner:
    known = settings.current()
    return Owner(lab, lines, _names(lab.id) if lab else {}, weighty, known.region)


def _names(lab_id: str) -> dict[str, str]:
    """What a lab's parts are called, whoever works it out."""
    known = settings.current()
    role = naming.role_name(known.prefix, lab_id)
    return {
        Kind.MACHINE_GROUP: naming.machine_group(known.prefix, lab_id),
        Kind.STORAGE_GROUP: naming.storage_group(known.prefix, lab_id),
        Kind.FILE_SYSTEM: naming.file_system_token(known.prefix, lab_id),
        Kind.ROLE: role,
        Kind.PROFILE: role,
        Kind.RECORD: f"{lab_id}.{known.domain_name}",
    }


# ---- what carries our tags -----------------------------------------------------------------------------------------------


def parts() -> Iterator[Thing]:
    """Machines, disks, network interfaces, groups, file systems and their doors, roles and profiles."""
    yield from machines(ec2.all_machines())
    yield from _images()
    yield from (_priced(one) for one in ec2.all_volumes())
    yield from ec2.all_interfaces()
    yield from ec2.all_groups()
    for files in efs.all_file_systems():
        yield _priced(files)
        yield from efs.doors_of(files)
    yield from iam.all_identities(settings.current().prefix)


def machines(seen: Iterable[ec2.Seen]) -> Iterator[Thing]:
    """The machines that live."""
    region = settings.current().region
    for one in seen:
        if one.alive and (one.lab_id or one.bake):
            cost = prices.monthly_price(one.instance_type, region) if one.state in ("pending", "running") else None
            kind = What.BUILDER if one.bake else Kind.INSTANCE
            about: dict[str, Any] = {"kept_by": one.kept_by, "bake": one.bake}
            yield Thing(kind, one.id, one.lab_id, one.token, one.made_at, one.state, monthly_cost=cost, **about)


def _images(region: str = "") -> Iterator[Thing]:
    """Baked images, and the snapshots that they cost; here, or copied into another region."""
    for one in images.parts(region):
        cost = prices.snapshot_monthly_price(one.size_gb, region or settings.current().region) if one.size_gb else None
        about: dict[str, Any] = {"made_at": one.made_at, "state": one.state, "size_gb": float(one.size_gb)}
        about |= {"kept_by": one.kept_by, "bake": one.bake, "region": one.region or None}
        yield Thing(What(one.kind), one.id, "", monthly_cost=cost, **about)


def _copies(census: Census) -> Iterator[Thing]:
    """What was copied into other regions. A pack keeps its last two images here: where there is none, none was copied."""
    if any(one.kind is What.IMAGE for one in census.things):
        for region in images.regions():
            yield from _images(region)


def _priced(thing: Thing) -> Thing:
    """With what a month of it costs, every begun GB counted."""
    price = prices.disk_monthly_price if thing.kind is What.VOLUME else prices.storage_monthly_price
    cost = price(ceil(thing.size_gb), settings.current().region)
    return replace(thing, monthly_cost=cost._replace(amount=cost.amount.quantize(CENT, ROUND_UP)) if cost else None)


def _workflows() -> Iterator[Thing]:
    for name in WORKFLOWS.values():
        for run, began in workflows.running(name):
            lab_id, _, generation = run.rpartition("-")
            if naming.is_lab_id(lab_id) and generation.isdecimal():
                yield Thing(What.WORKFLOW, f"{name}/{run}", lab_id, name=name, made_at=began, generation=int(generation))


# ---- what the tables say -------------------------------------------------------------------------------------------------


def _of_labs(living: Iterable[Lab]) -> Iterator[Thing]:
    for lab in living:
        if lab.moving:
            yield Thing(What.LAB, lab.id, lab.id, state=lab.phase)
        left = machine_store.waiting(lab.id)
        if left:
            yield Thing(What.TOKEN, lab.id, lab.id, name=left.token, made_at=lab.changed_at, generation=left.generation)
        for one in machine_store.works(lab.id):
            if one.open:
                yield Thing(What.WORK, f"{lab.id}/{one.id}", lab.id, one.id, one.asked_at, one.state, one.generation)


def _places(labs: Iterable[Lab]) -> Iterator[Thing]:
    """Who counts against which team. A team is known by its people and its labs."""
    every = list(labs)
    for team in sorted({*_teams(), *(lab.team for lab in every)}):
        counted, held = limits.reserved_labs(team), {one.lab_id: one.holding for one in limits.held(team)}
        yield from (Thing(What.PLACE, f"{team}/{lab_id}", lab_id, name=team) for lab_id in sorted({*counted, *held}))
        yield from (_misplaced(lab, counted, held) for lab in every if lab.team == team and _wrong(lab, counted, held))
        for lab_id in limits.set_aside(team):
            yield Thing(What.PLACE, f"{team}/{lab_id}/money", lab_id, name=team, state="money")
        if not limits.sums_are_right(team):
            yield Thing(What.PLACE, f"{team}/sums", "", name=team, state="sums")


def _wrong(lab: Lab, counted: Collection[str], held: Mapping[str, Holding]) -> bool:
    """Should its team count it as something else than it does? What moves is about to say so itself."""
    right = need_of(lab).holding
    return lab.reserved and (lab.id not in counted or (not lab.moving and held.get(lab.id) != right))


def _misplaced(lab: Lab, counted: Collection[str], held: Mapping[str, Holding]) -> Thing:
    state = "missing" if lab.id not in counted or lab.id not in held else "wrong"
    return Thing(What.PLACE, f"{lab.team}/{lab.id}", lab.id, name=lab.team, made_at=lab.created_at, state=state)


def _teams() -> set[str]:
    found: set[str] = set()
    cursor: str | None = None
    while True:
        page = people.people(cursor, 100)
        found.update(team for person in page.items for team in person.teams)
        cursor = page.cursor
        if not cursor:
            return found


# ---- what may not be there at all ----------------------------------------------------------------------------------------


def _records() -> Iterator[Thing]:
    known = settings.current()
    if known.access_mode == "domain":
        yield from route53.all_records(known.need("hosted_zone_id"), known.need("domain_name"))


def _queues() -> Iterator[Thing]:
    for name in QUEUES:
        queue = f"{settings.current().prefix}-{name}"
        yield Thing(What.QUEUE, queue, "", state=str(sqs.waiting(queue)))


def _streams() -> Iterator[Thing]:
    for name in logs.streams(naming.log_group(settings.current().prefix)):
        yield Thing(What.LOG_STREAM, name, name)


def _backups() -> Iterator[Thing]:
    known = settings.current()
    for lab_id in s3.labs_with_backups(f"{known.prefix}-backups-{known.need('account')}"):
        yield Thing(What.BACKUPS, lab_id, lab_id)


def _tolerantly(census: Census, kind: str, look: Callable[[], Iterator[Thing]]) -> list[Thing]:
    try:
        return list(look())
    except (AppError, ClientError) as error:
        logger().exception("one kind could not be looked at", kind=kind)
        said = f"could not be looked at: {error}"
        census.unseen.append(Finding(kind, UNSEEN, "", Fate.REPORT, said, "the next look tries again"))
        return []


def fresh(thing: Thing, *, weighty: bool) -> Owner:
    """The owner as it is at this moment, read strongly, to act upon."""
    if thing.bake:
        return Owner(bake=images.owner(thing.bake))
    try:
        lab = store.load(thing.lab_id, consistent=True)
    except NotFound:
        return owner(None, (), weighty=weighty)
    return owner(lab, store.journal(lab.id), weighty=weighty)
