"""What do we ask of EC2, whoever asks? Where machines stand, their groups, how they are launched, seen and ended; all of it found
again by name and tag when an answer was lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.runtime import aws, settings
from chalicelib.runtime.aws import error_code
from chalicelib.runtime.errors import BadInput, ImageGone, MachineFailed, NoCapacity
from chalicelib.runtime.refusals import patiently

TAG = "aws-research-wizard"
REFUSED_FOR_NOW = frozenset(
    {"InsufficientInstanceCapacity", "InsufficientHostCapacity", "InstanceLimitExceeded", "Unsupported", "VcpuLimitExceeded"}
)
ALIVE = ("pending", "running", "stopping", "stopped")
ROOT_GB = 60


@dataclass(frozen=True)
class Place:
    vpc_id: str
    subnet_id: str


@dataclass(frozen=True)
class Seen:
    """A machine as EC2 shows it."""

    id: str
    state: str
    lab_id: str
    stage: str
    token: str
    instance_type: str
    address: str
    made_at: datetime | None = None
    kept_by: str = ""
    bake: str = ""

    @property
    def alive(self) -> bool:
        return self.state in ALIVE


@dataclass(frozen=True)
class Order:
    """Everything that one launch is made of."""

    token: str
    instance_type: str
    image_id: str
    subnet_id: str
    group_id: str
    profile: str
    user_data: str
    tags: Mapping[str, str] = field(default_factory=dict)


def place(lab_id: str) -> Place:
    """Where a lab lives: one of the stage's subnets, or of the default VPC's, always the same for one lab."""
    known = settings.current()
    wanted: dict[str, Any] = {"SubnetIds": list(known.subnet_ids)} if known.subnet_ids else {"Filters": _in_vpc(known.vpc_id)}
    with patiently():
        subnets = aws.client("ec2").describe_subnets(**wanted)["Subnets"]
    if not subnets:
        raise BadInput("there is no subnet for labs", "name SUBNET_IDS, or make a default VPC: aws ec2 create-default-vpc")
    ordered = sorted(subnets, key=lambda subnet: str(subnet["SubnetId"]))
    chosen = ordered[zlib.crc32(lab_id.encode()) % len(ordered)]
    return Place(chosen["VpcId"], chosen["SubnetId"])


def vpc_of(subnet_id: str) -> str:
    with patiently():
        found = aws.client("ec2").describe_subnets(SubnetIds=[subnet_id])
    return str(found["Subnets"][0]["VpcId"])


def _in_vpc(vpc_id: str) -> list[dict[str, Any]]:
    return [{"Name": "vpc-id", "Values": [vpc_id]}] if vpc_id else [{"Name": "default-for-az", "Values": ["true"]}]


# ---- security groups -----------------------------------------------------------------------------------------------------


def ensure_group(name: str, vpc_id: str, says: str, tags: Mapping[str, str]) -> str:
    """The security group of this name, made if it is not there."""
    found = find_group(name)
    if found:
        return found
    try:
        with patiently():
            made = aws.client("ec2").create_security_group(
                GroupName=name, Description=says, VpcId=vpc_id, TagSpecifications=tagged(tags, "security-group")
            )
        return str(made["GroupId"])
    except ClientError as error:
        if error_code(error) != "InvalidGroup.Duplicate":
            raise
    return find_group(name) or ""


def find_group(name: str) -> str:
    with patiently():
        found = aws.client("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])
    groups = found["SecurityGroups"]
    return str(groups[0]["GroupId"]) if groups else ""


def allow_from_group(group_id: str, port: int, source: str) -> None:
    _allow(group_id, {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": source}]})


def allow_from_network(group_id: str, port: int, cidr: str) -> None:
    network = {"CidrIp": cidr, "Description": "who may reach the lab"}
    _allow(group_id, {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [network]})


def _allow(group_id: str, rule: dict[str, Any]) -> None:
    with patiently("InvalidPermission.Duplicate"):
        aws.client("ec2").authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])


def remove_group(group_id: str) -> None:
    with patiently("InvalidGroup.NotFound", "InvalidGroupId.Malformed"):
        aws.client("ec2").delete_security_group(GroupId=group_id)


# ---- machines ------------------------------------------------------------------------------------------------------------


def launch(order: Order) -> str:
    """Start one machine; the same token never starts a second. NoCapacity when this type cannot be had now, ImageGone when its
    image cannot."""
    try:
        with patiently():
            answer = aws.client("ec2").run_instances(**_request(order))
    except ClientError as error:
        code = error_code(error)
        if code in REFUSED_FOR_NOW:
            raise NoCapacity(f"{order.instance_type}: {said(error)}") from error
        if code in ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"):
            raise ImageGone(f"{order.image_id}: {said(error)}") from error
        if code == "IdempotentInstanceTerminated":
            raise MachineFailed("the machine was terminated while it was launched") from error
        if code == "IdempotentParameterMismatch":
            return _launched_before(order)
        raise
    return str(answer["Instances"][0]["InstanceId"])


def _launched_before(order: Order) -> str:
    """The machine of this token, launched before the stage's settings changed."""
    found = [one for one in described([tag_filter("token", order.token)]) if one.alive]
    if not found:
        raise MachineFailed("the machine was launched under other settings and is gone")
    return found[0].id


def _request(order: Order) -> dict[str, Any]:
    disk = {"VolumeSize": ROOT_GB, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    tags = {**order.tags, f"{TAG}:token": order.token}
    return {
        "ClientToken": order.token,
        "MinCount": 1,
        "MaxCount": 1,
        "InstanceType": order.instance_type,
        "ImageId": order.image_id,
        "SubnetId": order.subnet_id,
        "SecurityGroupIds": [order.group_id],
        "IamInstanceProfile": {"Name": order.profile},
        "UserData": order.user_data,
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"},
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": disk}],
        "InstanceInitiatedShutdownBehavior": "stop",
        "TagSpecifications": tagged(tags, "instance", "volume", "network-interface"),
    }


def all_machines() -> list[Seen]:
    """Every machine of this stage, the dead ones EC2 still shows included."""
    return described([tag_filter("stage", settings.current().stage)])


def see(instance_id: str) -> Seen | None:
    """One machine; None when EC2 no longer knows it."""
    found: list[Seen] = []
    with patiently("InvalidInstanceID.NotFound"):
        found = _described_by({"InstanceIds": [instance_id]})
    return found[0] if found else None


def terminate(instance_ids: Iterable[str]) -> None:
    for instance_id in instance_ids:
        with patiently("InvalidInstanceID.NotFound"):
            aws.client("ec2").terminate_instances(InstanceIds=[instance_id])


def image() -> str:
    """The image that machines start from: an AMI id, or the SSM parameter that names one."""
    wanted = settings.current().image_parameter
    if wanted.startswith("ami-"):
        return wanted
    with patiently():
        found = aws.client("ssm").get_parameter(Name=wanted)
    return str(found["Parameter"]["Value"])


def described(filters: list[dict[str, Any]]) -> list[Seen]:
    with patiently():
        found = _described_by({"Filters": filters})
    return found


def _described_by(wanted: dict[str, Any]) -> list[Seen]:
    pages = aws.client("ec2").get_paginator("describe_instances").paginate(**wanted)
    return [_seen(one) for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]


def _seen(one: dict[str, Any]) -> Seen:
    tags = tags_of(one)
    return Seen(
        id=one["InstanceId"],
        state=one["State"]["Name"],
        lab_id=tags.get(f"{TAG}:lab", ""),
        stage=tags.get(f"{TAG}:stage", ""),
        token=tags.get(f"{TAG}:token", ""),
        instance_type=one["InstanceType"],
        address=one.get("PublicIpAddress") or one.get("PrivateIpAddress") or "",
        made_at=one.get("LaunchTime"),
        kept_by=tags.get(f"{TAG}:kept-by", ""),
        bake=tags.get(f"{TAG}:bake", ""),
    )


def tags_of(one: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in one.get("Tags") or one.get("TagSet") or ()}


# ---- tags ----------------------------------------------------------------------------------------------------------------


def of_stage(paginator: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with patiently():
        for page in paginator.paginate(Filters=[tag_filter("stage", settings.current().stage)]):
            found += page[name]
    return found


def tag_filter(key: str, value: str) -> dict[str, Any]:
    return {"Name": f"tag:{TAG}:{key}", "Values": [value]}


def tagged(tags: Mapping[str, str], *kinds: str) -> list[dict[str, Any]]:
    written = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": kind, "Tags": written} for kind in kinds]


def said(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", error))
