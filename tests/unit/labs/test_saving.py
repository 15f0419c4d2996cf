"""Before a machine stops it saves people's work; a stop goes on whatever comes of that, and never waits long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.labs import machine_store, store, tasks, work
from chalicelib.labs.machines import WorkState
from chalicelib.labs.rules import Phase
from tests.conftest import Context
from tests.unit.labs.conftest import Stage
from tests.unit.labs.test_work import Waiting, waiting  # noqa: F401 (a fixture)

SAVED = {"saved": 3, "kernels": 2, "terminals": 1, "notebooks": ["ada@university.edu: a.ipynb"]}


@pytest.fixture
def lab_id(stage: Stage) -> str:
    """A lab whose machine beats."""
    made = stage.ready()
    told(stage, made)
    return made


def told(stage: Stage, lab_id: str) -> Any:
    return stage.say(lab_id, "heartbeat", boot_id="b").json["work"]


def path(stage: Stage, lab_id: str) -> list[str]:
    return stage.stories.of(lab_id).path


def test_a_stop_waits_until_the_machine_has_saved(stage: Stage, lab_id: str) -> None:
    stage.asked(lab_id, "stop")
    stage.stories.pump()
    [piece] = told(stage, lab_id)
    assert (piece["kind"], piece["order"]) == ("save", {"seconds": work.SAVE_SECONDS})
    assert path(stage, lab_id) == ["SaveWork"]
    assert stage.say(lab_id, f"work/{piece['id']}", state="done", report=SAVED).status == 204
    stage.run()
    assert stage.lab(lab_id).phase is Phase.STOPPED
    assert path(stage, lab_id)[:2] == ["SaveWork", "StopMachine"]
    facts = stage.facts(lab_id)
    assert facts.index("WorkSaved") < facts.index("LabStopped")


def test_a_machine_that_cannot_save_stops_all_the_same(stage: Stage, lab_id: str) -> None:
    stage.asked(lab_id, "stop")
    stage.stories.pump()
    [piece] = told(stage, lab_id)
    assert stage.say(lab_id, f"work/{piece['id']}", state="failed", cause="this machine knows no work called save").status == 204
    stage.run()
    assert stage.lab(lab_id).phase is Phase.STOPPED
    assert "WorkSaved" not in stage.facts(lab_id)


def test_a_machine_that_says_nothing_is_waited_for_no_longer_than_the_state_allows(stage: Stage, lab_id: str) -> None:
    stage.asked(lab_id, "stop")
    stage.stories.pump()
    stage.stories.time_out(lab_id)
    stage.run()
    assert stage.lab(lab_id).phase is Phase.STOPPED
    assert [one.state for one in machine_store.works(lab_id)] == [WorkState.FAILED], "and nothing stays open"


def test_a_machine_that_was_not_heard_of_lately_is_not_waited_for(stage: Stage, lab_id: str, waiting: Waiting) -> None:  # noqa: F811
    stage.asked(lab_id, "stop")
    work.save(lab_id, stage.lab(lab_id).generation, "t", stage.now + timedelta(hours=1))
    assert [one[:2] for one in waiting.answers] == [("t", "MachineAway")]
    assert told(stage, lab_id) == []


def test_another_size_saves_first_too(stage: Stage, lab_id: str) -> None:
    assert stage.asked(lab_id, "scale", instance_type="r6i.4xlarge").status == 202
    stage.stories.pump()
    [piece] = told(stage, lab_id)
    assert piece["kind"] == "save"
    stage.say(lab_id, f"work/{piece['id']}", state="done", report=SAVED)
    stage.run()
    assert path(stage, lab_id)[:2] == ["SaveWork", "StopMachine"]


def test_while_it_stops_a_machine_gets_no_other_work(stage: Stage, lab_id: str, waiting: Waiting) -> None:  # noqa: F811
    stage.asked(lab_id, "stop")
    tasks.assign_work({"lab_id": lab_id, "work_id": "b-1", "kind": "backup", "order": {}, "token": "t"}, Context())
    assert [one[:2] for one in waiting.answers] == [("t", "MachineAway")]


def test_a_stop_that_is_asked_again_saves_once(stage: Stage, lab_id: str) -> None:
    stage.asked(lab_id, "stop")
    stage.asked(lab_id, "stop")
    stage.stories.pump()
    assert len(told(stage, lab_id)) == 1


def test_a_delete_overtakes_what_saves(stage: Stage, lab_id: str) -> None:
    stage.asked(lab_id, "stop")
    stage.stories.pump()
    stage.deleted(lab_id)
    stage.run()
    assert stage.lab(lab_id).phase is Phase.DELETED


def test_what_a_report_says_of_people_is_in_no_fact(stage: Stage, lab_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: dict[str, Any] = {}
    monkeypatch.setattr(work, "fact", lambda *_, **data: noted.update(data))
    machine = machine_store.load(lab_id)
    assert machine
    work._saved(store.load(lab_id), machine, SAVED | {"kernels": "many"}, stage.now)
    assert noted == {"by": f"machine:{machine.instance_id}", "saved": 3, "terminals": 1}
