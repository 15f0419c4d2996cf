"""EFS: file systems and their mount targets."""

from __future__ import annotations

from typing import Any

from tests.contract.truths.core import Json, Place, named, refusal, refused, truth
from tests.contract.truths.ec2 import group, network

CREATE = "Amazon EFS API Reference: CreateFileSystem"
DOOR = "Amazon EFS API Reference: CreateMountTarget"


def create(place: Place, token: str, **more: Any) -> Json:
    return dict(place.client("efs").create_file_system(CreationToken=token, Encrypted=True, **more))


def made(place: Place) -> str:
    system = str(create(place, place.word("files"))["FileSystemId"])
    place.pass_time()
    return system


def door(place: Place, system: str, security_group: str = "") -> str:
    held = [security_group or group(place)]
    target = place.client("efs").create_mount_target(FileSystemId=system, SubnetId=network(place)[1], SecurityGroups=held)
    return str(target["MountTargetId"])


@truth(CREATE, ministack="answers with the first one as if it had just been made")
def the_same_creation_token_is_FileSystemAlreadyExists_and_names_the_first(place: Place) -> None:  # noqa: N802
    token = place.word("files")
    first = create(place, token)["FileSystemId"]
    place.pass_time()
    said = refused(lambda: create(place, token))
    assert said["Error"]["Code"] == "FileSystemAlreadyExists"
    assert said.get("FileSystemId", first) == first


@truth("Amazon EFS API Reference: DescribeFileSystems")
def a_file_system_is_found_by_its_creation_token(place: Place) -> None:
    token = place.word("files")
    system = create(place, token)["FileSystemId"]
    found = place.client("efs").describe_file_systems(CreationToken=token)["FileSystems"]
    assert [one["FileSystemId"] for one in found] == [system]


@truth("Amazon EFS API Reference: DescribeFileSystems")
def an_unknown_creation_token_is_an_empty_list(place: Place) -> None:
    assert place.client("efs").describe_file_systems(CreationToken=place.word("nobody"))["FileSystems"] == []


@truth(CREATE, moto="is available at once", ministack="is available at once")
def a_file_system_is_creating_before_it_is_available(place: Place) -> None:
    system = create(place, place.word("files"))
    assert system["LifeCycleState"] == "creating"
    place.pass_time()
    found = place.client("efs").describe_file_systems(FileSystemId=system["FileSystemId"])["FileSystems"]
    assert found[0]["LifeCycleState"] == "available"


@truth(DOOR, moto="makes it", ministack="makes it")
def a_mount_target_of_a_file_system_that_is_still_being_made_is_refused(place: Place) -> None:
    system = create(place, place.word("files"))["FileSystemId"]
    assert refusal(lambda: door(place, system)) == "IncorrectFileSystemLifeCycleState"


@truth(DOOR)
def a_second_mount_target_in_a_zone_is_MountTargetConflict(place: Place) -> None:  # noqa: N802
    system = made(place)
    door(place, system)
    place.pass_time()
    assert refusal(lambda: door(place, system)) == "MountTargetConflict"


@truth("Amazon EFS API Reference: DeleteFileSystem")
def a_file_system_with_a_mount_target_is_FileSystemInUse(place: Place) -> None:  # noqa: N802
    system = made(place)
    door(place, system)
    place.pass_time()
    assert refusal(lambda: place.client("efs").delete_file_system(FileSystemId=system)) == "FileSystemInUse"


@truth("Amazon EFS API Reference: DeleteFileSystem", ministack="answers with an empty list")
def a_file_system_that_was_deleted_is_FileSystemNotFound(place: Place) -> None:  # noqa: N802
    system = made(place)
    place.client("efs").delete_file_system(FileSystemId=system)
    place.pass_time()
    for verb in ("delete_file_system", "describe_file_systems", "describe_mount_targets"):
        call = getattr(place.client("efs"), verb)
        assert named(call, FileSystemId=system) == "FileSystemNotFound"


@truth("Amazon EFS API Reference: DeleteMountTarget", moto="is gone at once", ministack="is gone at once")
def a_mount_target_that_is_deleted_can_be_seen_for_a_while(place: Place) -> None:
    system = made(place)
    target = door(place, system)
    place.pass_time()
    place.client("efs").delete_mount_target(MountTargetId=target)
    assert len(place.client("efs").describe_mount_targets(FileSystemId=system)["MountTargets"]) == 1
    place.pass_time()
    assert place.client("efs").describe_mount_targets(FileSystemId=system)["MountTargets"] == []


@truth("Amazon EFS API Reference: DeleteMountTarget")
def a_mount_target_that_never_was_is_MountTargetNotFound(place: Place) -> None:  # noqa: N802
    call = place.client("efs").delete_mount_target
    assert refusal(lambda: call(MountTargetId="fsmt-0123456789abcdef0")) == "MountTargetNotFound"


@truth("Amazon EC2 API Reference: DeleteSecurityGroup", moto="deletes it", ministack="deletes it")
def a_group_that_a_mount_target_uses_cannot_be_deleted(place: Place) -> None:
    held = group(place)
    system = made(place)
    door(place, system, held)
    place.pass_time()
    assert refusal(lambda: place.client("ec2").delete_security_group(GroupId=held)) == "DependencyViolation"
