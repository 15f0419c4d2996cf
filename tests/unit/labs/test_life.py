"""A lab's life, from request to receipt, on moto: what people ask, what the machine says, what the workflows make of it."""

from __future__ import annotations

import pytest

from chalicelib.labs.rules import Phase
from tests.unit.labs.conftest import ADA, Stage

SMALL = ("r6i.2xlarge", "r6a.2xlarge", "r5.2xlarge")


def test_request_becomes_ready_in_five_transitions_and_leaves_nothing_when_deleted(stage: Stage) -> None:
    lab_id = stage.ready(users=3)
    assert stage.stories.of(lab_id).path == ["ResolveEnvironment", "PrepareStorage", "LaunchMachine", "AwaitMachine", "OpenLab"]
    view = stage.as_(ADA).get(f"/labs/{lab_id}").json
    assert view["phase"] == "READY"
    assert view["address"] == "http://127.0.0.1:8000"
    assert [(one["name"], one["display_name"], one["state"]) for one in view["kernels"]] == [
        ("genomics-python", "Genomics Research (Python 3.11)", "ready")
    ]
    assert view["price_per_hour"]["currency"] == "USD"
    assert view["steps"] == [{"name": "install hub", "seconds": 3.5}]
    assert len(stage.alive(lab_id)) == 1
    answer = stage.deleted(lab_id, data="delete")
    assert answer.headers["Location"] == f"/labs/{lab_id}"
    assert stage.lab(lab_id).phase is Phase.DELETED
    assert stage.residue(lab_id) == []
    assert lab_id not in stage.reserved()


def test_facts_tell_the_whole_story_in_order(stage: Stage) -> None:
    lab_id = stage.ready()
    stage.deleted(lab_id)
    told = ["LabRequested", "EnvironmentResolved", "StoragePrepared", "MachineLaunched", "MachineClaimed", "LabReady"]
    assert stage.facts(lab_id) == [*told, "LabDeleting", "LabDeleted"]


def test_everything_made_carries_the_labs_tags(stage: Stage) -> None:
    lab_id = stage.ready(team="default")
    wanted = {("aws-research-wizard:lab", lab_id), ("aws-research-wizard:owner", ADA), ("aws-research-wizard:team", "default")}
    real = stage.account.real
    machine = stage.machines(lab_id)[0]
    volume = machine["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    groups = real("ec2").describe_security_groups(GroupIds=[group["GroupId"] for group in machine["SecurityGroups"]])
    files = real("efs").describe_file_systems(FileSystemId=stage.lab(lab_id).file_system_id)["FileSystems"][0]
    role = real("iam").get_role(RoleName=f"aws-research-wizard-test-lab-{lab_id}")["Role"]
    volumes = real("ec2").describe_volumes(VolumeIds=[volume])["Volumes"]
    for tagged in (machine, *groups["SecurityGroups"], files, role, *volumes):
        assert wanted <= {(tag["Key"], tag["Value"]) for tag in tagged["Tags"]}


def test_machine_is_launched_hardened_and_its_user_data_holds_no_secret(stage: Stage) -> None:
    lab_id = stage.ready()
    machine = stage.machines(lab_id)[0]
    assert machine["MetadataOptions"]["HttpTokens"] == "required"
    assert machine["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    volume = machine["BlockDeviceMappings"][0]["Ebs"]
    assert volume["DeleteOnTermination"]
    assert stage.account.real("ec2").describe_volumes(VolumeIds=[volume["VolumeId"]])["Volumes"][0]["Encrypted"]
    groups = stage.account.real("ec2").describe_security_groups(GroupIds=[machine["SecurityGroups"][0]["GroupId"]])
    assert groups["SecurityGroups"][0]["IpPermissions"] == []
    asked = stage.account.real("ec2").describe_instance_attribute(InstanceId=machine["InstanceId"], Attribute="userData")
    import base64

    text = base64.b64decode(asked["UserData"]["Value"]).decode()
    assert "scripts-user, always" in text
    assert f"AWR_LAB_ID='{lab_id}'" in text
    assert "s3://artifacts/host/bundle-1.tar.gz" in text
    assert "awm_" not in text
    assert "__" not in text.replace("__main__", "").split("Placeholders", 1)[1].split("set -euo", 1)[1]


def test_stop_and_start_keep_machine_and_files(stage: Stage) -> None:
    lab_id = stage.stopped()
    before = stage.lab(lab_id)
    assert before.address == ""
    assert stage.stories.of(lab_id).path == ["SaveWork", "StopMachine", "AwaitMachine", "ParkLab"]
    assert stage.asked(lab_id, "start").status == 202
    stage.run()
    stage.boot(lab_id)
    after = stage.lab(lab_id)
    assert after.phase is Phase.READY
    assert (after.instance_id, after.file_system_id) == (before.instance_id, before.file_system_id)
    assert stage.facts(lab_id)[-4:] == ["LabStopping", "LabStopped", "LabStarting", "LabReady"]


def test_ready_of_an_earlier_boot_does_not_open_a_lab_that_starts_again(stage: Stage) -> None:
    lab_id = stage.ready()
    stage.say_ready(lab_id, "boot-of-today")
    stage.asked(lab_id, "stop")
    stage.run()
    stage.asked(lab_id, "start")
    stage.run()
    stage.say_ready(lab_id, "boot-of-today")
    stage.run()
    assert stage.lab(lab_id).phase is Phase.STARTING
    stage.say_ready(lab_id, "boot-of-tomorrow")
    stage.run()
    assert stage.lab(lab_id).phase is Phase.READY


def test_machine_that_is_ready_before_anybody_waits_is_not_missed(stage: Stage) -> None:
    lab_id = stage.requested()
    while stage.stories.of(lab_id).state != "AwaitMachine":
        stage.stories._step(stage.stories.of(lab_id))
    stage.claim(lab_id)
    stage.say_ready(lab_id)
    stage.run()
    assert stage.lab(lab_id).phase is Phase.READY


def test_scale_to_another_type_restarts_and_keeps_everything(stage: Stage) -> None:
    lab_id = stage.ready()
    before = stage.lab(lab_id)
    answer = stage.asked(lab_id, "scale", instance_type="r6i.4xlarge", users=9)
    assert answer.json["phase"] == "SCALING"
    stage.run()
    stage.boot(lab_id)
    after = stage.lab(lab_id)
    assert (after.phase, after.instance_type, after.users) == (Phase.READY, "r6i.4xlarge", 9)
    assert (after.instance_id, after.file_system_id) == (before.instance_id, before.file_system_id)
    assert stage.machines(lab_id)[0]["InstanceType"] == "r6i.4xlarge"
    assert stage.facts(lab_id)[-3:] == ["LabScaling", "LabScaled", "LabReady"]


def test_scale_of_users_and_storage_needs_no_restart_and_reaches_the_machine(stage: Stage) -> None:
    lab_id = stage.ready()
    answer = stage.asked(lab_id, "scale", users=12, shared_storage="2TB")
    assert (answer.status, answer.json["phase"]) == (202, "READY")
    orders = stage.say(lab_id, "heartbeat", boot_id="b", uptime_s=5, storage_used_bytes=None, servers=[]).json
    assert (orders["capacity"], orders["shared_storage_gb"], orders["heartbeat_seconds"]) == (12, 2000, 5)
    assert orders["kernels"][0]["lock"].startswith("domain_packs/genomics/locks/")


def test_scale_while_stopped_only_resizes_and_counts_at_the_next_start(stage: Stage) -> None:
    lab_id = stage.stopped()
    answer = stage.asked(lab_id, "scale", instance_type="r6i.4xlarge")
    assert (answer.status, answer.json["phase"], answer.json["instance_type"]) == (202, "STOPPED", "r6i.4xlarge")
    stage.run()
    assert stage.lab(lab_id).phase is Phase.STOPPED
    stage.asked(lab_id, "start")
    stage.run()
    stage.boot(lab_id)
    assert stage.machines(lab_id)[0]["InstanceType"] == "r6i.4xlarge"


def test_no_capacity_tries_the_next_type_and_says_so(stage: Stage) -> None:
    stage.account.sold_out = {SMALL[0]}
    lab_id = stage.ready(users=2)
    assert stage.lab(lab_id).instance_type == SMALL[1]
    assert "LabCapacityFallback" in stage.facts(lab_id)
    assert len(stage.alive(lab_id)) == 1


def test_no_capacity_at_all_is_failed_with_the_cause_and_leaves_nothing(stage: Stage) -> None:
    stage.account.sold_out = set(SMALL)
    lab_id = stage.requested(users=2)
    stage.run()
    lab = stage.lab(lab_id)
    assert lab.phase is Phase.FAILED
    assert "r6i.2xlarge" in lab.cause
    assert stage.residue(lab_id) == []
    assert lab_id not in stage.reserved()


def test_no_capacity_at_start_takes_the_next_type(stage: Stage) -> None:
    lab_id = stage.stopped(users=2)
    stage.account.sold_out = {SMALL[0]}
    stage.asked(lab_id, "start")
    stage.run()
    stage.boot(lab_id)
    assert stage.lab(lab_id).instance_type == SMALL[1]
    assert stage.lab(lab_id).phase is Phase.READY


def test_no_capacity_at_start_parks_the_lab_with_the_cause(stage: Stage) -> None:
    lab_id = stage.stopped(users=2)
    stage.account.sold_out = set(SMALL)
    stage.asked(lab_id, "start")
    stage.run()
    lab = stage.lab(lab_id)
    assert lab.phase is Phase.STOPPED
    assert "can be had now" in lab.cause
    assert stage.account.real("efs").describe_file_systems(FileSystemId=lab.file_system_id)["FileSystems"]


def test_machine_that_says_it_failed_leaves_cause_and_last_lines_and_nothing_else(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.claim(lab_id)
    stage.say(lab_id, "steps", step="install kernel genomics-python", state="started", seconds=0, detail="")
    cause = {"step": "install kernel genomics-python", "cause": "uv ended with 2", "log_tail": ["No solution found", "bye"]}
    assert stage.say(lab_id, "failed", **cause).status == 204
    stage.run()
    lab = stage.lab(lab_id)
    assert (lab.phase, lab.cause) == (Phase.FAILED, "install kernel genomics-python: uv ended with 2")
    assert stage.residue(lab_id) == []
    lines = stage.as_(ADA).get(f"/labs/{lab_id}/logs").json["items"]
    assert [line["text"] for line in lines] == ["No solution found", "bye"]


def test_machine_that_dies_while_booting_fails_the_lab_and_leaves_nothing(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.account.client("ec2").terminate_instances(InstanceIds=[stage.lab(lab_id).instance_id])
    stage.run()
    lab = stage.lab(lab_id)
    assert lab.phase is Phase.FAILED
    assert "while it was booting" in lab.cause
    assert stage.residue(lab_id) == []


def test_call_home_that_never_comes_fails_the_lab_with_a_cause_people_understand(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.stories.time_out(lab_id)
    stage.run()
    lab = stage.lab(lab_id)
    assert (lab.phase, lab.cause) == (Phase.FAILED, "the machine did not call home in time")
    assert stage.residue(lab_id) == []


def test_boot_that_fails_after_a_stop_keeps_machine_and_files(stage: Stage) -> None:
    lab_id = stage.stopped()
    stage.asked(lab_id, "start")
    stage.run()
    stage.say(lab_id, "failed", step="start hub", cause="port taken", log_tail=["x"])
    stage.run()
    lab = stage.lab(lab_id)
    assert (lab.phase, lab.cause) == (Phase.STOPPED, "start hub: port taken")
    assert len(stage.alive(lab_id)) == 1
    stage.asked(lab_id, "start")
    stage.run()
    stage.boot(lab_id)
    assert stage.lab(lab_id).phase is Phase.READY


def test_machine_terminated_outside_is_lost_and_a_start_makes_a_new_one_with_the_same_files(stage: Stage) -> None:
    lab_id = stage.ready()
    before = stage.lab(lab_id)
    stage.account.client("ec2").terminate_instances(InstanceIds=[before.instance_id])
    stage.run()
    lost = stage.lab(lab_id)
    assert lost.phase is Phase.FAILED
    assert "terminated outside" in lost.cause
    assert "MachineLost" in stage.facts(lab_id)
    assert stage.asked(lab_id, "start").status == 202
    stage.run()
    stage.boot(lab_id)
    after = stage.lab(lab_id)
    assert (after.phase, after.file_system_id) == (Phase.READY, before.file_system_id)
    assert after.instance_id != before.instance_id
    assert len(stage.alive(lab_id)) == 1
    stage.deleted(lab_id, data="delete")
    assert stage.residue(lab_id) == []


def test_machine_stopped_outside_is_seen(stage: Stage) -> None:
    lab_id = stage.ready()
    stage.account.client("ec2").stop_instances(InstanceIds=[stage.lab(lab_id).instance_id])
    stage.run()
    assert stage.lab(lab_id).phase is Phase.STOPPED
    assert "outside the wizard" in stage.lab(lab_id).cause


def test_delete_keeps_the_files_and_the_receipt_lists_them_with_their_cost(stage: Stage) -> None:
    lab_id = stage.ready()
    files = stage.lab(lab_id).file_system_id
    stage.deleted(lab_id)
    receipt = stage.as_(ADA).get(f"/labs/{lab_id}").json["receipt"]
    assert receipt["kept"] == [
        {
            "kind": "file-system",
            "id": files,
            "monthly_cost": {"amount": "0.00", "currency": "USD", "as_of": receipt["kept"][0]["monthly_cost"]["as_of"]},
        }
    ]
    assert {one["kind"] for one in receipt["removed"]} == {
        "instance",
        "instance-profile",
        "role",
        "mount-target",
        "security-group",
        "storage-security-group",
    }
    assert all(one["verified_absent"] for one in receipt["removed"])
    assert stage.residue(lab_id, files=False) == []
    assert stage.lab(lab_id).phase is Phase.DELETED
    stored = [one for one in stage.tables("labs") if one["pk"]["S"] == f"LAB#{lab_id}"]
    assert [one["sk"]["S"] for one in stored] == ["LAB"]
    assert "expires" not in stored[0]


@pytest.mark.parametrize("steps", range(5))
def test_delete_at_any_point_of_provisioning_leaves_nothing(stage: Stage, steps: int) -> None:
    lab_id = stage.requested()
    for _ in range(steps):
        if not stage.stories.of(lab_id).token:
            stage.stories._step(stage.stories.of(lab_id))
    assert stage.deleted(lab_id).status == 202
    assert stage.lab(lab_id).phase is Phase.DELETED
    assert stage.residue(lab_id) == []
    assert lab_id not in stage.reserved()


def test_machine_that_is_launched_after_the_delete_undoes_itself(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.labs import ec2, tasks
    from chalicelib.runtime.errors import Superseded
    from tests.conftest import Context

    lab_id = stage.requested()
    for _ in range(2):
        stage.stories._step(stage.stories.of(lab_id))
    event = stage.stories.of(lab_id).data
    launch = ec2.launch

    def late(order: ec2.Order) -> str:
        assert stage.as_(ADA).delete(f"/labs/{lab_id}").status == 202
        stage.stories._step(stage.stories.of(lab_id))
        return launch(order)

    monkeypatch.setattr(ec2, "launch", late)
    with pytest.raises(Superseded):
        tasks.launch_machine(event, Context())
    stage.run()
    assert stage.lab(lab_id).phase is Phase.DELETED
    assert stage.alive(lab_id) == []


def test_stop_while_starting_is_a_conflict_with_a_hint(stage: Stage) -> None:
    lab_id = stage.stopped()
    stage.asked(lab_id, "start")
    answer = stage.asked(lab_id, "stop")
    assert answer.status == 409
    assert answer.json["hint"] == "wait until it is READY, or delete it"


def test_start_of_a_lab_that_was_never_ready_is_a_conflict(stage: Stage) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.stories.time_out(lab_id)
    stage.run()
    assert stage.asked(lab_id, "start").status == 409
    stage.deleted(lab_id)
    assert stage.lab(lab_id).phase is Phase.DELETED


def test_same_command_twice_is_one_workflow(stage: Stage) -> None:
    lab_id = stage.ready()
    first, second = stage.asked(lab_id, "stop"), stage.asked(lab_id, "stop")
    assert (first.status, second.status) == (202, 202)
    assert first.json["generation"] == second.json["generation"]
    stage.deleted(lab_id)
    assert stage.deleted(lab_id).status == 409
