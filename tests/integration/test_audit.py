"""The audit log in the real control plane on this machine: written by what people do, and bent by nobody unseen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_research_wizard.cli import main
from aws_research_wizard.client import profiles
from aws_research_wizard.client.calls import Calls
from aws_research_wizard.local.deploy import Deployer, timer_event
from aws_research_wizard.local.home import ACCOUNT, Home
from tests.integration.local import Cloud
from tests.integration.test_local_cloud import until

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(240)]
PREFIX = "aws-research-wizard-local"
TABLE, BUCKET = f"{PREFIX}-audit", f"{PREFIX}-audit-{ACCOUNT}"
Arw = Callable[..., tuple[int, str, str]]


class Stage:
    """The control plane, with ways into its tables that no right of its own would open."""

    def __init__(self, home: Home) -> None:
        known = profiles.current()
        self.calls = Calls(known.url, known.token)
        self.deployer = Deployer(home.endpoints()["emulator"], home.endpoints()["infra"], lambda _: None)
        self.s3, self.dynamodb = self.deployer.client("s3"), self.deployer.client("dynamodb")

    def written(self, count: int) -> int:
        """Let that many things happen, and wait until the log has them; where it ends."""
        end = self.calls.audit_head()["seq"]
        for number in range(count):
            self.calls.put_person({"email": f"p{end + number}@uni.edu", "role": "member", "teams": ["default"]})
        return int(until(lambda: (head := self.calls.audit_head()["seq"]) >= end + count and head))

    def item(self, seq: int) -> dict[str, Any]:
        key = {"pk": {"S": "CHAIN"}, "sk": {"S": f"{seq:012d}"}}
        return dict(self.dynamodb.get_item(TableName=TABLE, Key=key)["Item"])

    def put(self, item: dict[str, Any]) -> None:
        self.dynamodb.put_item(TableName=TABLE, Item=item)

    def remove(self, item: dict[str, Any]) -> None:
        self.dynamodb.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})

    def check(self) -> str:
        """What the hourly check says; "" when all is well."""
        payload = json.dumps(timer_event()).encode()
        answer = self.deployer.client("lambda").invoke(FunctionName=f"{PREFIX}-check_audit", Payload=payload)
        said = json.loads(answer["Payload"].read())
        return str(said["errorMessage"]) if answer.get("FunctionError") else ""


@pytest.fixture(scope="module")
def stage(here: Cloud) -> Iterator[Stage]:
    made = Stage(here.home)
    yield made
    made.calls.wire.close()


@pytest.fixture
def arw(capsys: pytest.CaptureFixture[str]) -> Arw:
    def run(*words: str) -> tuple[int, str, str]:
        code = main.run(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_what_people_do_is_in_the_log_and_the_log_is_whole(stage: Stage, arw: Arw) -> None:
    end = stage.written(5)
    code, out, _ = arw("audit", "verify")
    whole = re.search(r"(\d+) entries, none altered", out)
    assert code == 0
    assert whole
    assert int(whole[1]) >= end  # timers, too, do what is told
    newest = json.loads(arw("audit", "list", "--limit", "1", "--output", "json")[1])[0]
    assert (newest["name"], newest["who"], newest["origin"]["ip"]) == ("PersonAdded", "admin@localhost", "127.0.0.1")
    assert newest["changes"]["role"] == [None, "member"]
    assert arw("audit", "state", "--check")[0] == 0
    assert stage.check() == ""


def test_every_way_of_bending_it_in_the_table_is_named(stage: Stage, arw: Arw) -> None:
    end = stage.written(4)
    place = end - 2
    item, other, last = stage.item(place), stage.item(place + 1), stage.item(end)

    def swapped() -> None:
        stage.put(item | {"sk": other["sk"]})
        stage.put(other | {"sk": item["sk"]})

    attacks: dict[str, tuple[Callable[[], None], str]] = {
        "edit": (lambda: stage.put(item | {"who": {"S": "nobody@uni.edu"}}), f"entry {place} is altered"),
        "deletion": (lambda: stage.remove(item), f"entry {place} is missing"),
        "swap": (swapped, f"entry {place} is"),
        "truncation": (lambda: stage.remove(last), f"entry {end} is truncated"),
    }
    for name, (attack, said) in attacks.items():
        attack()
        code, _, err = arw("audit", "verify")
        assert (code, said in err) == (1, True), (name, err)
        for one in (item, other, last):
            stage.put(one)
        assert arw("audit", "verify")[0] == 0


def test_the_hourly_check_fails_on_a_bent_log(stage: Stage) -> None:
    item = stage.item(stage.written(2))
    stage.put(item | {"changes": {"S": "{}"}})
    assert f"entry {int(item['sk']['S'])} is altered" in stage.check()
    stage.put(item)


def test_an_export_is_verified_elsewhere_with_anchors_of_ones_own(stage: Stage, arw: Arw, tmp_path: Path) -> None:
    stage.written(2)
    file, anchors = tmp_path / "audit.jsonl", tmp_path / "anchors"
    anchors.mkdir()
    assert arw("audit", "export", str(file))[0] == 0
    for one in stage.s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        (anchors / Path(one["Key"]).name).write_bytes(stage.s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read())
    assert arw("audit", "verify", str(file), "--anchors", str(anchors))[0] == 0
    file.write_text(file.read_text().replace('"member"', '"admin"'))
    assert "is altered" in arw("audit", "verify", str(file))[2]


def test_an_anchor_is_locked(stage: Stage) -> None:
    stage.written(1)
    version = stage.s3.list_object_versions(Bucket=BUCKET)["Versions"][-1]
    assert stage.s3.get_object_retention(Bucket=BUCKET, Key=version["Key"])["Retention"]["Mode"] == "GOVERNANCE"
    with pytest.raises(ClientError, match="object lock"):
        stage.s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
