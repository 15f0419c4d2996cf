"""What must hold of bakes and images, after every step and at rest? Judged by what EC2 has, and by what builders truly did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.runtime.clock import parse_iso
from tests.fakes.sim.evidence import Evidence, Json, parsed
from tests.fakes.sim.laws import law

OVER = ("FAILED", "RETIRED")
REGIONS = ("ec2", "ec2@eu-west-1")


def stands(seen: Evidence) -> Iterator[tuple[str, str, str, str]]:
    """What there is of bakes in AWS: (bake, kind, id, what its journal knows it by)."""
    for one in seen.alive:
        if seen.bake_of(one):
            yield seen.bake_of(one), "instance", one["InstanceId"], one["ClientToken"]
    for one in seen.cloud.shelf("ec2.groups").values():
        if seen.bake_of(one):
            yield seen.bake_of(one), "security-group", one["GroupId"], one["GroupName"]
    for region in REGIONS:
        kind = "image" if region == "ec2" else "image-copy"
        for one in seen.cloud.shelf(f"{region}.images").values():
            yield seen.bake_of(one), kind, one["ImageId"], one["Name"] if kind == "image" else "eu-west-1"
        for one in seen.cloud.shelf(f"{region}.snapshots").values():
            yield seen.bake_of(one), f"{kind}-snapshot", one["SnapshotId"], ""


@law("bake-left", "of a bake that is over nothing is left at rest: no builder, no group, no image, no snapshot, no order")
def bake_left(seen: Evidence) -> Iterator[str]:
    for bake_id, kind, part, _ in stands(seen):
        state = seen.bakes.get(bake_id, {}).get("state", "unknown")
        if state in (*OVER, "unknown") or (state == "READY" and not kind.startswith("image")):
            yield f"{kind} {part} is left of {bake_id}, which is {state}"
    for (bucket, key), versions in seen.cloud.shelf("s3.objects").items():
        if key.startswith("bakes/") and not versions[-1].get("gone"):
            yield f"{bucket}/{key} is left"
    for bake_id, bake in seen.bakes.items():
        if bake.get("state") in OVER and (bake["journal"] or bake["wait"]):
            yield f"{bake_id} is {bake['state']}, and its journal is still in the table"


@law("bake-intent", "whatever stands of a bake was written down in its journal before it was made", always=True)
def bake_intent(seen: Evidence) -> Iterator[str]:
    for bake_id, kind, part, token in stands(seen):
        bake = seen.bakes.get(bake_id, {"journal": []})
        known = any(one["kind"] == kind and token in (one["token"], one.get("id")) for one in bake["journal"])
        if not kind.endswith("snapshot") and bake.get("state") in ("BAKING", "READY") and not known:
            yield f"{kind} {part} was made, and the journal of {bake_id} says nothing of it"


@law("one-builder", "a bake has one builder and one image in each generation", always=True)
def one_builder(seen: Evidence) -> Iterator[str]:
    counted: dict[tuple[str, str, str], list[str]] = {}
    for bake_id, kind, part, token in stands(seen):
        if not kind.endswith("snapshot"):
            generation = token.rsplit("-", 2)[-2] if kind == "instance" else ""
            counted.setdefault((bake_id, kind, generation), []).append(part)
    for (bake_id, kind, _), ids in counted.items():
        if len(ids) > 1:
            yield f"{bake_id} has {len(ids)} of {kind}: {', '.join(ids)}"


@law("one-bake", "one bake of a pack at a time", always=True)
def one_bake(seen: Evidence) -> Iterator[str]:
    under_way: dict[str, list[str]] = {}
    for bake_id, bake in seen.bakes.items():
        if bake.get("state") == "BAKING":
            under_way.setdefault(bake["pack"], []).append(bake_id)
    for pack, ids in under_way.items():
        if len(ids) > 1 or seen.shelves.get(pack, {}).get("BUSY") != ids[0]:
            yield f"{pack} is baked by {', '.join(ids)}, and its turn is {seen.shelves.get(pack, {}).get('BUSY')}'s"


@law("gate", "no image is served whose lessons did not all run well on its builder", always=True)
def gate(seen: Evidence) -> Iterator[str]:
    for pack, shelf in seen.shelves.items():
        for sk, bake_id in shelf.items():
            if sk != "BUSY" and not seen.cloud.shelf("sim.passed").get(bake_id):
                yield f"labs of {pack} get the image of {bake_id}, whose lessons did not run well"


@law("served", "an image that labs get is READY and there, with its snapshots", always=True)
def served(seen: Evidence) -> Iterator[str]:
    images: dict[str, Json] = dict(seen.cloud.shelf("ec2.images").items())
    snapshots = seen.cloud.shelf("ec2.snapshots")
    for pack, shelf in seen.shelves.items():
        for bake_id in (one for sk, one in shelf.items() if sk != "BUSY"):
            bake = seen.bakes.get(bake_id, {})
            image: Any = images.get(bake.get("image_id", ""), {})
            disks = [one["Ebs"]["SnapshotId"] for one in image.get("BlockDeviceMappings", ())]
            if bake.get("state") != "READY" or image.get("State") != "available" or any(one not in snapshots for one in disks):
                yield f"labs of {pack} get {bake_id}: {bake.get('state')}, {bake.get('image_id')} is {image.get('State', 'gone')}"


@law("last-two", "an image goes only when two newer good ones of its pack are served", always=True)
def last_two(seen: Evidence) -> Iterator[str]:
    for bake_id, bake in seen.bakes.items():
        if bake.get("state") in ("RETIRING", "RETIRED"):
            newer = [one for sk, one in seen.shelves.get(bake["pack"], {}).items() if sk != "BUSY" and one > bake_id]
            if len(newer) < 2:
                yield f"{bake_id} is {bake['state']}, and {len(newer)} newer images of {bake['pack']} are served"


@law("in-use", "no image goes that a machine lives on", always=True)
def in_use(seen: Evidence) -> Iterator[str]:
    there = {key for key, _ in seen.cloud.shelf("ec2.images").items()}
    plain = {"ami-12c6146b", ""}
    for machine in seen.alive:
        if machine["ImageId"] not in plain | there:
            yield f"machine {machine['InstanceId']} lives on {machine['ImageId']}, which is gone"


@law("retired", "at rest, a pack has its last two good images and those that were in use when the newest came, no more")
def retired(seen: Evidence) -> Iterator[str]:
    for pack, shelf in seen.shelves.items():
        ids = sorted((one for sk, one in shelf.items() if sk != "BUSY"), reverse=True)
        for bake_id in ids[2:]:
            if not _broke_off(seen, ids[0]) and not _in_use(seen, seen.bakes[bake_id]["image_id"], seen.bakes[ids[0]]):
                yield f"the image of {bake_id} is beyond the last two of {pack}, and in nobody's use"


def _broke_off(seen: Evidence, newest: str) -> bool:
    """Did the workflow of the newest bake end before it had retired? Then the next bake does."""
    mine = [one for one in seen.cloud.shelf("stepfunctions.executions").values() if f":{newest}-" in one["arn"]]
    return bool(mine) and mine[-1]["status"] != "SUCCEEDED"


def _in_use(seen: Evidence, image_id: str, newest: Json) -> bool:
    """Does a machine live on it, or did one when the newest bake looked? Then the next bake retires it."""
    looked, power = parse_iso(newest["finished_at"]), seen.cloud.shelf("ec2.power")
    mine = [one for one in seen.machines.values() if one["ImageId"] == image_id]
    return any(one["State"]["Name"] != "terminated" or power.get(one["InstanceId"])[-1][0] >= looked for one in mine)


@law("bake-rests", "once faults have ended, every bake comes to rest, and its pack may be baked again")
def bake_rests(seen: Evidence) -> Iterator[str]:
    for bake_id, bake in seen.bakes.items():
        if bake.get("state") in ("BAKING", "RETIRING"):
            yield f"{bake_id} is still {bake['state']} ({bake.get('generation')})"
    for pack, shelf in seen.shelves.items():
        if "BUSY" in shelf:
            yield f"{pack} cannot be baked: {shelf['BUSY']} has its turn"


@law("bake-metered", "at rest, the ledger charges the builder of every bake, for no less than EC2 ran it, and none is left in it")
def bake_metered(seen: Evidence) -> Iterator[str]:
    for bake_id, bake in seen.bakes.items():
        rows = seen.ledger.get(bake_id, [])
        cells = [cell for one in rows if one["sk"].startswith("DAY#") for cell in parsed(one["cells"])]
        charged = sum(cell[2] for cell in cells if cell[0] == "machine")
        ran = sum(seen.ran_as(key, seen.cloud.now) for key, one in seen.machines.items() if seen.bake_of(one) == bake_id)
        if bake.get("builder_id") and charged < ran:
            yield f"EC2 ran the builder of {bake_id} for {ran / 1e6:.0f} s, and the ledger charges {charged / 1e6:.0f} s"
        if bake.get("state") != "BAKING" and any(parsed(one["state"]).get("machines") for one in rows if one["sk"] == "HEAD"):
            yield f"{bake_id} is {bake['state']}, and the ledger thinks that it has a builder"


@law("bake-explained", "a bake that failed says why, in words")
def bake_explained(seen: Evidence) -> Iterator[str]:
    for bake_id, bake in seen.bakes.items():
        if bake.get("state") == "FAILED" and not bake.get("cause"):
            yield f"{bake_id} is FAILED, and nobody knows why"


@law("bake-tokens", "the token of a bake that waits is left where its answer looks for it", always=True)
def bake_tokens(seen: Evidence) -> Iterator[str]:
    known = {bake["wait"].get("token") for bake in seen.bakes.values()}
    for run in seen.running:
        if run["story"] == "bake_image" and run.get("token") and not run.get("running") and run["token"] not in known:
            yield f"workflow {run['arn'].rpartition(':')[2]} waits in {run['state']}, and nobody holds its token"
