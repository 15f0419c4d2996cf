"""IAM: roles and instance profiles."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.truths.core import Place, refusal, truth

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
MAY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})


def role(place: Place, name: str = "") -> str:
    name = name or place.word("role")
    place.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    return name


def profile(place: Place, name: str = "") -> str:
    name = name or place.word("profile")
    place.client("iam").create_instance_profile(InstanceProfileName=name)
    return name


def iam(place: Place, verb: str, **asked: Any) -> str:
    """Why a call was refused; "" when it was not."""
    return refusal(lambda: getattr(place.client("iam"), verb)(**asked))


@truth("AWS IAM API Reference: CreateRole")
def a_second_role_of_one_name_is_EntityAlreadyExists(place: Place) -> None:  # noqa: N802
    name = role(place)
    assert refusal(lambda: role(place, name)) == "EntityAlreadyExists"


@truth("AWS IAM API Reference: CreateInstanceProfile")
def a_second_profile_of_one_name_is_EntityAlreadyExists(place: Place) -> None:  # noqa: N802
    name = profile(place)
    assert refusal(lambda: profile(place, name)) == "EntityAlreadyExists"


@truth("AWS IAM API Reference: GetRole, GetInstanceProfile, DeleteRole, DeleteInstanceProfile, DeleteRolePolicy")
def what_never_was_is_NoSuchEntity(place: Place) -> None:  # noqa: N802
    nobody = place.word("nobody")
    assert iam(place, "get_role", RoleName=nobody) == "NoSuchEntity"
    assert iam(place, "delete_role", RoleName=nobody) == "NoSuchEntity"
    assert iam(place, "delete_role_policy", RoleName=nobody, PolicyName="lab") == "NoSuchEntity"
    assert iam(place, "get_instance_profile", InstanceProfileName=nobody) == "NoSuchEntity"
    assert iam(place, "delete_instance_profile", InstanceProfileName=nobody) == "NoSuchEntity"


@truth("AWS IAM API Reference: DeleteRole")
def a_role_with_an_inline_policy_cannot_be_deleted(place: Place) -> None:
    name = role(place)
    place.client("iam").put_role_policy(RoleName=name, PolicyName="lab", PolicyDocument=MAY)
    assert iam(place, "delete_role", RoleName=name) == "DeleteConflict"
    assert iam(place, "delete_role_policy", RoleName=name, PolicyName="lab") == ""
    assert iam(place, "delete_role", RoleName=name) == ""


@truth("AWS IAM API Reference: DeleteRole")
def a_role_in_a_profile_cannot_be_deleted(place: Place) -> None:
    name, held = role(place), profile(place)
    place.client("iam").add_role_to_instance_profile(InstanceProfileName=held, RoleName=name)
    assert iam(place, "delete_role", RoleName=name) == "DeleteConflict"


@truth("AWS IAM API Reference: DeleteInstanceProfile")
def a_profile_with_a_role_cannot_be_deleted(place: Place) -> None:
    name, held = role(place), profile(place)
    place.client("iam").add_role_to_instance_profile(InstanceProfileName=held, RoleName=name)
    assert iam(place, "delete_instance_profile", InstanceProfileName=held) == "DeleteConflict"
    place.client("iam").remove_role_from_instance_profile(InstanceProfileName=held, RoleName=name)
    assert iam(place, "delete_instance_profile", InstanceProfileName=held) == ""


@truth("AWS IAM API Reference: AddRoleToInstanceProfile")
def a_profile_holds_one_role_and_a_second_is_LimitExceeded(place: Place) -> None:  # noqa: N802
    name, held = role(place), profile(place)
    add = {"InstanceProfileName": held, "RoleName": name}
    assert iam(place, "add_role_to_instance_profile", **add) == ""
    assert iam(place, "add_role_to_instance_profile", **add) == "LimitExceeded"


@truth("AWS IAM API Reference: PutRolePolicy")
def an_inline_policy_of_one_name_is_replaced(place: Place) -> None:
    name = role(place)
    for _ in range(2):
        assert iam(place, "put_role_policy", RoleName=name, PolicyName="lab", PolicyDocument=MAY) == ""
    assert iam(place, "put_role_policy", RoleName="nobody-at-all", PolicyName="lab", PolicyDocument=MAY) == "NoSuchEntity"


@truth("AWS IAM API Reference: RemoveRoleFromInstanceProfile", moto="breaks")
def a_role_that_is_not_in_the_profile_is_NoSuchEntity(place: Place) -> None:  # noqa: N802
    name, held = role(place), profile(place)
    assert iam(place, "remove_role_from_instance_profile", InstanceProfileName=held, RoleName=name) == "NoSuchEntity"
