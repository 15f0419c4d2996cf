"""What do we ask of EC2 for labs? Their machines, and all that carries a lab's tag; the rest is runtime/ec2.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.labs.journal import Kind
from chalicelib.labs.things import Thing, What
from chalicelib.runtime import aws, settings
from chalicelib.runtime.aws import error_code
from chalicelib.runtime.ec2 import (
    REFUSED_FOR_NOW,
    ROOT_GB,
    TAG,
    Order,
    Place,
    Seen,
    all_machines,
    allow_from_group,
    allow_from_network,
    described,
    ensure_group,
    find_group,
    image,
    launch,
    of_stage,
    place,
    remove_group,
    said,
    see,
    tag_filter,
    tags_of,
    terminate,
    vpc_of,
)
from chalicelib.runtime.errors import NoCapacity
from chalicelib.runtime.refusals import patiently

__all__ = [
    "ROOT_GB",
    "Order",
    "Place",
    "Seen",
    "all_groups",
    "all_interfaces",
    "all_machines",
    "all_volumes",
    "allow_from_group",
    "allow_from_network",
    "ensure_group",
    "find_group",
    "give_user_data",
    "image",
    "launch",
    "machines_of",
    "place",
    "remove_group",
    "remove_interface",
    "resize",
    "see",
    "start",
    "stop",
    "terminate",
    "vpc_of",
]


# ---- machines ------------------------------------------------------------------------------------------------------------


def machines_of(lab_id: str) -> list[Seen]:
    """Every machine that carries the lab's tag, however it came about."""
    return described([tag_filter("lab", lab_id), tag_filter("stage", settings.current().stage)])


def start(instance_id: str) -> None:
    try:
        with patiently():
            aws.client("ec2").start_instances(InstanceIds=[instance_id])
    except ClientError as error:
        if error_code(error) in REFUSED_FOR_NOW:
            raise NoCapacity(said(error)) from error
        raise


def stop(instance_id: str) -> None:
    with patiently():
        aws.client("ec2").stop_instances(InstanceIds=[instance_id])


def resize(instance_id: str, instance_type: str) -> None:
    with patiently():
        aws.client("ec2").modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": instance_type})


def give_user_data(instance_id: str, text: str) -> None:
    """What a stopped machine shall read at its next start."""
    with patiently():
        aws.client("ec2").modify_instance_attribute(InstanceId=instance_id, UserData={"Value": text.encode()})


# ---- what there is of a stage --------------------------------------------------------------------------------------------


def all_groups() -> Iterator[Thing]:
    """Every security group of this stage."""
    for one in of_stage(aws.client("ec2").get_paginator("describe_security_groups"), "SecurityGroups"):
        kind: Kind | What = Kind.STORAGE_GROUP if one["GroupName"].endswith("-storage") else Kind.MACHINE_GROUP
        if f"{TAG}:bake" in tags_of(one):
            kind = What.BUILDER_GROUP
        yield _thing(kind, one["GroupId"], one, name=one["GroupName"])


def all_volumes() -> Iterator[Thing]:
    for one in of_stage(aws.client("ec2").get_paginator("describe_volumes"), "Volumes"):
        yield _thing(
            What.VOLUME, one["VolumeId"], one, made_at=one.get("CreateTime"), state=one["State"], size_gb=float(one["Size"])
        )


def all_interfaces() -> Iterator[Thing]:
    for one in of_stage(aws.client("ec2").get_paginator("describe_network_interfaces"), "NetworkInterfaces"):
        yield _thing(What.INTERFACE, one["NetworkInterfaceId"], one, state=one["Status"])


def remove_interface(interface_id: str) -> None:
    with patiently("InvalidNetworkInterfaceID.NotFound"):
        aws.client("ec2").delete_network_interface(NetworkInterfaceId=interface_id)


def _thing(kind: Kind | What, part: str, one: Mapping[str, Any], **known: Any) -> Thing:
    tags = tags_of(one)
    bake, kept_by = tags.get(f"{TAG}:bake", ""), tags.get(f"{TAG}:kept-by", "")
    return Thing(kind, part, tags.get(f"{TAG}:lab", ""), kept_by=kept_by, bake=bake, **known)
