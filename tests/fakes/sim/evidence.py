"""What is there, read from the simulated account and its tables as plain values, for the laws to judge."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from chalicelib.labs.rules import Phase
from tests.fakes.sim.ec2 import SECRET

Json = dict[str, Any]
TAG = "aws-research-wizard"
PREFIX = "aws-research-wizard-test-"
ALIVE = ("pending", "running", "stopping", "stopped")
GROUPS = {"security-group": "000", "storage-security-group": "001"}
_plain: dict[int, tuple[Any, Any]] = {}  # values on shelves never change: what was read once is known


class Part(NamedTuple):
    """Something of a lab that stands in AWS; `token` is what it can be found by again."""

    kind: str
    id: str
    lab_id: str
    token: str


class LabSeen:
    """A lab's record, with everything else of its partition."""

    def __init__(self, lab_id: str, items: list[Json]) -> None:
        self.id, self.items = lab_id, items
        self.record = next((one for one in items if one["sk"] == "LAB"), {})
        self.phase = Phase(self.record["phase"]) if self.record else Phase.DELETED

    def get(self, name: str) -> Any:
        return self.record.get(name)

    def under(self, stem: str) -> list[Json]:
        return [one for one in self.items if one["sk"].startswith(stem)]

    @cached_property
    def journal(self) -> list[Json]:
        return self.under("JOURNAL#")

    @property
    def members(self) -> list[Json]:
        return self.under("MEMBER#")

    @property
    def works(self) -> list[Json]:
        return self.under("WORK#")

    @property
    def backups(self) -> list[Json]:
        return self.under("BACKUP#")

    @property
    def machine(self) -> Json:
        return next(iter(self.under("MACHINE")), {})

    @property
    def wait(self) -> Json:
        return next(iter(self.under("WAIT")), {})

    @cached_property
    def kept(self) -> set[str]:
        """The ids of what its receipt says is kept."""
        receipt = self.get("receipt") or {}
        found = json.loads(receipt) if isinstance(receipt, str) else receipt
        return {str(name) for _, name, *_ in (found or {}).get("kept", ())}

    def planned(self, part: Part) -> bool:
        """Does the journal say something of this part?"""
        return any(one["kind"] == part.kind and (one["token"] == part.token or one.get("id") == part.id) for one in self.journal)


class Evidence:
    def __init__(self, town: Any) -> None:
        self.town, self.cloud = town, town.cloud

    # ---- tables

    @cached_property
    def labs(self) -> dict[str, LabSeen]:
        found: dict[str, list[Json]] = {}
        for item in self.cloud.rows("labs"):
            one = plain(item)
            if one["pk"].startswith("LAB#"):
                found.setdefault(one["pk"].removeprefix("LAB#"), []).append(one)
        known = {lab_id: LabSeen(lab_id, items) for lab_id, items in found.items()}
        return {lab_id: lab for lab_id, lab in known.items() if lab.record}

    @cached_property
    def places(self) -> dict[str, frozenset[str]]:
        rows = [plain(one) for one in self.cloud.rows("limits")]
        return {one["pk"].removeprefix("TEAM#"): frozenset(one.get("labs", ())) for one in rows if one["sk"] == "USAGE"}

    @cached_property
    def limits(self) -> dict[str, dict[str, Json]]:
        """What the table of limits says: team → sort key → item."""
        found: dict[str, dict[str, Json]] = {}
        for one in map(plain, self.cloud.rows("limits")):
            found.setdefault(one["pk"].removeprefix("TEAM#"), {})[one["sk"]] = one
        return found

    @cached_property
    def facts(self) -> list[Json]:
        rows = [plain(one) for one in self.cloud.rows("facts")]
        return sorted((one for one in rows if one["sk"].startswith("FACT#")), key=lambda one: str(one["sk"])[-4:])  # as written

    @cached_property
    def answered_with(self) -> set[str]:
        """The labs that requests with an Idempotency-Key were answered with."""
        rows = [plain(one) for one in self.cloud.rows("facts")]
        return {str(parsed(one["answer"]).get("lab_id")) for one in rows if one["sk"] == "REQUEST"}

    def rebuilt(self, lab_id: str) -> Json:
        """The lab as its facts tell it."""
        state: Json = {}
        for fact in self.facts:
            if fact["pk"] == f"LAB#{lab_id}" and fact.get("changes"):
                state |= {name: after for name, (_, after) in parsed(fact["changes"]).items()}
        return state

    # ---- AWS

    @cached_property
    def machines(self) -> dict[str, Json]:
        return dict(self.cloud.shelf("ec2.instances").items())

    @cached_property
    def alive(self) -> list[Json]:
        return [one for one in self.machines.values() if one["State"]["Name"] in ALIVE]

    @cached_property
    def systems(self) -> dict[str, Json]:
        return dict(self.cloud.shelf("efs.systems").items())

    def lab_of(self, tagged: Json) -> str:
        return next((tag["Value"] for tag in tagged.get("Tags", ()) if tag["Key"] == f"{TAG}:lab"), "")

    def bake_of(self, tagged: Json) -> str:
        return next((tag["Value"] for tag in tagged.get("Tags", ()) if tag["Key"] == f"{TAG}:bake"), "")

    @cached_property
    def bakes(self) -> dict[str, Json]:
        """Every bake's record, with its journal."""
        found: dict[str, Json] = {}
        for item in map(plain, self.cloud.rows("labs")):
            if item["pk"].startswith("BAKE#"):
                one = found.setdefault(item["pk"].removeprefix("BAKE#"), {"journal": [], "wait": {}})
                if item["sk"] == "BAKE":
                    one |= item
                elif item["sk"] == "WAIT":
                    one["wait"] = item
                else:
                    one["journal"].append(item)
        return found

    @cached_property
    def shelves(self) -> dict[str, dict[str, str]]:
        """Of each pack that was ever baked: sort key → bake."""
        found: dict[str, dict[str, str]] = {}
        for item in map(plain, self.cloud.rows("labs")):
            if item["pk"].startswith("IMAGES#"):
                found.setdefault(item["pk"].removeprefix("IMAGES#"), {})[item["sk"]] = str(item["bake_id"])
        return found

    def parts(self) -> list[Part]:
        return self._parts

    @cached_property
    def _parts(self) -> list[Part]:
        return [*self._machines(), *self._storage(), *self._rights(), *self._groups(), *self._records()]

    def _machines(self) -> Iterator[Part]:
        for one in self.alive:
            if self.bake_of(one):
                continue
            yield Part("instance", one["InstanceId"], self.lab_of(one), one["ClientToken"])

    def _storage(self) -> Iterator[Part]:
        for one in self.systems.values():
            if one["LifeCycleState"] not in ("deleting", "deleted"):
                yield Part("file-system", one["FileSystemId"], one["CreationToken"].removeprefix(PREFIX), one["CreationToken"])
        for door in self.cloud.shelf("efs.doors").values():
            system = self.systems.get(door["FileSystemId"], {"CreationToken": ""})
            if door["LifeCycleState"] != "deleting":
                lab_id = system["CreationToken"].removeprefix(PREFIX)
                yield Part("mount-target", door["MountTargetId"], lab_id, door["FileSystemId"])

    def _rights(self) -> Iterator[Part]:
        for kind, shelf in (("role", "iam.roles"), ("instance-profile", "iam.profiles")):
            for name, _ in self.cloud.shelf(shelf).items():
                if name.startswith(f"{PREFIX}lab-"):
                    yield Part(kind, name, name.removeprefix(f"{PREFIX}lab-"), name)

    def role_of(self, lab_id: str) -> str:
        """What a lab's role may do, as it stands; "" where there is none."""
        role = self.cloud.shelf("iam.roles").get(f"{PREFIX}lab-{lab_id}")
        return " ".join(role["Policies"].values()) if role else ""

    def _groups(self) -> Iterator[Part]:
        for one in self.cloud.shelf("ec2.groups").values():
            if self.bake_of(one):
                continue
            name = one["GroupName"]
            kind = "storage-security-group" if name.endswith("-storage") else "security-group"
            yield Part(kind, one["GroupId"], name.removeprefix(PREFIX).removesuffix("-storage"), name)

    def _records(self) -> Iterator[Part]:
        for (_, name, _), _ in self.cloud.shelf("route53.records").items():
            yield Part("dns-record", name, name.partition(".")[0], name)

    # ---- the audit log and the backups

    @cached_property
    def chain(self) -> list[Json]:
        rows = [plain(one) for one in self.cloud.rows("audit")]
        return sorted((one for one in rows if one["pk"] == "CHAIN"), key=lambda one: str(one["sk"]))

    @cached_property
    def head(self) -> Json:
        rows = [plain(one) for one in self.cloud.rows("audit")]
        return next((one for one in rows if one["pk"] == "HEAD"), {})

    def wanting(self, lab: LabSeen, backup: Json) -> Iterator[str]:
        """What a finished backup lacks."""
        said = parsed(backup["said"])
        key = str(said.get("manifest_key") or f"labs/{lab.id}/backups/{backup['sk'].removeprefix('BACKUP#')}/manifest.jsonl.gz")
        lines = self.manifest(key)
        if lines is None:
            yield f"{backup['sk']} of lab {lab.id} is FINISHED, and {key} is not there"
            return
        prefix = key.partition("/backups/")[0]
        for chunk in sorted({chunk for line in lines for chunk in line.get("c", ())}):
            if not (self.stored(f"{prefix}/chunks/{chunk[:2]}/{chunk}") or self.stored(f"{prefix}/damaged/{chunk}")):
                yield f"{backup['sk']} of lab {lab.id} is FINISHED, and its chunk {chunk[:12]}… is not there"

    def manifest(self, key: str) -> list[Json] | None:
        body = self.stored(key)
        if body is None:
            return None
        return [json.loads(line) for line in gzip.decompress(body).splitlines()]

    def stored(self, key: str) -> bytes | None:
        """What the backups' bucket holds under a key now."""
        versions = self.objects.get(key, ())
        return None if not versions or versions[-1].get("gone") else versions[-1]["Body"].encode("latin-1")

    @cached_property
    def objects(self) -> dict[str, Any]:
        rows = self.cloud.shelf("s3.objects").items()
        return {key: versions for (bucket, key), versions in rows if "-backups-" in bucket}

    # ---- the ledger

    @cached_property
    def ledger(self) -> dict[str, list[Json]]:
        """Of each lab its head, its days and its lines."""
        found: dict[str, list[Json]] = {}
        for item in self.cloud.rows("cost"):
            one = plain(item)
            if one["pk"].startswith("LAB#"):
                found.setdefault(one["pk"].removeprefix("LAB#"), []).append(one)
        return found

    def ran(self, lab_id: str, until: datetime) -> int:
        """For how long EC2 ran this lab's machines, in microseconds, up to a moment."""
        machines = [key for key, one in self.machines.items() if self.lab_of(one) == lab_id]
        return sum(self.ran_as(key, until) for key in machines)

    def ran_as(self, instance_id: str, until: datetime) -> int:
        return _span(self.cloud.shelf("ec2.power").get(instance_id, ()), until)

    # ---- workflows and news

    @cached_property
    def running(self) -> list[Json]:
        return [one for one in self.cloud.shelf("stepfunctions.executions").values() if one["status"] == "RUNNING"]

    def moved_on(self, run: Json) -> bool:
        """Is this the workflow of a generation that is past? Then its token counts no more."""
        asked = parsed(run["input"])
        lab = self.labs.get(asked.get("lab_id", ""))
        return lab is None or str(lab.get("generation")) != str(asked.get("generation", lab.get("generation")))

    @cached_property
    def unpublished(self) -> list[Json]:
        """Facts that are stored, and of which the bus never heard."""
        heard = self.cloud.shelf("bus.published")
        return [one for one in self.facts if f"{one['pk']}/{one['sk']}" not in heard]

    @cached_property
    def given_up(self) -> list[Json]:
        return [one._asdict() for one in self.cloud.shelf("bus").get("lost", ())]

    def secrets(self) -> Iterator[tuple[str, str]]:
        for table in ("labs", "facts", "limits"):
            for item in self.cloud.rows(table):
                for name, value in plain(item).items():
                    for found in SECRET.findall(str(value)):
                        yield f"{name} of {plain(item)['pk']} {plain(item)['sk']}", found
        for machine in self.machines.values():
            if machine.get("Leaks"):
                yield f"the user data of {machine['InstanceId']}", str(machine["Leaks"])


def _span(moves: Iterable[tuple[datetime, str]], until: datetime) -> int:
    since, total = None, 0
    for at, state in (*moves, (until, "until")):
        if since is not None and state != "running":
            total += max(0, (min(at, until) - since) // timedelta(microseconds=1))
        since = at if state == "running" else None
    return total


def plain(item: Any) -> Json:
    """A DynamoDB item as plain values; whole numbers are ints, sets are tuples."""
    known = _plain.get(id(item))
    if known is None or known[0] is not item:
        if len(_plain) > 100_000:
            _plain.clear()
        known = _plain[id(item)] = (item, {name: _value(value) for name, value in item.items()})
    read: Json = known[1]
    return read


def parsed(text: Any) -> Any:
    """JSON, read once."""
    known = _plain.get(id(text))
    if known is None or known[0] is not text:
        known = _plain[id(text)] = (text, json.loads(text))
    return known[1]


def _value(value: Json) -> Any:
    (kind, held), *_ = value.items()
    match kind:
        case "N":
            return int(held) if held.lstrip("-").isdigit() else float(held)
        case "SS" | "NS":
            return tuple(held)
        case "M":
            return {name: _value(one) for name, one in held.items()}
        case "L":
            return [_value(one) for one in held]
        case "NULL":
            return None
        case _:
            return held
