"""What the facts say about the steps."""

from typing import Any

import pytest

from aws_research_wizard.cli.board import State, chapter, elapsed, steps


def facts(*told: tuple[str, float] | tuple[str, float, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "name": one[0],
            "at": f"2026-11-23T09:{int(one[1] // 60):02d}:{one[1] % 60:09.6f}Z",
            "data": one[2] if len(one) > 2 else {},
        }
        for one in told
    ]


REQUEST: list[Any] = [
    ("LabRequested", 0),
    ("EnvironmentResolved", 0.5, {"kernels": ["genomics-python"]}),
    ("StoragePrepared", 2),
    ("MachineLaunched", 4, {"instance_type": "r6i.2xlarge"}),
    ("MachineClaimed", 12),
]


def test_nothing_told_shows_nothing() -> None:
    assert steps([]) == []
    assert elapsed([]) == 0.0


@pytest.mark.parametrize(
    ("count", "now"),
    [
        (1, "Choosing the environment"),
        (2, "Preparing storage"),
        (3, "Launching a machine"),
        (4, "Machine starting up"),
        (5, "Machine setting itself up"),
    ],
)
def test_between_two_facts_something_is_going_on(count: int, now: str) -> None:
    shown = steps(facts(*REQUEST[:count]))
    assert (shown[-1].label, shown[-1].state) == (now, State.RUNNING)
    assert all(step.state is State.DONE for step in shown[:-1])


def test_a_step_took_the_time_since_the_one_before() -> None:
    shown = steps(facts(*REQUEST))
    assert [step.seconds for step in shown[:5]] == pytest.approx([0.0, 0.5, 1.5, 2.0, 8.0])
    assert (shown[1].detail, shown[3].detail) == ("genomics-python", "r6i.2xlarge")


def test_the_machines_own_steps_run_side_by_side_and_end_with_their_own_time() -> None:
    told = facts(
        *REQUEST,
        ("MachineStep", 13, {"step": "install kernel genomics-python", "state": "started"}),
        ("MachineStep", 13, {"step": "start hub", "state": "started"}),
        ("MachineStep", 18, {"step": "start hub", "state": "done", "seconds": 4.9}),
    )
    running, done = steps(told)[-2:]
    assert (running.label, running.state, running.seconds) == ("Install kernel genomics-python", State.RUNNING, None)
    assert (done.label, done.state, done.seconds) == ("Start hub", State.DONE, 4.9)


def test_a_machine_step_nobody_foresaw_is_shown_by_its_own_name() -> None:
    told = facts(*REQUEST, ("MachineStep", 13, {"step": "warm caches", "state": "done", "seconds": 1}))
    assert "Warm caches" in [step.label for step in steps(told)]


def test_once_the_lab_is_ready_nothing_runs_any_more() -> None:
    told = facts(*REQUEST, ("MachineStep", 13, {"step": "late", "state": "started"}), ("LabReady", 20))
    assert all(step.state is State.DONE for step in steps(told))
    assert elapsed(told) == 20.0


def test_a_failed_step_and_its_cause_are_shown() -> None:
    told = facts(
        *REQUEST,
        ("MachineStep", 13, {"step": "install kernel genomics-python", "state": "started"}),
        ("MachineStep", 15, {"step": "install kernel genomics-python", "state": "failed", "detail": "no space left"}),
        ("LabFailed", 16, {"cause": "kernels could not be installed"}),
    )
    shown = steps(told)
    assert [(step.label, step.state, step.detail) for step in shown[-2:]] == [
        ("Install kernel genomics-python", State.FAILED, "no space left"),
        ("Failed", State.FAILED, "kernels could not be installed"),
    ]


def test_what_ran_when_a_lab_failed_has_failed() -> None:
    told = facts(
        *REQUEST,
        ("MachineStep", 13, {"step": "install kernel genomics-python", "state": "started"}),
        ("LabFailed", 16, {"cause": "timed out"}),
    )
    assert steps(told)[-2].state is State.FAILED


def test_each_lack_of_capacity_is_a_line_of_its_own() -> None:
    told = facts(
        *REQUEST[:3],
        ("LabCapacityFallback", 3, {"instance_type": "r6i.2xlarge", "next": "m6i.2xlarge"}),
        ("LabCapacityFallback", 4, {"instance_type": "m6i.2xlarge", "next": "r7i.2xlarge"}),
    )
    notes = [step for step in steps(told) if step.state is State.NOTE]
    assert [note.detail for note in notes] == ["trying m6i.2xlarge", "trying r7i.2xlarge"]
    assert steps(told)[-1].label == "Launching a machine"


def test_only_the_newest_chapter_is_told() -> None:
    told = facts(*REQUEST, ("LabReady", 20), ("LabStopping", 60), ("LabStopped", 75))
    assert [fact["name"] for fact in chapter(told)] == ["LabStopping", "LabStopped"]
    assert [step.label for step in steps(told)] == ["Stop requested", "Stopped, data kept"]
    assert elapsed(told) == 15.0


def test_a_lab_at_rest_shows_no_running_step_even_before_its_last_fact_arrives() -> None:
    assert all(step.state is State.DONE for step in steps(facts(*REQUEST), rested=True))
