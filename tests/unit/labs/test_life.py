"""A lab's life, from request to receipt, on moto."""

from __future__ import annotations

from chalicelib.labs.rules import Phase
from tests.unit.labs.conftest import ADA, Stage


def test_request_becomes_ready_in_five_transitions_and_leaves_nothing_when_deleted(stage: Stage) -> None:
    lab_id = stage.ready(users=3)
    assert stage.stories.of(lab_id).path == ["ResolveEnvironment", "PrepareStorage", "LaunchMachine", "AwaitMachine", "OpenLab"]
    view = stage.as_(ADA).get(f"/labs/{lab_id}").json
    assert view["phase"] == "READY"
    assert view["address"] == "http://127.0.0.1:8000"
    assert view["kernels"] == [{"name": "genomics-python", "display_name": "Genomics Research (Python 3.11)"}]
    stage.deleted(lab_id, data="delete")
    assert stage.lab(lab_id).phase is Phase.DELETED
    assert stage.residue(lab_id) == []
    assert lab_id not in stage.reserved()
