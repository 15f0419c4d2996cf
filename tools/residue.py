"""Is anything left of a lab? Asked of the cloud's own APIs and of this machine's process table, not of our records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

#: Every process of an emulated machine carries its instance's id under this name.
MARK = "AWR_INSTANCE_ID"


@dataclass(frozen=True)
class Cloud:
    """Where the local cloud's APIs answer: the control plane's services, and the infrastructure's (EC2, IAM, EFS)."""

    control: str
    infrastructure: str
    region: str = "us-east-1"

    def client(self, service: str) -> Any:
        """A boto3 client of the emulated service."""
        import boto3

        infrastructure = service in ("ec2", "iam", "sts", "efs")
        return boto3.client(  # type: ignore[call-overload,no-any-return,unused-ignore]
            service,
            endpoint_url=self.infrastructure if infrastructure else self.control,
            region_name=self.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


def of_lab(cloud: Cloud, lab_id: str, instance_ids: set[str]) -> list[str]:
    """Every resource and process that still belongs to the lab, one line each; an empty list is what teardown promises."""
    return [*_resources(cloud, lab_id), *_processes(instance_ids)]


def _resources(cloud: Cloud, lab_id: str) -> Iterator[str]:
    ec2, iam, efs = cloud.client("ec2"), cloud.client("iam"), cloud.client("efs")
    tagged = [{"Name": "tag:lab", "Values": [lab_id]}]
    for reservation in ec2.describe_instances(Filters=tagged)["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                yield f"instance {instance['InstanceId']} {instance['State']['Name']}"
    for volume in ec2.describe_volumes(Filters=tagged)["Volumes"]:
        yield f"volume {volume['VolumeId']} {volume['State']}"
    for group in ec2.describe_security_groups()["SecurityGroups"]:
        if lab_id in group["GroupName"]:
            yield f"security group {group['GroupId']}"
    for role in iam.list_roles()["Roles"]:
        if role["RoleName"].endswith(f"-lab-{lab_id}"):
            yield f"role {role['RoleName']}"
    for profile in iam.list_instance_profiles()["InstanceProfiles"]:
        if lab_id in profile["InstanceProfileName"]:
            yield f"instance profile {profile['InstanceProfileName']}"
    pages = efs.get_paginator("describe_file_systems").paginate()
    for system in (one for page in pages for one in page["FileSystems"]):
        if any(tag["Key"] == "lab" and tag["Value"] == lab_id for tag in system.get("Tags", [])):
            yield f"file system {system['FileSystemId']}"


def _processes(instance_ids: set[str]) -> Iterator[str]:
    for process in psutil.process_iter(["pid", "name"]):
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) in instance_ids:
                yield f"process {process.pid} {process.info['name']}"
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
