"""IAM: roles with inline policies, and profiles that hold one role. What still holds something else cannot be deleted."""

from __future__ import annotations

from typing import Any

from tests.fakes.sim.cloud import ACCOUNT, Json, Service
from tests.fakes.sim.faults import refusal


class IAM(Service):
    def _create_role(self, RoleName: str, AssumeRolePolicyDocument: str, Tags: Any = (), **more: Any) -> Json:  # noqa: N803
        if RoleName in self.at("roles"):
            raise refusal("EntityAlreadyExists", f"Role with name {RoleName} already exists.")
        role = {"RoleName": RoleName, "Arn": f"arn:aws:iam::{ACCOUNT}:role/{RoleName}", "Tags": list(Tags), "Policies": {}}
        self.put("roles", RoleName, role | {"Trust": AssumeRolePolicyDocument, "Boundary": more.get("PermissionsBoundary", "")})
        return {"Role": role}

    def _get_role(self, RoleName: str) -> Json:  # noqa: N803
        return {"Role": self._there("roles", RoleName, "role", reads=True)}

    def _list_roles(self, **_: Any) -> Json:
        return {"Roles": self.seen("roles")}

    def _list_role_tags(self, RoleName: str) -> Json:  # noqa: N803
        return {"Tags": self._there("roles", RoleName, "role", reads=True)["Tags"]}

    def _put_role_policy(self, RoleName: str, PolicyName: str, PolicyDocument: str) -> Json:  # noqa: N803
        role = self._there("roles", RoleName, "role")
        self.put("roles", RoleName, role | {"Policies": {**role["Policies"], PolicyName: PolicyDocument}})
        return {}

    def _list_role_policies(self, RoleName: str) -> Json:  # noqa: N803
        return {"PolicyNames": sorted(self._there("roles", RoleName, "role", reads=True)["Policies"])}

    def _delete_role_policy(self, RoleName: str, PolicyName: str) -> Json:  # noqa: N803
        role = self._there("roles", RoleName, "role")
        if PolicyName not in role["Policies"]:
            raise refusal("NoSuchEntity", f"The role policy with name {PolicyName} cannot be found.")
        self.put("roles", RoleName, role | {"Policies": {k: v for k, v in role["Policies"].items() if k != PolicyName}})
        return {}

    def _delete_role(self, RoleName: str) -> Json:  # noqa: N803
        role = self._there("roles", RoleName, "role")
        if role["Policies"] or any(RoleName in one["Roles"] for one in self.at("profiles").values()):
            raise refusal("DeleteConflict", "Cannot delete entity, must remove what it holds first.")
        self.drop("roles", RoleName)
        return {}

    def _create_instance_profile(self, InstanceProfileName: str, Tags: Any = ()) -> Json:  # noqa: N803
        if InstanceProfileName in self.at("profiles"):
            raise refusal("EntityAlreadyExists", f"Instance Profile {InstanceProfileName} already exists.")
        self.put("profiles", InstanceProfileName, {"InstanceProfileName": InstanceProfileName, "Roles": [], "Tags": list(Tags)})
        return {}

    def _add_role_to_instance_profile(self, InstanceProfileName: str, RoleName: str) -> Json:  # noqa: N803
        profile = self._there("profiles", InstanceProfileName, "instance profile")
        self._there("roles", RoleName, "role")
        if profile["Roles"]:
            raise refusal("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
        self.put("profiles", InstanceProfileName, profile | {"Roles": [RoleName]})
        return {}

    def _remove_role_from_instance_profile(self, InstanceProfileName: str, RoleName: str) -> Json:  # noqa: N803
        profile = self._there("profiles", InstanceProfileName, "instance profile")
        if RoleName not in profile["Roles"]:
            raise refusal("NoSuchEntity", f"Instance profile does not hold {RoleName}")
        self.put("profiles", InstanceProfileName, profile | {"Roles": []})
        return {}

    def _get_instance_profile(self, InstanceProfileName: str) -> Json:  # noqa: N803
        return {
            "InstanceProfile": self._profile_shown(self._there("profiles", InstanceProfileName, "instance profile", reads=True))
        }

    def _list_instance_profiles(self, **_: Any) -> Json:
        return {"InstanceProfiles": [self._profile_shown(one) for one in self.seen("profiles")]}

    def _delete_instance_profile(self, InstanceProfileName: str) -> Json:  # noqa: N803
        if self._there("profiles", InstanceProfileName, "instance profile")["Roles"]:
            raise refusal("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
        self.drop("profiles", InstanceProfileName)
        return {}

    def _profile_shown(self, profile: Json) -> Json:
        return {**profile, "Roles": [{"RoleName": role} for role in profile["Roles"]]}

    def _there(self, shelf: str, name: str, what: str, reads: bool = False) -> Json:
        found: Json | None = self.at(shelf).get(name, None, reads and self.cloud.stale)
        if found is None:
            raise refusal("NoSuchEntity", f"The {what} with name {name} cannot be found.")
        return found
