"""A stage with labs, and a machine that is played: it puts files into the bucket as format 1 says, and reports."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.backups import service, tending
from chalicelib.backups import store as records
from chalicelib.backups.rules import Backup, Drill, Restore
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Principal, Role, scopes_of
from chalicelib.runtime import aws, clock, settings
from tests.fakes import format1
from tests.fakes.format1 import Files, digest
from tests.unit.labs.conftest import ADA, SETTINGS, Stage
from tests.unit.labs.conftest import place as place
from tests.unit.labs.conftest import stage as stage

BUCKET, SECOND = "aws-research-wizard-test-backups-123456789012", "aws-research-wizard-test-backups-second"
REGION = "eu-central-1"
NOTEBOOK = f"homes/{ADA}/a.ipynb"
SETTINGS["BACKUPS_BUCKET"] = BUCKET


def s3(region: str = "") -> Any:
    return aws.client("s3", region) if region else aws.client("s3")


@dataclass
class Vault:
    """A stage with its backups bucket, and what happens in it."""

    stage: Stage
    lab_id: str
    files: dict[str, bytes] = field(default_factory=dict)
    changed_at: datetime = field(default_factory=clock.now)

    @property
    def now(self) -> datetime:
        return self.stage.now

    def as_(self, who: str = ADA) -> Any:
        return self.stage.as_(who)

    # ---- what people ask

    def asked(self, who: str = ADA, lab_id: str = "", **body: Any) -> str:
        answer = self.as_(who).post(f"/labs/{lab_id or self.lab_id}/backups", body)
        assert answer.status == 202, answer.text
        self.stage.run()
        return str(answer.json["id"])

    def backup(self, files: Files | None = None, **body: Any) -> Backup:
        """One that goes all the way."""
        self.files = dict(files) if files is not None else self.files or {NOTEBOOK: b"first"}
        backup_id = self.asked(**body)
        self.work()
        return self.known(backup_id)

    def restore(self, backup_id: str, *paths: str, who: str = ADA, lab_id: str = "", **body: Any) -> Any:
        asked = {"backup_id": backup_id, "paths": list(paths), **body}
        answer = self.as_(who).post(f"/labs/{lab_id or self.lab_id}/restores", asked)
        self.stage.run()
        return answer

    def known(self, backup_id: str) -> Backup:
        found = records.piece(Backup, self.lab_id, backup_id)
        assert found
        return found

    def restored(self, restore_id: str, lab_id: str = "") -> Restore:
        found = records.piece(Restore, lab_id or self.lab_id, restore_id)
        assert found
        return found

    def drilled(self) -> Drill:
        """The outcome of a rehearsal begun now."""
        answer = self.as_().post(f"/labs/{self.lab_id}/drills")
        assert answer.status == 202, answer.text
        self.stage.run()
        found = records.piece(Drill, self.lab_id, answer.json["id"])
        assert found
        return found

    # ---- the machine

    def orders(self, lab_id: str = "") -> list[dict[str, Any]]:
        return list(self.stage.say(lab_id or self.lab_id, "heartbeat", boot_id="b").json["work"])

    def work(self, lab_id: str = "") -> None:
        """The machine does whatever it was ordered."""
        lab_id = lab_id or self.lab_id
        for one in self.orders(lab_id):
            report = self.put(one["order"]) if one["kind"] == "backup" else self.take(one["order"])
            assert self.stage.say(lab_id, f"work/{one['id']}", state="done", report=report).status == 204
        self.stage.run()

    def put(self, order: Mapping[str, Any]) -> dict[str, Any]:
        return format1.put(s3(), order, self.files, self.now)

    def take(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Read back what was ordered, from this lab's own folder and nowhere else."""
        body = s3().get_object(Bucket=order["bucket"], Key=order["manifest_key"])["Body"].read()
        assert digest(body) == order["manifest_sha256"]
        assert order["manifest_key"].startswith(order["prefix"])
        lines = [json.loads(line) for line in gzip.decompress(body).splitlines()][1:-1]
        found = {}
        for line in lines:
            if line["t"] == "f" and (not order["paths"] or any(line["p"].startswith(path) for path in order["paths"])):
                names = [f"{order['prefix']}/chunks/{name[:2]}/{name}" for name in line["c"]]
                found[line["p"]] = b"".join(s3().get_object(Bucket=order["bucket"], Key=key)["Body"].read() for key in names)
        self.came_back = found
        put = [{"path": path, "to": f"{path} (restored {order['label']})"} for path in found]
        return {"files": len(found), "bytes": sum(map(len, found.values())), "restored": put, "failed": []}

    came_back: dict[str, bytes] = field(default_factory=dict)

    # ---- what there is

    def keys(self, prefix: str = "", region: str = "") -> list[str]:
        bucket = SECOND if region else BUCKET
        return [one["Key"] for one in s3(region).list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())]

    def chunk_keys(self, lab_id: str = "") -> set[str]:
        return set(self.keys(f"labs/{lab_id or self.lab_id}/chunks/"))

    def facts(self, *names: str) -> list[str]:
        told = self.stage.facts(self.lab_id)
        return [one for one in told if one in names] if names else told

    def pass_time(self, **span: float) -> datetime:
        self.stage.now += timedelta(**span)
        return self.stage.now

    def tend(self) -> tending.Tended:
        done = tending.nightly(self.now)
        self.stage.run()
        return done


def asking(who: str, now: datetime) -> Asking:
    return Asking(Principal(who, Role.MEMBER, scopes_of(Role.MEMBER), "t", ("default",)), now, "test")


@pytest.fixture
def vault(stage: Stage) -> Iterator[Vault]:
    s3().create_bucket(Bucket=BUCKET)
    yield Vault(stage, stage.ready())
    _remove(BUCKET)


@pytest.fixture
def second(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """The same with a second region."""
    s3(REGION).create_bucket(Bucket=SECOND, CreateBucketConfiguration={"LocationConstraint": REGION})
    known = settings.current()
    monkeypatch.setattr(settings, "current", lambda: known_with_second(known))
    yield vault
    _remove(SECOND, REGION)


def known_with_second(known: settings.Settings) -> settings.Settings:
    from dataclasses import replace

    return replace(known, second_region=REGION, second_bucket=SECOND)


def _remove(bucket: str, region: str = "") -> None:
    for one in s3(region).list_objects_v2(Bucket=bucket).get("Contents", ()):
        s3(region).delete_object(Bucket=bucket, Key=one["Key"])
    s3(region).delete_bucket(Bucket=bucket)


__all__ = ["Vault", "service"]
