"""Bad luck of its own kind: workflows that break off, news that is lost, machines that go behind our back, tasks heard twice.

Every fault at every call, one and two at a time, is swept over the simulator (`make faults`, tests/unit/sweep); here stand the
stories that deserve a name. What must hold: the lab rests in READY, STOPPED, FAILED or DELETED · one machine at most lives · a
lab neither READY nor STOPPED leaves nothing billable · the team's place is taken exactly by labs that exist.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.labs.rules import Phase
from tests.fakes.account import Fault
from tests.unit.labs.conftest import Stage


def converged(stage: Stage, lab_id: str) -> Phase:
    """Let the stage come to rest as the hours pass, then look at what is left."""
    stage.converge()
    stage.account.fault = None
    lab = stage.lab(lab_id)
    if lab.phase in (Phase.PROVISIONING, Phase.STARTING, Phase.SCALING) and stage.alive(lab_id):
        stage.boot(lab_id)
        stage.converge()
        lab = stage.lab(lab_id)
    assert not lab.moving, (lab.phase, lab.cause, stage.stories.of(lab_id).path, stage.stories.of(lab_id).last)
    assert len(stage.alive(lab_id)) == (1 if lab.phase in (Phase.READY, Phase.STOPPED) else 0)
    if lab.phase in (Phase.FAILED, Phase.DELETED):
        assert stage.residue(lab_id) == []
        assert lab_id not in stage.reserved()
    return lab.phase


@pytest.mark.parametrize("steps", range(6))
def test_when_the_whole_workflow_service_dies_every_lab_ends_failed_and_clean(stage: Stage, steps: int) -> None:
    lab_id = stage.requested()
    for _ in range(steps):
        if not stage.stories.of(lab_id).token:
            stage.stories._step(stage.stories.of(lab_id))
    stage.stories.break_off()
    stage.sweep()
    stage.run()
    assert stage.lab(lab_id).phase is Phase.FAILED
    assert stage.lab(lab_id).cause == "workflow was interrupted"
    assert converged(stage, lab_id) is Phase.FAILED


@pytest.mark.parametrize("verb", ["stop", "start", "scale"])
def test_when_the_workflow_service_dies_in_between_a_lab_keeps_its_machine_and_files(stage: Stage, verb: str) -> None:
    lab_id = stage.stopped() if verb == "start" else stage.ready()
    files = stage.lab(lab_id).file_system_id
    stage.asked(lab_id, verb, **({"instance_type": "r6i.4xlarge"} if verb == "scale" else {}))
    stage.stories.pump()
    stage.stories.break_off()
    stage.sweep()
    stage.run()
    assert converged(stage, lab_id) is Phase.STOPPED
    assert stage.account.real("efs").describe_file_systems(FileSystemId=files)["FileSystems"]


def test_a_workflow_whose_start_was_lost_is_started_by_the_sweep(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.runtime import workflows

    with monkeypatch.context() as patch:
        patch.setattr(workflows, "start", lambda *_: "lost")
        lab_id = stage.requested()
    stage.sweep()
    stage.run()
    stage.boot(lab_id)
    assert stage.lab(lab_id).phase is Phase.READY


def test_sweep_twice_is_the_same_as_once(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.stories.break_off()
    stage.sweep()
    generation = stage.lab(lab_id).generation
    stage.sweep()
    assert stage.lab(lab_id).generation == generation
    assert converged(stage, lab_id) is Phase.FAILED


def test_workflow_that_takes_too_long_is_stopped_and_undone(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.sweep(timedelta(hours=2))
    assert converged(stage, lab_id) is Phase.FAILED
    assert stage.lab(lab_id).cause == "provisioning took too long"


def test_machine_that_no_lab_counts_as_its_own_is_ended_by_the_sweep(stage: Stage) -> None:
    lab_id = stage.ready()
    tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in stage.machines(lab_id)[0]["Tags"]]
    stage.account.real("ec2").run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]
    )
    assert len(stage.alive(lab_id)) == 2
    assert stage.sweep().orphans == 0  # it may be one that is being made
    assert stage.sweep(timedelta(minutes=20)).orphans == 1
    stage.run()
    assert stage.alive(lab_id) == [stage.lab(lab_id).instance_id]
    assert stage.lab(lab_id).phase is Phase.READY


def test_lost_machine_is_seen_by_the_sweep_when_the_news_of_it_was_lost(stage: Stage) -> None:
    lab_id = stage.ready()
    stage.account.real("ec2").terminate_instances(InstanceIds=[stage.lab(lab_id).instance_id])
    stage.sweep()
    assert stage.lab(lab_id).phase is Phase.FAILED
    assert "MachineLost" in stage.facts(lab_id)


def test_machine_that_stopped_while_booting_is_seen_by_the_sweep_when_the_news_was_lost(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.account.real("ec2").stop_instances(InstanceIds=[stage.lab(lab_id).instance_id])
    stage.sweep()
    assert stage.lab(lab_id).phase is Phase.PROVISIONING, "so soon after the launch it may be an old view"
    stage.sweep(timedelta(minutes=3))
    stage.run()
    assert stage.lab(lab_id).phase is Phase.FAILED
    assert "stopped while it was booting" in stage.lab(lab_id).cause
    assert stage.residue(lab_id) == []


def test_stop_whose_news_was_lost_is_finished_by_the_sweep(stage: Stage) -> None:
    lab_id = stage.ready()
    stage.asked(lab_id, "stop")
    stage.stories.pump()
    assert stage.account.settle(), "the machine arrived, and nobody heard of it"
    assert stage.lab(lab_id).phase is Phase.STOPPING
    stage.sweep()
    stage.run()
    assert stage.lab(lab_id).phase is Phase.STOPPED


def test_every_task_may_be_delivered_twice(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.labs import tasks

    def twice(name: str) -> object:
        def handler(event: dict[str, object], context: object) -> None:
            getattr(tasks, name)(event, context)
            getattr(tasks, name)(event, context)

        return handler

    monkeypatch.setattr(stage.stories, "tasks", twice)
    lab_id = stage.ready()
    assert len(stage.alive(lab_id)) == 1
    assert stage.facts(lab_id).count("MachineLaunched") == 1
    assert stage.facts(lab_id).count("LabReady") == 1
    stage.asked(lab_id, "scale", instance_type="r6i.4xlarge")
    stage.run()
    stage.boot(lab_id)
    stage.asked(lab_id, "stop")
    stage.run()
    assert stage.lab(lab_id).phase is Phase.STOPPED
    stage.deleted(lab_id, data="delete")
    assert converged(stage, lab_id) is Phase.DELETED
    assert stage.facts(lab_id).count("LabDeleted") == 1


def upto(stage: Stage, lab_id: str, state: str) -> None:
    """Run the lab's workflow until it is about to enter a state."""
    while stage.stories.of(lab_id).state != state:
        stage.stories._step(stage.stories.of(lab_id))


@pytest.mark.parametrize("kind", ["fails_after", "dies_after"])
def test_launch_whose_answer_was_lost_is_not_a_second_machine(stage: Stage, kind: str) -> None:
    lab_id = stage.requested()
    upto(stage, lab_id, "LaunchMachine")
    real = stage.account.strike

    def lost(name: str, act: object) -> object:
        if name == "ec2:run_instances":
            stage.account.strike = real  # type: ignore[method-assign]
            stage.account.fault = Fault(len(stage.account.calls), kind)
        return real(name, act)  # type: ignore[arg-type]

    stage.account.strike = lost  # type: ignore[method-assign]
    stage.run()
    stage.boot(lab_id)
    assert stage.lab(lab_id).phase is Phase.READY
    assert len(stage.machines(lab_id)) == 1


def test_launch_delivered_again_does_not_go_back_to_a_type_that_was_refused(stage: Stage) -> None:
    from chalicelib.labs import tasks
    from tests.conftest import Context

    stage.account.sold_out = {"r6i.2xlarge"}
    lab_id = stage.requested(users=2)
    upto(stage, lab_id, "AwaitMachine")
    stage.account.sold_out = set()
    tasks.launch_machine(stage.stories.of(lab_id).data, Context())
    assert len(stage.machines(lab_id)) == 1
    assert stage.facts(lab_id).count("LabCapacityFallback") == 1


def test_undo_is_not_done_while_the_machine_is_still_going_down(stage: Stage) -> None:
    from chalicelib.labs import teardown
    from chalicelib.runtime.errors import StillThere

    lab_id = stage.requested()
    stage.run()
    generation = stage.lab(lab_id).generation
    with pytest.raises(StillThere, match="instance"):
        teardown.undo_lab(lab_id, generation)
    stage.account.settle()
    teardown.undo_lab(lab_id, generation)
    assert stage.residue(lab_id) == []
