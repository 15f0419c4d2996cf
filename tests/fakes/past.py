"""What an earlier release left behind: every item of its tables, as a life on the local cloud made them, put into today's stage.

`tests/data/release-<version>.jsonl.gz` holds a line for each item: {"table", "item"}. The parts of AWS that its journals name are
made anew, and stand in the items under the ids they get here.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[1] / "data"
Json = dict[str, Any]


def rows(version: str, prefix: str) -> list[Json]:
    """The snapshot's lines, under this stage's prefix."""
    with gzip.open(DATA / f"release-{version}.jsonl.gz", "rt") as file:
        text = file.read().replace("aws-research-wizard-local", prefix)
    for lab_id in sorted(set(re.findall(r"LAB#([a-z_]+-[a-z0-9]{4})", text))):  # a test's own labs: another test has them, too
        text = text.replace(lab_id, f"{lab_id[:-4]}{''.join(random.choices('23456789abcdefghjkmnpqrstuvwxyz', k=4))}")
    return [json.loads(line) for line in text.splitlines()]


def put(lines: list[Json], prefix: str, dynamodb: Any) -> None:
    for line in lines:
        dynamodb.put_item(TableName=f"{prefix}-{line['table']}", Item=line["item"])


def made_real(lines: list[Json], account: Any) -> list[Json]:
    """Make every part that a journal says is made; the lines with the ids that these parts have here."""
    real = account.real
    vpc = real("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    subnet = real("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]["SubnetId"]
    ids = {line["item"]["subnet_id"]["S"]: subnet for line in lines if "subnet_id" in line["item"]}
    phases = {line["item"]["pk"]["S"]: line["item"]["phase"]["S"] for line in lines if line["item"]["sk"]["S"] == "LAB"}
    for line in lines:
        item = line["item"]
        if item["sk"]["S"].startswith("JOURNAL#") and item["state"]["S"] == "made":
            lab_id = item["pk"]["S"].removeprefix("LAB#")
            ids[item["id"]["S"]] = _make(account, item, lab_id, vpc, subnet, ids, phases[item["pk"]["S"]])
    text = json.dumps(lines)
    for old, new in ids.items():
        text = text.replace(old, new)
    return list(json.loads(text))


def _make(account: Any, item: Json, lab_id: str, vpc: str, subnet: str, ids: dict[str, str], phase: str) -> str:
    kind, token = item["kind"]["S"], item["token"]["S"]
    ec2, efs, iam = (account.real(name) for name in ("ec2", "efs", "iam"))
    tags = [{"Key": "aws-research-wizard:lab", "Value": lab_id}, {"Key": "aws-research-wizard:stage", "Value": "test"}]
    if kind in ("security-group", "storage-security-group"):
        spec = [{"ResourceType": "security-group", "Tags": tags}]
        return str(ec2.create_security_group(GroupName=token, Description="x", VpcId=vpc, TagSpecifications=spec)["GroupId"])
    if kind == "file-system":
        return str(efs.create_file_system(CreationToken=token, Encrypted=True, Tags=tags)["FileSystemId"])
    if kind == "mount-target":
        return str(efs.create_mount_target(FileSystemId=ids[token], SubnetId=subnet)["MountTargetId"])
    if kind == "role":
        iam.create_role(RoleName=token, AssumeRolePolicyDocument="{}")
        return token
    if kind == "instance-profile":
        iam.create_instance_profile(InstanceProfileName=token)
        iam.add_role_to_instance_profile(InstanceProfileName=token, RoleName=token)
        return token
    assert kind == "instance", kind
    spec = [{"ResourceType": "instance", "Tags": tags}]
    asked = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1, "InstanceType": "m6i.xlarge", "UserData": "#!/bin/sh\n"}
    made = str(ec2.run_instances(**asked, TagSpecifications=spec)["Instances"][0]["InstanceId"])
    account.launched[token] = made
    if phase == "STOPPED":
        ec2.stop_instances(InstanceIds=[made])
    return made
