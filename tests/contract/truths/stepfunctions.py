"""Step Functions: one execution of a name, and the tokens that tasks wait for."""

from __future__ import annotations

from typing import Any

from tests.contract.truths.core import Json, Place, refusal, truth

START = "AWS Step Functions API Reference: StartExecution"
INPUT = '{"lab_id": "x-1", "generation": 1, "correlation_id": "c"}'
ANSWER = "AWS Step Functions API Reference: SendTaskSuccess, SendTaskFailure"


def start(place: Place, name: str, input: str = INPUT) -> str:
    return str(
        place.client("stepfunctions").start_execution(stateMachineArn=place.workflow(), name=name, input=input)["executionArn"]
    )


def stop(place: Place, arn: str) -> None:
    place.client("stepfunctions").stop_execution(executionArn=arn, cause="a test")


def described(place: Place, arn: str) -> Json:
    return dict(place.client("stepfunctions").describe_execution(executionArn=arn))


def answer(place: Place, token: str, **more: Any) -> str:
    return refusal(lambda: place.client("stepfunctions").send_task_success(taskToken=token, output="{}", **more))


@truth(START, ministack="is ExecutionAlreadyExists")
def the_same_name_and_input_while_it_runs_is_the_same_execution(place: Place) -> None:
    name = place.word("run")
    assert start(place, name, '{"a": 1}') == start(place, name, '{"a": 1}')


@truth(START)
def the_same_name_with_another_input_is_ExecutionAlreadyExists(place: Place) -> None:  # noqa: N802
    name = place.word("run")
    start(place, name, '{"a": 1}')
    assert refusal(lambda: start(place, name, '{"a": 2}')) == "ExecutionAlreadyExists"


@truth(START)
def the_name_of_an_execution_that_ended_is_ExecutionAlreadyExists(place: Place) -> None:  # noqa: N802
    name = place.word("run")
    stop(place, start(place, name))
    assert refusal(lambda: start(place, name)) == "ExecutionAlreadyExists"


@truth(START)
def a_state_machine_that_never_was_is_StateMachineDoesNotExist(place: Place) -> None:  # noqa: N802
    call = place.client("stepfunctions").start_execution
    arn = f"{place.workflow()}_nobody"
    assert refusal(lambda: call(stateMachineArn=arn, name="run", input="{}")) == "StateMachineDoesNotExist"


@truth("AWS Step Functions API Reference: DescribeExecution, StopExecution")
def an_execution_that_never_was_is_ExecutionDoesNotExist(place: Place) -> None:  # noqa: N802
    arn = f"{place.workflow().replace(':stateMachine:', ':execution:')}:{place.word('nobody')}"
    assert refusal(lambda: described(place, arn)) == "ExecutionDoesNotExist"
    assert refusal(lambda: stop(place, arn)) == "ExecutionDoesNotExist"


@truth("AWS Step Functions API Reference: StopExecution")
def a_stopped_execution_is_ABORTED(place: Place) -> None:  # noqa: N802
    arn = start(place, place.word("run"))
    assert described(place, arn)["status"] == "RUNNING"
    stop(place, arn)
    assert described(place, arn)["status"] == "ABORTED"


@truth(ANSWER, moto="runs no workflow")
def a_waiting_task_goes_on_once_its_token_is_answered(place: Place) -> None:
    arn = start(place, place.word("run"))
    token = place.token(arn)
    assert described(place, arn)["status"] == "RUNNING"
    assert answer(place, token) == ""
    place.pass_time()
    assert described(place, arn)["status"] == "SUCCEEDED"


@truth(ANSWER, moto="runs no workflow", ministack="is TaskDoesNotExist")
def a_token_that_was_answered_is_TaskTimedOut(place: Place) -> None:  # noqa: N802
    token = place.token(start(place, place.word("run")))
    answer(place, token)
    place.pass_time()
    assert answer(place, token) in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
    assert answer(place, token) == "TaskTimedOut"


@truth(ANSWER, moto="runs no workflow", ministack="takes the answer")
def the_token_of_a_stopped_execution_counts_no_more(place: Place) -> None:
    arn = start(place, place.word("run"))
    token = place.token(arn)
    stop(place, arn)
    assert answer(place, token) in ("TaskTimedOut", "TaskDoesNotExist")


@truth(ANSWER, moto="takes any")
def a_token_that_never_was_is_refused(place: Place) -> None:
    assert answer(place, "nobody") in ("InvalidToken", "TaskDoesNotExist", "TaskTimedOut")


@truth(ANSWER, moto="runs no workflow")
def a_waiting_task_that_is_failed_ends_its_execution_with_that_error(place: Place) -> None:
    arn = start(place, place.word("run"))
    token = place.token(arn)
    place.client("stepfunctions").send_task_failure(taskToken=token, error="Broken", cause="a test")
    place.pass_time()
    assert described(place, arn)["status"] == "FAILED"
