from __future__ import annotations

from collections.abc import Iterator

import pytest

from aws_research_wizard.host.control_plane import Away, ControlPlane
from aws_research_wizard.host.steps import CommandFailed, StepFailed, Steps
from tests.fakes.world import World
from tests.unit.host.conftest import order_sheet


@pytest.fixture
def world() -> Iterator[World]:
    played = World(order_sheet())
    yield played
    played.close()


def test_steps_are_told_in_order_with_what_happened_before_anyone_listened(world: World) -> None:
    steps = Steps()
    steps.add("fetch bundle", 0.5)
    steps.tell(ControlPlane("https://abcd1234.execute-api.x/api", world.url, world.token))
    with steps.step("install hub") as note:
        note.detail = "kept"
    steps.flush()
    told = [(body["step"], body["state"], body["detail"]) for body in world.of("steps")]
    assert told == [("fetch bundle", "done", ""), ("install hub", "started", ""), ("install hub", "done", "kept")]
    assert [step["name"] for step in steps.times()] == ["fetch bundle", "install hub"]


@pytest.mark.parametrize(
    ("error", "cause", "tail"),
    [
        (CommandFailed("no space left", ["last"]), "no space left", ["last"]),
        (Away("gave up"), "gave up", []),
        (ValueError("odd"), "ValueError: odd", []),
    ],
)
def test_failure_names_its_step_and_cause(error: Exception, cause: str, tail: list[str]) -> None:
    steps = Steps()
    with pytest.raises(StepFailed) as failed, steps.step("start hub"):
        raise error
    assert (failed.value.step, failed.value.cause, failed.value.log_tail) == ("start hub", cause, tail)
    assert steps.times() == []


def test_telling_nobody_holds_nothing_up(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps()
    steps.tell(ControlPlane("http://127.0.0.1:9/api"))
    with steps.step("start hub"):
        pass
    steps.flush()
    assert "not told: start hub done" in capsys.readouterr().err
