"""Machine images: what does EC2 know of them, and which calls does it refuse?

The library behind the endpoint makes an image at once and keeps no data. Here CreateImage and CopyImage begin as ``pending``; the
hypervisor copies the disk and confirms ``available`` or ``failed``; names are unique among an account's images; a snapshot lives
until DeleteSnapshot, which EC2 refuses while an image stands on it. What an image was made of is remembered here, beside the
library's own records.
Sources: the CreateImage, CopyImage, DeregisterImage and DeleteSnapshot pages of the EC2 API Reference, its "Error codes", and
"Monitor AMI events using Amazon EventBridge" of the EC2 User Guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aws_research_wizard.local import pruning
from aws_research_wizard.local.power import Refusal, numbered

PENDING, AVAILABLE, FAILED, DEREGISTERED = "pending", "available", "failed", "deregistered"
TOLD = frozenset({AVAILABLE, FAILED, DEREGISTERED})
"""The states of which EC2 tells the event bus."""
COPIED_IN = frozenset({"running", "stopping", "stopped"})


@dataclass(frozen=True)
class Picture:
    """An image of ours: its state, the disk it is of (a machine's or a snapshot's), its own snapshot, since when it is so."""

    state: str
    source: str
    snapshot: str
    since: datetime
    reboot: bool = False


# ---- what EC2 refuses ----------------------------------------------------------------------------------------------------


def refused(
    action: str, form: Mapping[str, str], ec2: Any, states: Mapping[str, str], regions: tuple[str, str]
) -> Refusal | None:
    """Does EC2 refuse this call? `regions`: ours, and the one that is asked. What does not exist the library refuses itself."""
    if action in ("DescribeImages", "RunInstances") and (refusal := _gone(numbered(form, "ImageId"), ec2)):
        return refusal
    match action:
        case "CreateImage":
            return _taken(form.get("Name", ""), ec2) or _not_to_be_copied(form.get("InstanceId", ""), states)
        case "CopyImage" if {form.get("SourceRegion", regions[0]), regions[1]} != {regions[0]}:
            return Refusal(
                "InvalidParameterValue", f"This cloud stands for the region {regions[0]} alone; nothing is copied beyond it."
            )
        case "CopyImage":
            asked = form.get("SourceImageId", "")
            return _gone([asked], ec2) or _not_there(asked, ec2) or _taken(form.get("Name", ""), ec2)
        case "RunInstances":
            return _not_there(form.get("ImageId", ""), ec2)
    return None


def _taken(name: str, ec2: Any) -> Refusal | None:
    other = next((one for one in ec2.amis.values() if one.name == name), None)
    if other is None:
        return None
    return Refusal("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {other.id}")


def _gone(image_ids: Iterable[str], ec2: Any) -> Refusal | None:
    gone = next((one for one in image_ids if one in ec2.deleted_amis), None)
    return None if gone is None else Refusal("InvalidAMIID.Unavailable", f"The image id '[{gone}]' is no longer available")


def _not_to_be_copied(instance_id: str, states: Mapping[str, str]) -> Refusal | None:
    if instance_id not in states or states[instance_id] in COPIED_IN:
        return None
    text = f"Invalid value '{instance_id}' for instanceId. Instance is not in state 'running' or 'stopping' or 'stopped'"
    return Refusal("InvalidParameterValue", text)


def _not_there(image_id: str, ec2: Any) -> Refusal | None:
    found = ec2.amis.get(image_id)
    if found is None or found.state == AVAILABLE:
        return None
    return Refusal("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available: it is {found.state}")


# ---- what becomes of an image --------------------------------------------------------------------------------------------


def follow(action: str, form: Mapping[str, str], ec2: Any, kept: dict[str, Picture], now: datetime) -> None:
    """After a call succeeded: write down what is new or gone among the images."""
    match action:
        case "CreateImage" | "CopyImage":
            for image in [one for one in ec2.amis.values() if one.id not in kept and one.state == PENDING]:
                source = form.get("InstanceId") or ec2.amis[form["SourceImageId"]].ebs_snapshot.id
                reboot = action == "CreateImage" and form.get("NoReboot", "false") != "true"
                kept[image.id] = Picture(PENDING, source, image.ebs_snapshot.id, now, reboot)
        case "DeregisterImage":
            image_id = form.get("ImageId", "")
            if image_id in kept:
                kept[image_id] = replace(kept[image_id], state=DEREGISTERED, since=now)
                if form.get("DeleteAssociatedSnapshots") == "true":
                    ec2.snapshots.pop(kept[image_id].snapshot, None)


def confirm(image_id: str, state: str, ec2: Any, kept: dict[str, Picture], now: datetime, cause: str = "") -> bool:
    """The hypervisor says how copying ended; False when nobody waited for that."""
    found = kept.get(image_id)
    if found is None or found.state != PENDING or state not in (AVAILABLE, FAILED):
        return False
    image = ec2.amis[image_id]
    kept[image_id] = replace(found, state=state, since=now)
    image.state = state
    image.ebs_snapshot.status = "completed" if state == AVAILABLE else "error"
    if state == FAILED:
        image.state_reason = {"Code": "Client.InvalidSnapshot.NotFound", "Message": cause[:500]}
    return True


def seen(ec2: Any, kept: Mapping[str, Picture]) -> dict[str, Any]:
    """What the hypervisor is told: the images of ours, and every snapshot that still exists or is just being copied."""
    images = [
        {"id": name, "state": one.state, "source": one.source, "snapshot": one.snapshot, "reboot": one.reboot}
        for name, one in kept.items()
    ]
    copied = {one.source for one in kept.values() if one.state == PENDING}
    return {"images": images, "snapshots": sorted({*ec2.snapshots, *copied})}


def snapshot_of(image_id: str, kept: Mapping[str, Picture]) -> str:
    """The snapshot that a machine of this image starts from; blank for the plain image."""
    return kept[image_id].snapshot if image_id in kept else ""


def forget(kept: dict[str, Picture], now: datetime) -> int:
    """Forget what was deregistered a while ago; returns how many."""
    old = [name for name, one in kept.items() if one.state == DEREGISTERED and now - one.since > pruning.LATELY]
    for name in old:
        del kept[name]
    return len(old)


# ---- what the library lacks ----------------------------------------------------------------------------------------------


def teach() -> None:
    """Let the library make images as EC2 does: pending at first, tagged as asked, told to their owner alone."""
    from moto.ec2.models.amis import AmiBackend
    from moto.ec2.responses.amis import AmisResponse
    from moto.ec2.responses.elastic_block_store import ElasticBlockStore

    if getattr(AmiBackend, "taught", False):
        return
    create, copy, copied = AmiBackend.create_image, AmiBackend.copy_image, AmisResponse.copy_image
    listed = ElasticBlockStore.describe_snapshots

    def create_image(self: Any, instance_id: str, name: str, description: str, tag_specifications: list[dict[str, Any]]) -> Any:
        return _begun(create(self, instance_id, name, description, []), tag_specifications)

    def copy_image(self: Any, source: str, region: str, name: str | None = None, description: str | None = None) -> Any:
        made = copy(self, source, region, name, description)
        made.name = name or made.name
        return _begun(made, [])

    def copy_image_with_tags(self: Any) -> Any:
        answer = copied(self)
        _begun(self.ec2_backend.amis[answer.result["ImageId"]], self._get_param("TagSpecifications", []))
        return answer

    def snapshots_of_owners(self: Any) -> Any:
        answer, owners = listed(self), self._get_param("OwnerIds", [])
        mine = {self.ec2_backend.account_id if one == "self" else one for one in owners}
        if mine:
            answer.result["Snapshots"] = [one for one in answer.result["Snapshots"] if one.owner_id in mine]
        return answer

    AmiBackend.create_image, AmiBackend.copy_image = create_image, copy_image
    AmisResponse.copy_image, ElasticBlockStore.describe_snapshots = copy_image_with_tags, snapshots_of_owners
    AmiBackend.taught = True


def _begun(image: Any, asked: Iterable[Mapping[str, Any]]) -> Any:
    image.state, image.root_device_name, image.root_device_type = PENDING, "/dev/xvda", "ebs"
    image.ebs_snapshot.status = PENDING
    for one in asked:
        marked = image if one["ResourceType"] == "image" else image.ebs_snapshot
        for tag in one.get("Tags", []):
            marked.add_tag(tag["Key"], tag["Value"])
    return image
