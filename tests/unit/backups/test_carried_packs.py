"""A team's own pack comes back with the region: its records, its locks, and the labs that were made with it."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.backups import recovery, s3, tables
from chalicelib.labs.rules import Phase
from chalicelib.packs import adding
from chalicelib.runtime import aws, settings
from tests.unit.backups.conftest import BUCKET, REGION, SECOND, Vault
from tests.unit.backups.test_recovery import FILES, grown, step, wiped
from tests.unit.backups.test_recovery import everybody_is_there_for_the_next_test as everybody_is_there_for_the_next_test
from tests.unit.labs.conftest import ADA, SETTINGS
from tests.unit.labs.test_own_packs import LOCK, TEXT, add, lock
from tests.unit.labs.test_own_packs import lead as lead

ARTIFACTS = SETTINGS["ARTIFACTS_BUCKET"]
NEWER = TEXT + "    env: {A: b}\n"


def stored(bucket: str, prefix: str = "packs/", region: str = "") -> dict[str, bytes]:
    client = aws.client("s3", region) if region else aws.client("s3")
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def emptied(bucket: str) -> None:
    for key in stored(bucket, ""):
        aws.client("s3").delete_object(Bucket=bucket, Key=key)


class Brought(Vault):
    """A lab of the first version of a pack of which there is a second one, backed up; a snapshot."""

    first: str
    second: str


@pytest.fixture
def brought(vault: Vault, lead: str) -> Brought:
    vault.stage.people["lead"] = lead
    made = Brought(vault.stage, vault.lab_id)
    made.first = add(made.stage).json["version"]
    made.stage.deleted(vault.lab_id, data="delete")
    made.lab_id = made.stage.ready(domain="my_group")
    made.second = add(made.stage, NEWER).json["version"]
    made.backup(FILES)
    return made


def lost(vault: Vault) -> dict[str, Any]:
    """Everything but the backups' bucket; returns what the snapshot said."""
    told = recovery.back_up(vault.now)
    vault.stage.deleted(vault.lab_id, data="delete")
    forgotten(vault)
    return told


def forgotten(vault: Vault) -> None:
    wiped(vault.stage)
    emptied(ARTIFACTS)
    adding.of_version.cache_clear()


def orders(vault: Vault) -> dict[str, Any]:
    told = vault.stage.say(vault.lab_id, "heartbeat", boot_id="b", uptime_s=5, storage_used_bytes=None, servers=[]).json
    [kernel] = told["kernels"]
    return dict(kernel)


def test_a_lab_of_an_older_version_starts_in_the_new_region_from_the_very_lock_it_had(brought: Brought) -> None:
    before = orders(brought)
    told = lost(brought)
    assert (told["packs"], told["wanting"]) == (2, [])
    step(brought, "people")
    assert step(brought, "packs") == {"added": 2, "known": 0, "missing": 0, "wrong": []}
    grown(brought)
    assert brought.stage.lab(brought.lab_id).phase is Phase.READY
    assert orders(brought) == before
    assert stored(ARTIFACTS)[f"packs/my_group/{brought.first}/{LOCK}"] == lock().encode()


def test_new_labs_get_the_newest_version_and_the_pack_is_still_of_its_team(brought: Brought) -> None:
    before = brought.as_().get("/packs/my_group").json
    lost(brought)
    step(brought, "people")
    step(brought, "packs")
    assert brought.as_().get("/packs/my_group").json == before
    [own] = [one["own"] for one in brought.as_().get("/packs").json["items"] if one["own"]]
    assert (own["version"], own["team"], own["added_by"]) == (brought.second, "default", "lead@university.edu")


def test_a_lab_that_came_back_holds_its_pack(brought: Brought) -> None:
    lost(brought)
    step(brought, "people")
    step(brought, "packs")
    grown(brought)
    refused = brought.as_("lead").delete("/packs/my_group")
    assert (refused.status, brought.lab_id in refused.json["message"]) == (409, True)
    brought.stage.deleted(brought.lab_id, data="delete")
    assert brought.as_("lead").delete("/packs/my_group").status == 204


def test_a_pack_that_was_activated_comes_back_too(vault: Vault, lead: str) -> None:
    vault.stage.people["lead"] = lead
    version = add(vault.stage).json["version"]
    assert vault.as_(ADA).post(f"/labs/{vault.lab_id}/packs", {"pack": "my_group"}).status == 202
    vault.backup(FILES)
    lost(vault)
    step(vault, "packs")
    grown(vault)
    assert vault.stage.lab(vault.lab_id).packs == (f"my_group@{version}",)


def test_asked_again_nothing_changes_and_what_a_team_added_here_stays(brought: Brought) -> None:
    lost(brought)
    step(brought, "people")
    newest = add(brought.stage, TEXT + "    env: {C: d}\n").json["version"]
    assert step(brought, "packs") == {"added": 2, "known": 0, "missing": 0, "wrong": []}
    told = brought.stage.facts("pack:my_group")
    assert step(brought, "packs") == {"added": 0, "known": 2, "missing": 0, "wrong": []}
    assert brought.stage.facts("pack:my_group") == told
    assert brought.as_().get("/packs/my_group").json["version"] == newest
    grown(brought)
    assert brought.stage.lab(brought.lab_id).pack_version == brought.first


@pytest.mark.parametrize("where", ["s3.keep", "_known"])
def test_a_run_that_broke_off_is_simply_given_again(brought: Brought, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    lost(brought)
    with monkeypatch.context() as patch:
        patch.setattr(f"chalicelib.packs.carrying.{where}", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            step(brought, "packs")
    assert brought.stage.tables("labs") == [], "no record without its files"
    assert step(brought, "packs")["added"] == 2


@pytest.mark.parametrize(("spoil", "said"), [(b"", "is not what it was"), (None, "is missing in the bucket")])
def test_a_lock_that_is_not_what_it_was_is_told_and_only_its_labs_stay_away(
    brought: Brought, spoil: bytes | None, said: str
) -> None:
    lost(brought)
    key = f"packs/my_group/{brought.first}/{LOCK}"
    if spoil is None:
        aws.client("s3").delete_object(Bucket=BUCKET, Key=key)
    else:
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=spoil)
    step(brought, "people")
    told = step(brought, "packs")
    assert (told["added"], told["missing"]) == (1, 1)
    assert said in told["wrong"][0]
    made = step(brought, "lab")
    assert (made["phase"], made["cause"]) == ("", f"pack my_group has no version {brought.first}")
    assert [one for one in brought.stage.tables("labs") if one["sk"]["S"] == "LAB"] == []


def test_files_of_packs_go_to_the_second_region_once(second: Vault, lead: str) -> None:
    second.stage.people["lead"] = lead
    version = add(second.stage).json["version"]
    recovery.back_up(second.now)
    keys = {f"packs/my_group/{version}/{file}" for file in ("pack.yaml", LOCK)}
    assert stored(SECOND, region=REGION) == stored(BUCKET) == {key: stored(ARTIFACTS)[key] for key in keys}
    emptied(ARTIFACTS)
    assert recovery.back_up(second.now)["wanting"] == [], "a version never changes: what is there is not fetched again"


def test_a_file_that_is_not_to_be_had_stands_in_nobodys_way(vault: Vault, lead: str) -> None:
    vault.stage.people["lead"] = lead
    add(vault.stage)
    gone = next(key for key in stored(ARTIFACTS) if key.endswith(LOCK))
    aws.client("s3").delete_object(Bucket=ARTIFACTS, Key=gone)
    told = recovery.back_up(vault.now)
    assert (told["wanting"], told["packs"]) == ([gone], 1)
    assert tables.newest(s3.here()).key == told["key"]


def test_the_plan_counts_packs_and_an_older_snapshot_has_none(brought: Brought) -> None:
    recovery.back_up(brought.now)
    assert step(brought, "plan")["packs"] == 2
    assert settings.current().artifacts_bucket == ARTIFACTS
