"""What is left when every lab is deleted? Asked of the process table, the disk and each service; not of our records alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from aws_research_wizard.local.deploy import PREFIX
from tools.storm.ground import Ground

Kinds = dict[str, list[str]]


def find(ground: Ground, kept: Iterable[str]) -> Kinds:
    """What has no owner any more, by kind; `kept` are the file systems that people chose to keep. All empty is the promise."""
    looks: dict[str, Callable[[Ground, frozenset[str]], Iterator[str]]] = {
        "processes": _processes,
        "instances": _instances,
        "volumes": _volumes,
        "security groups": _groups,
        "roles and profiles": _roles,
        "file systems": _file_systems,
        "machine folders": _folders,
        "records": _records,
        "workflows and task tokens": _workflows,
        "reserved places": _places,
    }
    chosen = frozenset(kept)
    return {name: sorted(look(ground, chosen)) for name, look in looks.items()}


def _processes(ground: Ground, _: frozenset[str]) -> Iterator[str]:
    for machine, living in ground.of_machines().items():
        yield from (f"{machine}: {one.pid} {one.name()}" for one in living)


def _instances(ground: Ground, _: frozenset[str]) -> Iterator[str]:
    for page in ground.client("ec2").get_paginator("describe_instances").paginate():
        for one in (one for reservation in page["Reservations"] for one in reservation["Instances"]):
            if one["State"]["Name"] != "terminated":
                yield f"{one['InstanceId']} {one['State']['Name']}"


def _volumes(ground: Ground, _: frozenset[str]) -> Iterator[str]:
    ec2 = ground.client("ec2")
    yield from (f"{one['VolumeId']} {one['State']}" for one in ec2.describe_volumes()["Volumes"])
    yield from (one["NetworkInterfaceId"] for one in ec2.describe_network_interfaces()["NetworkInterfaces"])


def _groups(ground: Ground, _: frozenset[str]) -> Iterator[str]:
    for one in ground.client("ec2").describe_security_groups()["SecurityGroups"]:
        if one["GroupName"] != "default":
            yield f"{one['GroupId']} {one['GroupName']}"


def _roles(ground: Ground, _: frozenset[str]) -> Iterator[str]:
    """Those of labs; the stack's own profile is the one that builders of images have."""
    iam = ground.client("iam")
    roles = [one["RoleName"] for page in iam.get_paginator("list_roles").paginate() for one in page["Roles"]]
    profiles = iam.list_instance_profiles()["InstanceProfiles"]
    yield from (name for name in roles if name.startswith(f"{PREFIX}-lab-"))
    yield from (name for one in profiles if (name := one["InstanceProfileName"]) != f"{PREFIX}-builder")


def _file_systems(ground: Ground, kept: frozenset[str]) -> Iterator[str]:
    """Those nobody kept, those kept that are missing, and folders that stand for none."""
    efs = ground.client("efs")
    pages = efs.get_paginator("describe_file_systems").paginate()
    there = {one["FileSystemId"] for page in pages for one in page["FileSystems"]}
    yield from (f"{name} has no owner" for name in there - kept)
    yield from (f"{name} was to be kept and is gone" for name in kept - there)
    for name in there:
        yield from (f"{one['MountTargetId']} of {name}" for one in efs.describe_mount_targets(FileSystemId=name)["MountTargets"])
    folders = {path.name for path in ground.home.efs.iterdir()}
    yield from (f"folder {name}" for name in folders - kept)


def _folders(ground: Ground, _: frozenset[str]) -> Iterator[str]:
    yield from (path.name for path in ground.home.machines.iterdir())


def _records(ground: Ground, _: frozenset[str]) -> Iterator[str]:
    """A deleted lab leaves its own record with its receipt, in no index; its backups have a life of their own."""
    for item in _items(ground, "labs"):
        key = f"{item['pk']['S']} {item['sk']['S']}"
        if item["sk"]["S"].startswith("BACKUP#"):
            continue
        if item["sk"]["S"] != "LAB":
            yield key
        elif item["phase"]["S"] != "DELETED" or "due" in item or "person" in item:
            yield f"{key} {item['phase']['S']}"


def _workflows(ground: Ground, _: frozenset[str]) -> Iterator[str]:
    """A token waits as long as its execution runs."""
    steps = ground.client("stepfunctions")
    for machine in steps.list_state_machines()["stateMachines"]:
        for one in steps.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING")["executions"]:
            yield one["executionArn"].split(":", 6)[6]


def _places(ground: Ground, _: frozenset[str]) -> Iterator[str]:
    for item in _items(ground, "limits"):
        yield from (f"{item['pk']['S']} {name}" for name in item.get("labs", {}).get("SS", ()))


def _items(ground: Ground, table: str) -> Iterator[dict[str, Any]]:
    for page in ground.client("dynamodb").get_paginator("scan").paginate(TableName=f"{PREFIX}-{table}", ConsistentRead=True):
        yield from page["Items"]
