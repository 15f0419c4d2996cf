"""What do we ask of EC2 for images? Made once under a name, found again by it, copied, and taken away with their snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.runtime import aws, settings
from chalicelib.runtime.aws import error_code
from chalicelib.runtime.ec2 import (
    TAG,
    Order,
    Seen,
    described,
    ensure_group,
    find_group,
    image,
    launch,
    place,
    remove_group,
    see,
    tag_filter,
    tagged,
    tags_of,
    terminate,
)
from chalicelib.runtime.errors import Retryable, StillThere
from chalicelib.runtime.refusals import patiently

__all__ = [
    "Image",
    "Order",
    "Seen",
    "all_images",
    "all_snapshots",
    "builders_of",
    "copy_image",
    "create_image",
    "delete_snapshot",
    "deregister",
    "ensure_group",
    "find_group",
    "find_image",
    "image",
    "images_in_use",
    "launch",
    "place",
    "remove_group",
    "remove_image",
    "see",
    "see_image",
    "terminate",
]
GONE = ("failed", "deregistered", "error", "invalid")


@dataclass(frozen=True)
class Image:
    """An image as EC2 shows it."""

    id: str
    name: str
    state: str
    bake: str
    stage: str
    size_gb: int
    snapshots: tuple[str, ...]
    made_at: datetime | None = None
    kept_by: str = ""

    @property
    def hopeless(self) -> bool:
        return self.state in GONE


@dataclass(frozen=True)
class Snapshot:
    id: str
    bake: str
    size_gb: int
    made_at: datetime | None = None
    kept_by: str = ""


def builders_of(bake_id: str) -> list[Seen]:
    """Every machine that carries the bake's tag, however it came about."""
    return described([tag_filter("bake", bake_id), tag_filter("stage", settings.current().stage)])


# ---- made ----------------------------------------------------------------------------------------------------------------


def create_image(name: str, builder_id: str, tags: Mapping[str, str]) -> str:
    """The image of this name, made of a stopped machine if it is not there yet."""
    try:
        with patiently():
            made = aws.client("ec2").create_image(
                InstanceId=builder_id,
                Name=name,
                Description=f"{TAG}: kernels installed, lessons run",
                TagSpecifications=tagged(tags, "image", "snapshot"),
            )
        return str(made["ImageId"])
    except ClientError as error:
        if error_code(error) != "InvalidAMIName.Duplicate":
            raise
    found = find_image(name)
    if not found:
        raise Retryable(f"the image {name} is there, and cannot be seen yet")
    return found


def copy_image(source: str, name: str, region: str, token: str, tags: Mapping[str, str]) -> str:
    """The image in another region; the same token never makes a second copy."""
    with patiently():
        made = aws.client("ec2", region).copy_image(
            SourceImageId=source,
            SourceRegion=settings.current().region,
            Name=name,
            ClientToken=token,
            Encrypted=True,
            TagSpecifications=tagged(tags, "image", "snapshot"),
        )
    return str(made["ImageId"])


# ---- seen ----------------------------------------------------------------------------------------------------------------


def see_image(image_id: str) -> Image | None:
    """One image; None when EC2 no longer (or not yet) shows it."""
    found: list[Image] = []
    with patiently("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed"):
        found = _images(ImageIds=[image_id])
    return found[0] if found else None


def find_image(name: str, region: str = "") -> str:
    found = _named(name, region)
    return found[0].id if found else ""


def _named(name: str, region: str = "") -> list[Image]:
    found: list[Image] = []
    with patiently():
        found = _images(region, Owners=["self"], Filters=[{"Name": "name", "Values": [name]}])
    return [one for one in found if not one.hopeless]


def images_in_use(image_ids: list[str]) -> frozenset[str]:
    """Those of these images that a machine lives on, running or not."""
    if not image_ids:
        return frozenset()
    pages: list[dict[str, Any]] = []
    with patiently():
        asked = [{"Name": "image-id", "Values": image_ids}]
        pages = list(aws.client("ec2").get_paginator("describe_instances").paginate(Filters=asked))
    machines = [one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]
    return frozenset(str(one["ImageId"]) for one in machines if one["State"]["Name"] != "terminated")


def all_images(region: str = "") -> list[Image]:
    """Every image of this stage: its own, or those that were copied into another region."""
    found: list[Image] = []
    with patiently():
        found = _images(region, Owners=["self"], Filters=_ours(region))
    return found


def all_snapshots(region: str = "") -> list[Snapshot]:
    """Every snapshot of this stage's images, here or in another region."""
    return _snapshots(_ours(region), region)


def _ours(region: str) -> list[dict[str, Any]]:
    """There may be a stage of the same name in that region, with images of its own."""
    known = settings.current()
    return [tag_filter("stage", known.stage), *([tag_filter("region", known.region)] if region else [])]


def _images(region: str = "", **asked: Any) -> list[Image]:
    return [_image(one) for one in aws.client("ec2", region).describe_images(**asked)["Images"]]


def _image(one: Mapping[str, Any]) -> Image:
    tags = tags_of(one)
    disks = [each["Ebs"] for each in one.get("BlockDeviceMappings", ()) if "Ebs" in each]
    made = one.get("CreationDate")
    return Image(
        id=one["ImageId"],
        name=one.get("Name", ""),
        state=one.get("State", ""),
        bake=tags.get(f"{TAG}:bake", ""),
        stage=tags.get(f"{TAG}:stage", ""),
        size_gb=sum(int(disk.get("VolumeSize") or 0) for disk in disks),
        snapshots=tuple(str(disk["SnapshotId"]) for disk in disks if disk.get("SnapshotId")),
        made_at=datetime.fromisoformat(made) if isinstance(made, str) and made else made or None,
        kept_by=tags.get(f"{TAG}:kept-by", ""),
    )


def _snapshots(filters: list[dict[str, Any]], region: str = "") -> list[Snapshot]:
    found: list[Snapshot] = []
    with patiently():
        pages = aws.client("ec2", region).get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=filters)
        found = [_snapshot(one) for page in pages for one in page["Snapshots"]]
    return found


def _snapshot(one: Mapping[str, Any]) -> Snapshot:
    tags, size = tags_of(one), int(one.get("VolumeSize") or 0)
    return Snapshot(one["SnapshotId"], tags.get(f"{TAG}:bake", ""), size, one.get("StartTime"), tags.get(f"{TAG}:kept-by", ""))


# ---- taken away ----------------------------------------------------------------------------------------------------------


def remove_image(name: str, bake_id: str, region: str = "") -> None:
    """Every image of this name, and every snapshot of the bake. StillThere while EC2 shows one of them.

    Snapshots are found by their tag, too: once the image is gone, nothing else says whose they were."""
    left = {one.id for one in _snapshots([tag_filter("bake", bake_id)], region)}
    found = _named(name, region)
    for one in found:
        left.update(one.snapshots)
        deregister(one.id, region)
    for snapshot in sorted(left):
        delete_snapshot(snapshot, region)
    if (found or left) and (_named(name, region) or _snapshots([tag_filter("bake", bake_id)], region)):
        raise StillThere(f"{name} is still being removed")


def deregister(image_id: str, region: str = "") -> None:
    with patiently("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"):
        aws.client("ec2", region).deregister_image(ImageId=image_id)


def delete_snapshot(snapshot_id: str, region: str = "") -> None:
    with patiently("InvalidSnapshot.NotFound"):
        aws.client("ec2", region).delete_snapshot(SnapshotId=snapshot_id)
