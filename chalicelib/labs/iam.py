"""What do we ask of IAM? One role a lab with just its rights, and the instance profile that hands it to the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.labs import naming
from chalicelib.labs.journal import Kind
from chalicelib.labs.things import Thing
from chalicelib.runtime import aws
from chalicelib.runtime.errors import Retryable
from chalicelib.runtime.refusals import patiently

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
    give_rights(name, statements)


def give_rights(name: str, statements: Sequence[Mapping[str, object]]) -> None:
    """What a role that exists may do from now on."""
    with patiently():
        aws.client("iam").put_role_policy(RoleName=name, PolicyName=INLINE, PolicyDocument=json.dumps(_policy(statements)))


def renew_rights(name: str, statements: Sequence[Mapping[str, object]]) -> bool:
    """Give a role other rights; False when there is no such role."""
    with patiently("NoSuchEntity"):
        aws.client("iam").put_role_policy(RoleName=name, PolicyName=INLINE, PolicyDocument=json.dumps(_policy(statements)))
        return True
    return False


def ensure_profile(name: str, tags: Mapping[str, str]) -> None:
    """The profile of the same name as its role, which it holds. A profile that cannot be filled is not left behind."""
    with patiently("EntityAlreadyExists"):
        aws.client("iam").create_instance_profile(InstanceProfileName=name, Tags=_tagged(tags))
    filled = False
    with patiently("NoSuchEntity"):
        _fill(name)
        filled = True
    if not filled:
        remove_profile(name)
        raise Retryable(f"role {name} is gone, or not yet known everywhere")


def _fill(name: str) -> None:
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


# ---- what there is of a stage --------------------------------------------------------------------------------------------


def all_identities(prefix: str) -> Iterator[Thing]:
    """Every role and instance profile whose name is that of a lab of this stage (IAM lists tell no tags)."""
    roles = aws.client("iam").get_paginator("list_roles")
    profiles = aws.client("iam").get_paginator("list_instance_profiles")
    yield from _named(Kind.ROLE, roles, "Roles", "RoleName", naming.role_name(prefix, ""))
    yield from _named(Kind.PROFILE, profiles, "InstanceProfiles", "InstanceProfileName", naming.role_name(prefix, ""))


def _named(kind: Kind, paginator: Any, many: str, one: str, beginning: str) -> Iterator[Thing]:
    found: list[dict[str, Any]] = []
    with patiently():
        for page in paginator.paginate():
            found += page[many]
    for each in found:
        lab_id = str(each[one]).removeprefix(beginning)
        if str(each[one]).startswith(beginning) and naming.is_lab_id(lab_id):
            yield Thing(kind, each[one], lab_id, name=each[one], made_at=each.get("CreateDate"))


def region_of(thing: Thing) -> str:
    """The region that a role or profile was made for; "" when it does not say. IAM is one for all regions."""
    with patiently("NoSuchEntity"):
        if thing.kind is Kind.PROFILE:
            tags = (_profile(thing.id) or {}).get("Tags", [])
        else:
            tags = aws.client("iam").get_role(RoleName=thing.id)["Role"].get("Tags", [])
        return next((str(tag["Value"]) for tag in tags if tag["Key"] == f"{naming.TAG}:region"), "")
    return ""


TRUST: Mapping[str, object] = {
    "Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def _policy(statements: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _tagged(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
