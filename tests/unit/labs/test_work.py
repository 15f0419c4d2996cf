"""A machine does what a workflow ordered, and the workflow hears of it, in whatever order they speak and however often."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.labs import machine_store, tasks, work
from chalicelib.labs.machines import Work
from chalicelib.labs.rules import Phase
from chalicelib.runtime import workflows
from tests.conftest import Context
from tests.unit.labs.conftest import BOB, Stage

ORDER = {"bucket": "b", "prefix": "labs/x"}


@dataclass
class Waiting:
    """Step Functions as a piece of work meets it: tokens, and what each was answered."""

    gone: set[str] = field(default_factory=set)
    answers: list[tuple[Any, ...]] = field(default_factory=list)
    beats: list[str] = field(default_factory=list)

    def succeed(self, token: str, output: dict[str, Any]) -> bool:
        return self._answered(token, "done", output)

    def fail(self, token: str, error: str, cause: str) -> bool:
        return self._answered(token, error, cause)

    def beat(self, token: str) -> bool:
        self.beats.append(token)
        return token not in self.gone

    def _answered(self, token: str, *what: Any) -> bool:
        if token in self.gone:
            return False
        self.gone.add(token)
        self.answers.append((token, *what))
        return True


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    made = Waiting()
    for name in ("succeed", "fail", "beat"):
        monkeypatch.setattr(workflows, name, getattr(made, name))
    return made


@pytest.fixture
def lab_id(stage: Stage) -> str:
    return stage.ready()


def order(lab_id: str, work_id: str = "b-1", token: str = "t1", **more: Any) -> None:
    event = {"lab_id": lab_id, "work_id": work_id, "kind": "backup", "order": ORDER, "token": token} | more
    tasks.assign_work(event, Context())


def told(stage: Stage, lab_id: str) -> Any:
    return stage.say(lab_id, "heartbeat", boot_id="b").json["work"]


def report(stage: Stage, lab_id: str, state: str = "done", work_id: str = "b-1", **more: Any) -> int:
    return stage.say(lab_id, f"work/{work_id}", state=state, **more).status


def test_the_machine_hears_of_its_work_with_its_next_heartbeat(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    assert told(stage, lab_id) == []
    order(lab_id)
    assert told(stage, lab_id) == [{"id": "b-1", "kind": "backup", "order": ORDER}]
    assert waiting.answers == []


def test_what_it_reports_reaches_the_workflow_and_the_work_is_off_the_list(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    order(lab_id)
    assert report(stage, lab_id, report={"files": 3}) == 204
    assert waiting.answers == [("t1", "done", {"files": 3})]
    assert told(stage, lab_id) == []


def test_a_failure_reaches_the_workflow_with_its_cause(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    order(lab_id)
    assert report(stage, lab_id, "failed", cause="no room") == 204
    assert waiting.answers == [("t1", "WorkFailed", "no room")]


def test_running_keeps_the_workflow_waiting_and_the_work_on_the_list(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    order(lab_id)
    assert report(stage, lab_id, "running", report={"files": 1}) == 204
    assert (waiting.beats, waiting.answers) == (["t1"], [])
    assert len(told(stage, lab_id)) == 1


def test_a_report_said_twice_is_heard_once_and_never_changed(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    order(lab_id)
    said = [report(stage, lab_id, report={"files": 3}), report(stage, lab_id, "failed", cause="late"), report(stage, lab_id)]
    assert said == [204, 204, 204]
    assert waiting.answers == [("t1", "done", {"files": 3})]


def test_work_nobody_ordered_is_not_wanted(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    assert report(stage, lab_id, work_id="b-none") == 404


def test_the_oldest_work_comes_first(stage: Stage, lab_id: str, waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    for days, name in ((2, "b-a"), (1, "b-b"), (3, "b-c")):
        work.assign(lab_id, Work(name, "backup", ORDER, name, stage.now - timedelta(days=days)))
    assert [one["id"] for one in told(stage, lab_id)] == ["b-c", "b-a", "b-b"]


def test_assigned_again_it_keeps_its_place_and_takes_the_new_token(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    order(lab_id)
    order(lab_id, token="t2")
    assert len(told(stage, lab_id)) == 1
    report(stage, lab_id)
    assert waiting.answers == [("t2", "done", {})]


def test_assigned_again_after_the_report_it_is_answered_at_once(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    order(lab_id)
    waiting.gone.add("t1")
    report(stage, lab_id, report={"files": 3})
    order(lab_id, token="t2")
    assert waiting.answers == [("t2", "done", {"files": 3})]


def test_a_report_between_look_and_leave_is_not_lost(
    stage: Stage, lab_id: str, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second assignment read the work while it was open, and meets it closed when it writes."""
    order(lab_id)
    waiting.gone.add("t1")
    leave = machine_store.leave_work

    def meanwhile(*asked: Any) -> Any:
        monkeypatch.setattr(machine_store, "leave_work", leave)
        report(stage, lab_id, report={"files": 3})
        return leave(*asked)

    monkeypatch.setattr(machine_store, "leave_work", meanwhile)
    order(lab_id, token="t2")
    assert waiting.answers == [("t2", "done", {"files": 3})]


def test_a_report_whose_answer_got_lost_is_answered_when_it_comes_again(
    stage: Stage, lab_id: str, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(lab_id)
    with monkeypatch.context() as patch:
        patch.setattr(workflows, "succeed", lambda *_: (_ for _ in ()).throw(RuntimeError("died here")))
        assert report(stage, lab_id, report={"files": 3}) == 500
    assert report(stage, lab_id) == 204
    assert waiting.answers == [("t1", "done", {"files": 3})]


def test_a_lab_that_is_not_ready_gets_no_work(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    stage.account.client("stepfunctions")
    with_old_answers = list(waiting.answers)
    assert stage.asked(lab_id, "stop").status == 202
    order(lab_id)
    assert waiting.answers[len(with_old_answers) :] == [
        ("t1", "MachineAway", f"lab {lab_id} is STOPPING: its machine is not there to do it")
    ]
    assert told(stage, lab_id) == []


@pytest.mark.parametrize("verb", ["stop", "delete", "scale"])
def test_a_lab_that_leaves_ready_fails_its_open_work(stage: Stage, lab_id: str, waiting: Waiting, verb: str) -> None:
    order(lab_id)
    owner = stage.as_("ada@university.edu")
    answer = owner.delete(f"/labs/{lab_id}") if verb == "delete" else stage.asked(lab_id, verb, **body_of(verb))
    assert answer.status == 202
    assert [one[:2] for one in waiting.answers] == [("t1", "MachineAway")]
    assert report(stage, lab_id) == 404


def body_of(verb: str) -> dict[str, Any]:
    return {"instance_type": "r6i.4xlarge"} if verb == "scale" else {}


def test_a_lab_whose_machine_was_lost_fails_its_open_work(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    order(lab_id)
    stage.account.client("ec2").terminate_instances(InstanceIds=[stage.lab(lab_id).instance_id])
    stage.sweep(timedelta(hours=2))
    assert stage.lab(lab_id).phase is Phase.FAILED
    assert [one[:2] for one in waiting.answers] == [("t1", "MachineAway")]


def test_work_that_was_left_behind_by_a_crash_is_ended_when_the_machine_speaks(
    stage: Stage, lab_id: str, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(lab_id)
    with monkeypatch.context() as patch:
        patch.setattr(work, "end_all", lambda *_: None)
        stage.asked(lab_id, "stop")
    assert report(stage, lab_id) == 404
    assert [one[:2] for one in waiting.answers] == [("t1", "MachineAway")]


def test_a_lab_that_is_not_known_fails_the_task(stage: Stage, waiting: Waiting) -> None:
    order("genomics-zzzz")
    assert [one[:2] for one in waiting.answers] == [("t1", "MachineAway")]


def test_trouble_while_assigning_is_told_to_whoever_waits(
    stage: Stage, lab_id: str, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_store, "work", lambda *_: (_ for _ in ()).throw(RuntimeError("away")))
    order(lab_id)
    assert waiting.answers == [("t1", "Retryable", "away")]


def test_only_the_machine_itself_reports(stage: Stage, lab_id: str, waiting: Waiting) -> None:
    order(lab_id)
    assert stage.as_(BOB).post("/machine/work/b-1", {"state": "done"}).status == 401
    assert report(stage, lab_id, "finished") == 422
