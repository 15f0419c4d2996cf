"""What do we ask of IAM? One role a lab with just its rights, and the instance profile that hands it to the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.labs.refusals import patiently
from chalicelib.runtime import aws

INLINE = "lab"


def ensure_role(name: str, statements: Sequence[Mapping[str, object]], boundary: str, tags: Mapping[str, str]) -> None:
    """The role of this name; whatever it is given, it may never do more than `boundary` says."""
    with patiently("EntityAlreadyExists"):
        aws.client("iam").create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(_policy([TRUST])),
            PermissionsBoundary=boundary,
            Description="What one research lab's machine may do",
            Tags=_tagged(tags),
        )
    with patiently():
        aws.client("iam").put_role_policy(RoleName=name, PolicyName=INLINE, PolicyDocument=json.dumps(_policy(statements)))


def ensure_profile(name: str, tags: Mapping[str, str]) -> None:
    """The profile of the same name as its role, which it holds."""
    with patiently("EntityAlreadyExists"):
        aws.client("iam").create_instance_profile(InstanceProfileName=name, Tags=_tagged(tags))
    with patiently("LimitExceeded"):  # it holds its one role already
        aws.client("iam").add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


def remove_profile(name: str) -> None:
    for role in _roles_in(name):
        with patiently("NoSuchEntity"):
            aws.client("iam").remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    with patiently("NoSuchEntity"):
        aws.client("iam").delete_instance_profile(InstanceProfileName=name)


def remove_role(name: str) -> None:
    with patiently("NoSuchEntity"):
        aws.client("iam").delete_role_policy(RoleName=name, PolicyName=INLINE)
    with patiently("NoSuchEntity"):
        aws.client("iam").delete_role(RoleName=name)


def role_exists(name: str) -> bool:
    with patiently("NoSuchEntity"):
        aws.client("iam").get_role(RoleName=name)
        return True
    return False


def profile_exists(name: str) -> bool:
    return _profile(name) is not None


def _roles_in(name: str) -> list[str]:
    return [str(role["RoleName"]) for role in (_profile(name) or {}).get("Roles", [])]


def _profile(name: str) -> dict[str, Any] | None:
    with patiently("NoSuchEntity"):
        return dict(aws.client("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"])
    return None


TRUST: Mapping[str, object] = {
    "Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def _policy(statements: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _tagged(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
