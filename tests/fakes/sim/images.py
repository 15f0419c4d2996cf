"""EC2's images and their snapshots: pending for a while, one of a name, and gone one after the other.

True to the EC2 API Reference: CreateImage takes no token, and refuses a name that is taken (InvalidAMIName.Duplicate); a
snapshot that an image stands on cannot be deleted; an image that is gone takes no snapshot with it; CopyImage's ClientToken
gives one copy. What becomes of an image EC2 says as "EC2 AMI State Change".
"""

from __future__ import annotations

from typing import Any

from tests.fakes.sim.cloud import Json, Service, token
from tests.fakes.sim.faults import refusal

PLAIN = "ami-12c6146b"


class Images(Service):
    def _create_image(self, InstanceId: str, Name: str, Description: str = "", TagSpecifications: Any = ()) -> Json:  # noqa: N803
        machine = self.at("instances").get(InstanceId)
        if machine is None:
            raise refusal("InvalidInstanceID.NotFound", f"The instance ID '{InstanceId}' does not exist")
        if machine["State"]["Name"] not in ("running", "stopping", "stopped"):
            text = f"Invalid value '{InstanceId}' for instanceId. Instance is not in state 'running' or 'stopping' or 'stopped'"
            raise refusal("InvalidParameterValue", text)
        return {"ImageId": self._imaged(Name, TagSpecifications, source=InstanceId)}

    def _copy_image(self, SourceImageId: str, SourceRegion: str, Name: str, ClientToken: str = "", **asked: Any) -> Json:  # noqa: N803
        known = self.at("tokens").get(ClientToken)
        if known:
            return {"ImageId": known["id"]}
        made = self._imaged(Name, asked.get("TagSpecifications", ()), source=SourceImageId)
        self.put("tokens", ClientToken, {"id": made, "said": ""})
        return {"ImageId": made}

    def _imaged(self, name: str, tags: Any, source: str) -> str:
        if any(one["Name"] == name for one in self.at("images").values()):
            raise refusal("InvalidAMIName.Duplicate", f"AMI name {name} is already in use")
        made = f"ami-{token(self.name, name, self.nth(name))}"
        snapshot = f"snap-{made.removeprefix('ami-')}"
        disk = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot, "VolumeSize": 60}}
        image = {"ImageId": made, "Name": name, "State": "pending", "Source": source, "BlockDeviceMappings": [disk]}
        self.put("images", made, image | {"Tags": _tags_of(tags, "image")})
        kept = {"SnapshotId": snapshot, "State": "pending", "VolumeSize": 60, "Tags": _tags_of(tags, "snapshot")}
        self.put("snapshots", snapshot, kept)
        return made

    def _describe_images(self, ImageIds: Any = (), Owners: Any = (), Filters: Any = ()) -> Json:  # noqa: N803
        from tests.fakes.sim.ec2 import _fits

        found = [one for one in self.seen("images") if not ImageIds or one["ImageId"] in ImageIds]
        if len(found) < len(ImageIds):
            raise refusal("InvalidAMIID.NotFound", f"The image ids '{ImageIds}' do not exist")
        return {"Images": [one for one in found if _fits(one, Filters)]}

    def _describe_snapshots(self, OwnerIds: Any = (), Filters: Any = ()) -> Json:  # noqa: N803
        from tests.fakes.sim.ec2 import _fits

        return {"Snapshots": [one for one in self.seen("snapshots") if _fits(one, Filters)]}

    def _deregister_image(self, ImageId: str) -> Json:  # noqa: N803
        if ImageId not in self.at("images"):
            raise refusal("InvalidAMIID.Unavailable", f"The image ID '{ImageId}' is no longer available")
        self.drop("images", ImageId)
        self._tell_image(ImageId, "deregistered")
        return {}

    def _delete_snapshot(self, SnapshotId: str) -> Json:  # noqa: N803
        if SnapshotId not in self.at("snapshots"):
            raise refusal("InvalidSnapshot.NotFound", f"The snapshot '{SnapshotId}' does not exist.")
        if any(SnapshotId in _disks(one) for one in self.at("images").values()):
            raise refusal("InvalidSnapshot.InUse", f"The snapshot {SnapshotId} is currently in use by an image")
        self.drop("snapshots", SnapshotId)
        return {}

    # ---- as time passes

    def launchable(self, image_id: str) -> None:
        """Refuses a machine of an image that is not there (yet)."""
        image = self.at("images").get(image_id)
        if image_id != PLAIN and image is None:
            raise refusal("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
        if image is not None and image["State"] != "available":
            raise refusal("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available")

    def pending_images(self) -> list[str]:
        return [key for key, one in self.at("images").items() if one["State"] == "pending"]

    def image_arrives(self, image_id: str) -> str:
        image = self.at("images").get(image_id)
        self.put("images", image_id, image | {"State": "available"})
        for snapshot in _disks(image):
            kept = self.at("snapshots").get(snapshot)
            if kept:
                self.put("snapshots", snapshot, kept | {"State": "completed"})
        self._tell_image(image_id, "available")
        return "available"

    def _tell_image(self, image_id: str, state: str) -> None:
        self.cloud.said("aws.ec2", "EC2 AMI State Change", {"ImageId": image_id, "State": state, "ErrorMessage": ""})


def _disks(image: Json) -> list[str]:
    return [one["Ebs"]["SnapshotId"] for one in image["BlockDeviceMappings"]]


def _tags_of(specifications: Any, kind: str) -> list[Json]:
    return [tag for one in specifications if one["ResourceType"] == kind for tag in one["Tags"]]
