"""The package in an emulated account: it stands, answers, tells its facts, is up to date, and goes away without a trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.contract.emulated import Caller, eventually, started
from tools import package
from tools.deploy import Deployment, deploy, remove
from tools.stack import Account
from tools.template import functions, of_type

pytestmark = pytest.mark.local_cloud
PREFIX = "aws-research-wizard-dev"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(tmp_path_factory.mktemp("emulator")) as url:
        yield url


@pytest.fixture(scope="module")
def deployment(emulator: str, built: Path) -> Iterator[Deployment]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", emulator)
        patch.setattr("tools.stack.PAUSE", 0.2)
        yield Deployment(Account(boto3.Session(region_name="us-east-1")), "dev", built)


@pytest.fixture(scope="module")
def outputs(deployment: Deployment) -> dict[str, str]:
    return deploy(deployment, {"AlarmTopicArn": "arn:aws:sns:us-east-1:000000000000:alarms"})


def test_everything_in_the_template_is_made(deployment: Deployment, outputs: dict[str, str], template: dict[str, Any]) -> None:
    pages = deployment.stack.cloudformation.get_paginator("list_stack_resources").paginate(StackName=PREFIX)
    made = {one["LogicalResourceId"]: one["ResourceStatus"] for page in pages for one in page["StackResourceSummaries"]}
    assert set(made.values()) == {"CREATE_COMPLETE"}
    optional = ("UsesAwsBackup", "MakesBillExport")
    wanted = {name for name, one in template["Resources"].items() if one.get("Condition") not in optional}
    assert wanted <= set(made)
    tables = deployment.account.client("dynamodb").list_tables()["TableNames"]
    assert sorted(tables) == [f"{PREFIX}-{name}" for name in ("audit", "cost", "facts", "labs", "limits", "people")]
    rules = deployment.account.client("events").list_rules()["Rules"]
    assert {one["Name"] for one in rules} >= {f"{PREFIX}-{name}-event" for name in ("machine_state_changed", "workflow_ended")}
    job = package.Job("dev", package.ROOT)
    assert len(functions(template)) == len(job.config()["lambda_functions"])
    assert len(of_type(template, "AWS::StepFunctions::StateMachine")) == len(job.stories())


def test_the_first_administrator_reaches_the_api(deployment: Deployment, outputs: dict[str, str], emulator: str) -> None:
    caller = Caller.first_administrator(deployment.account.session, outputs, emulator)
    assert caller.get("/whoami")["role"] == "admin"


def test_a_fact_reaches_its_function_through_the_stream(deployment: Deployment, outputs: dict[str, str]) -> None:
    texts = {
        "name": "LabReady",
        "subject": "x-1",
        "data": "{}",
        "at": "2026-11-23T09:00:00.000000Z",
        "by": "test",
        "correlation_id": "c",
    }
    keys = {"pk": "LAB#x-1", "sk": "FACT#2026-11-23T09:00:00.000000Z-0000"}
    item = {name: {"S": value} for name, value in {**texts, **keys}.items()}
    deployment.account.client("dynamodb").put_item(TableName=outputs["FactsTableName"], Item=item)
    logs = deployment.account.client("logs")

    def published() -> bool:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{PREFIX}-publish_facts")["events"]
        return any('"message":"succeeded"' in one["message"] for one in events)

    eventually(published)


def test_deploying_again_changes_nothing(
    deployment: Deployment, outputs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy(deployment, {}) == outputs
    assert capsys.readouterr().out == f"{PREFIX} is up to date\n"


def test_a_plan_changes_nothing(deployment: Deployment, outputs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy(deployment, {"LogLevel": "DEBUG"}, plan=True) == {}
    assert "modify  APIHandler" in capsys.readouterr().out
    parameters = deployment.stack.described() or {}
    assert {"ParameterKey": "LogLevel", "ParameterValue": "INFO"} in parameters["Parameters"]


def test_an_unknown_parameter_is_named(deployment: Deployment, outputs: dict[str, str]) -> None:
    with pytest.raises(SystemExit, match="no parameter LogLvl"):
        deploy(deployment, {"LogLvl": "DEBUG"})


def test_removing_leaves_nothing(deployment: Deployment, outputs: dict[str, str]) -> None:
    remove(deployment)
    assert deployment.account.client("dynamodb").list_tables()["TableNames"] == []
    assert deployment.account.client("lambda").list_functions()["Functions"] == []
    left = [one["Name"] for one in deployment.account.client("s3").list_buckets()["Buckets"]]
    assert left == [deployment.account.code_bucket]
