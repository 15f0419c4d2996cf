"""Is each role enough for its function? A lab's whole life in an emulated account that enforces IAM.

The emulator checks the action and the resource of every call. Tags of EC2 and EFS and the conditions of IAM it does not
know, so these are taken off here (`test_policies.py` holds them). Machines are records: where one would say that it is
ready, the test writes that down.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from chalicelib.packs import service as packs
from tests.contract.emulated import Caller, eventually, started
from tests.fakes import format1
from tools import exports
from tools.deploy import Deployment, deploy
from tools.stack import Account
from tools.template import of_type

pytestmark = pytest.mark.local_cloud
PREFIX = "aws-research-wizard-dev"
UNKNOWN_CONDITIONS = ("ec2:", "elasticfilesystem:", "iam:")
UNKNOWN_RESOURCES = ("elasticfilesystem:", "iam:CreateInstanceProfile", "iam:GetInstanceProfile", "scheduler:")


class Enforced(Deployment):
    """The package, without what this emulator cannot tell."""

    def template(self) -> dict[str, Any]:
        template = super().template()
        for role in of_type(template, "AWS::IAM::Role").values():
            for policy in role["Properties"].get("Policies", ()):
                for statement in policy["PolicyDocument"]["Statement"]:
                    _known_to_the_emulator(statement)
        for kind in ("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"):  # it listens on this machine, without TLS
            for one in of_type(template, kind).values():
                document = one["Properties"]["PolicyDocument"]
                document["Statement"] = [said for said in document["Statement"] if "SecureTransport" not in json.dumps(said)]
        return template


def _known_to_the_emulator(statement: dict[str, Any]) -> None:
    action = statement["Action"] if isinstance(statement["Action"], str) else statement["Action"][0]
    if action.startswith(UNKNOWN_CONDITIONS):
        statement.pop("Condition", None)
    if action.startswith(UNKNOWN_RESOURCES):
        statement["Resource"] = "*"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    keys = {"AWS_ACCESS_KEY_ID": "root-key", "AWS_SECRET_ACCESS_KEY": "root-secret", "AWS_SESSION_TOKEN": ""}
    with started(tmp_path_factory.mktemp("enforced"), AUTH="true", **keys) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "root-key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "root-secret")
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        patch.setattr("tools.stack.PAUSE", 0.2)
        yield url


class World:
    """The deployed stage, its first administrator, and the machines that only a test can make speak."""

    def __init__(self, emulator: str, built: Path) -> None:
        self.session = boto3.Session(region_name="us-east-1")
        chosen = {"ImageParameter": "ami-0123456789abcdef0", "BillEngine": "duckdb"}
        outputs = deploy(Enforced(Account(self.session), "dev", built), chosen)
        self.caller = Caller.first_administrator(self.session, outputs, emulator)
        self.outputs = outputs

    def phase(self, lab: str, wanted: str) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            seen = self.caller.get(f"/labs/{lab}")
            assert seen["phase"] == wanted or seen["phase"] not in ("FAILED", "STOPPED"), seen["cause"]
            return seen if seen["phase"] == wanted else None

        return dict(eventually(reached))

    def machine_is_ready(self, lab: str) -> None:
        generation = self.caller.get(f"/labs/{lab}")["generation"]
        token = eventually(lambda: self._token(lab, generation))
        said = {":b": {"S": f"boot-{generation}"}, ":a": {"S": "http://127.0.0.1:9"}, ":g": {"N": str(generation)}}
        self.session.client("dynamodb").update_item(
            TableName=self.outputs["LabsTableName"],
            Key={"pk": {"S": f"LAB#{lab}"}, "sk": {"S": "MACHINE"}},
            UpdateExpression="SET ready_boot = :b, address = :a, generation = :g",
            ExpressionAttributeValues=said,
        )
        self.session.client("stepfunctions").send_task_success(taskToken=token, output="{}")

    def _token(self, lab: str, generation: int) -> str | None:
        key = {"pk": {"S": f"LAB#{lab}"}, "sk": {"S": "WAIT"}}
        item = self.session.client("dynamodb").get_item(TableName=self.outputs["LabsTableName"], Key=key).get("Item")
        waits = item is not None and item["expect"]["S"] == "ready" and int(item["generation"]["N"]) == generation
        return str(item["token"]["S"]) if item and waits else None

    def machine_works(self, lab: str, work: str) -> None:
        """Do what was ordered, as far as the bucket is concerned, and report."""
        key = {"pk": {"S": f"LAB#{lab}"}, "sk": {"S": f"WORK#{work}"}}
        table = self.outputs["LabsTableName"]
        item = eventually(lambda: self.session.client("dynamodb").get_item(TableName=table, Key=key).get("Item"))
        order, files = json.loads(item["order"]["S"]), {"shared/x": b"something to keep"}
        put = [{"path": path, "to": path} for path in order.get("paths", ())]
        report = {"files": 1, "restored": put}
        if item["kind"]["S"] == "backup":
            report = format1.put(self.session.client("s3"), order, files, datetime.now(UTC))
        self.session.client("stepfunctions").send_task_success(taskToken=item["token"]["S"], output=json.dumps(report))

    def over(self, path: str, wanted: str) -> None:
        def reached() -> bool:
            seen = self.caller.get(path)
            assert seen["state"] in ("RUNNING", wanted), seen["cause"]
            return bool(seen["state"] == wanted)

        eventually(reached)

    def invoke(self, function: str, detail: dict[str, Any]) -> None:
        event: dict[str, Any] = {
            "version": "0",
            "id": "1",
            "detail-type": "test",
            "source": "test",
            "account": "0",
            "resources": [],
        }
        event |= {"time": "2026-01-01T00:00:00Z", "region": "us-east-1", "detail": detail}
        answer = self.session.client("lambda").invoke(FunctionName=f"{PREFIX}-{function}", Payload=json.dumps(event))
        assert "FunctionError" not in answer, answer["Payload"].read()

    def step(self, word: str, lab: str) -> dict[str, Any]:
        """A step of beginning again."""
        asked = json.dumps({"do": word, "lab_id": lab})
        answer = self.session.client("lambda").invoke(FunctionName=f"{PREFIX}-rebuild_stage", Payload=asked)
        told = dict(json.loads(answer["Payload"].read()))
        assert "FunctionError" not in answer, told
        return told

    def denied(self) -> set[str]:
        logs = self.session.client("logs")
        groups = [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]]
        lines = [(group, one["message"]) for group in groups for one in logs.filter_log_events(logGroupName=group)["events"]]
        return {f"{group}: {what}" for group, line in lines for what in re.findall(r"not authorized to perform: (\S+)", line)}


def test_a_labs_whole_life_needs_no_right_that_its_functions_lack(emulator: str, built: Path) -> None:
    world = World(emulator, built)
    person = world.caller
    for path in ("/whoami", "/tokens", "/people", "/packs", "/limits", "/labs"):
        person.get(path)
    person.call("PUT", "/people", {"email": "bob@example.org", "role": "member"})
    person.call("DELETE", f"/tokens/{person.call('POST', '/tokens', {'label': 'spare'})['token_id']}")
    lab = person.call("POST", "/labs", {"domain": "genomics"})["id"]
    world.machine_is_ready(lab)
    world.phase(lab, "READY")
    for path in ("logs", "events", "users"):
        person.get(f"/labs/{lab}/{path}")
    person.call("POST", f"/labs/{lab}/login")
    person.call("POST", f"/labs/{lab}/users", {"email": "bob@example.org", "role": "member"})
    person.call("DELETE", f"/labs/{lab}/users/bob@example.org")
    person.call("POST", f"/labs/{lab}/stop")
    world.phase(lab, "STOPPED")
    person.call("POST", f"/labs/{lab}/start")
    world.machine_is_ready(lab)
    ready = world.phase(lab, "READY")
    world.invoke("machine_state_changed", {"instance-id": ready["instance_id"], "state": "running"})
    world.invoke("reconcile_labs", {})
    _kept_hours(world, lab)
    _second_field(world, lab)
    _own_pack(world)
    _backed_up_and_given_back(world, lab)
    person.call("DELETE", f"/labs/{lab}?data=delete")
    world.phase(lab, "DELETED")
    eventually(lambda: person.get("/audit?limit=1000")["items"][-1]["name"] == "LabDeleted")
    assert person.get("/audit/anchors")["items"][-1]["seq"] == person.get("/audit/head")["seq"]
    person.get(f"/audit?lab={lab}&person=ada@example.org")
    world.invoke("check_audit", {})
    world.invoke("aggregate_costs", {})
    _billed(world)
    _begun_again(world, lab)
    _bake_that_fails(world)
    assert world.denied() == set()


def _bake_that_fails(world: World) -> None:
    """A builder that stops without a word: all that it had goes. (This emulator makes no images.)"""
    bake = world.caller.call("POST", "/images", {"pack": "genomics"})["id"]
    builder = eventually(lambda: world.caller.get(f"/images/{bake}")["builder_id"])
    world.session.client("ec2").stop_instances(InstanceIds=[builder])
    world.invoke("machine_state_changed", {"instance-id": builder, "state": "stopped"})
    ended = eventually(lambda: (seen := world.caller.get(f"/images/{bake}"))["state"] != "BAKING" and seen)
    assert (ended["state"], ended["cause"]) == ("FAILED", "the builder stopped without a report")
    world.invoke("image_state_changed", {"ImageId": "ami-0123456789abcdef0", "State": "available"})
    world.invoke("rebake_images", {})
    world.caller.get("/images?pack=genomics")


def _kept_hours(world: World, lab: str) -> None:
    """Timetables, of the lab and of its team; kept running, exempt, asked why; budget, quota, a link that wakes; the sweeps."""
    person, base = world.caller, f"/labs/{lab}"
    soon = datetime.now(UTC) + timedelta(minutes=10)
    table = {"stop": f"{soon:%H:%M}", "tz": "UTC"}
    person.call("PUT", f"{base}/hours", table)
    world.invoke("run_hours", {"lab_id": lab, "kind": "stop"})
    assert person.get(f"{base}/hours")["told"]
    person.call("POST", f"{base}/extend", {"for_minutes": 60})
    eventually(lambda: not person.get(f"{base}/hours")["told"])
    person.call("PUT", "/hours/default", table | {"stop": "23:59", "start": "06:00"})
    person.call("DELETE", f"{base}/hours")
    eventually(lambda: person.get(f"{base}/hours")["team"] == "default")
    person.call("PUT", "/hours/default", table | {"stop": "23:58"})
    eventually(lambda: person.get(f"{base}/hours")["stop"] == "23:58")
    person.call("DELETE", "/hours/default")
    person.call("PUT", f"{base}/exemption", {"for_minutes": 60, "reason": "a course"})
    person.call("DELETE", f"{base}/exemption")
    person.get(f"{base}/why")
    person.call("PUT", "/budgets/default", {"monthly": "500", "thresholds": [{"percent": 80, "action": "warn"}]})
    person.call("PUT", "/limits/default", {"vcpus": 64})
    for path in ("/budgets/default", "/limits/default", f"{base}/cost", "/costs"):
        person.get(path)
    person.call("POST", f"{base}/wake-key")
    person.call("DELETE", f"{base}/wake-key")
    for name in ("sweep_hours", "sweep_idle", "refresh_prices"):
        world.invoke(name, {})


def _second_field(world: World, lab: str) -> None:
    """Another pack comes and goes; what the lab's role may read follows."""
    iam, bucket = world.session.client("iam"), packs.resolve("climate_modeling").datasets[0].bucket

    def readable() -> bool:
        said = iam.get_role_policy(RoleName=f"{PREFIX}-lab-{lab}", PolicyName="lab")["PolicyDocument"]
        return bucket in json.dumps(said)

    assert not readable()
    world.caller.call("POST", f"/labs/{lab}/packs", {"pack": "climate_modeling"})
    eventually(readable)
    world.caller.call("DELETE", f"/labs/{lab}/packs/climate_modeling")
    eventually(lambda: not readable())


def _own_pack(world: World) -> None:
    """A team's own pack is added, a lab is asked for with it, and it goes when the lab is gone."""
    names = ("ipykernel", "ipywidgets", "matplotlib", "numpy", "pandas", "scipy")
    pins = "".join(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in names)
    text = "name: mine\ntitle: Mine\npurpose: Ours.\nextends: base\nkernels:\n  python: {packages: [numpy]}\n"
    contents = {"pack.yaml": text.encode(), "python-py311-x86_64.txt": pins.encode()}
    files = [{"name": one, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()} for one, body in contents.items()]
    for offer in world.caller.call("POST", "/packs/uploads", {"files": files})["items"]:
        answer = httpx.put(offer["url"], content=contents[offer["name"]], headers=offer["headers"])
        assert answer.status_code == 200, answer.text
    named = [{"name": one["name"], "sha256": one["sha256"]} for one in files]
    world.caller.call("POST", "/packs", {"name": "mine", "files": named})
    lab = world.caller.call("POST", "/labs", {"domain": "mine"})["id"]
    world.machine_is_ready(lab)
    world.phase(lab, "READY")
    world.caller.call("DELETE", f"/labs/{lab}?data=delete")
    world.phase(lab, "DELETED")
    world.caller.call("DELETE", "/packs/mine")
    world.caller.call("POST", "/packs", {"name": "mine", "files": named})


def _billed(world: World) -> None:
    """A bill is uploaded, taken in, shown and reconciled; then the nightly run looks for more."""
    content = exports.as_csv(exports.rows(exports.month(1, 2026, 10, ["genomics-aaaa"], days=2), "focus"))
    named = {"name": "october.csv.gz", "sha256": hashlib.sha256(content).hexdigest()}
    [offer] = world.caller.call("POST", "/bills/uploads", {"files": [{**named, "size": len(content)}]})["items"]
    assert httpx.put(offer["url"], content=content, headers=offer["headers"]).status_code == 200
    made = world.caller.call("POST", "/bills/imports", {"files": [named]})["id"]
    done = eventually(lambda: (seen := world.caller.get(f"/bills/imports/{made}"))["state"] != "RUNNING" and seen)
    assert done["state"] == "FINISHED", done
    for path in ("/bills", "/bills/2026-10", "/bills/2026-10/reconciliation"):
        world.caller.get(path)
    world.invoke("ingest_bill", {})


def _begun_again(world: World, lab: str) -> None:
    """Its records lost, the lab comes back from the snapshot and its backup, asked for by an operator."""
    dynamodb, table = world.session.client("dynamodb"), world.outputs["LabsTableName"]
    for pk in (f"LAB#{lab}", "PACKS", "PACK#mine"):
        named = {":pk": {"S": pk}}
        items = dynamodb.query(TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues=named)["Items"]
        for item in items:
            dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
    assert world.step("plan", lab)["packs"] == 1
    assert world.step("packs", lab) == {"added": 1, "known": 0, "missing": 0, "wrong": []}
    world.caller.call("DELETE", "/packs/mine")
    for word in ("plan", "people", "shelves", "lab"):
        world.step(word, lab)
    world.machine_is_ready(lab)
    world.phase(lab, "READY")
    assert world.step("files", lab)["state"] == "RUNNING"
    [restore] = [one for one in world.caller.get(f"/labs/{lab}/events")["items"] if one["name"] == "RestoreRequested"][-1:]
    world.machine_works(lab, restore["data"]["restore_id"])
    eventually(lambda: world.step("files", lab)["state"] == "FINISHED")
    assert world.step("rest", lab)["was"] == "STOPPED"


def _backed_up_and_given_back(world: World, lab: str) -> None:
    """Made, listed, given back, rehearsed, pruned; then one more, with a stop behind it."""
    person, base = world.caller, f"/labs/{lab}"
    first = person.call("POST", f"{base}/backups", {})["id"]
    world.machine_works(lab, first)
    world.over(f"{base}/backups/{first}", "FINISHED")
    for path in ("/backups", f"{base}/backups", f"{base}/backups/newest/files", f"{base}/drills"):
        person.get(path)
    back = person.call("POST", f"{base}/restores", {"backup_id": first, "paths": ["shared/x"]})["id"]
    world.machine_works(lab, back)
    world.over(f"{base}/restores/{back}", "FINISHED")
    world.over(f"{base}/drills/{person.call('POST', f'{base}/drills')['id']}", "PASSED")
    for name in ("nightly_backups", "drill_backups", "prune_backups", "backup_broke_off"):
        world.invoke(name, {"executionArn": f"arn:aws:states:us-east-1:000000000000:execution:x:{lab}-{first}"})
    last = person.call("POST", f"{base}/backups", {"then": "stop"})["id"]
    world.machine_works(lab, last)
    world.phase(lab, "STOPPED")
    person.call("DELETE", f"{base}/backups/{first}")
    world.invoke("back_up_tables", {})
