"""What must hold of labs' machines: how many, which, and what they offer and may read?"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.labs.environment import LabKernel, Use
from chalicelib.labs.rules import Phase
from chalicelib.packs import service as packs
from tests.fakes.sim.evidence import Evidence, parsed
from tests.fakes.sim.laws import law

RESTING_MACHINES = {Phase.READY: ("running",), Phase.STOPPED: ("stopped",)}


@law("one-machine", "at most one live machine for each generation of a lab", always=True)
def one_machine(seen: Evidence) -> Iterator[str]:
    alive: dict[tuple[str, str], list[str]] = {}
    for machine in seen.alive:
        if seen.bake_of(machine):
            continue
        generation = machine["ClientToken"].rsplit("-", 2)[-2] if machine["ClientToken"].count("-") >= 3 else ""
        alive.setdefault((seen.lab_of(machine), generation), []).append(machine["InstanceId"])
    for (lab_id, generation), ids in alive.items():
        if len(ids) > 1:
            yield f"lab {lab_id} has {len(ids)} live machines in generation {generation}: {', '.join(ids)}"


@law("own-machine", "at rest, a lab has exactly the machine that its record names, in the state that its phase says")
def own_machine(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        alive = [one for one in seen.alive if seen.lab_of(one) == lab.id]
        wanted = RESTING_MACHINES.get(lab.phase)
        for machine in alive:
            if wanted is None:
                yield f"lab {lab.id} is {lab.phase}, and its machine {machine['InstanceId']} is {machine['State']['Name']}"
            elif machine["InstanceId"] != lab.get("instance_id"):
                yield f"machine {machine['InstanceId']} lives, and lab {lab.id} names {lab.get('instance_id')}"
            elif machine["State"]["Name"] not in wanted:
                yield f"lab {lab.id} is {lab.phase}, and its machine is {machine['State']['Name']}"
        if wanted and not alive:
            yield f"lab {lab.id} is {lab.phase}, and has no machine"


@law("parked", "a lab is STOPPED once its machine has stopped, and not before", always=True)
def parked(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        machine = seen.machines.get(str(lab.get("instance_id")))
        if lab.phase is Phase.STOPPED and machine and machine["State"]["Name"] in ("pending", "running", "stopping"):
            yield f"lab {lab.id} is STOPPED, and its machine is {machine['State']['Name']}"


@law("its-type", "at rest, a lab's machine is of the type that people are told")
def its_type(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        machine = seen.machines.get(str(lab.get("instance_id")))
        if lab.phase is Phase.READY and machine and machine["InstanceType"] != lab.get("instance_type"):
            yield f"lab {lab.id} says {lab.get('instance_type')}, and its machine is a {machine['InstanceType']}"


@law("reachable", "a READY lab has a machine that said it is ready in this start, and an address")
def reachable(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        if lab.phase is Phase.READY:
            if not lab.machine.get("ready_boot"):
                yield f"lab {lab.id} is READY, and its machine never said so"
            if not lab.get("address"):
                yield f"lab {lab.id} is READY, and has no address"


@law("fitted", "at rest, a lab that runs has every kernel that its packs call for, and of those that could not be made no pack")
def fitted(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        kernels = [LabKernel(*row) for row in parsed(lab.get("kernels") or "[]")]
        for one in kernels:
            if one.awaited and lab.phase is Phase.READY:
                yield f"kernel {one.name} of lab {lab.id} is still being installed"
        there = {one.pack for one in kernels if not one.failed}
        for word in str(lab.get("packs") or "").split():
            if Use.read(word).pack not in there:
                yield f"pack {word} is active in lab {lab.id}, and it has no kernel of it"


@law("may-read", "at rest, a lab's role may read the open data of the packs that are active, and of no other")
def may_read(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        role = seen.role_of(lab.id)
        if role and lab.phase in RESTING_MACHINES:
            used = [str(lab.get("domain")), *(Use.read(word).pack for word in str(lab.get("packs") or "").split())]
            shipped = {one.name for one in packs.catalogue()}  # a team's own in these worlds has no data
            wanted = {one.bucket for pack in used if pack in shipped for one in packs.resolve(pack).datasets}
            for bucket in sorted({one.bucket for one in packs.resolve("climate_modeling").datasets} | wanted):
                if (f":::{bucket}/" in role) != (bucket in wanted):
                    yield f"the role of lab {lab.id} may {'not' if bucket in wanted else 'still'} read {bucket}"
