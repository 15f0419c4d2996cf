"""The package in an emulated account: it stands, answers, tells its facts, is up to date, and goes away without a trace."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tools.deploy import Deployment, deploy, remove
from tools.stack import Account
from tools.template import functions, of_type

pytestmark = pytest.mark.local_cloud
PREFIX = "aws-research-wizard-dev"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulator of its own on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("emulator") / "log").open("wb")
    own = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "MINISTACK_HOST": "localhost"}
    process = subprocess.Popen([Path(sys.executable).parent / "ministack"], env=os.environ | own, stdout=log, stderr=log)
    try:
        eventually(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=2).status == 200)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.fixture(scope="module")
def deployment(emulator: str, built: Path) -> Iterator[Deployment]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", emulator)
        patch.setattr("tools.stack.PAUSE", 0.2)
        yield Deployment(Account(boto3.Session(region_name="us-east-1")), "dev", built)


@pytest.fixture(scope="module")
def outputs(deployment: Deployment) -> dict[str, str]:
    return deploy(deployment, {"AlarmTopicArn": "arn:aws:sns:us-east-1:000000000000:alarms"})


def eventually(holds: Any, seconds: float = 30) -> None:
    """Until it holds; whatever it raised last when it never does."""
    until = time.monotonic() + seconds
    while not _now(holds, give_up=time.monotonic() > until):
        assert time.monotonic() <= until + 1, "it never came to hold"
        time.sleep(0.2)


def _now(holds: Any, give_up: bool) -> bool:
    try:
        return bool(holds())
    except (OSError, AssertionError):
        if give_up:
            raise
        return False


def test_everything_in_the_template_is_made(deployment: Deployment, outputs: dict[str, str], template: dict[str, Any]) -> None:
    pages = deployment.stack.cloudformation.get_paginator("list_stack_resources").paginate(StackName=PREFIX)
    made = {one["LogicalResourceId"]: one["ResourceStatus"] for page in pages for one in page["StackResourceSummaries"]}
    assert set(made.values()) == {"CREATE_COMPLETE"}
    assert set(template["Resources"]) <= set(made)
    tables = deployment.account.client("dynamodb").list_tables()["TableNames"]
    assert sorted(tables) == [f"{PREFIX}-{name}" for name in ("facts", "labs", "limits", "people")]
    rules = deployment.account.client("events").list_rules()["Rules"]
    assert {one["Name"] for one in rules} >= {f"{PREFIX}-{name}-event" for name in ("machine_state_changed", "workflow_ended")}
    assert len(functions(template)) == 20
    assert len(of_type(template, "AWS::StepFunctions::StateMachine")) == 5


def test_the_first_administrator_reaches_the_api(deployment: Deployment, outputs: dict[str, str], emulator: str) -> None:
    called = deployment.account.client("lambda").invoke(
        FunctionName=outputs["BootstrapFunction"], Payload=json.dumps({"email": "ada@example.org"})
    )
    token = json.load(called["Payload"])["token"]
    host = f"{outputs['RestAPIId']}.execute-api.localhost:{emulator.rpartition(':')[2]}"
    asked = urllib.request.Request(f"{emulator}/api/whoami", headers={"Host": host, "Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked) as answer:
        assert json.load(answer)["role"] == "admin"


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
