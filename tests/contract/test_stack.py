"""Does the stack keep what it promises: data safe, failures heard, nothing open, and both ways of deploying alike?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TABLES
from tools import package
from tools import template as shape
from tools.template import camel, functions, of_type

BIN = Path(sys.executable).parent
ASYNCHRONOUS = ("machine_state_changed", "workflow_ended", "reconcile_labs", "check_audit", "reconcile_account")
ASYNCHRONOUS += ("back_up_tables", "nightly_backups", "prune_backups", "drill_backups", "backup_broke_off")
ASYNCHRONOUS += ("image_state_changed", "rebake_images")
ASYNCHRONOUS += ("aggregate_costs", "refresh_prices", "ingest_bill")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_keys_and_indexes_that_the_code_uses(template: dict[str, Any], name: str) -> None:
    table = template["Resources"][camel(name) + "Table"]["Properties"]
    assert keys_of(table) == ("pk", "sk")
    assert {one["IndexName"]: keys_of(one) for one in table.get("GlobalSecondaryIndexes", [])} == TABLES[name]


def keys_of(one: dict[str, Any]) -> tuple[str, ...]:
    return tuple(key["AttributeName"] for key in one["KeySchema"])


def test_tables_are_encrypted_recoverable_and_paid_by_request(template: dict[str, Any]) -> None:
    tables = of_type(template, "AWS::DynamoDB::Table")
    assert len(tables) == 6
    for one in (table["Properties"] for table in tables.values()):
        assert one["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert one["SSESpecification"] == {"SSEEnabled": True}
        assert one["BillingMode"] == "PAY_PER_REQUEST"


def test_production_keeps_its_data_and_other_stages_leave_nothing() -> None:
    raw = json.loads((package.ROOT / ".chalice/resources.json").read_text())
    for stage, wanted in (("prod", {"RetainExceptOnCreate", "Delete"}), ("dev", {"Delete"})):
        made = shape.retain(json.loads(json.dumps(raw)), stage)["Resources"].values()
        assert {one["DeletionPolicy"] for one in made if "DeletionPolicy" in one} == wanted


def test_the_facts_stream_reaches_the_bus_and_what_fails_is_kept(template: dict[str, Any]) -> None:
    mapping = template["Resources"]["PublishFactsFromTable"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["UnpublishedFacts", "Arn"]}
    pattern = json.loads(mapping["FilterCriteria"]["Filters"][0]["Pattern"])
    assert pattern == {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "FACT#"}]}}}}


def test_the_facts_stream_reaches_the_audit_log_and_what_fails_is_kept(template: dict[str, Any]) -> None:
    mapping = template["Resources"]["RecordFactsFromTable"]["Properties"]
    other = template["Resources"]["PublishFactsFromTable"]["Properties"]
    assert {name: mapping[name] for name in ("FilterCriteria", "StartingPosition", "FunctionResponseTypes")} == {
        name: other[name] for name in ("FilterCriteria", "StartingPosition", "FunctionResponseTypes")
    }
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["UnrecordedFacts", "Arn"]}


@pytest.mark.parametrize("name", ASYNCHRONOUS)
def test_what_an_asynchronous_function_cannot_do_waits_in_a_queue(template: dict[str, Any], name: str) -> None:
    queue = {"Fn::GetAtt": ["Undelivered", "Arn"]}
    retries = template["Resources"][camel(name) + "Retries"]["Properties"]
    assert retries["DestinationConfig"]["OnFailure"]["Destination"] == queue
    event = template["Resources"][camel(name)]["Properties"]["Events"][camel(name) + "Event"]["Properties"]
    assert event["DeadLetterConfig"] == {"Arn": queue}


def test_facts_on_the_bus_reach_the_meter_and_what_fails_is_kept(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    rule, queue = resources["MeterFactsRule"]["Properties"], {"Fn::GetAtt": ["Undelivered", "Arn"]}
    assert rule["EventBusName"] == {"Ref": "FactsBus"}
    assert rule["Targets"][0]["DeadLetterConfig"] == {"Arn": queue}
    assert resources["MeterFactsRetries"]["Properties"]["DestinationConfig"]["OnFailure"]["Destination"] == queue
    assert resources["MeterFactsFromBus"]["Properties"]["SourceArn"] == {"Fn::GetAtt": ["MeterFactsRule", "Arn"]}


def test_the_api_and_every_asynchronous_function_and_workflow_has_an_alarm(template: dict[str, Any]) -> None:
    watched = json.dumps([one["Properties"]["Dimensions"] for one in of_type(template, "AWS::CloudWatch::Alarm").values()])
    for name in (*ASYNCHRONOUS, "publish_facts", "record_facts", "meter_facts"):
        assert f"aws-research-wizard-${{Stage}}-{name}" in watched
    for word in ("ProvisionLab", "StartLab", "StopLab", "ScaleLab", "TeardownLab", "Undelivered", "UnpublishedFacts", "ApiName"):
        assert word in watched


def test_workflows_log_and_trace(template: dict[str, Any]) -> None:
    for one in of_type(template, "AWS::StepFunctions::StateMachine").values():
        assert one["Properties"]["TracingConfiguration"] == {"Enabled": True}
        assert one["Properties"]["LoggingConfiguration"]["Level"] == "ERROR"
        assert one["Properties"]["LoggingConfiguration"]["IncludeExecutionData"] is False


def test_a_machine_has_as_long_to_call_home_as_the_stack_says(template: dict[str, Any]) -> None:
    """As a number: quoted, Step Functions would refuse it."""
    following = []
    for name, one in of_type(template, "AWS::StepFunctions::StateMachine").items():
        text = one["Properties"]["DefinitionString"]
        given = one["Properties"]["DefinitionSubstitutions"]
        states = json.loads(text.replace("${BootTimeoutSeconds}", "123"))["States"].values()
        waits = [state["TimeoutSeconds"] for state in states if "ready" in json.dumps(state.get("Parameters", {}))]
        assert set(waits) <= {123}
        assert ("BootTimeoutSeconds" in given) == bool(waits)
        following += [name] if waits else []
    assert {"ProvisionLab", "StartLab", "ScaleLab"} <= set(following)


def test_news_of_workflows_is_only_of_this_stacks(template: dict[str, Any]) -> None:
    pattern = template["Resources"]["WorkflowEnded"]["Properties"]["Events"]["WorkflowEndedEvent"]["Properties"]["Pattern"]
    assert len(pattern["detail"]["stateMachineArn"]) == 6
    assert pattern["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]


def test_the_bucket_is_private_encrypted_versioned_and_spoken_to_over_tls(template: dict[str, Any]) -> None:
    bucket = template["Resources"]["ArtifactsBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "BucketEncryption" in bucket
    policy = template["Resources"]["ArtifactsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert policy[0]["Effect"] == "Deny"
    assert policy[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_every_function_gets_the_stacks_parameters_and_only_one_the_apis_address(template: dict[str, Any]) -> None:
    shared = shape.shared_variables(template)
    for name, one in functions(template).items():
        own = one["Properties"]["Environment"]["Variables"]
        assert not set(own) & set(shared), name
        assert set(own) == ({"API_URL"} if name in ("LaunchMachine", "StartMachine", "LaunchBuilder") else set())


def test_config_json_knows_every_variable_that_the_stack_gives(template: dict[str, Any]) -> None:
    """So that `chalice deploy` gives a function the same names."""
    for stage in ("dev", "prod", "local"):
        assert set(package.Job(stage, package.ROOT).environment()) >= {*shape.shared_variables(template)}


def test_a_backing_stack_has_everything_but_functions(template: dict[str, Any], backing: dict[str, Any]) -> None:
    kinds = {one["Type"] for one in backing["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith("AWS::Serverless::")]
    for kind in (
        "AWS::DynamoDB::Table",
        "AWS::StepFunctions::StateMachine",
        "AWS::Events::EventBus",
        "AWS::SecretsManager::Secret",
    ):
        assert of_type(backing, kind) == of_type(template, kind)


def test_a_backing_stack_stands_before_its_functions(backing: dict[str, Any]) -> None:
    first = shape.unconnected(backing)
    assert not [one for one in first["Resources"].values() if one["Type"].startswith("AWS::Lambda::")]
    tied = {one["Type"] for name, one in backing["Resources"].items() if name not in first["Resources"]}
    assert tied == {"AWS::Lambda::EventSourceMapping", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission"}


def test_the_state_machines_compile_as_amazon_reads_them(built: Path, tmp_path: Path) -> None:
    for name, story in package.Job("dev", built).stories().items():
        file = tmp_path / f"{name}.json"
        text = json.dumps(story)
        for step in shape.steps_of(story):
            text = text.replace(f"${{{step}}}", f"arn:aws:lambda:us-east-1:123456789012:function:{step}")
        file.write_text(text)
        done = subprocess.run([BIN / "statelint", file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("name", ["template.json", "backing.json"])
def test_cfn_lint_has_nothing_to_say(built: Path, name: str) -> None:
    done = subprocess.run([BIN / "cfn-lint", built / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_checkov_has_nothing_to_say(built: Path) -> None:
    config = ["--config-file", str(package.ROOT / ".checkov.yaml"), "--skip-download"]
    command = [str(BIN.parent / "scan/bin/checkov"), *config, "-f", str(built / "template.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_whatever_checkov_is_not_asked_has_a_reason() -> None:
    lines = (package.ROOT / ".checkov.yaml").read_text().splitlines()
    skipped = [line for line in lines if line.strip().startswith("- CKV")]
    assert skipped
    assert not [line for line in skipped if len(line.partition("#")[2].strip()) < 20]
