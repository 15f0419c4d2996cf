"""What nobody counts as theirs: orphans made by hand in a whole stage, found, put right or left, each told with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.labs import account, machine_store, schedules, store
from chalicelib.labs.account import Asked
from chalicelib.labs.findings import Fate, Finding
from chalicelib.labs.journal import Kind, State
from chalicelib.labs.reports import Report
from chalicelib.labs.rules import Phase
from chalicelib.runtime import aws
from tests.fakes.account import Fault
from tests.unit.labs.conftest import ADA, Stage

HOUR = timedelta(hours=1)
UNKNOWN = "genomics-zzzz"


def tags(lab_id: str, *more: tuple[str, str]) -> list[dict[str, str]]:
    ours = [("lab", lab_id), ("stage", "test"), ("region", "us-east-1"), *more]
    return [{"Key": f"aws-research-wizard:{key}", "Value": value} for key, value in ours]


class Hand:
    """Somebody who makes things with our tags on them, and breaks others."""

    def __init__(self, stage: Stage) -> None:
        self.ec2, self.efs, self.iam = (stage.account.real(name) for name in ("ec2", "efs", "iam"))
        self.subnet = self.ec2.describe_subnets()["Subnets"][0]

    def machine(self, lab_id: str) -> str:
        specification = [{"ResourceType": "instance", "Tags": tags(lab_id)}]
        made = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=specification)
        return str(made["Instances"][0]["InstanceId"])

    def group(self, lab_id: str, name: str = "") -> str:
        specification = [{"ResourceType": "security-group", "Tags": tags(lab_id)}]
        name = name or f"aws-research-wizard-test-{lab_id}"
        made = self.ec2.create_security_group(
            GroupName=name, Description="x", VpcId=self.subnet["VpcId"], TagSpecifications=specification
        )
        return str(made["GroupId"])

    def files(self, lab_id: str, *more: tuple[str, str]) -> str:
        return str(self.efs.create_file_system(CreationToken=f"by-hand-{lab_id}", Tags=tags(lab_id, *more))["FileSystemId"])

    def role(self, lab_id: str) -> str:
        name = f"aws-research-wizard-test-lab-{lab_id}"
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=tags(lab_id))
        self.iam.create_instance_profile(InstanceProfileName=name, Tags=tags(lab_id))
        return name

    def disk(self, lab_id: str) -> str:
        specification = [{"ResourceType": "volume", "Tags": tags(lab_id)}]
        zone = self.subnet["AvailabilityZone"]
        return str(self.ec2.create_volume(AvailabilityZone=zone, Size=100, TagSpecifications=specification)["VolumeId"])

    def tidy(self) -> None:
        """The account as it was before a test (the machines go by themselves)."""
        for one in self.efs.describe_file_systems()["FileSystems"]:
            for target in self.efs.describe_mount_targets(FileSystemId=one["FileSystemId"])["MountTargets"]:
                self.efs.delete_mount_target(MountTargetId=target["MountTargetId"])
            self.efs.delete_file_system(FileSystemId=one["FileSystemId"])
        for one in self.iam.list_instance_profiles()["InstanceProfiles"]:
            name = one["InstanceProfileName"]
            for role in one["Roles"]:
                self.iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
            self.iam.delete_instance_profile(InstanceProfileName=name)
        for one in self.iam.list_roles()["Roles"]:
            for policy in self.iam.list_role_policies(RoleName=one["RoleName"])["PolicyNames"]:
                self.iam.delete_role_policy(RoleName=one["RoleName"], PolicyName=policy)
            self.iam.delete_role(RoleName=one["RoleName"])


@pytest.fixture
def hand(stage: Stage) -> Iterator[Hand]:
    from moto.ec2.models import ec2_backends

    made = Hand(stage)
    yield made
    made.tidy()
    groups = ec2_backends["123456789012"]["us-east-1"].groups
    for ours in groups.values():
        for group_id in [name for name, one in ours.items() if one.name != "default"]:
            del ours[group_id]


def look(stage: Stage, *, dry_run: bool = False, grace: timedelta = timedelta(0), later: timedelta = HOUR) -> Report:
    stage.now += later
    return account.reconcile(Asked(account.new_run(stage.now), dry_run=dry_run, grace=grace), stage.now)


def found(report: Report) -> dict[str, Finding]:
    return {one.id: one for one in report.findings if one.unowned}


def facts(stage: Stage) -> list[dict[str, Any]]:
    items = [one for one in stage.tables("facts") if one["pk"]["S"] == "LAB#account"]
    return [json.loads(one["data"]["S"]) for one in items if one["name"]["S"] == "AccountReconciled"]


def test_a_lab_that_lives_as_it_should_has_nothing_to_be_found(stage: Stage, hand: Hand) -> None:
    lab_id = stage.ready()
    report = look(stage)
    assert found(report) == {}
    assert report.looked_at > 8
    assert stage.lab(lab_id).phase is Phase.READY
    assert len(stage.alive(lab_id)) == 1
    assert facts(stage) == []


@pytest.mark.parametrize("phase", ["provisioning", "stopped", "deleted", "failed"])
def test_nothing_is_found_of_a_lab_in_any_phase(stage: Stage, hand: Hand, phase: str) -> None:
    if phase == "provisioning":
        lab_id = stage.requested()
        stage.run()
    elif phase == "stopped":
        lab_id = stage.stopped()
    elif phase == "deleted":
        lab_id = stage.ready()
        stage.deleted(lab_id)
    else:
        lab_id = stage.requested()
        stage.run()
        stage.stories.time_out(lab_id)
        stage.run()
    before = stage.residue(lab_id)
    assert found(look(stage, later=timedelta(minutes=20))) == {}
    assert stage.residue(lab_id) == before


def test_orphans_of_a_deleted_lab_are_removed_and_its_kept_files_are_not(stage: Stage, hand: Hand) -> None:
    lab_id = stage.ready()
    files = stage.lab(lab_id).file_system_id
    stage.deleted(lab_id)
    machine, group, role, disk = hand.machine(lab_id), hand.group(lab_id), hand.role(lab_id), hand.disk(lab_id)
    dry = found(look(stage, dry_run=True))
    assert {name: one.verdict for name, one in dry.items()} == {
        machine: Fate.REMOVE, group: Fate.REMOVE, role: Fate.REMOVE, disk: Fate.REPORT
    }  # fmt: skip
    assert set(stage.residue(lab_id)) >= {machine, group, role, files}
    report = look(stage)
    assert {one.outcome for one in report.findings if one.verdict is Fate.REMOVE} == {"done"}
    stage.run()
    assert stage.residue(lab_id) == [files]
    assert [one.id for one in report.findings if one.reason.startswith("kept ")] == [files]
    assert str(found(report)[disk].monthly_cost.amount) == "8.00"  # type: ignore[union-attr]
    assert list(found(look(stage))) == [disk]
    assert [one["done"] for one in facts(stage)] == [4]


def test_a_machine_that_its_lab_does_not_count_is_ended_and_the_labs_own_stays(stage: Stage, hand: Hand) -> None:
    lab_id = stage.ready()
    own, foreign = stage.lab(lab_id).instance_id, hand.machine(lab_id)
    group = hand.group(lab_id, "by hand")
    report = look(stage)
    assert {name: one.outcome for name, one in found(report).items()} == {foreign: "done", group: "done"}
    stage.run()
    assert stage.alive(lab_id) == [own]
    assert stage.lab(lab_id).phase is Phase.READY


def test_files_that_no_lab_counts_are_reported_with_what_to_do_and_never_removed(stage: Stage, hand: Hand) -> None:
    lab_id = stage.ready()
    of_lab, of_nobody, wanted = hand.files(lab_id), hand.files(UNKNOWN), hand.files("genomics-aaaa", ("kept-by", "ada"))
    for _ in range(2):
        report = found(look(stage))
        assert {name: one.verdict for name, one in report.items()} == dict.fromkeys((of_lab, of_nobody), Fate.REPORT)
        assert f"delete-file-system --file-system-id {of_nobody}" in report[of_nobody].hint
    every = {one["FileSystemId"] for one in hand.efs.describe_file_systems()["FileSystems"]}
    assert {of_lab, of_nobody, wanted} <= every


def test_of_an_unknown_lab_everything_stays_while_a_machine_of_it_lives_and_goes_when_none_does(stage: Stage, hand: Hand) -> None:
    machine, group, role = hand.machine(UNKNOWN), hand.group(UNKNOWN), hand.role(UNKNOWN)
    assert {one.verdict for one in found(look(stage)).values()} == {Fate.REPORT}
    assert stage.alive(UNKNOWN) == [machine]
    hand.ec2.terminate_instances(InstanceIds=[machine])
    report = look(stage)
    assert {name: one.outcome for name, one in found(report).items() if one.verdict is Fate.REMOVE} == {
        group: "done", role: "done"
    }  # fmt: skip
    assert stage.residue(UNKNOWN) == []


def test_after_the_loss_of_the_labs_table_nothing_is_touched(stage: Stage, hand: Hand) -> None:
    lab_id = stage.ready()
    before, reserved = stage.residue(lab_id), stage.reserved()
    stage.tables.clear("labs")
    report = look(stage)
    assert {one.verdict for one in found(report).values()} == {Fate.REPORT}
    assert (stage.residue(lab_id), stage.reserved()) == (before, reserved)
    assert stage.sweep().orphans == 0


def test_a_journal_that_lost_its_lines_gets_them_back_and_the_lab_can_be_deleted_clean(stage: Stage, hand: Hand) -> None:
    from chalicelib.labs.shapes import Row

    lab_id = stage.ready()
    lines = store.journal(lab_id)
    for row in [row for row in Row.query(store.pk(lab_id)) if row.sk.startswith("JOURNAL#")]:
        row.delete()
    report = look(stage)
    assert {one.verdict for one in found(report).values()} == {Fate.ADOPT}
    assert set(store.journal(lab_id)) == set(lines)
    assert stage.facts(lab_id).count("LabPartAdopted") == len(lines)
    stage.deleted(lab_id, data="delete")
    assert stage.residue(lab_id) == []


def test_what_a_lab_should_have_and_somebody_took_away_is_reported(stage: Stage, hand: Hand) -> None:
    lab_id = stage.ready()
    role = f"aws-research-wizard-test-lab-{lab_id}"
    hand.iam.delete_role_policy(RoleName=role, PolicyName="lab")
    hand.iam.remove_role_from_instance_profile(InstanceProfileName=role, RoleName=role)
    hand.iam.delete_role(RoleName=role)
    one = found(look(stage))[role]
    assert (one.kind, one.verdict) == ("role", Fate.REPORT)
    assert "gone from the account" in one.reason


def test_places_follow_the_labs_that_exist(stage: Stage, hand: Hand) -> None:
    from chalicelib.limits import service as limits
    from chalicelib.runtime.store import commit

    kept, lost = stage.ready(), stage.stopped()
    commit(limits.reserve("default", UNKNOWN, stage.now))
    commit(limits.release("default", lost, stage.now))
    report = found(look(stage))
    assert {(one.lab_id, one.verdict, one.outcome) for one in report.values()} == {
        (UNKNOWN, Fate.REMOVE, "done"), (lost, Fate.ADOPT, "done")
    }  # fmt: skip
    assert stage.reserved() == {kept, lost}


def test_a_workflow_that_nobody_waits_for_is_stopped_and_a_spent_token_forgotten(stage: Stage, hand: Hand) -> None:
    lab_id = stage.ready()
    assert machine_store.waiting(lab_id) is not None
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:aws-research-wizard-test-stop_lab"
    stage.stories.start_execution(arn, f"{lab_id}-9", json.dumps({"lab_id": lab_id, "generation": 9}))
    report = found(look(stage))
    assert {name: one.outcome for name, one in report.items()} == {f"stop_lab/{lab_id}-9": "done"}
    assert stage.stories.of(lab_id).status == "ABORTED"
    assert machine_store.waiting(lab_id) is None


def test_messages_that_nobody_could_take_are_reported(stage: Stage, hand: Hand) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="aws-research-wizard-test-undelivered")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    one = found(look(stage))["aws-research-wizard-test-undelivered"]
    sqs.delete_queue(QueueUrl=url)
    assert one.reason == "1 messages wait that nobody could take"


def test_what_is_younger_than_the_grace_age_is_left_alone_and_removed_later(stage: Stage, hand: Hand) -> None:
    lab_id = stage.ready()
    stage.deleted(lab_id)
    group = hand.group(lab_id)
    grace = timedelta(minutes=15)
    assert group not in found(look(stage, grace=grace))
    assert group not in found(look(stage, grace=grace, later=timedelta(minutes=14)))
    assert found(look(stage, grace=grace, later=timedelta(minutes=1)))[group].outcome == "done"


KINDS = ("fails_before", "fails_after", "dies_before", "dies_after")


@pytest.mark.parametrize("at", range(0, 15, 2))
@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_while_the_account_is_looked_at_is_got_over_by_the_next_look(
    stage: Stage, hand: Hand, at: int, kind: str
) -> None:
    from tests.unit.labs.conftest import delivered

    lab_id, other = stage.ready(), stage.ready()
    stage.deleted(other, data="delete")
    own = stage.residue(lab_id)
    orphans = [hand.machine(other), hand.group(other), hand.role(other), hand.machine(lab_id)]
    stage.account.fault = Fault(len(stage.account.calls) + at, kind)
    delivered(lambda: look(stage))
    assert stage.account.fault.struck
    stage.run()
    look(stage)
    stage.run()
    assert stage.residue(other) == []
    assert sorted(stage.residue(lab_id)) == sorted(own)
    assert orphans
    assert stage.lab(lab_id).phase is Phase.READY


@pytest.mark.parametrize("verb", ["stop", "delete"])
def test_a_look_beside_a_workflow_at_any_of_its_steps_harms_nothing(stage: Stage, hand: Hand, verb: str) -> None:
    lab_id = stage.requested()
    for _ in range(6):
        assert not [one for one in found(look(stage, later=timedelta(seconds=9))).values() if one.outcome]
        if not stage.stories.of(lab_id).token:
            stage.stories._step(stage.stories.of(lab_id))
    stage.run()
    stage.boot(lab_id)
    stage.as_(ADA).delete(f"/labs/{lab_id}?data=delete") if verb == "delete" else stage.asked(lab_id, verb)
    for _ in range(6):
        look(stage, later=timedelta(seconds=9))
        stage.run()
    assert stage.lab(lab_id).phase is (Phase.DELETED if verb == "delete" else Phase.STOPPED)
    assert found(look(stage)) == {}
    if verb == "delete":
        assert stage.residue(lab_id) == []


def test_files_of_a_lab_that_never_opened_are_adopted_by_nobody_and_removed_when_empty(stage: Stage, hand: Hand) -> None:
    lab_id = stage.requested()
    stage.run()
    stage.stories.time_out(lab_id)
    stage.run()
    assert stage.lab(lab_id).phase is Phase.FAILED
    name = f"aws-research-wizard-test-{lab_id}"
    files = hand.efs.create_file_system(CreationToken=name, Tags=tags(lab_id))["FileSystemId"]
    one = found(look(stage))[files]
    assert (one.verdict, one.outcome) == (Fate.REMOVE, "done")
    assert stage.residue(lab_id) == []


def test_two_looks_at_once_do_no_more_than_one(stage: Stage, hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    lab_id = stage.ready()
    foreign = hand.machine(lab_id)
    real = account.settle

    def twice(*args: Any, **more: Any) -> Finding:
        monkeypatch.setattr(account, "settle", real)
        look(stage, later=timedelta(0))
        return real(*args, **more)

    monkeypatch.setattr(account, "settle", twice)
    assert foreign in found(look(stage))
    stage.run()
    assert len(stage.alive(lab_id)) == 1
    assert len([one for one in store.journal(lab_id) if one.kind is Kind.INSTANCE and one.state is State.MADE]) == 1


# ---- the door ------------------------------------------------------------------------------------------------------------


class Later:
    """Lambda, for what is asked of it without waiting."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert (FunctionName, InvocationType) == ("aws-research-wizard-test-reconcile_account", "Event")
        self.events.append(json.loads(Payload))
        return {"StatusCode": 202}


def test_an_admin_asks_for_a_look_and_reads_its_report(stage: Stage, hand: Hand) -> None:
    stage.account.others["lambda"] = later = Later()
    files = hand.files(UNKNOWN)
    assert stage.as_("root").get("/account").status in (200, 404)
    answer = stage.as_("root").post("/account/reconcile", {"dry_run": True, "grace_minutes": 0})
    assert (answer.status, answer.headers["Location"]) == (202, "/account")
    (event,) = later.events
    assert event["detail"] == {
        "run": answer.json["run"], "by": "root@university.edu", "dry_run": True, "grace_minutes": 0
    }  # fmt: skip
    assert schedules.reconcile_account(event, None)["run"] == answer.json["run"]
    told = stage.as_("root").get("/account").json
    assert (told["run"], told["dry_run"], told["by"]) == (answer.json["run"], True, "root@university.edu")
    assert [(one["id"], one["verdict"], one["monthly_cost"]["amount"]) for one in told["findings"] if one["unowned"]] == [
        (files, "report", "0.00")
    ]


@pytest.mark.parametrize(("method", "path"), [("GET", "/account"), ("POST", "/account/reconcile")])
def test_only_an_admin_may_look_after_the_account(stage: Stage, method: str, path: str) -> None:
    answer = stage.as_(ADA).send(method, path, {} if method == "POST" else None)
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


def test_nobody_has_looked_yet(stage: Stage) -> None:
    answer = stage.as_("root").get("/account")
    assert (answer.status, answer.json["hint"]) == (404, "aws-research-wizard doctor --account")


def test_the_timer_says_nothing_and_means_everything(stage: Stage, hand: Hand) -> None:
    event: dict[str, Any] = dict.fromkeys(("version", "id", "detail-type", "source", "account", "time", "region"), "")
    assert schedules.reconcile_account(event | {"resources": [], "detail": {}}, None)["unowned"] == 0
    told = account.last()
    assert (told.by, told.dry_run) == ("aws-research-wizard", False)
