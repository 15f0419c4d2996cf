"""How does a request become a lab people can work in? The tasks of provision_lab, in the order they happen.

Each may run twice, and from the top after a crash: what is journalled as made is not made again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.images import service as images
from chalicelib.labs import ec2, efs, fitting, iam, machine_store, naming, rights, route53, store, userdata
from chalicelib.labs.journal import Entry, Kind, State, machine_token
from chalicelib.labs.making import Book, current
from chalicelib.labs.rules import BakedFrom, Command, Interrupted, Lab, Patience, Phase, audited, settle
from chalicelib.limits import service as limits
from chalicelib.limits.service import Need
from chalicelib.packs import rules as pack_rules
from chalicelib.packs import service as packs
from chalicelib.runtime import settings
from chalicelib.runtime.clock import iso
from chalicelib.runtime.errors import Conflict, ImageGone, MachineFailed, NoCapacity, NotFound, PackBroken
from chalicelib.runtime.facts import NO_CHANGES, Changes, Fact, changed, record
from chalicelib.runtime.store import Write, commit

WIZARD = "aws-research-wizard"
HTTP, HTTPS = 80, 443
NEXT = timedelta(microseconds=1)  # two facts of one moment keep their order


def fact(
    name: str,
    lab: Lab,
    now: datetime,
    by: str = WIZARD,
    request: str = "",
    *,
    before: Lab | None = None,
    after: Lab | None = None,
    changes: Changes = NO_CHANGES,
    **data: object,
) -> Write:
    """Something that happened to a lab, to be committed with the state it describes; `request` is a correlation id.

    `before` and `after` are the lab around a change (no `before`: it was made); what of it is audited is told. What the wizard
    does to a lab in motion it does for whoever set it in motion."""
    told = changed(audited(before) if before else {}, audited(after)) if after else {}
    behalf = lab.commander if by == WIZARD and lab.moving else ""
    request = request or lab.correlation_id
    return record(Fact(name, lab.id, data, now, by, request, changes={**told, **changes}, on_behalf_of=behalf))


# ---- ResolveEnvironment --------------------------------------------------------------------------------------------------


def resolve_environment(lab_id: str, generation: int, now: datetime) -> None:
    """Settle which kernels the lab gets and where it stands. Interrupted: this workflow is here to undo another."""
    lab = current(lab_id, generation, Phase.PROVISIONING)
    if lab.cause:
        raise Interrupted(lab.cause, lab.cause_hint)
    if lab.subnet_id:
        return
    try:
        known = known_packs(lab)
    except NotFound as error:
        raise PackBroken(error.message, error.hint) from error
    fitted = fitting.fresh(replace(lab, kernels=()), known, lab.execution)
    after = replace(fitted, subnet_id=ec2.place(lab.id).subnet_id)
    kernel_names = [one.name for one in after.kernels]
    told = fact("EnvironmentResolved", lab, now, before=lab, after=after, kernels=kernel_names, subnet=after.subnet_id)
    commit(store.change(lab, after, store.moved_on(lab)), told)


# ---- PrepareStorage ------------------------------------------------------------------------------------------------------


def prepare_storage(lab_id: str, generation: int, now: datetime) -> None:
    """A security group for the machine, one for its storage, the file system and its door in the lab's subnet."""
    lab = current(lab_id, generation, Phase.PROVISIONING)
    book, known = Book.open(lab), settings.current()
    vpc = ec2.vpc_of(lab.subnet_id)
    machines = _group(book, Kind.MACHINE_GROUP, naming.machine_group(known.prefix, lab.id), vpc)
    _open_ports(machines)
    doors = _group(book, Kind.STORAGE_GROUP, naming.storage_group(known.prefix, lab.id), vpc)
    ec2.allow_from_group(doors, efs.NFS, machines)
    files = _file_system(book, now)
    door = Entry(Kind.MOUNT_TARGET, files)
    book.make(door, lambda: efs.ensure_mount_target(files, lab.subnet_id, doors), lambda _: efs.remove_mount_targets(files))


def _group(book: Book, kind: Kind, name: str, vpc: str) -> str:
    tags = _tags(book.lab)
    return book.make(
        Entry(kind, name), lambda: ec2.ensure_group(name, vpc, f"{WIZARD} lab {book.lab.id}", tags), ec2.remove_group
    )


def _open_ports(group: str) -> None:
    """By domain, who may reach the lab is let in; by tunnel nothing is open to the world."""
    known = settings.current()
    if known.access_mode == "domain":
        for port in (HTTP, HTTPS):
            ec2.allow_from_network(group, port, known.need("allowed_cidr"))


def _file_system(book: Book, now: datetime) -> str:
    lab, token = book.lab, naming.file_system_token(settings.current().prefix, book.lab.id)

    def also(made: str) -> tuple[Write, ...]:
        after = replace(lab, file_system_id=made)
        told = fact("StoragePrepared", lab, now, before=lab, after=after, file_system_id=made)
        return store.change(lab, after, store.moved_on(lab)), told

    entry = Entry(Kind.FILE_SYSTEM, token)
    return book.make(entry, lambda: efs.ensure_file_system(token, _tags(lab)), efs.remove_file_system, also)


# ---- LaunchMachine -------------------------------------------------------------------------------------------------------


def launch_machine(lab_id: str, generation: int, now: datetime) -> None:
    """One machine of the first instance type that can be had. NoCapacity when none can."""
    lab = current(lab_id, generation, Phase.PROVISIONING, Phase.STARTING, Phase.SCALING)
    if lab.cause:
        raise Interrupted(lab.cause, lab.cause_hint)
    book = Book.open(lab)
    profile, baked = _identity(book), _baked(lab)
    refusals: list[str] = []
    for attempt, instance_type in enumerate(lab.candidates):
        entry = Entry(Kind.INSTANCE, machine_token(lab.id, generation, attempt))
        if _refused_before(book, entry):
            continue
        try:
            try:
                return _launch(book, entry, _order(book, entry.token, instance_type, profile, baked), baked, now)
            except ImageGone:  # it was retired a moment ago: the machine installs everything instead
                return _launch(book, entry, _order(book, entry.token, instance_type, profile, None), None, now)
        except NoCapacity as error:
            refusals.append(error.message)
            _fall_back(lab, entry, attempt, now)
    said = refusals[-1] if refusals else "every type was refused before"
    raise NoCapacity(f"none of {', '.join(lab.candidates)} can be had now ({said})", "try another instance type, or later")


def _identity(book: Book) -> str:
    """The lab's role and the profile that hands it to the machine; both have one name."""
    lab, known = book.lab, settings.current()
    name = naming.role_name(known.prefix, lab.id)
    allowed = rights_of(lab)

    def role() -> str:
        iam.ensure_role(name, allowed, rights.boundary(known), _tags(lab))
        return name

    def profile() -> str:
        iam.ensure_profile(name, _tags(lab))
        return name

    book.make(Entry(Kind.ROLE, name), role, iam.remove_role)
    return book.make(Entry(Kind.PROFILE, name), profile, iam.remove_profile)


def rights_of(lab: Lab) -> tuple[rights.Statement, ...]:
    """What the lab's machine may do, as of this release and its packs."""
    known, resolved = settings.current(), known_packs(lab)
    everything = tuple(dict.fromkeys(one for pack in resolved.values() for one in pack.datasets))
    own = resolved[lab.domain]._replace(datasets=everything)
    locks = [one.plan.lock_uri for one in fitting.wanted(lab, resolved) if one.plan.lock_uri]
    return rights.statements(lab.id, known, pack_rules.read_rights(own, known.partition), locks)


def known_packs(lab: Lab) -> dict[str, pack_rules.Pack]:
    """The lab's packs by name, its own first. One that was activated and is no more is left out, but never its own."""
    found = {lab.domain: packs.of(lab.domain, lab.pack_version)}
    for use in fitting.uses(lab)[1:]:
        with suppress(NotFound, PackBroken):
            found[use.pack] = packs.of(use.pack, use.version)
    return found


def _baked(lab: Lab) -> BakedFrom | None:
    """The newest good image for labs of this pack; None: there is none, and the machine installs."""
    bake = images.for_lab(lab.domain)
    return BakedFrom(bake.image_id, bake.id, bake.finished_at or bake.asked_at) if bake else None


def _order(book: Book, token: str, instance_type: str, profile: str, baked: BakedFrom | None) -> ec2.Order:
    lab, known = book.lab, settings.current()
    return ec2.Order(
        token=token,
        instance_type=instance_type,
        image_id=baked.image_id if baked else ec2.image(),
        subnet_id=lab.subnet_id,
        group_id=ec2.find_group(naming.machine_group(known.prefix, lab.id)),
        profile=profile,
        user_data=userdata.compose(lab, known),
        tags=_tags(lab),
    )


class _KnownAlready(Conflict):
    """A twin of this task noted the same machine first."""


def _launch(book: Book, entry: Entry, order: ec2.Order, baked: BakedFrom | None, now: datetime) -> None:
    lab = book.lab

    def also(made: str) -> tuple[Write, ...]:
        after = replace(lab, instance_id=made, instance_type=order.instance_type, image=baked)
        data: dict[str, Any] = {"instance_id": made, "instance_type": order.instance_type, "disk_gb": ec2.ROOT_GB}
        data |= {"image": {"bake_id": baked.bake_id, "baked_at": iso(baked.baked_at)} if baked else None}
        told = fact("MachineLaunched", lab, now, before=lab, after=after, **data)
        known = _KnownAlready(f"{made} is noted")
        return store.change(lab, after, store.moved_on(lab)), machine_store.new_machine(lab, made, known), told

    try:
        book.make(entry, lambda: ec2.launch(order), lambda made: ec2.terminate([made]), also)
    except _KnownAlready:
        return


def _refused_before(book: Book, entry: Entry) -> bool:
    known = book.entries.get(entry.key)
    return known is not None and known.state is State.REMOVED


def _fall_back(lab: Lab, entry: Entry, attempt: int, now: datetime) -> None:
    """Close the line of a type that could not be had, and say which is tried next."""
    types = lab.candidates
    following = types[attempt + 1] if attempt + 1 < len(types) else None
    told = fact("LabCapacityFallback", lab, now, instance_type=types[attempt], next=following)
    commit(store.holds(lab), store.mark(lab, replace(entry, state=State.REMOVED)), told)


# ---- OpenLab -------------------------------------------------------------------------------------------------------------


def open_lab(lab_id: str, generation: int, now: datetime) -> None:
    """The machine said it is ready: people may come in."""
    lab = current(lab_id, generation, Phase.PROVISIONING, Phase.STARTING, Phase.SCALING, Phase.READY)
    if lab.phase is Phase.READY:
        return
    machine = machine_store.load(lab_id, consistent=True)
    if machine is None or not machine.ready_for(machine.generation):
        raise MachineFailed("the machine never said that it is ready")
    seen = ec2.see(lab.instance_id) if lab.instance_id else None
    point_name(lab, seen)
    scaled = lab.phase is Phase.SCALING
    has = seen.instance_type if seen else lab.instance_type  # whatever was tried on the way, also by a start that died
    opened = replace(settle(lab, Command.OPEN, now, patience()), address=machine.address, ready_at=now, cause="", cause_hint="")
    opened = replace(opened, instance_type=has, deadline=fitting.check_by(opened, now, patience().check))
    data: dict[str, Any] = {"address": machine.address, "instance_type": has}
    told = fact("LabReady", lab, now + NEXT, before=lab, after=opened, **data)
    also = (fact("LabScaled", lab, now, instance_type=has),) if scaled else ()
    runs = partial(limits.ran_as, opened.team, opened.id, Need((has,), opened.shared_storage_gb), now)
    limits.committed(lab.team, now, lambda: (store.change(lab, opened, store.moved_on(lab)), *runs(), *also, told))


def point_name(lab: Lab, seen: ec2.Seen | None) -> None:
    """By domain: the lab's name leads to wherever its machine is now."""
    known = settings.current()
    if known.access_mode != "domain" or seen is None or not seen.address:
        return
    name, zone, address = host_name(lab.id), known.need("hosted_zone_id"), seen.address

    def record_name() -> str:
        route53.point(zone, name, address)
        return name

    book = Book.open(lab)
    book.make(Entry(Kind.RECORD, name), record_name, lambda _: route53.remove(zone, name))
    record_name()


def host_name(lab_id: str) -> str:
    return f"{lab_id}.{settings.current().need('domain_name')}"


def patience() -> Patience:
    return Patience(boot=timedelta(seconds=settings.current().boot_timeout_seconds))


def _tags(lab: Lab) -> dict[str, str]:
    known = settings.current()
    return dict(naming.tags(known.prefix, known.stage, lab, known.region))
