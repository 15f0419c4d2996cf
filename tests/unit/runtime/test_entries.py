"""Entries: what is done around every Lambda that is not an HTTP route; workflows; the way of facts to the bus."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from chalice.app import CloudWatchEvent
from pynamodb.exceptions import GetError, TransactWriteError

from chalicelib.runtime import aws, workflows
from chalicelib.runtime.entries import reaction, schedule, task
from chalicelib.runtime.errors import Retryable
from chalicelib.runtime.events import entry_of, is_new_fact, publish_facts
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.store import commit
from tests.conftest import ACCOUNT, Context
from tests.fakes.tables import Tables

pytestmark = pytest.mark.usefixtures("tables")
WORK = {"lab_id": "genomics-k3x9", "generation": 1, "correlation_id": "corr-1"}
HEARD = {
    "version": "0", "id": "1", "source": "aws.ec2", "account": ACCOUNT, "time": "", "region": "us-east-1", "resources": [],
    "detail-type": "EC2 Instance State-change Notification", "detail": {"instance-id": "i-1", "state": "running"},
}  # fmt: skip


def test_a_task_logs_with_lab_and_correlation_id_and_counts(lines: Callable[[], list[dict[str, Any]]]) -> None:
    @task
    def launch_machine(event: dict[str, Any], context: Any) -> str:
        return str(event["lab_id"])

    assert launch_machine(WORK, Context()) == "genomics-k3x9"
    said, numbers = lines()
    assert (said["lab_id"], said["correlation_id"], said["function"]) == ("genomics-k3x9", "corr-1", "launch_machine")
    assert (numbers["function"], numbers["Succeeded"]) == ("launch_machine", [1.0])


def test_a_failing_task_is_logged_counted_and_still_fails(lines: Callable[[], list[dict[str, Any]]]) -> None:
    @task
    def open_lab(event: dict[str, Any], context: Any) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        open_lab(WORK, Context())
    failed, _, numbers = lines()
    assert (failed["level"], failed["exception_name"], numbers["Failed"]) == ("ERROR", "KeyError", [1.0])


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://aws.test"),
        GetError("busy", ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetItem")),
        TransactWriteError("no answer", ReadTimeoutError(endpoint_url="https://aws.test")),
    ],
)
def test_what_passes_with_time_is_tried_again_by_the_workflow(error: Exception) -> None:
    @task
    def open_lab(event: dict[str, Any], context: Any) -> None:
        raise error

    with pytest.raises(Retryable):
        open_lab(WORK, Context())


def test_the_context_of_one_invocation_does_not_leak_into_the_next(lines: Callable[[], list[dict[str, Any]]]) -> None:
    @task
    def quiet(event: dict[str, Any], context: Any) -> None: ...

    quiet(WORK, Context())
    quiet({}, Context())
    assert "lab_id" not in lines()[2]


def test_a_warm_event_makes_the_clients_and_does_nothing_else() -> None:
    calls: list[str] = []

    @task(clients=("stepfunctions",))
    def warmed(event: dict[str, Any], context: Any) -> None:
        calls.append("called")

    @reaction(clients=("ec2",))
    def heard(event: dict[str, Any]) -> None:
        calls.append("heard")

    assert warmed({"warm": True}, Context()) == {"warm": True}
    assert heard(CloudWatchEvent(HEARD | {"detail": {"warm": True}}, Context())) == {"warm": True}
    assert calls == []


@pytest.mark.parametrize("decorator", [reaction, schedule])
def test_reactions_and_schedules_get_the_raw_event(decorator: Any) -> None:
    @decorator
    def machine_state_changed(event: dict[str, Any]) -> str:
        return str(event["detail"]["state"])

    assert machine_state_changed(CloudWatchEvent(HEARD, Context())) == "running"
    assert machine_state_changed.__name__ == "machine_state_changed"


def test_the_tracing_sdk_is_only_imported_for_a_sampled_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5;Parent=5;Sampled=0")
    before = "aws_xray_sdk" in sys.modules

    @task
    def traced(event: dict[str, Any], context: Any) -> str:
        return "done"

    assert traced(WORK, Context()) == "done"
    assert ("aws_xray_sdk" in sys.modules) == before


# ---- workflows


class StepFunctions:
    """Answers like Step Functions; every call is noted, and may be told to fail with one of its errors."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.error = ""

    def __getattr__(self, verb: str) -> Callable[..., None]:
        def call(**arguments: Any) -> None:
            self.calls.append((verb, arguments))
            if self.error:
                raise ClientError({"Error": {"Code": self.error, "Message": ""}}, verb)

        return call


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> StepFunctions:
    fake = StepFunctions()
    monkeypatch.setattr(aws, "client", lambda service: {"stepfunctions": fake}[service])
    return fake


def test_a_workflow_is_named_by_lab_and_generation(steps: StepFunctions) -> None:
    arn = workflows.start("provision_lab", "genomics-k3x9", 2, "corr")
    ((verb, arguments),) = steps.calls
    assert verb == "start_execution"
    assert arguments["name"] == "genomics-k3x9-2"
    assert json.loads(arguments["input"]) == {"lab_id": "genomics-k3x9", "generation": 2, "correlation_id": "corr"}
    assert arn == f"arn:aws:states:us-east-1:{ACCOUNT}:execution:aws-research-wizard-test-provision_lab:genomics-k3x9-2"


@pytest.mark.parametrize(
    ("error", "verb"),
    [
        ("ExecutionAlreadyExists", lambda: workflows.start("stop_lab", "x", 1, "c")),
        ("ExecutionDoesNotExist", lambda: workflows.stop("arn", "gone")),
        ("TaskTimedOut", lambda: workflows.succeed("token", {})),
        ("TaskDoesNotExist", lambda: workflows.fail("token", "MachineFailed", "why")),
    ],
)
def test_a_verb_said_twice_does_no_harm(steps: StepFunctions, error: str, verb: Callable[[], Any]) -> None:
    steps.error = error
    assert not isinstance(verb(), Exception)


def test_other_failures_of_step_functions_are_not_hidden(steps: StepFunctions) -> None:
    steps.error = "AccessDeniedException"
    with pytest.raises(ClientError):
        workflows.start("stop_lab", "x", 1, "c")


def test_whether_somebody_still_waited_is_told(steps: StepFunctions) -> None:
    assert workflows.succeed("token", {"a": 1})
    assert workflows.fail("token", "E" * 300, "c" * 40_000)
    assert len(steps.calls[1][1]["error"]) == 256
    assert len(steps.calls[1][1]["cause"]) == 32768
    steps.error = "TaskTimedOut"
    assert not workflows.succeed("token", {})


# ---- facts to the bus


class Bus:
    def __init__(self, *refused: str) -> None:
        self.refused, self.batches = refused, []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.batches.append(Entries)
        return {
            "Entries": [
                {"ErrorCode": "Throttled"} if entry["DetailType"] in self.refused else {"EventId": "1"} for entry in Entries
            ]
        }


def stream_of(tables: Tables, *names: str, at: datetime) -> list[dict[str, Any]]:
    """The stream's records of these facts, as DynamoDB would hand them over."""
    subject = f"stream-{len(names)}-{names[0].lower()}"
    commit(*(record(Fact(name, subject, {"n": 1}, at, "ada@uni.edu", "corr")) for name in names))
    images = sorted((item for item in tables("facts") if item["pk"]["S"] == f"LAB#{subject}"), key=lambda item: item["sk"]["S"])
    return [{"eventName": "INSERT", "dynamodb": {"NewImage": image, "SequenceNumber": str(n)}} for n, image in enumerate(images)]


def test_facts_reach_the_bus_in_order_and_in_batches_of_ten(
    tables: Tables, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = Bus()
    monkeypatch.setattr(aws, "client", lambda service: {"events": bus}[service])
    names = [f"Fact{number:02}" for number in range(12)]
    answer = publish_facts({"Records": stream_of(tables, *names, at=now)}, Context())
    assert answer == {"batchItemFailures": []}
    assert [len(batch) for batch in bus.batches] == [10, 2]
    assert [entry["DetailType"] for batch in bus.batches for entry in batch] == names
    detail = json.loads(bus.batches[0][0]["Detail"])
    assert (detail["subject"], detail["data"], detail["by"]) == ("stream-12-fact00", {"n": 1}, "ada@uni.edu")
    assert bus.batches[0][0]["EventBusName"] == "aws-research-wizard-test-facts"


def test_a_fact_the_bus_did_not_take_comes_again(tables: Tables, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "client", lambda _service: Bus("Second"))
    answer = publish_facts({"Records": stream_of(tables, "First", "Second", at=now)}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def test_a_fact_delivered_twice_has_the_same_id(tables: Tables, now: datetime) -> None:
    (one,) = stream_of(tables, "Twice", at=now)
    image = one["dynamodb"]["NewImage"]
    assert json.loads(entry_of(image)["Detail"])["id"] == json.loads(entry_of(image)["Detail"])["id"]


@pytest.mark.parametrize(
    "record_",
    [
        {"eventName": "REMOVE", "dynamodb": {"OldImage": {}}},
        {"eventName": "MODIFY", "dynamodb": {"NewImage": {"sk": {"S": "FACT#1"}}}},
        {"eventName": "INSERT", "dynamodb": {"NewImage": {"sk": {"S": "REQUEST"}}}},
    ],
)
def test_what_is_no_new_fact_stays(record_: dict[str, Any]) -> None:
    assert not is_new_fact(record_)
