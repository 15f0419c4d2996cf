"""A stage that begins again: its tables are gone, its machines too, and only the bucket is left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.backups import recovery, s3, tables
from chalicelib.backups import store as records
from chalicelib.backups.rules import BackupBroken, Restore
from chalicelib.labs.rules import Phase
from chalicelib.people import service as people
from chalicelib.runtime import aws
from tests.unit.backups.conftest import BUCKET, NOTEBOOK, REGION, SECOND, Vault
from tests.unit.labs.conftest import ADA, BOB, Stage

FILES = {NOTEBOOK: b"a week's work", "shared/data.csv": b"1,2,3"}


def wiped(stage: Stage) -> None:
    """Every table empty, as in a region where the stage was just deployed."""
    for name in ("people", "labs", "limits"):
        table = f"aws-research-wizard-test-{name}"
        for item in stage.tables(name):
            key = {part: item[part] for part in ("pk", "sk")}
            aws.client("dynamodb").delete_item(TableName=table, Key=key)
    people.forget()


@pytest.fixture(autouse=True)
def everybody_is_there_for_the_next_test(stage: Stage) -> Iterator[None]:
    """People are made once for all tests of a module."""
    before = stage.tables("people")
    yield
    for item in before:
        aws.client("dynamodb").put_item(TableName="aws-research-wizard-test-people", Item=item)
    people.forget()


@pytest.fixture
def lost(vault: Vault) -> Vault:
    """A lab with two people and a backup, a snapshot of the tables, and then nothing but the bucket."""
    stage = vault.stage
    assert stage.as_(ADA).post(f"/labs/{vault.lab_id}/users", {"email": BOB, "role": "member"}).status == 201
    vault.backup(FILES)
    recovery.back_up(vault.now)
    stage.deleted(vault.lab_id, data="delete")
    wiped(stage)
    return vault


def step(vault: Vault, word: str) -> dict[str, Any]:
    return recovery.step({"do": word, "lab_id": vault.lab_id}, vault.now)


def grown(vault: Vault) -> None:
    """The lab made anew goes all the way to READY."""
    step(vault, "people")
    step(vault, "shelves")
    assert step(vault, "lab")["phase"] == "PROVISIONING"
    vault.stage.run()
    vault.stage.boot(vault.lab_id)


def test_people_come_back_with_roles_teams_and_the_tokens_they_have(lost: Vault) -> None:
    assert lost.as_(ADA).get("/whoami").status == 401
    done = step(lost, "people")
    assert done["added"] >= 2
    assert lost.as_(ADA).get("/whoami").json["email"] == ADA
    assert step(lost, "people") == {"added": 0, "known": done["added"]}


def test_a_token_that_expired_meanwhile_stays_away(lost: Vault) -> None:
    lost.pass_time(days=4000)
    step(lost, "people")
    assert not any(people.tokens_of(ADA))


def test_the_lab_comes_back_under_its_id_with_its_people_and_its_place(lost: Vault) -> None:
    grown(lost)
    lab = lost.stage.lab(lost.lab_id)
    assert (lab.phase, lab.owner, lab.generation) == (Phase.READY, ADA, 2)
    assert lab.members == 1
    assert [one["email"] for one in lost.as_(ADA).get(f"/labs/{lost.lab_id}/users").json["items"]][-1:] == [BOB]
    assert lost.stage.reserved() == {lost.lab_id}
    assert "LabRebuilt" in lost.stage.facts(lost.lab_id)
    assert step(lost, "lab")["phase"] == "READY", "asked again it is as it is"


def test_its_files_come_back_byte_for_byte_and_only_once(lost: Vault) -> None:
    grown(lost)
    assert step(lost, "files")["state"] == "RUNNING"
    assert step(lost, "files")["state"] == "RUNNING"
    lost.stage.run()
    lost.work()
    told = step(lost, "files")
    assert (told["state"], told["files"], told["failed"]) == ("FINISHED", 2, 0)
    assert lost.came_back == FILES
    assert len(records.pieces(Restore, lost.lab_id)) == 1
    assert [one["id"] for one in lost.as_(ADA).get(f"/labs/{lost.lab_id}/backups").json["items"]] == [told["backup_id"]]


def test_files_wait_for_the_lab(lost: Vault) -> None:
    step(lost, "people")
    step(lost, "shelves")
    step(lost, "lab")
    assert step(lost, "files") == {"state": "WAITING", "cause": "the lab is PROVISIONING"}


def test_a_lab_whose_rebuilding_failed_is_begun_once_more(lost: Vault) -> None:
    step(lost, "shelves")
    step(lost, "lab")
    lost.stage.run()
    lost.stage.stories.time_out(lost.lab_id)
    lost.stage.run()
    assert lost.stage.lab(lost.lab_id).phase is Phase.FAILED
    again = step(lost, "lab")
    assert (again["phase"], again["generation"]) == ("PROVISIONING", 3)
    lost.stage.run()
    lost.stage.boot(lost.lab_id)
    assert lost.stage.lab(lost.lab_id).phase is Phase.READY
    assert lost.stage.reserved() == {lost.lab_id}


def test_a_lab_that_was_stopped_is_stopped_again(vault: Vault) -> None:
    vault.backup(FILES)
    vault.stage.asked(vault.lab_id, "stop")
    vault.stage.run()
    recovery.back_up(vault.now)
    vault.stage.deleted(vault.lab_id, data="delete")
    wiped(vault.stage)
    grown(vault)
    step(vault, "files")
    vault.stage.run()
    vault.work()
    assert step(vault, "rest") == {"phase": "STOPPING", "was": "STOPPED"}
    vault.stage.run()
    assert vault.stage.lab(vault.lab_id).phase is Phase.STOPPED
    assert step(vault, "rest")["phase"] == "STOPPED"


def test_the_plan_says_what_could_be_had_back_and_changes_nothing(lost: Vault) -> None:
    found = step(lost, "plan")
    [lab] = found["labs"]
    assert (lab["id"], lab["here"], lab["files"], lab["backup"]["files"]) == (lost.lab_id, "", "", 2)
    assert found["people"] >= 2
    assert lost.stage.tables("labs") == []


def test_a_snapshot_goes_to_the_second_region_too_and_the_lists_are_the_same(second: Vault) -> None:
    told = recovery.back_up(second.now)
    assert told["copied"]
    there = tables.newest(s3.Place(SECOND, REGION))
    assert there == tables.newest(s3.here())
    assert [tables.read(s3.Place(SECOND, REGION), there, name) for name in tables.LISTS] == [
        tables.read(s3.here(), there, name) for name in tables.LISTS
    ]


@pytest.mark.parametrize("spoil", [lambda body: body[:-9], lambda body: body[:20] + b"\x00" + body[21:]])
def test_a_list_that_is_not_what_was_written_is_refused(vault: Vault, spoil: Callable[[bytes], bytes]) -> None:
    recovery.back_up(vault.now)
    snapshot = tables.newest(s3.here())
    key = f"{snapshot.folder}people.jsonl.gz"
    body = aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=spoil(body))
    with pytest.raises(BackupBroken, match="its checksum differs"):
        step(vault, "people")


def test_a_snapshot_that_was_broken_off_does_not_exist(vault: Vault) -> None:
    first = recovery.back_up(vault.now)
    aws.client("s3").put_object(Bucket=BUCKET, Key="tables/99990101T000000Z/people.jsonl.gz", Body=b"half")
    assert tables.newest(s3.here()).key == first["key"]


def test_no_secret_stands_in_a_snapshot(vault: Vault) -> None:
    recovery.back_up(vault.now)
    snapshot = tables.newest(s3.here())
    text = json.dumps([tables.read(s3.here(), snapshot, name) for name in tables.LISTS])
    assert "awr_" not in text
    assert "awm_" not in text


def test_snapshots_older_than_five_weeks_are_thinned_out_to_one_a_month() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    names = [f"{now - timedelta(days=days):%Y%m%dT%H%M%SZ}" for days in range(100)]
    left = set(names) - set(tables.overdue(names, now))
    assert len(left) == 36 + 3
    assert {"20261001T000000Z", "20260901T000000Z", "20260816T000000Z"} <= left
