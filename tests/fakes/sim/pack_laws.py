"""What must hold of teams' own packs, after every step and at rest? Judged by the bucket, the records and the labs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from chalicelib.labs.environment import Use
from chalicelib.labs.rules import Phase
from tests.fakes.sim.evidence import Evidence, Json, LabSeen, parsed, plain
from tests.fakes.sim.laws import law

FOLDER, INCOMING = "packs/", "incoming/"


class Packs:
    """The records: which version a new lab gets, every version there is, and which labs hold one."""

    def __init__(self, seen: Evidence) -> None:
        self.newest: dict[str, Json] = {}
        self.versions: dict[tuple[str, str], Json] = {}
        self.holders: dict[tuple[str, str], str] = {}
        for one in map(plain, seen.cloud.rows("labs")):
            name = one["pk"].removeprefix("PACK#")
            if one["pk"] == "PACKS":
                self.newest[one["sk"]] = one
            elif one["pk"].startswith("PACK#") and one["sk"].startswith("VERSION#"):
                self.versions[name, one["sk"].removeprefix("VERSION#")] = one
            elif one["pk"].startswith("PACK#"):
                self.holders[name, one["sk"].removeprefix("USE#")] = one["version"]


def uses(lab: LabSeen) -> Iterator[tuple[str, str]]:
    """The teams' own packs that a lab names, with the version."""
    if lab.get("pack_version"):
        yield str(lab.get("domain")), str(lab.get("pack_version"))
    for use in map(Use.read, str(lab.get("packs") or "").split()):
        if use.version:
            yield use.pack, use.version


def stored(seen: Evidence, key: str) -> bytes | None:
    versions = seen.cloud.shelf("s3.objects").get(("artifacts", key), ())
    return None if not versions or versions[-1].get("gone") else versions[-1]["Body"].encode("latin-1")


@law("pack-whole", "a version of a team's pack that is recorded has every file that its record names, byte for byte", always=True)
def pack_whole(seen: Evidence) -> Iterator[str]:
    for (name, version), item in Packs(seen).versions.items():
        for file, digest in parsed(item["said"])["files"].items():
            body = stored(seen, f"{FOLDER}{name}/{version}/{file}")
            if body is None or hashlib.sha256(body).hexdigest() != digest:
                yield f"version {version} of {name} is recorded, and its {file} is {'gone' if body is None else 'another one'}"


@law("pack-version", "the version that new labs get is one that is recorded, and no other says it is", always=True)
def pack_version(seen: Evidence) -> Iterator[str]:
    packs = Packs(seen)
    for name, newest in packs.newest.items():
        known = packs.versions.get((name, str(newest.get("version"))))
        if known is None or known["said"] != newest["said"]:
            record = "another" if known else "no"
            yield f"new labs of {name} get version {newest.get('version')}, of which there is {record} record"


@law("pack-held", "a lab that is not gone holds the very version that it names, and that pack stays", always=True)
def pack_held(seen: Evidence) -> Iterator[str]:
    packs = Packs(seen)
    for lab in seen.labs.values():
        for name, version in uses(lab) if lab.phase is not Phase.DELETED else ():
            if packs.holders.get((name, lab.id)) != version or (name, version) not in packs.versions:
                yield f"lab {lab.id} is {lab.phase} on version {version} of {name}, and does not hold it"
            if name not in packs.newest:
                yield f"lab {lab.id} is {lab.phase} on {name}, which was taken away"


@law("pack-let-go", "at rest, no lab that is gone, or that was never made, holds a team's pack")
def pack_let_go(seen: Evidence) -> Iterator[str]:
    for (name, lab_id), version in Packs(seen).holders.items():
        lab = seen.labs.get(lab_id)
        if lab is None or lab.phase is Phase.DELETED or (name, version) not in set(uses(lab)):
            yield f"{name} is held by {lab_id}, which is {lab.phase if lab else 'unknown'}"


@law("pack-spare", "a file of no recorded version is what somebody uploaded, under the version that follows from it", always=True)
def pack_spare(seen: Evidence) -> Iterator[str]:
    known = Packs(seen).versions
    kept = [key for bucket, key in dict(seen.cloud.shelf("s3.objects").items()) if bucket == "artifacts"]
    for key in (one for one in kept if one.startswith(FOLDER)):
        _, name, version, file = key.split("/")
        body = stored(seen, key) or b""
        digest = hashlib.sha256(body).hexdigest()
        if (name, version) not in known and stored(seen, f"{INCOMING}{digest}/{file}") != body:
            yield f"{key} is of no version, and nobody uploaded it"


@law("pack-told", "the facts of a team's pack tell which version a new lab gets", always=True)
def pack_told(seen: Evidence) -> Iterator[str]:
    told: dict[str, str | None] = {}
    for fact in seen.facts:
        if fact["pk"].startswith("LAB#pack:") and fact.get("changes"):
            told[fact["pk"].removeprefix("LAB#pack:")] = parsed(fact["changes"])["version"][1]
    newest = Packs(seen).newest
    for name in sorted(told.keys() | newest.keys()):
        is_now = newest.get(name, {}).get("version")
        if told.get(name) != is_now:
            yield f"{name} has version {is_now}, and its facts tell {told.get(name)}"


def not_got_over(flow: str, seen: Evidence) -> Iterator[str]:
    """What one fault at most must leave of a flow's wish."""
    packs = Packs(seen)
    wanted: Mapping[str, bool] = {"bring": bool(packs.newest), "change": len(packs.versions) == 2}
    if not wanted.get(flow, True):
        yield f"got-over: one fault, and the pack is not there ({sorted(packs.versions)})"
    if flow == "take away" and packs.newest and not packs.holders:
        yield "got-over: one fault, and the pack that no lab uses is still there"
