"""Step Functions for tests: runs our own ASL files, task by task, with Retry, Catch and task tokens; no time passes.

Speaks as much of boto's client as `runtime/workflows` and the sweep use. A task is called as Lambda would call it; `Crash` is a
Lambda that died. `pump` runs until every execution has ended or waits for a token; what a person would wait for, a test says.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.conftest import Context

STORIES = Path(__file__).resolve().parents[2] / "state_machines"
Json = dict[str, Any]


class Crash(BaseException):
    """The process died here."""


@dataclass
class Execution:
    arn: str
    story: Json
    state: str
    data: Json
    status: str = "RUNNING"
    token: str = ""
    retries: dict[tuple[str, int], int] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    running: bool = False
    last: str = ""  # the last error, whatever became of it
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def doing(self) -> Json:
        return dict(self.story["States"][self.state])


class Stories:
    """`tasks` finds the handler of a function by name; `between` is called before each retry, so that the world can move on."""

    def __init__(self, tasks: Callable[[str], Callable[[Json, Any], Any]], between: Callable[[], None] = lambda: None) -> None:
        self.tasks, self.between = tasks, between
        self.executions: dict[str, Execution] = {}
        self.ended: list[Execution] = []

    # what boto3's client offers

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> Json:  # noqa: N803
        arn = f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"
        if arn in self.executions and self.executions[arn].status != "RUNNING":
            raise refusal("ExecutionAlreadyExists")
        if arn not in self.executions:
            story = load(re.split(r"-(?=[a-z_]+$)", stateMachineArn)[-1])
            self.executions[arn] = Execution(arn, story, story["StartAt"], json.loads(input))
        return {"executionArn": arn}

    def stop_execution(self, executionArn: str, cause: str = "") -> Json:  # noqa: N803
        self._known(executionArn)
        self._end(self.executions[executionArn], "ABORTED")
        return {}

    def describe_execution(self, executionArn: str) -> Json:  # noqa: N803
        self._known(executionArn)
        return {"status": self.executions[executionArn].status}

    def get_paginator(self, verb: str) -> Any:
        assert verb == "list_executions"
        return self

    def paginate(self, stateMachineArn: str, statusFilter: str) -> list[Json]:  # noqa: N803
        beginning = stateMachineArn.replace(":stateMachine:", ":execution:") + ":"
        found = [one for one in self.executions.values() if one.arn.startswith(beginning) and one.status == statusFilter]
        return [{"executions": [{"name": one.arn.removeprefix(beginning), "startDate": one.began} for one in found]}]

    def send_task_success(self, taskToken: str, output: str) -> Json:  # noqa: N803
        self._go_on(self._waiting(taskToken), json.loads(output))
        return {}

    def send_task_heartbeat(self, taskToken: str) -> Json:  # noqa: N803
        self._waiting(taskToken)
        return {}

    def send_task_failure(self, taskToken: str, error: str = "", cause: str = "") -> Json:  # noqa: N803
        execution = self._waiting(taskToken)
        execution.token = ""
        self._failed(execution, error, cause)
        return {}

    # what a test says

    def pump(self, most: int = 500) -> None:
        """Run whatever can run."""
        for _ in range(most):
            ready = [one for one in self.executions.values() if one.status == "RUNNING" and not one.token and not one.running]
            if not ready:
                return
            self._step(ready[0])
        raise AssertionError(
            f"no end: {[(one.arn, one.path[-6:]) for one in self.executions.values() if one.status == 'RUNNING']}"
        )

    def time_out(self, lab_id: str) -> None:
        """What the lab's workflow waits for does not come."""
        execution = self.of(lab_id)
        execution.token = ""
        self._failed(execution, "States.Timeout", "")

    def break_off(self) -> None:
        """As after a crash of the whole service: nothing that ran goes on."""
        for execution in self.executions.values():
            if execution.status == "RUNNING":
                execution.status, execution.token = "FAILED", ""

    def of(self, lab_id: str) -> Execution:
        """The newest execution of a lab."""
        return [one for one in self.executions.values() if one.data["lab_id"] == lab_id][-1]

    def _step(self, execution: Execution) -> None:
        doing = execution.doing
        execution.path.append(execution.state)
        match doing["Type"]:
            case "Succeed":
                self._end(execution, "SUCCEEDED")
            case "Fail":
                self._end(execution, "FAILED")
            case "Task":
                self._task(execution, doing)
            case "Choice":
                execution.state = self._chosen(execution, doing)
            case other:
                raise AssertionError(f"this fake knows no {other}")

    def _task(self, execution: Execution, doing: Json) -> None:
        name, event, waits = doing["Resource"].strip("${}"), dict(execution.data), False
        if "waitForTaskToken" in name:
            waits, execution.token = True, str(uuid.uuid4())
            name = doing["Parameters"]["FunctionName"].strip("${}")
            event = {
                key.removesuffix(".$"): self._read(execution, key, value) for key, value in doing["Parameters"]["Payload"].items()
            }
        execution.running = True
        try:
            result = self.tasks(snake(name))(json.loads(json.dumps(event)), Context())
        except Exception as error:
            execution.token = ""
            self._failed(execution, type(error).__name__, json.dumps({"errorMessage": str(error)}))
        except Crash:
            execution.token = ""
            self._failed(execution, "Lambda.Unknown", "the process died")
        else:
            if not waits and execution.status == "RUNNING":
                self._go_on(execution, json.loads(json.dumps(result)))
        finally:
            execution.running = False

    def _read(self, execution: Execution, key: str, value: str) -> Any:
        if not key.endswith(".$"):
            return value
        return execution.token if value == "$$.Task.Token" else execution.data[value.removeprefix("$.")]

    def _chosen(self, execution: Execution, doing: Json) -> str:
        """The first rule that holds; as much of Choice as our stories use."""
        for rule in doing["Choices"]:
            found: Any = execution.data
            for step in rule["Variable"].removeprefix("$.").split("."):
                found = found[step]
            if found is rule["BooleanEquals"]:
                return str(rule["Next"])
        return str(doing["Default"])

    def _go_on(self, execution: Execution, result: Any = None) -> None:
        doing, execution.token = execution.doing, ""
        if doing.get("ResultPath"):
            execution.data[doing["ResultPath"].removeprefix("$.")] = result
        if doing.get("End"):
            return self._end(execution, "SUCCEEDED")
        execution.state = doing["Next"]
        return None

    def _failed(self, execution: Execution, error: str, cause: str) -> None:
        if execution.status != "RUNNING":
            return None
        doing, execution.last = execution.doing, f"{error}: {cause}"
        for number, retrier in enumerate(doing.get("Retry", [])):
            if matches(retrier, error):
                used = execution.retries.get((execution.state, number), 0)
                if used >= retrier["MaxAttempts"]:
                    break
                execution.retries[execution.state, number] = used + 1
                return self.between()
        for catcher in doing.get("Catch", []):
            if matches(catcher, error):
                execution.data[catcher["ResultPath"].removeprefix("$.")] = {"Error": error, "Cause": cause}
                execution.state = catcher["Next"]
                return None
        return self._end(execution, "FAILED")

    def _end(self, execution: Execution, status: str) -> None:
        if execution.status == "RUNNING":
            execution.status, execution.token = status, ""
            self.ended.append(execution)

    def _known(self, arn: str) -> None:
        if arn not in self.executions:
            raise refusal("ExecutionDoesNotExist")

    def _waiting(self, token: str) -> Execution:
        for execution in self.executions.values():
            if execution.status == "RUNNING" and execution.token == token:
                return execution
        raise refusal("TaskTimedOut")


def load(name: str) -> Json:
    return dict(json.loads((STORIES / f"{name}.asl.json").read_text()))


def matches(rule: Json, error: str) -> bool:
    return error in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message or code}}, "Called")
