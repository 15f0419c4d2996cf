"""What the policy does not keep goes, and then what nothing needs; never anything else, and nothing on partial knowledge."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.backups import keeping, pruning, store, tending
from chalicelib.backups.rules import Backup, BackupBroken, Drill, State
from chalicelib.runtime.store import commit
from tests.unit.backups.conftest import BUCKET, NOTEBOOK, REGION, Vault, s3
from tests.unit.labs.conftest import ADA, BOB

NEVER = lambda: False  # noqa: E731


@pytest.fixture
def aged(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Vault:
    """Three backups of three contents, of 40, 20 and 0 days ago; every object is old."""
    old(monkeypatch)
    for age, text in ((40, b"the first words"), (39, b"then the second"), (0, b"and now the last")):
        backup = vault.backup({NOTEBOOK: text})
        at = vault.now - timedelta(days=age)
        commit(store.put(replace(backup, asked_at=at, started_at=at, by_hand=False), backup))
    return vault


def old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "GRACE", timedelta(hours=-1))
    monkeypatch.setattr(pruning, "EVERY", timedelta(0))
    monkeypatch.setattr(keeping, "DAILY", 1)
    monkeypatch.setattr(keeping, "PERIODS", (("daily", 1, lambda at: at.date()), ("monthly", 6, lambda at: (at.year, at.month))))


def left(vault: Vault) -> list[Backup]:
    """The oldest first: the ids of one second are in no order."""
    finished = [one for one in store.pieces(Backup, vault.lab_id) if one.state is State.FINISHED]
    return sorted(finished, key=lambda one: one.asked_at)


def test_what_the_policy_does_not_keep_goes_with_what_only_it_needed(aged: Vault) -> None:
    before, chunks = left(aged), aged.chunk_keys()
    assert pruning.prune(aged.lab_id, aged.now)
    after = left(aged)
    assert [one.id for one in after] == [before[1].id, before[2].id]
    assert len(chunks) - len(aged.chunk_keys()) == 2
    for backup in after:
        aged.restore(backup.id)
        aged.work()
        assert aged.came_back
    assert not [key for key in aged.keys(f"labs/{aged.lab_id}/backups/") if before[0].id in key]
    assert aged.facts("BackupForgotten") == ["BackupForgotten"]
    shelf = store.shelf(aged.lab_id)
    assert shelf is not None
    assert (shelf.shelf.count, shelf.shelf.newest, shelf.shelf.busy) == (2, after[1].id, "")
    assert shelf.shelf.stored_bytes == 31


def test_shared_chunks_stay(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    old(monkeypatch)
    for age in (2, 1):
        backup = vault.backup({NOTEBOOK: b"always the same"})
        at = vault.now - timedelta(days=age)
        commit(store.put(replace(backup, asked_at=at, by_hand=False), backup))
    chunks = vault.chunk_keys()
    assert pruning.prune(vault.lab_id, vault.now)
    assert (len(left(vault)), vault.chunk_keys()) == (1, chunks)


def test_a_day_passes_before_a_chunk_nobody_needs_goes(vault: Vault) -> None:
    vault.backup()
    stray = f"labs/{vault.lab_id}/chunks/ab/{'ab' * 32}"
    s3().put_object(Bucket=BUCKET, Key=stray, Body=b"x")
    pruning.prune(vault.lab_id, vault.now)
    assert stray in vault.chunk_keys()
    pruning.prune(vault.lab_id, vault.now + timedelta(days=8))
    assert stray not in vault.chunk_keys()
    assert len(vault.chunk_keys()) == 1


def test_the_manifest_of_a_backup_that_failed_goes_too(vault: Vault) -> None:
    vault.backup()
    stray = f"labs/{vault.lab_id}/backups/b-20201123-090000-x7k2/manifest.jsonl.gz"
    s3().put_object(Bucket=BUCKET, Key=stray, Body=b"x")
    pruning.prune(vault.lab_id, vault.now + timedelta(days=8))
    keys = vault.keys(f"labs/{vault.lab_id}/backups/")
    assert stray not in keys
    assert len(keys) == 2


def test_what_has_another_kind_of_name_is_left_alone(vault: Vault) -> None:
    vault.backup()
    other = f"labs/{vault.lab_id}/chunks/readme.txt"
    s3().put_object(Bucket=BUCKET, Key=other, Body=b"x")
    pruning.prune(vault.lab_id, vault.now + timedelta(days=8))
    assert other in set(vault.keys())


def test_if_one_manifest_cannot_be_read_no_chunk_goes(aged: Vault) -> None:
    s3().delete_object(Bucket=BUCKET, Key=left(aged)[2].manifest_key)
    chunks = aged.chunk_keys()
    with pytest.raises(BackupBroken, match="is missing in the bucket"):
        pruning.prune(aged.lab_id, aged.now)
    assert aged.chunk_keys() == chunks
    shelf = store.shelf(aged.lab_id)
    assert shelf is not None
    assert shelf.shelf.busy == ""


def test_nothing_is_thrown_away_while_a_backup_is_made_and_none_begins_meanwhile(aged: Vault) -> None:
    aged.asked()
    assert not pruning.prune(aged.lab_id, aged.now)
    aged.work()
    known = store.shelf(aged.lab_id)
    assert known is not None
    pruning._held(known, aged.now)
    assert aged.as_().post(f"/labs/{aged.lab_id}/backups", {}).status == 409


def test_a_pruning_that_died_does_not_block_for_long(aged: Vault) -> None:
    known = store.shelf(aged.lab_id)
    assert known is not None
    pruning._held(known, aged.now - timedelta(hours=1))
    assert aged.backup().state is State.FINISHED


def test_what_is_being_restored_stays(aged: Vault) -> None:
    oldest = left(aged)[0]
    aged.restore(oldest.id)
    pruning.prune(aged.lab_id, aged.now)
    aged.work()
    assert aged.came_back == {NOTEBOOK: b"the first words"}


def test_what_another_lab_takes_from_it_stays(aged: Vault) -> None:
    oldest, new = left(aged)[0], aged.stage.ready()
    restore = aged.restore(oldest.id, lab_id=new, source_lab=aged.lab_id)
    pruning.prune(aged.lab_id, aged.now)
    aged.work(new)
    assert aged.restored(restore.json["id"], new).state is State.FINISHED


def test_the_copies_in_the_second_region_go_with_it(second: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    old(monkeypatch)
    for age, text in ((2, b"the first words"), (0, b"and now the last")):
        backup = second.backup({NOTEBOOK: text})
        commit(store.put(replace(backup, asked_at=second.now - timedelta(days=age), by_hand=False), backup))
    pruning.prune(second.lab_id, second.now)
    assert set(second.keys("labs/", REGION)) == set(second.keys("labs/"))
    assert len(left(second)) == 1


def test_a_deleted_labs_backups_stay_by_the_same_policy_and_cost_what_they_cost(vault: Vault) -> None:
    vault.backup({NOTEBOOK: b"what I had"}, then="delete", data="delete")
    assert tending.prune_all(vault.now + timedelta(days=300), NEVER).begun == 1
    (stock,) = vault.as_().get("/backups").json["items"]
    assert (stock["lab_id"], stock["phase"], stock["backups"]) == (vault.lab_id, "DELETED", 1)
    assert stock["monthly_cost"]["amount"] == "0.01"
    assert vault.as_(BOB).get("/backups").json["items"] == []
    assert [one["lab_id"] for one in vault.as_("root").get("/backups").json["items"]] == [vault.lab_id]
    assert vault.as_().get(f"/labs/{vault.lab_id}/backups").json["items"][0]["state"] == "FINISHED"


def test_even_once_the_labs_own_record_is_gone(vault: Vault) -> None:
    backup = vault.backup({NOTEBOOK: b"what I had"}, then="delete")
    table = "aws-research-wizard-test-labs"
    key = {"pk": {"S": f"LAB#{vault.lab_id}"}, "sk": {"S": "LAB"}}
    vault.stage.account.client("dynamodb").delete_item(TableName=table, Key=key)
    assert vault.as_().get(f"/labs/{vault.lab_id}/backups").status == 200
    assert vault.as_(BOB).get(f"/labs/{vault.lab_id}/backups").status == 404
    new = vault.stage.ready()
    assert vault.restore(backup.id, lab_id=new, source_lab=vault.lab_id).status == 202


# ---- by hand


def test_a_backup_is_deleted_only_by_who_leads_the_lab(vault: Vault) -> None:
    vault.as_().post(f"/labs/{vault.lab_id}/users", {"email": BOB})
    backup = vault.backup()
    path = f"/labs/{vault.lab_id}/backups/{backup.id}"
    assert vault.as_(BOB).delete(path).status == 403
    assert vault.as_(ADA).delete(path).status == 204
    assert vault.as_(ADA).get(path).status == 404
    assert vault.facts("BackupForgotten") == ["BackupForgotten"]
    assert vault.keys(f"labs/{vault.lab_id}/backups/") == []
    pruning.prune(vault.lab_id, vault.now + timedelta(days=2))
    assert vault.chunk_keys() == set()


def test_the_newest_is_then_another(vault: Vault) -> None:
    first, second = vault.backup({NOTEBOOK: b"one"}), vault.backup({NOTEBOOK: b"two"})
    vault.as_().delete(f"/labs/{vault.lab_id}/backups/{second.id}")
    assert vault.as_().get(f"/labs/{vault.lab_id}/backups/newest").json["id"] == first.id


def test_what_is_being_made_or_read_is_not_deleted(vault: Vault) -> None:
    backup = vault.backup()
    vault.restore(backup.id)
    assert vault.as_().delete(f"/labs/{vault.lab_id}/backups/{backup.id}").status == 409
    vault.work()
    vault.asked()
    assert vault.as_().delete(f"/labs/{vault.lab_id}/backups/{backup.id}").status == 409


def test_of_a_deleted_lab_whose_last_backup_was_deleted_nothing_is_left(vault: Vault) -> None:
    backup = vault.backup(then="delete")
    assert vault.as_().delete(f"/labs/{vault.lab_id}/backups/{backup.id}").status == 204
    pruning.prune(vault.lab_id, vault.now + timedelta(days=2))
    assert vault.keys("labs/") == []
    assert vault.as_().get("/backups").json["items"] == []


def test_what_is_over_is_forgotten_after_a_while(vault: Vault) -> None:
    vault.backup()
    vault.drilled()
    pruning.prune(vault.lab_id, vault.now + timedelta(days=100))
    assert store.pieces(Drill, vault.lab_id) == []


def test_a_lab_in_trouble_keeps_no_other_from_being_pruned(aged: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    other = aged.stage.ready()
    mine, aged.lab_id = aged.lab_id, other
    aged.backup()
    sweep: Any = pruning.sweep

    def sometimes(lab_id: str, *rest: Any) -> int:
        if lab_id == mine:
            raise BackupBroken("broken")
        return int(sweep(lab_id, *rest))

    monkeypatch.setattr(pruning, "sweep", sometimes)
    done = tending.prune_all(aged.now, NEVER)
    assert (done.begun, done.troubled) == (1, 1)
