"""Orphans in an emulated account that enforces IAM: the deployed function finds them, removes what it may, and lacks no right."""

from __future__ import annotations

import time
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from tests.contract.emulated import eventually
from tests.contract.test_rights_suffice import World
from tests.contract.test_rights_suffice import emulator as emulator  # the fixture

pytestmark = pytest.mark.local_cloud
UNKNOWN, LOST = "genomics-zzzz", "climate-aaaa"


def tags(lab: str) -> list[dict[str, str]]:
    ours = {"lab": lab, "stage": "dev", "region": "us-east-1"}
    return [{"Key": f"aws-research-wizard:{key}", "Value": value} for key, value in ours.items()]


class Account:
    def __init__(self, emulator: str, built: Path) -> None:
        self.world = World(emulator, built)
        self.ec2: Any = self.world.session.client("ec2")
        self.efs: Any = self.world.session.client("efs")
        self.iam: Any = self.world.session.client("iam")

    def look(self, *, dry_run: bool) -> dict[str, Any]:
        """The findings of a look that was asked for by the API, by id."""
        time.sleep(1.1)  # runs are in order by their second
        asked = self.world.caller.call("POST", "/account/reconcile", {"dry_run": dry_run, "grace_minutes": 0})

        def reported() -> dict[str, Any] | None:
            try:
                report = self.world.caller.get("/account")
            except urllib.error.HTTPError:
                return None
            return report if report["run"] >= asked["run"] else None

        return {one["id"]: one for one in eventually(reported)["findings"] if one["unowned"]}

    def group(self, lab: str) -> str:
        vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        specification = [{"ResourceType": "security-group", "Tags": tags(lab)}]
        made = self.ec2.create_security_group(
            GroupName=f"aws-research-wizard-dev-{lab}", Description="x", VpcId=vpc, TagSpecifications=specification
        )
        return str(made["GroupId"])

    def role(self, lab: str) -> str:
        name = f"aws-research-wizard-dev-lab-{lab}"
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=tags(lab))
        return name

    def files(self, lab: str) -> str:
        return str(self.efs.create_file_system(CreationToken=lab, Tags=tags(lab))["FileSystemId"])

    def machine(self, lab: str) -> str:
        specification = [{"ResourceType": "instance", "Tags": tags(lab)}]
        made = self.ec2.run_instances(
            ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1, InstanceType="m6i.large", TagSpecifications=specification
        )
        return str(made["Instances"][0]["InstanceId"])


def test_orphans_are_found_and_what_may_go_goes(emulator: str, built: Path) -> None:
    account = Account(emulator, built)
    group, role, files, machine = account.group(UNKNOWN), account.role(UNKNOWN), account.files(LOST), account.machine(LOST)
    of_lost = account.group(LOST)
    found = account.look(dry_run=True)
    verdicts = {name: one["verdict"] for name, one in found.items()}
    assert "*" not in found, found["*"]["reason"]
    assert verdicts == {group: "remove", role: "remove", files: "report", machine: "report", of_lost: "report"}
    done = account.look(dry_run=False)
    assert {name: one["outcome"] for name, one in done.items() if one["verdict"] == "remove"} == {group: "done", role: "done"}
    assert set(account.look(dry_run=False)) == {files, machine, of_lost}
    assert account.world.denied() == set()
