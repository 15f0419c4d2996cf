"""EC2: machines that pass through their states, security groups that others lean on, and what a client token promises.

True to the EC2 API Reference: the same ClientToken gives the same machine, also later; after its end
IdempotentInstanceTerminated, with other parameters IdempotentParameterMismatch; a group in use cannot go; a machine's profile
must be known to EC2, which hears of it a moment later.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.fakes.sim.cloud import Json, Service, token
from tests.fakes.sim.faults import refusal
from tests.fakes.sim.images import PLAIN, Images

SUBNETS = tuple(
    {"SubnetId": f"subnet-{n}", "VpcId": "vpc-1", "DefaultForAz": True, "AvailabilityZone": f"us-east-1{n}"} for n in "abc"
)
ARRIVES = {"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}
SECRET = re.compile(r"aw[rm]_[A-Za-z0-9_.-]{16,}|s{64}")  # tokens, and what stands for the stage's secret
DEAD = ("shutting-down", "terminated")


class EC2(Images, Service):
    # ---- the place

    def _describe_subnets(self, SubnetIds: Any = (), Filters: Any = ()) -> Json:  # noqa: N803
        found = [dict(one) for one in SUBNETS if not SubnetIds or one["SubnetId"] in SubnetIds]
        if len(found) < len(SubnetIds):
            raise refusal("InvalidSubnetID.NotFound")
        return {"Subnets": found}

    # ---- security groups

    def _describe_security_groups(self, Filters: Any = (), GroupIds: Any = ()) -> Json:  # noqa: N803
        groups = [one for one in self.seen("groups") if not GroupIds or one["GroupId"] in GroupIds]
        if len(groups) < len(GroupIds):
            raise refusal("InvalidGroup.NotFound")
        return {"SecurityGroups": [dict(one) for one in groups if _fits(one, Filters)]}

    def _create_security_group(self, GroupName: str, VpcId: str, Description: str, TagSpecifications: Any = ()) -> Json:  # noqa: N803
        if any(one["GroupName"] == GroupName for one in self.at("groups").values()):
            raise refusal("InvalidGroup.Duplicate", f"The security group '{GroupName}' already exists")
        made = f"sg-{token(GroupName, self.nth(GroupName))}"
        group = {"GroupId": made, "GroupName": GroupName, "VpcId": VpcId, "Description": Description}
        self.put("groups", made, group | {"IpPermissions": [], "Tags": _tags(TagSpecifications)})
        return {"GroupId": made}

    def _authorize_security_group_ingress(self, GroupId: str, IpPermissions: list[Json]) -> Json:  # noqa: N803
        group = self._group(GroupId)
        for rule in IpPermissions:
            for pair in rule.get("UserIdGroupPairs", []):
                self._group(pair["GroupId"])
        if all(rule in group["IpPermissions"] for rule in IpPermissions):
            raise refusal("InvalidPermission.Duplicate")
        self.put("groups", GroupId, group | {"IpPermissions": group["IpPermissions"] + IpPermissions})
        return {}

    def _delete_security_group(self, GroupId: str) -> Json:  # noqa: N803
        self._group(GroupId)
        if self._leaned_on(GroupId):
            raise refusal("DependencyViolation", f"resource {GroupId} has a dependent object")
        self.drop("groups", GroupId)
        return {}

    def _group(self, group_id: str) -> Json:
        group: Json | None = self.at("groups").get(group_id)
        if group is None:
            raise refusal("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        return group

    def _leaned_on(self, group_id: str) -> bool:
        machines = any(
            group_id in [one["GroupId"] for one in machine["SecurityGroups"]] and machine["State"]["Name"] != "terminated"
            for machine in self.at("instances").values()
        )
        doors = any(group_id in door["SecurityGroups"] for door in self.cloud.shelf("efs.doors").values())
        rules = any(
            pair["GroupId"] == group_id
            for group in self.at("groups").values()
            if group["GroupId"] != group_id
            for rule in group["IpPermissions"]
            for pair in rule.get("UserIdGroupPairs", [])
        )
        return machines or doors or rules

    # ---- machines

    def _run_instances(self, **asked: Any) -> Json:
        given, said = asked.get("ClientToken", ""), token(json.dumps(asked, sort_keys=True))
        known = self.at("tokens").get(given) if given else None
        if known:
            return self._known(known, said)
        if asked["InstanceType"] in self.cloud.sold_out:
            raise self.no_capacity(asked["InstanceType"])
        self.launchable(asked.get("ImageId", PLAIN))
        profile = asked.get("IamInstanceProfile", {}).get("Name")
        holder = self.cloud.shelf("iam.profiles").get(profile, {}, self.cloud.stale)
        if profile and not holder.get("Roles"):
            raise refusal(
                "InvalidParameterValue",
                f"Value ({profile}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
            )
        for group in asked.get("SecurityGroupIds", ()):
            self._group(group)
        made = f"i-{token(given or ('blank', self.nth('blank')))}"
        self.put("instances", made, _machine(made, asked))
        if given:
            self.put("tokens", given, {"id": made, "said": said})
        return {"Instances": [self._shown(self.at("instances").get(made))]}

    def _known(self, known: Json, said: str) -> Json:
        if known["said"] != said:
            raise refusal("IdempotentParameterMismatch", "The parameters of this token were others")
        machine = self.at("instances").get(known["id"])
        if machine is None or machine["State"]["Name"] in DEAD:
            raise refusal("IdempotentInstanceTerminated", "The instance of this token was terminated")
        return {"Instances": [self._shown(machine)]}

    def no_capacity(self, instance_type: str) -> Exception:
        return refusal("InsufficientInstanceCapacity", f"We currently do not have sufficient {instance_type} capacity")

    def _describe_instances(self, InstanceIds: Any = (), Filters: Any = ()) -> Json:  # noqa: N803
        found = [one for one in self.seen("instances") if not InstanceIds or one["InstanceId"] in InstanceIds]
        if len(found) < len(InstanceIds):
            raise refusal("InvalidInstanceID.NotFound", f"The instance IDs '{InstanceIds}' do not exist")
        return {"Reservations": [{"Instances": [self._shown(one)]} for one in found if _fits(one, Filters)]}

    def _shown(self, machine: Json) -> Json:
        return {name: value for name, value in machine.items() if name != "UserData"}

    def _start_instances(self, InstanceIds: list[str]) -> Json:  # noqa: N803
        for one in map(self._machine, InstanceIds):
            state = one["State"]["Name"]
            if state not in ("stopped", "running", "pending"):
                raise refusal(
                    "IncorrectInstanceState", f"The instance '{one['InstanceId']}' is not in a state from which it can be started"
                )
            if state == "stopped" and one["InstanceType"] in self.cloud.sold_out:
                raise self.no_capacity(one["InstanceType"])
            if state == "stopped":
                self.go(one, "pending")
        return {}

    def _stop_instances(self, InstanceIds: list[str]) -> Json:  # noqa: N803
        for one in map(self._machine, InstanceIds):
            if one["State"]["Name"] in DEAD:
                raise refusal("IncorrectInstanceState", "The instance cannot be stopped")
            if one["State"]["Name"] in ("running", "pending"):
                self.go(one, "stopping")
        return {}

    def _terminate_instances(self, InstanceIds: list[str]) -> Json:  # noqa: N803
        for one in map(self._machine, InstanceIds):
            if one["State"]["Name"] not in DEAD:
                self.go(one, "shutting-down")
        return {}

    def _modify_instance_attribute(
        self,
        InstanceId: str,  # noqa: N803
        InstanceType: Json | None = None,  # noqa: N803
        UserData: Json | None = None,  # noqa: N803
    ) -> Json:
        one = self._machine(InstanceId)
        if one["State"]["Name"] != "stopped":
            raise refusal("IncorrectInstanceState", "The instance is not in the 'stopped' state")
        changed = {"InstanceType": InstanceType["Value"]} if InstanceType else {}
        changed |= {"UserData": UserData["Value"].decode()} if UserData else {}
        self.put("instances", InstanceId, one | changed)
        return {}

    def _create_tags(self, Resources: list[str], Tags: list[Json]) -> Json:  # noqa: N803
        for shelf in ("instances", "groups", "volumes"):
            for key in set(Resources) & {key for key, _ in self.at(shelf).items()}:
                one = self.at(shelf).get(key)
                kept = [tag for tag in one.get("Tags", []) if tag["Key"] not in {new["Key"] for new in Tags}]
                self.put(shelf, key, one | {"Tags": kept + Tags})
        return {}

    def _describe_volumes(self, VolumeIds: Any = (), Filters: Any = ()) -> Json:  # noqa: N803
        """A machine's disk goes with it."""
        found = [_disk(one) for one in self.seen("instances") if one["State"]["Name"] != "terminated"]
        found += self.seen("volumes")
        return {"Volumes": [one for one in found if _fits(one, Filters) and (not VolumeIds or one["VolumeId"] in VolumeIds)]}

    def _delete_volume(self, VolumeId: str) -> Json:  # noqa: N803
        if VolumeId not in self.at("volumes"):
            raise refusal("InvalidVolume.NotFound")
        self.drop("volumes", VolumeId)
        return {}

    def _describe_network_interfaces(self, Filters: Any = ()) -> Json:  # noqa: N803
        return {"NetworkInterfaces": []}

    def _describe_addresses(self, Filters: Any = ()) -> Json:  # noqa: N803
        return {"Addresses": []}

    def _machine(self, instance_id: str) -> Json:
        found: Json | None = self.at("instances").get(instance_id)
        if found is None:
            raise refusal("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
        return found

    # ---- as time passes

    def go(self, machine: Json, state: str) -> None:
        """A machine is in another state, and EC2 says so."""
        self.put("instances", machine["InstanceId"], machine | {"State": {"Name": state}})
        power = self.cloud.shelf("ec2.power", kept=False)  # when each ran, to compare the ledger with
        power.put(machine["InstanceId"], (*power.get(machine["InstanceId"], ()), (self.cloud.now, state)))
        detail = {"instance-id": machine["InstanceId"], "state": state}
        self.cloud.said("aws.ec2", "EC2 Instance State-change Notification", detail)

    def passing(self) -> list[str]:
        found = [key for key, one in self.at("instances").items() if one["State"]["Name"] in ARRIVES]
        return [*found, *self.pending_images()]

    def arrive(self, instance_id: str) -> str:
        self.cloud.number += 1
        if instance_id.startswith("ami-"):
            return self.image_arrives(instance_id)
        machine = self._machine(instance_id)
        state = ARRIVES[machine["State"]["Name"]]
        self.go(machine, state)
        return state


def _machine(made: str, asked: Json) -> Json:
    return {
        "InstanceId": made,
        "State": {"Name": "pending"},
        "InstanceType": asked["InstanceType"],
        "SubnetId": asked.get("SubnetId", ""),
        "ImageId": asked.get("ImageId", ""),
        "SecurityGroups": [{"GroupId": group} for group in asked.get("SecurityGroupIds", ())],
        "IamInstanceProfile": asked.get("IamInstanceProfile", {}),
        "ClientToken": asked.get("ClientToken", ""),
        "PrivateIpAddress": f"10.0.0.{int(made[2:4], 16)}",
        "UserData": token(asked.get("UserData", "")),
        **({"Leaks": leak[0]} if (leak := SECRET.findall(asked.get("UserData", ""))) else {}),
        "Tags": _tags(asked.get("TagSpecifications", ()), "instance"),
    }


def _disk(machine: Json) -> Json:
    made = f"vol-{machine['InstanceId'][2:]}"
    held = {"VolumeId": made, "State": "in-use", "Size": 60, "Tags": machine["Tags"]}
    return held | {"Attachments": [{"InstanceId": machine["InstanceId"]}]}


def _tags(specifications: Any, kind: str = "") -> list[Json]:
    return [tag for one in specifications if not kind or one["ResourceType"] == kind for tag in one["Tags"]]


def _fits(one: Json, filters: Any) -> bool:
    return all(_has(one, wanted["Name"], wanted["Values"]) for wanted in filters)


def _has(one: Json, name: str, values: list[str]) -> bool:
    if name.startswith("tag:"):
        return any(tag["Key"] == name[4:] and tag["Value"] in values for tag in one.get("Tags", []))
    if name == "tag-key":
        return any(tag["Key"] in values for tag in one.get("Tags", []))
    match name:
        case "name":
            return one["Name"] in values
        case "image-id":
            return one["ImageId"] in values
        case "group-name":
            return one["GroupName"] in values
        case "vpc-id":
            return one["VpcId"] in values
        case "instance-state-name":
            return one["State"]["Name"] in values
        case "status":
            return one["State"] in values
        case _:
            raise NotImplementedError(f"filter {name}")
