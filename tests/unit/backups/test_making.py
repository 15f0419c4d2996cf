"""A backup counts once everything it names was seen in the bucket; before that, and if anything is wrong, it does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.backups import making, store, tasks
from chalicelib.backups.rules import State, Then
from chalicelib.labs.rules import Phase
from tests.conftest import Context
from tests.unit.backups.conftest import BUCKET, NOTEBOOK, REGION, Vault, s3
from tests.unit.labs.conftest import ADA, BOB, EVE


def test_a_backup_goes_all_the_way(vault: Vault) -> None:
    backup = vault.backup({NOTEBOOK: b"a notebook of some length", "shared/data.csv": b"1,2,3"})
    assert (backup.state, backup.files, backup.bytes) == (State.FINISHED, 2, 30)
    seen = vault.as_().get(f"/labs/{vault.lab_id}/backups/{backup.id}").json
    assert (seen["state"], seen["files"], seen["by_hand"], seen["stale"]) == ("FINISHED", 2, True, False)
    assert vault.facts("BackupRequested", "BackupFinished") == ["BackupRequested", "BackupFinished"]


def test_the_order_tells_the_machine_where_and_on_what(vault: Vault) -> None:
    first = vault.backup()
    vault.asked()
    (order,) = [one["order"] for one in vault.orders()]
    assert order["bucket"] == BUCKET
    assert order["prefix"] == f"labs/{vault.lab_id}"
    assert order["base"] == first.id
    assert order["base_manifest"] == {"key": first.manifest_key, "sha256": first.manifest_sha256}


def test_a_base_whose_manifest_is_gone_is_not_stood_upon(vault: Vault) -> None:
    first = vault.backup()
    s3().delete_object(Bucket=BUCKET, Key=first.manifest_key)
    vault.asked()
    assert vault.orders()[0]["order"]["base"] is None


def test_one_backup_of_a_lab_at_a_time(vault: Vault) -> None:
    vault.asked()
    answer = vault.as_().post(f"/labs/{vault.lab_id}/backups", {})
    assert answer.status == 409
    assert "is at it already" in answer.json["message"]
    vault.work()
    vault.backup()


def test_the_same_request_is_the_same_backup(vault: Vault) -> None:
    path = f"/labs/{vault.lab_id}/backups"
    one, two = (vault.as_().post(path, {}, key="same") for _ in range(2))
    assert one.json["id"] == two.json["id"]
    assert two.headers["Location"] == f"{path}/{one.json['id']}"


def test_only_a_running_lab_can_be_backed_up(vault: Vault) -> None:
    vault.stage.asked(vault.lab_id, "stop")
    vault.stage.run()
    answer = vault.as_().post(f"/labs/{vault.lab_id}/backups", {})
    assert answer.status == 409
    assert answer.json["hint"] == "start it first"


@pytest.mark.parametrize(("who", "status"), [(BOB, 202), (EVE, 404)])
def test_whoever_works_in_a_lab_may_back_it_up(vault: Vault, who: str, status: int) -> None:
    vault.as_().post(f"/labs/{vault.lab_id}/users", {"email": BOB})
    assert vault.as_(who).post(f"/labs/{vault.lab_id}/backups", {}).status == status


def test_a_member_may_not_have_the_lab_deleted_afterwards(vault: Vault) -> None:
    vault.as_().post(f"/labs/{vault.lab_id}/users", {"email": BOB})
    assert vault.as_(BOB).post(f"/labs/{vault.lab_id}/backups", {"then": "delete"}).status == 403


# ---- what must be there


def broken(vault: Vault, spoil: Any) -> Any:
    """A backup whose bucket is spoiled between the machine's last word and the look at it."""
    vault.files = {NOTEBOOK: b"a notebook of some length"}
    backup_id = vault.asked()
    (one,) = vault.orders()
    report = vault.put(one["order"])
    spoil(report)
    vault.stage.say(vault.lab_id, f"work/{one['id']}", state="done", report=report)
    vault.stage.run()
    return vault.known(backup_id)


def lose_a_chunk(vault: Vault) -> str:
    key = sorted(vault.chunk_keys())[0]
    s3().delete_object(Bucket=BUCKET, Key=key)
    return key


def test_a_missing_chunk_fails_it_and_names_the_file(vault: Vault) -> None:
    backup = broken(vault, lambda _: lose_a_chunk(vault))
    assert backup.state is State.FAILED
    assert f"a chunk of {NOTEBOOK} is missing" in backup.cause


def test_a_chunk_of_another_size_fails_it(vault: Vault) -> None:
    backup = broken(vault, lambda _: s3().put_object(Bucket=BUCKET, Key=sorted(vault.chunk_keys())[0], Body=b"short"))
    assert "bytes, the file had 25" in backup.cause


def test_a_manifest_that_is_another_than_was_reported_fails_it(vault: Vault) -> None:
    assert "SHA-256" in broken(vault, lambda report: report.update(manifest_sha256="0" * 64)).cause


def test_a_manifest_that_is_not_there_fails_it(vault: Vault) -> None:
    gone = broken(vault, lambda report: s3().delete_object(Bucket=BUCKET, Key=report["manifest_key"]))
    assert "is missing in the bucket" in gone.cause


def test_a_machine_cannot_pass_off_another_manifest(vault: Vault) -> None:
    first = vault.backup()
    told = broken(vault, lambda report: report.update(manifest_key=first.manifest_key, manifest_sha256=first.manifest_sha256))
    assert "names another manifest" in told.cause


def test_a_manifest_that_ends_too_early_fails_it(vault: Vault) -> None:
    def cut(report: dict[str, Any]) -> None:
        body = s3().get_object(Bucket=BUCKET, Key=report["manifest_key"])["Body"].read()
        s3().put_object(Bucket=BUCKET, Key=report["manifest_key"], Body=body[:-20])

    assert "cannot be read" in broken(vault, cut).cause


def test_a_large_manifest_is_looked_through_in_parts(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "LOOK_EVERY", 2)
    monkeypatch.setattr(tasks, "within", lambda _context: lambda: True)
    backup = vault.backup({f"shared/{number}": b"x" * number for number in range(1, 8)})
    assert backup.state is State.FINISHED
    assert vault.stage.stories.of(vault.lab_id).path.count("CheckBackup") == 4


# ---- what fails


def test_a_failure_of_the_machine_is_told_in_its_words(vault: Vault) -> None:
    backup_id = vault.asked()
    vault.stage.say(vault.lab_id, f"work/{backup_id}", state="failed", cause="the bucket cannot be reached")
    vault.stage.run()
    backup = vault.known(backup_id)
    assert (backup.state, backup.cause) == (State.FAILED, "the bucket cannot be reached")
    assert vault.facts("BackupFailed") == ["BackupFailed"]
    assert vault.backup().state is State.FINISHED


def test_a_lab_that_is_stopped_meanwhile_fails_it(vault: Vault) -> None:
    backup_id = vault.asked()
    vault.stage.asked(vault.lab_id, "stop")
    vault.stage.run()
    assert "its machine is not there" in vault.known(backup_id).cause


def test_a_silent_machine_fails_it(vault: Vault) -> None:
    backup_id = vault.asked()
    execution = vault.stage.stories.of(vault.lab_id)
    execution.token = ""
    vault.stage.stories._failed(execution, "States.HeartbeatTimeout", "")
    vault.stage.run()
    assert vault.known(backup_id).cause == "the lab's machine fell silent while it worked on it"


def test_every_task_may_be_delivered_twice(vault: Vault) -> None:
    backup = vault.backup()
    event = {"lab_id": vault.lab_id, "backup_id": backup.id, "error": {"Error": "X", "Cause": "late"}}
    tasks.finish_backup(event, Context())
    tasks.fail_backup(event, Context())
    assert vault.known(backup.id) == backup
    assert len(vault.facts("BackupFinished", "BackupFailed")) == 1


# ---- and then


@pytest.mark.parametrize(("then", "phase"), [(Then.STOP, Phase.STOPPED), (Then.DELETE, Phase.DELETED)])
def test_then_the_lab_is_stopped_or_deleted(vault: Vault, then: Then, phase: Phase) -> None:
    backup = vault.backup(then=then)
    assert vault.stage.lab(vault.lab_id).phase is phase
    assert vault.known(backup.id).state is State.FINISHED


@pytest.mark.parametrize("then", ["stop", "delete"])
def test_after_a_failed_backup_the_lab_is_left_alone_and_that_is_said(vault: Vault, then: str) -> None:
    backup_id = vault.asked(then=then)
    vault.stage.say(vault.lab_id, f"work/{backup_id}", state="failed", cause="no room")
    vault.stage.run()
    assert vault.stage.lab(vault.lab_id).phase is Phase.READY
    assert vault.known(backup_id).then_failed in ("the lab was not stopped", "the lab was not deleted")


def test_a_lab_that_was_started_anew_since_is_not_stopped_again(vault: Vault) -> None:
    backup = vault.backup(then="stop")
    vault.stage.asked(vault.lab_id, "start")
    vault.stage.run()
    vault.stage.boot(vault.lab_id)
    making.finish(vault.lab_id, backup.id, vault.now)
    vault.stage.run()
    assert vault.stage.lab(vault.lab_id).phase is Phase.READY


def test_whoever_lost_the_right_meanwhile_does_not_stop_the_lab(vault: Vault) -> None:
    vault.as_().post(f"/labs/{vault.lab_id}/users", {"email": BOB})
    vault.files = {NOTEBOOK: b"x"}
    backup_id = vault.asked(who=BOB, then="stop")
    vault.as_().delete(f"/labs/{vault.lab_id}/users/{BOB}")
    vault.work()
    backup = vault.known(backup_id)
    assert backup.state is State.FINISHED
    assert backup.then_failed.startswith("the lab was not stopped")
    assert vault.stage.lab(vault.lab_id).phase is Phase.READY


# ---- the second region


def test_a_backup_is_copied_to_the_second_region(second: Vault) -> None:
    backup = second.backup()
    assert backup.copied_at is not None
    assert set(second.keys("labs/", REGION)) == set(second.keys("labs/"))


def test_only_what_is_missing_there_is_copied(second: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    second.backup({NOTEBOOK: b"one thing"})
    copied: list[str] = []
    monkeypatch.setattr(making.s3, "_copy", lambda _source, _target, key, _to: copied.append(key))
    second.backup({NOTEBOOK: b"one thing and another"})
    assert len([key for key in copied if "/chunks/" in key]) == 2
    assert copied[-1].endswith("manifest.jsonl.gz")


def test_a_copy_goes_on_where_its_time_ended(second: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([False, True, *[False] * 100])
    monkeypatch.setattr(tasks, "within", lambda _context: lambda: next(looks))
    backup = second.backup({NOTEBOOK: b"a notebook of some length"})
    assert backup.state is State.FINISHED
    assert second.stage.stories.of(second.lab_id).path.count("CopyBackup") == 2
    assert set(second.keys("labs/", REGION)) == set(second.keys("labs/"))


# ---- the night


def test_every_running_lab_is_backed_up_at_night_once(vault: Vault) -> None:
    vault.stage.now = vault.now.replace(hour=3, minute=5) + timedelta(days=1)
    assert vault.tend().begun == 1
    assert vault.tend().begun == 0
    vault.work()
    assert vault.tend().begun == 0
    vault.pass_time(days=1)
    assert vault.tend().begun == 1
    assert [one.by_hand for one in store.pieces(making.Backup, vault.lab_id)] == [False, False]


def test_a_lab_in_trouble_keeps_no_other_from_its_backup(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.backups import tending
    from chalicelib.runtime.errors import Unavailable

    vault.stage.ready()
    vault.pass_time(days=1)
    start = tending.start_backup
    failed: list[str] = []

    def once(lab: Any, *rest: Any, **more: Any) -> Any:
        if not failed:
            failed.append(lab.id)
            raise Unavailable("busy")
        return start(lab, *rest, **more)

    monkeypatch.setattr(tending, "start_backup", once)
    done = vault.tend()
    assert (done.begun, done.troubled) == (1, 1)


def test_what_fails_at_night_is_tried_three_times(vault: Vault) -> None:
    vault.stage.now = vault.now.replace(hour=3, minute=5) + timedelta(days=1)
    begun = 0
    for _ in range(6):
        begun += vault.tend().begun
        for one in vault.orders():
            vault.stage.say(vault.lab_id, f"work/{one['id']}", state="failed", cause="no room")
        vault.stage.run()
        vault.pass_time(hours=1)
    assert begun == 3


def test_a_start_that_got_lost_is_repeated(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.backups import starting

    with monkeypatch.context() as patch:
        patch.setattr(starting.workflows, "begin", lambda *_: "")
        backup_id = vault.asked()
    assert vault.tend().mended == 1
    vault.work()
    assert vault.known(backup_id).state is State.FINISHED


def test_a_workflow_that_broke_off_leaves_no_backup_running(vault: Vault) -> None:
    from chalicelib.backups import tending

    backup_id = vault.asked()
    execution = vault.stage.stories.of(vault.lab_id)
    vault.stage.stories.break_off()
    tending.broke_off(execution.arn, vault.now)
    assert (vault.known(backup_id).state, vault.known(backup_id).cause) == (State.FAILED, "its workflow was interrupted")
    assert vault.backup().state is State.FINISHED


def test_news_of_other_workflows_concerns_nobody_here(vault: Vault) -> None:
    from chalicelib.backups import tending

    for name in (f"{vault.lab_id}-1", "x", f"{vault.lab_id}-b-20261123-030000-x7k2"):
        tending.broke_off(f"arn:aws:states:us-east-1:1:execution:stop_lab:{name}", vault.now)


def test_backups_are_told_with_what_changed_and_for_whom(vault: Vault) -> None:
    backup = vault.backup()
    items = {one["name"]["S"]: one for one in vault.stage.tables("facts") if "name" in one}
    assert items["BackupRequested"]["changes"]["S"] == f'{{"backup:{backup.id}.state":[null,"RUNNING"]}}'
    assert items["BackupFinished"]["changes"]["S"] == f'{{"backup:{backup.id}.state":["RUNNING","FINISHED"]}}'
    assert items["BackupFinished"]["on_behalf_of"]["S"] == ADA
