"""Workflows go on where they were."""

from __future__ import annotations

from typing import Any

from aws_research_wizard.local import resume

STORY = {"StartAt": "A", "States": {"A": {"Type": "Task", "Next": "B"}, "B": {"Type": "Task", "End": True}}}


def entered(name: str, given: str = "{}") -> dict[str, Any]:
    return {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": name, "input": given}}


def test_a_workflow_that_had_not_begun_begins() -> None:
    assert resume.from_where_it_was(STORY, [{"type": "ExecutionStarted"}]) == STORY


def test_a_workflow_re_enters_the_state_it_was_in_with_its_input() -> None:
    changed = resume.from_where_it_was(STORY, [entered("A"), {"type": "TaskStateExited"}, entered("B", '{"lab": 1}')])
    door = changed["States"][changed["StartAt"]]
    assert (door["Type"], door["Next"], door["Result"]) == ("Pass", "B", {"lab": 1})
    assert "Resumed" not in STORY["States"]


def test_states_inside_a_branch_are_left_to_their_branch() -> None:
    changed = resume.from_where_it_was(STORY, [entered("A", '{"n": 1}'), entered("Inner")])
    assert changed["States"]["Resumed"]["Next"] == "A"


def test_a_second_crash_resumes_the_true_state_not_the_door() -> None:
    once = resume.from_where_it_was(STORY, [entered("A", '{"n": 1}')])
    twice = resume.from_where_it_was(STORY, [entered("A", '{"n": 1}'), entered("Resumed"), entered("A", '{"n": 1}')])
    assert once == twice


def test_only_what_ran_is_revived_and_its_failure_forgotten() -> None:
    executions = {1: {"status": "RUNNING"}, 2: {"status": "FAILED", "error": "NoCapacity"}}
    assert resume.running(executions) == [1]
    failed = {"status": "FAILED", "error": "States.ServiceRestart", "cause": "c", "stopDate": "x", "input": "{}"}
    resume.revive(failed)
    assert failed == {"status": "RUNNING", "stopDate": None, "input": "{}"}
