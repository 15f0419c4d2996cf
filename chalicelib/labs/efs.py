"""What do we ask of EFS? One encrypted file system a lab, and its door (mount target) in the lab's subnet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.labs.journal import Kind
from chalicelib.labs.naming import TAG
from chalicelib.labs.things import Thing
from chalicelib.runtime import aws, settings
from chalicelib.runtime.aws import error_code
from chalicelib.runtime.errors import StillThere
from chalicelib.runtime.refusals import patiently

NFS = 2049


def ensure_file_system(token: str, tags: Mapping[str, str]) -> str:
    """The file system of this creation token, made if it is not there."""
    found = find_file_system(token)
    if found:
        return found
    written = [{"Key": key, "Value": value} for key, value in tags.items()]
    try:
        with patiently():
            made = aws.client("efs").create_file_system(
                CreationToken=token, Encrypted=True, PerformanceMode="generalPurpose", ThroughputMode="elastic", Tags=written
            )
        return str(made["FileSystemId"])
    except ClientError as error:
        if error_code(error) != "FileSystemAlreadyExists":
            raise
    return find_file_system(token)


def find_file_system(token: str) -> str:
    with patiently("FileSystemNotFound"):
        found = aws.client("efs").describe_file_systems(CreationToken=token)["FileSystems"]
        live = [one for one in found if one["LifeCycleState"] not in ("deleting", "deleted")]
        return str(live[0]["FileSystemId"]) if live else ""
    return ""


def exists(file_system_id: str) -> bool:
    return _file_system(file_system_id) is not None


def size_gb(file_system_id: str) -> float:
    """What EFS meters and bills, in GB."""
    found = _file_system(file_system_id)
    return float(found["SizeInBytes"]["Value"]) / 1e9 if found else 0.0


def _file_system(file_system_id: str) -> dict[str, Any] | None:
    with patiently("FileSystemNotFound"):
        found = aws.client("efs").describe_file_systems(FileSystemId=file_system_id)["FileSystems"]
        return dict(found[0]) if found and found[0]["LifeCycleState"] != "deleted" else None
    return None


def ensure_mount_target(file_system_id: str, subnet_id: str, group_id: str) -> str:
    """The door in this subnet. Retryable while the file system is still being made."""
    for target in mount_targets(file_system_id):
        return target
    with patiently("MountTargetConflict"):
        made = aws.client("efs").create_mount_target(FileSystemId=file_system_id, SubnetId=subnet_id, SecurityGroups=[group_id])
        return str(made["MountTargetId"])
    return next(iter(mount_targets(file_system_id)), "")


def mount_targets(file_system_id: str) -> list[str]:
    with patiently("FileSystemNotFound"):
        found = aws.client("efs").describe_mount_targets(FileSystemId=file_system_id)["MountTargets"]
        return [str(one["MountTargetId"]) for one in found]
    return []


def remove_mount_targets(file_system_id: str) -> None:
    """StillThere until EFS has taken the doors away, which takes it a while."""
    for target in mount_targets(file_system_id):
        with patiently("MountTargetNotFound"):
            aws.client("efs").delete_mount_target(MountTargetId=target)
    if mount_targets(file_system_id):
        raise StillThere(f"the mount targets of {file_system_id} are still being removed")


def remove_file_system(file_system_id: str) -> None:
    with patiently("FileSystemNotFound"):
        aws.client("efs").delete_file_system(FileSystemId=file_system_id)


# ---- what there is of a stage --------------------------------------------------------------------------------------------


def all_file_systems() -> Iterator[Thing]:
    """Every file system of this stage, and how much EFS meters in it."""
    found: list[dict[str, Any]] = []
    with patiently():
        for page in aws.client("efs").get_paginator("describe_file_systems").paginate():
            found += page["FileSystems"]
    for one in found:
        tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags", ())}
        if tags.get(f"{TAG}:stage") == settings.current().stage and one["LifeCycleState"] not in ("deleting", "deleted"):
            yield Thing(
                Kind.FILE_SYSTEM,
                one["FileSystemId"],
                tags.get(f"{TAG}:lab", ""),
                name=one["CreationToken"],
                made_at=one.get("CreationTime"),
                size_gb=float(one["SizeInBytes"]["Value"]) / 1e9,
                kept_by=tags.get(f"{TAG}:kept-by", ""),
            )


def doors_of(files: Thing) -> Iterator[Thing]:
    """The mount targets of a file system; they carry no tag of their own."""
    for target in mount_targets(files.id):
        yield Thing(Kind.MOUNT_TARGET, target, files.lab_id, name=files.id, made_at=files.made_at, kept_by=files.kept_by)
