"""EFS: a creation token makes one file system; doors (mount targets) come after it and go before it; all of it takes its time."""

from __future__ import annotations

from typing import Any

from tests.fakes.sim.cloud import Json, Service, token
from tests.fakes.sim.faults import refusal

ARRIVES = {"creating": "available", "deleting": ""}


class EFS(Service):
    def _create_file_system(self, CreationToken: str, Tags: Any = (), **_: Any) -> Json:  # noqa: N803
        for one in self.at("systems").values():
            if one["CreationToken"] == CreationToken and one["LifeCycleState"] != "deleting":
                raise refusal("FileSystemAlreadyExists", f"file system {one['FileSystemId']} has this token")
        made = f"fs-{token(CreationToken, self.nth(CreationToken))}"
        system: Json = {"FileSystemId": made, "CreationToken": CreationToken, "LifeCycleState": "creating", "Tags": list(Tags)}
        system |= {
            "SizeInBytes": {"Value": 6144},
            "NumberOfMountTargets": 0,
            "FileSystemArn": f"arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/{made}",
        }
        self.put("systems", made, system)
        return dict(system)

    def _describe_file_systems(self, CreationToken: str = "", FileSystemId: str = "", **_: Any) -> Json:  # noqa: N803
        found = [
            one
            for one in self.seen("systems")
            if CreationToken in ("", one["CreationToken"]) and FileSystemId in ("", one["FileSystemId"])
        ]
        if FileSystemId and not found:
            raise refusal("FileSystemNotFound", f"File system '{FileSystemId}' does not exist.")
        return {"FileSystems": [dict(one) for one in found]}

    def _delete_file_system(self, FileSystemId: str) -> Json:  # noqa: N803
        system = self._system(FileSystemId)
        if any(door["FileSystemId"] == FileSystemId for door in self.at("doors").values()):
            raise refusal("FileSystemInUse", f"{FileSystemId} has mount targets")
        if system["LifeCycleState"] != "deleting":
            self.put("systems", FileSystemId, system | {"LifeCycleState": "deleting"})
        return {}

    def _create_mount_target(self, FileSystemId: str, SubnetId: str, SecurityGroups: list[str]) -> Json:  # noqa: N803
        if self._system(FileSystemId)["LifeCycleState"] != "available":
            raise refusal("IncorrectFileSystemLifeCycleState", f"{FileSystemId} is not available")
        if any(door["FileSystemId"] == FileSystemId and door["SubnetId"] == SubnetId for door in self.at("doors").values()):
            raise refusal("MountTargetConflict", "there is a mount target in this zone")
        for group in SecurityGroups:
            if group not in self.cloud.shelf("ec2.groups"):
                raise refusal("SecurityGroupNotFound")
        made = f"fsmt-{token(FileSystemId, SubnetId, self.nth(FileSystemId + SubnetId))}"
        door = {"MountTargetId": made, "FileSystemId": FileSystemId, "SubnetId": SubnetId, "LifeCycleState": "creating"}
        self.put("doors", made, door | {"SecurityGroups": list(SecurityGroups)})
        return dict(door)

    def _describe_mount_targets(self, FileSystemId: str = "", MountTargetId: str = "") -> Json:  # noqa: N803
        if FileSystemId and self.look("systems", FileSystemId) is None:
            raise refusal("FileSystemNotFound", f"File system '{FileSystemId}' does not exist.")
        found = [
            one
            for one in self.seen("doors")
            if FileSystemId in ("", one["FileSystemId"]) and MountTargetId in ("", one["MountTargetId"])
        ]
        return {"MountTargets": [{name: value for name, value in one.items() if name != "SecurityGroups"} for one in found]}

    def _delete_mount_target(self, MountTargetId: str) -> Json:  # noqa: N803
        door = self.at("doors").get(MountTargetId)
        if door is None:
            raise refusal("MountTargetNotFound", f"Mount target '{MountTargetId}' does not exist.")
        if door["LifeCycleState"] != "deleting":
            self.put("doors", MountTargetId, door | {"LifeCycleState": "deleting"})
        return {}

    def _system(self, file_system_id: str) -> Json:
        found: Json | None = self.at("systems").get(file_system_id)
        if found is None:
            raise refusal("FileSystemNotFound", f"File system '{file_system_id}' does not exist.")
        return found

    # ---- as time passes

    def passing(self) -> list[str]:
        return [key for shelf in ("systems", "doors") for key, one in self.at(shelf).items() if one["LifeCycleState"] in ARRIVES]

    def arrive(self, part: str) -> None:
        self.cloud.number += 1
        shelf = "systems" if part.startswith("fs-") else "doors"
        one = self.at(shelf).get(part)
        state = ARRIVES[one["LifeCycleState"]]
        if state:
            self.put(shelf, part, one | {"LifeCycleState": state})
        else:
            self.drop(shelf, part)
