"""How is a long piece of work started, answered and stopped? Every verb may be said twice without harm."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

from chalicelib.runtime import aws, settings
from chalicelib.runtime.errors import AppError, Retryable
from chalicelib.runtime.log import logger

GONE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")  # somebody answered before, or nobody waits any more


def start(name: str, lab_id: str, generation: int, correlation_id: str) -> str:
    """Start `name` for one generation of a lab (once, however often it is asked for); returns the execution's ARN."""
    work = {"lab_id": lab_id, "generation": generation, "correlation_id": correlation_id}
    return begin(name, f"{lab_id}-{generation}", work)


def begin(name: str, run: str, work: dict[str, Any]) -> str:
    """Start the run of this name (at most 80 characters) once, however often it is asked for; returns the execution's ARN."""
    _call(
        "start_execution",
        ("ExecutionAlreadyExists",),
        stateMachineArn=settings.current().state_machine_arn(name),
        name=run,
        input=json.dumps(work),
    )
    return settings.current().execution_arn(name, run)


def standing(name: str, run: str) -> str:
    """What Step Functions says of one execution: UNKNOWN, RUNNING or ENDED."""
    from botocore.exceptions import ClientError

    try:
        arn = settings.current().execution_arn(name, run)
        status = aws.client("stepfunctions").describe_execution(executionArn=arn)["status"]
    except ClientError as error:
        if aws.error_code(error) == "ExecutionDoesNotExist":
            return "UNKNOWN"
        raise
    return "RUNNING" if status in ("RUNNING", "PENDING_REDRIVE") else "ENDED"


def running(name: str) -> list[tuple[str, datetime]]:
    """The executions of one state machine that have not ended: their names, and since when."""
    paginator = aws.client("stepfunctions").get_paginator("list_executions")
    pages = paginator.paginate(stateMachineArn=settings.current().state_machine_arn(name), statusFilter="RUNNING")
    return [(one["name"], one["startDate"]) for page in pages for one in page["executions"]]


def stop(arn: str, cause: str) -> None:
    _call("stop_execution", ("ExecutionDoesNotExist",), executionArn=arn, cause=cause)


def succeed(token: str, output: dict[str, Any]) -> bool:
    """Answer a waiting task; False when nobody waits for it any more."""
    return _call("send_task_success", GONE, taskToken=token, output=json.dumps(output))


def fail(token: str, error: str, cause: str) -> bool:
    """Fail a waiting task; False when nobody waits for it any more. Step Functions keeps 256 and 32768 characters."""
    return _call("send_task_failure", GONE, taskToken=token, error=error[:256], cause=cause[:32768])


class Caught(NamedTuple):
    """What a Catch of a state machine caught: the error's name, and what it said; both blank when nothing was caught."""

    error: str
    said: str

    @classmethod
    def of(cls, output: Mapping[str, Any] | None) -> Caught:
        """From the Catch's output, {"Error", "Cause"}. Of a Lambda function's error the cause is JSON with an `errorMessage`."""
        error, said = (str((output or {}).get(name, "")) for name in ("Error", "Cause"))
        with suppress(ValueError, KeyError, TypeError):
            said = str(json.loads(said)["errorMessage"])
        return cls(error, said)


@contextmanager
def answered(token: str, *by_name: type[AppError]) -> Iterator[None]:
    """Whatever goes wrong in the block, whoever waits on this token is told: with the name of an error `by_name`, or Retryable;
    with Superseded for any other that was foreseen."""
    named: tuple[type[AppError], ...] = (Retryable, *by_name)
    try:
        yield
    except named as error:
        fail(token, type(error).__name__, error.message)
    except AppError as error:
        fail(token, "Superseded", error.message)
    except Exception as error:
        logger().exception("waiting could not begin")
        fail(token, "Retryable", str(error))


def beat(token: str) -> bool:
    """Say that a waiting task goes on; False when nobody waits for it any more."""
    return _call("send_task_heartbeat", GONE, taskToken=token)


def _call(verb: str, fine: tuple[str, ...], **arguments: Any) -> bool:
    from botocore.exceptions import ClientError

    try:
        getattr(aws.client("stepfunctions"), verb)(**arguments)
    except ClientError as error:
        if aws.error_code(error) not in fine:
            raise
        return False
    return True
