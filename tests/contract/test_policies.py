"""What may each function do? As little as it needs, in its own stage, and no `*` without a written reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

from tools import package
from tools.template import camel, of_type

POLICIES = {file.stem: json.loads(file.read_text()) for file in sorted((package.ROOT / ".chalice/policies").glob("*.json"))}
REASONS = json.loads((package.ROOT / ".chalice/reasons.json").read_text())
Statement = dict[str, Any]


#: What AWS asks for in the caller's name, so that no call of ours shows it.
ASKED_FOR_US = {
    "ec2:CreateTags", "elasticfilesystem:TagResource", "iam:TagRole", "iam:TagInstanceProfile", "iam:PassRole",  # with it
    "ec2:DescribeNetworkInterfaces", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",  # EFS, for a mount target
    "glue:GetDatabase", "glue:CreateDatabase", "glue:GetTable", "glue:CreateTable", "s3:GetBucketLocation",  # Athena
    "iam:CreateServiceLinkedRole",  # EFS, the first time in an account
    "sqs:SendMessage",  # Lambda, for what failed
}  # fmt: skip
SERVICES = {"stepfunctions": "states", "efs": "elasticfilesystem", "sts": ""}  # where IAM's name is another; STS is met unsigned


OTHERWISE = {  # where IAM's name of an action is not the call's
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:CopyObject": "s3:PutObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def in_stack(template: dict[str, Any]) -> Iterator[tuple[str, Statement]]:
    """Every statement of every role and managed policy, with where it stands."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role["Properties"].get("Policies", []):
            yield from ((name, one) for one in policy["PolicyDocument"]["Statement"])
    for name, policy in of_type(template, "AWS::IAM::ManagedPolicy").items():
        yield from ((name, one) for one in policy["Properties"]["PolicyDocument"]["Statement"])


def starred(statement: Statement) -> bool:
    return "*" in listed(statement["Resource"])


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_names_every_action_and_says_what_for(name: str) -> None:
    statements = POLICIES[name]["Statement"]
    for one in statements:
        assert not [action for action in listed(one["Action"]) if "*" in action]
        assert re.fullmatch(r"[A-Z][A-Za-z]+", one["Sid"])
        assert one["Effect"] == "Allow"
    assert len({one["Sid"] for one in statements}) == len(statements)


def test_every_star_has_a_reason_and_every_reason_a_star(template: dict[str, Any]) -> None:
    stars = {action for _, one in in_stack(template) if starred(one) for action in listed(one["Action"])}
    assert stars == set(REASONS)


def test_a_star_stands_alone_where_aws_knows_a_resource(template: dict[str, Any]) -> None:
    """Where an action could name its resource, a star is bound by a condition instead."""
    bare = {
        action for _, one in in_stack(template) if starred(one) and "Condition" not in one for action in listed(one["Action"])
    }
    nameable = {action for action in bare if not resourceless(action)}
    asked_without_a_name = {"elasticfilesystem:DescribeFileSystems", "elasticfilesystem:DescribeMountTargets"}
    asked_by_aws = {"xray:GetSamplingRules", "logs:DescribeLogGroups", "ssm:UpdateInstanceInformation"}
    assert nameable <= asked_without_a_name | asked_by_aws


def known(action: str) -> list[dict[str, Any]]:
    service, _, verb = action.partition(":")
    found = get_action_data(service, verb)
    return list(found[service]) if found else []


def resourceless(action: str) -> bool:
    return all(one["resource_arn_format"] == "*" for one in known(action))


def test_every_action_exists(template: dict[str, Any]) -> None:
    actions = {action for _, one in in_stack(template) for action in listed(one["Action"])}
    assert not {action for action in actions if not known(action)}


def test_in_a_stack_every_arn_means_this_stage_account_and_region(template: dict[str, Any]) -> None:
    text = json.dumps([one for _, one in in_stack(template)])
    assert "aws-research-wizard-*" not in text
    assert "arn:*:" not in text
    assert not re.findall(r"arn:\$\{AWS::Partition\}:[a-z0-9]+:\*|arn:aws:", text)


def test_tags_in_conditions_mean_this_stage(template: dict[str, Any]) -> None:
    conditions = [one["Condition"] for _, one in in_stack(template) if "Condition" in one]
    stages = [
        value for one in conditions for operator in one.values() for key, value in operator.items() if key.endswith(":stage")
    ]
    assert stages
    assert all(value == {"Fn::Sub": "${Stage}"} for value in stages)


def test_a_role_for_a_lab_can_be_made_only_within_the_boundary(template: dict[str, Any]) -> None:
    makers = [one for _, one in in_stack(template) if {"iam:CreateRole", "iam:PutRolePolicy"} & set(listed(one["Action"]))]
    assert makers
    for one in makers:
        bound = one["Condition"]["ArnLike"]["iam:PermissionsBoundary"]["Fn::Sub"]
        assert bound.endswith(":policy/aws-research-wizard-${Stage}-lab-boundary")
        assert "-lab-*" in listed(one["Resource"])[0]["Fn::Sub"]


def test_nobody_may_lift_the_boundary_or_attach_a_foreign_policy(template: dict[str, Any]) -> None:
    forbidden = {
        "iam:DeleteRolePermissionsBoundary",
        "iam:PutRolePermissionsBoundary",
        "iam:AttachRolePolicy",
        "iam:CreatePolicyVersion",
    }
    assert not [one for _, one in in_stack(template) if forbidden & set(listed(one["Action"]))]


def test_a_role_is_handed_to_machines_and_to_schedules_only(template: dict[str, Any]) -> None:
    handed = [one for _, one in in_stack(template) if "iam:PassRole" in listed(one["Action"])]
    to = {"lab-": "ec2.amazonaws.com", "builder": "ec2.amazonaws.com", "hours": "scheduler.amazonaws.com"}
    for one in handed:
        (service,) = [service for name, service in to.items() if name in json.dumps(one["Resource"])]
        assert one["Condition"] == {"StringEquals": {"iam:PassedToService": service}}
    assert len(handed) == 7


def test_machines_storage_and_groups_are_changed_only_with_the_stages_tag(template: dict[str, Any]) -> None:
    changing = re.compile(r"(ec2:(Terminate|Stop|Start|Modify)|ec2:DeleteSecurityGroup|elasticfilesystem:Delete)")
    for name, one in in_stack(template):
        if any(changing.match(action) for action in listed(one["Action"])):
            assert "aws:ResourceTag/aws-research-wizard:stage" in json.dumps(one.get("Condition", {})), (name, one["Sid"])


def test_only_the_api_reads_the_login_key(template: dict[str, Any]) -> None:
    readers = {name for name, one in in_stack(template) if "secretsmanager:GetSecretValue" in listed(one["Action"])}
    assert readers == {"ApiHandlerRole"}


def test_no_function_may_scan_a_table_but_those_that_must_see_everything(template: dict[str, Any]) -> None:
    """The audit log's check (docs/decisions/0015) compares every stored fact; a migration changes every item. Neither is asked
    for by a request."""
    scanning = {name: one["Resource"] for name, one in in_stack(template) if "dynamodb:Scan" in listed(one["Action"])}
    assert set(scanning) <= {"CheckAuditRole", "MigrateTablesRole"}
    assert json.dumps(scanning["CheckAuditRole"]).endswith('-facts"}')


def test_nobody_can_take_anything_out_of_the_audit_log(template: dict[str, Any]) -> None:
    """Its functions may put (each put carries its condition), the API may read, and the table forbids the rest to everybody."""
    on_it = [
        (name, action)
        for name, one in in_stack(template)
        if "-audit" in json.dumps(one["Resource"]) and "s3" not in json.dumps(one["Resource"])
        for action in listed(one["Action"])
        if action.startswith("dynamodb:") and action not in ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
    ]
    assert sorted(on_it) == [("CheckAuditRole", "dynamodb:PutItem"), ("RecordFactsRole", "dynamodb:PutItem")]
    own = template["Resources"]["AuditTable"]["Properties"]["ResourcePolicy"]["PolicyDocument"]["Statement"][0]
    assert (own["Effect"], own["Principal"]) == ("Deny", "*")
    assert {"dynamodb:DeleteItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem"} <= set(own["Action"])


def test_nobody_edits_or_takes_anything_out_of_the_ledger(template: dict[str, Any]) -> None:
    """Lines are put, each on the condition that there is none yet; days and heads are put anew with them."""
    on_it = {
        action
        for name, one in in_stack(template)
        if name != "MigrateTablesRole" and "-cost" in json.dumps(one["Resource"])
        for action in listed(one["Action"])
    }
    assert on_it == {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"}


def test_nobody_can_take_an_anchor_out_of_its_bucket(template: dict[str, Any]) -> None:
    bucket = template["Resources"]["AuditBucket"]["Properties"]
    assert bucket["ObjectLockEnabled"] is True
    assert set(bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]) == {"Mode", "Days"}
    allowed = {
        action
        for _, one in in_stack(template)
        if "-audit-" in json.dumps(one["Resource"])
        for action in listed(one["Action"])
        if action.startswith("s3:")
    }
    assert allowed == {"s3:PutObject", "s3:ListBucketVersions"}


def calls() -> set[str]:
    """Every AWS call in the code, as IAM names it (DynamoDB's are pynamodb's)."""
    text = "\n".join(file.read_text() for file in (package.ROOT / "chalicelib").rglob("*.py"))
    found = re.findall(r'client\("([a-z0-9]+)"(?:, \w+)?\)\.(?:get_paginator\("(\w+)"\)|(\w+)\()', text)
    found += [("s3", "", verb) for verb in re.findall(r"place\.client\(\)\.(\w+)", text)]
    found += [("stepfunctions", "", verb) for verb in re.findall(r'_call\(\s*"(\w+)"', text)]
    named = [(SERVICES.get(service, service), camel(paged or verb)) for service, paged, verb in found]
    names = {f"{service}:{verb}" for service, verb in named if service}
    return {OTHERWISE.get(name, name) for name in names}


def test_every_call_is_allowed_to_somebody_and_nothing_is_allowed_that_nobody_calls() -> None:
    allowed = {action for one in POLICIES.values() for statement in one["Statement"] for action in listed(statement["Action"])}
    dynamic = {action for action in allowed if action.startswith(("dynamodb:", "xray:"))} | {"logs:CreateLogGroup"}
    dynamic |= {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert calls() - allowed == set()
    assert allowed - dynamic - ASKED_FOR_US - calls() == set()
