"""EC2's images and their snapshots."""

from __future__ import annotations

from typing import Any

from tests.contract.truths.core import Place, refusal, truth
from tests.contract.truths.ec2 import run

CREATE = "Amazon EC2 API Reference: CreateImage"
ERRORS = "Amazon EC2 Developer Guide: Error codes for the Amazon EC2 API"
NONE = "has no such call"


def stopped(place: Place) -> str:
    made = run(place)
    place.pass_time()
    place.client("ec2").stop_instances(InstanceIds=[made])
    place.pass_time()
    return made


def image(place: Place, name: str = "", **more: Any) -> str:
    asked = {"InstanceId": stopped(place), "Name": name or place.word("image"), **more}
    return str(place.client("ec2").create_image(**asked)["ImageId"])


def described(place: Place, image_id: str) -> dict[str, Any]:
    return dict(place.client("ec2").describe_images(ImageIds=[image_id])["Images"][0])


def snapshot_of(place: Place, image_id: str) -> str:
    return str(described(place, image_id)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])


@truth(CREATE, moto="is available at once", ministack=NONE)
def an_image_is_pending_before_it_is_available(place: Place) -> None:
    made = image(place)
    assert described(place, made)["State"] == "pending"
    place.pass_time()
    assert described(place, made)["State"] == "available"


@truth(CREATE, moto="makes another of the same name", ministack=NONE)
def a_name_that_another_image_has_is_InvalidAMIName_Duplicate(place: Place) -> None:  # noqa: N802
    name = place.word("image")
    image(place, name)
    assert refusal(lambda: image(place, name)) == "InvalidAMIName.Duplicate"


@truth(ERRORS, moto="makes one", ministack=NONE)
def an_image_of_a_machine_that_is_gone_is_refused(place: Place) -> None:
    gone = run(place)
    place.pass_time()
    place.client("ec2").terminate_instances(InstanceIds=[gone])
    place.pass_time()
    call = place.client("ec2").create_image
    assert refusal(lambda: call(InstanceId=gone, Name=place.word("image"))) in (
        "InvalidParameterValue",
        "InvalidInstanceID.NotFound",
    )


@truth(CREATE, moto="cannot tag the snapshot", ministack=NONE)
def an_image_and_its_snapshot_carry_the_tags_they_are_made_with(place: Place) -> None:
    tags = [{"Key": "bake", "Value": place.word("bake")}]
    made = image(place, TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")])
    place.pass_time()
    by_tag = [{"Name": "tag:bake", "Values": [tags[0]["Value"]]}]
    assert [one["ImageId"] for one in place.client("ec2").describe_images(Owners=["self"], Filters=by_tag)["Images"]] == [made]
    kept = place.client("ec2").describe_snapshots(OwnerIds=["self"], Filters=by_tag)["Snapshots"]
    assert [one["SnapshotId"] for one in kept] == [snapshot_of(place, made)]


@truth(ERRORS, ministack=NONE)
def a_snapshot_that_an_image_stands_on_is_InvalidSnapshot_InUse(place: Place) -> None:  # noqa: N802
    made = image(place)
    place.pass_time()
    snapshot = snapshot_of(place, made)
    delete = place.client("ec2").delete_snapshot
    assert refusal(lambda: delete(SnapshotId=snapshot)) == "InvalidSnapshot.InUse"
    place.client("ec2").deregister_image(ImageId=made)
    place.pass_time()
    delete(SnapshotId=snapshot)
    assert refusal(lambda: delete(SnapshotId=snapshot)) == "InvalidSnapshot.NotFound"


@truth(ERRORS, ministack="answers an empty list")
def an_image_that_never_was_is_InvalidAMIID_NotFound(place: Place) -> None:  # noqa: N802
    call = place.client("ec2").describe_images
    assert refusal(lambda: call(ImageIds=["ami-0123456789abcdef0"])) == "InvalidAMIID.NotFound"


@truth("Amazon EC2 API Reference: CopyImage", moto="makes a second copy", ministack=NONE)
def the_same_client_token_never_makes_a_second_copy(place: Place) -> None:
    made, token = image(place), place.word("token")
    place.pass_time()
    asked = {"SourceImageId": made, "SourceRegion": "us-east-1", "Name": place.word("copy"), "ClientToken": token}
    assert place.client("ec2").copy_image(**asked)["ImageId"] == place.client("ec2").copy_image(**asked)["ImageId"] != made
