"""What must hold of what stands in AWS for a lab: is it owned, complete, planned before it was made, and there once?"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.labs.rules import Phase
from tests.fakes.sim.evidence import Evidence
from tests.fakes.sim.laws import law

RESTING_MACHINES = {Phase.READY: ("running",), Phase.STOPPED: ("stopped",)}

PLACELESS = (Phase.FAILED, Phase.DELETED)


@law("owned", "nothing that is billed, and nothing else of a lab, is without an owner at rest")
def owned(seen: Evidence) -> Iterator[str]:
    for part in seen.parts():
        lab = seen.labs.get(part.lab_id)
        if lab is None:
            yield f"{part.kind} {part.id} belongs to no lab that is known"
        elif lab.phase in PLACELESS and part.id not in lab.kept and not (lab.get("ready_at") and lab.phase is Phase.FAILED):
            yield f"{part.kind} {part.id} is left over of lab {lab.id}, which is {lab.phase}"


@law("complete", "a lab that can be used has every part that its journal says was made")
def complete(seen: Evidence) -> Iterator[str]:
    there = {part.id for part in seen.parts()}
    for lab in seen.labs.values():
        if lab.phase in RESTING_MACHINES:
            for entry in lab.journal:
                if entry["state"] == "made" and entry.get("id") and entry["id"] not in there and entry["kind"] != "instance":
                    yield f"lab {lab.id} is {lab.phase}, and its {entry['kind']} {entry['id']} is gone"


@law("intent-first", "whatever stands in AWS was written down in the lab's journal before it was made", always=True)
def intent_first(seen: Evidence) -> Iterator[str]:
    for part in seen.parts():
        lab = seen.labs.get(part.lab_id)
        if lab and lab.phase is not Phase.DELETED and not lab.planned(part):
            yield f"{part.kind} {part.id} was made, and lab {lab.id}'s journal says nothing of it"


@law("one-of-each", "a lab has one file system, one role, one profile, one group of each kind", always=True)
def one_of_each(seen: Evidence) -> Iterator[str]:
    counted: dict[tuple[str, str, str], list[str]] = {}
    for part in seen.parts():
        if part.kind != "instance":
            counted.setdefault((part.lab_id, part.kind, part.token), []).append(part.id)
    for (lab_id, kind, _), ids in counted.items():
        if len(ids) > 1:
            yield f"lab {lab_id} has {len(ids)} of {kind}: {', '.join(ids)}"
