"""Whoever worked in a lab gets their files back, of any kept version, and nobody gets anybody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.backups import restoring, store, tasks
from chalicelib.backups.rules import Backup, State
from chalicelib.runtime import clock
from tests.conftest import Context
from tests.unit.backups.conftest import BUCKET, NOTEBOOK, Vault, s3
from tests.unit.labs.conftest import ADA, BOB, EVE

BOBS = f"homes/{BOB}/b.ipynb"


@pytest.fixture
def shared(vault: Vault) -> Vault:
    """A lab of Ada's in which Bob works too."""
    vault.as_().post(f"/labs/{vault.lab_id}/users", {"email": BOB})
    vault.backup({NOTEBOOK: b"first", BOBS: b"bob's", "shared/x.csv": b"1,2"})
    return vault


def test_a_file_comes_back_in_each_of_its_versions(vault: Vault) -> None:
    versions = [b"first", b"second thoughts", b"the third and last of them"]
    made = [vault.backup({NOTEBOOK: text}) for text in versions]
    for backup, text in zip(made, versions, strict=True):
        answer = vault.restore(backup.id, "a.ipynb")
        assert answer.status == 202
        vault.work()
        assert vault.came_back == {NOTEBOOK: text}
        done = vault.as_().get(answer.headers["Location"]).json
        assert (done["state"], done["files"], done["bytes"]) == ("FINISHED", 1, len(text))
        assert done["restored"][0]["path"] == NOTEBOOK
    assert vault.facts("RestoreFinished") == ["RestoreFinished"] * 3


def test_the_order_says_what_where_and_beside(vault: Vault) -> None:
    backup = vault.backup()
    vault.restore("newest", "a.ipynb")
    (order,) = [one["order"] for one in vault.orders()]
    assert order["backup_id"] == backup.id
    assert (order["mode"], order["paths"], order["prefix"]) == ("beside", [NOTEBOOK], f"labs/{vault.lab_id}")
    assert order["label"] == f"{backup.asked_at:%Y-%m-%d %H.%M}"


def test_over_what_is_there_only_when_asked(vault: Vault) -> None:
    vault.backup()
    vault.restore("newest", "a.ipynb", over=True)
    assert vault.orders()[0]["order"]["mode"] == "over"


def test_a_member_has_their_own_back_without_asking_anyone(shared: Vault) -> None:
    assert shared.restore("newest", "b.ipynb", who=BOB).status == 202
    assert shared.restore("newest", "~", who=BOB).status == 202
    shared.work()
    assert shared.came_back[BOBS] == b"bob's"


@pytest.mark.parametrize("paths", [[], [NOTEBOOK], ["shared/x.csv"], [BOBS, NOTEBOOK], ["homes"]])
def test_but_nothing_of_others(shared: Vault, paths: list[str]) -> None:
    assert shared.restore("newest", *paths, who=BOB).status in (400, 403)
    assert shared.orders() == []


def test_a_stranger_sees_no_backups(shared: Vault) -> None:
    (backup,) = store.pieces(Backup, shared.lab_id)
    for path in ("backups", f"backups/{backup.id}", f"backups/{backup.id}/files", "drills"):
        assert shared.as_(EVE).get(f"/labs/{shared.lab_id}/{path}").status == 404
    assert shared.restore("newest", who=EVE).status == 404
    assert shared.as_(EVE).get("/backups").json["items"] == []


def test_the_owner_may_have_all_of_it_back(shared: Vault) -> None:
    assert shared.restore("newest").status == 202
    shared.work()
    assert len(shared.came_back) == 3


def test_a_mistyped_path_is_said_at_once(vault: Vault) -> None:
    backup = vault.backup()
    answer = vault.restore("newest", "b.ipynb")
    assert answer.status == 404
    assert answer.json["message"] == f"'homes/{ADA}/b.ipynb' is not in backup {backup.id}"
    assert "--files" in answer.json["hint"]


@pytest.mark.parametrize("backup_id", ["b-20201123-090000-x7k2", "nonsense", "newest"])
def test_an_unknown_backup_is_said(vault: Vault, backup_id: str) -> None:
    answer = vault.restore(backup_id)
    assert answer.status == 404
    assert f"aws-research-wizard jupyter backups {vault.lab_id}" in answer.json["hint"]


def test_a_failed_backup_is_not_restored(vault: Vault) -> None:
    backup_id = vault.asked()
    vault.stage.say(vault.lab_id, f"work/{backup_id}", state="failed", cause="no room")
    vault.stage.run()
    assert vault.restore(backup_id).status == 409


def test_a_lab_at_rest_takes_nothing(vault: Vault) -> None:
    vault.backup(then="stop")
    answer = vault.restore("newest")
    assert (answer.status, answer.json["hint"]) == (409, "start it first")


def test_files_that_would_not_come_back_are_named(vault: Vault) -> None:
    vault.backup()
    restore_id = vault.restore("newest").json["id"]
    report = {"files": 0, "bytes": 0, "restored": [], "failed": [{"path": NOTEBOOK, "why": "no space left"}]}
    vault.stage.say(vault.lab_id, f"work/{restore_id}", state="done", report=report)
    vault.stage.run()
    restore = vault.restored(restore_id)
    assert (restore.state, restore.cause) == (State.FAILED, f"{NOTEBOOK}: no space left")
    assert vault.facts("RestoreFailed") == ["RestoreFailed"]


def test_a_restore_that_breaks_off_says_why(vault: Vault) -> None:
    vault.backup()
    restore_id = vault.restore("newest").json["id"]
    vault.stage.asked(vault.lab_id, "stop")
    vault.stage.run()
    assert "its machine is not there" in vault.restored(restore_id).cause


def test_the_tasks_may_be_delivered_twice(vault: Vault) -> None:
    vault.backup()
    restore_id = vault.restore("newest").json["id"]
    vault.work()
    before = vault.restored(restore_id)
    event = {"lab_id": vault.lab_id, "restore_id": restore_id, "report": {}, "error": {"Error": "X"}}
    tasks.finish_restore(event, Context())
    tasks.fail_restore(event, Context())
    assert vault.restored(restore_id) == before


# ---- from another lab


def test_a_deleted_labs_files_come_back_into_another_of_the_same_owner(vault: Vault) -> None:
    gone = vault.lab_id
    backup = vault.backup({NOTEBOOK: b"what I had", "shared/x": b"and more"}, then="delete", data="delete")
    new = vault.stage.ready()
    answer = vault.restore(backup.id, "a.ipynb", lab_id=new, source_lab=gone)
    assert answer.status == 202, answer.text
    (order,) = [one["order"] for one in vault.orders(new)]
    assert order["prefix"] == f"labs/{new}"
    assert order["manifest_key"] == f"labs/{new}/imports/{answer.json['id']}/manifest.jsonl.gz"
    assert len(vault.chunk_keys(new)) == 2
    vault.work(new)
    assert vault.came_back == {NOTEBOOK: b"what I had"}
    assert vault.restored(answer.json["id"], new).state is State.FINISHED
    assert vault.keys(f"labs/{new}/imports/") == []


def test_nobody_restores_from_a_lab_they_do_not_lead(shared: Vault) -> None:
    bobs = shared.stage.ask(BOB)
    shared.stage.run()
    shared.stage.boot(bobs.json["id"])
    answer = shared.restore("newest", who=BOB, lab_id=bobs.json["id"], source_lab=shared.lab_id)
    assert answer.status == 403
    assert shared.restore("newest", who=EVE, lab_id=bobs.json["id"], source_lab=shared.lab_id).status == 404


def test_what_is_copied_goes_on_where_its_time_ended(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = vault.lab_id
    backup = vault.backup({NOTEBOOK: b"a notebook of some length"}, then="delete")
    new = vault.stage.ready()
    looks = iter([False, True, *[False] * 50])
    monkeypatch.setattr(tasks, "within", lambda _context: lambda: next(looks))
    vault.restore(backup.id, lab_id=new, source_lab=gone)
    assert vault.stage.stories.of(new).path.count("BringOver") == 2
    vault.work(new)
    assert vault.came_back == {NOTEBOOK: b"a notebook of some length"}


# ---- looking


def test_a_backups_files_are_listed_by_path_and_page(shared: Vault) -> None:
    def files(query: str, who: str = ADA) -> Any:
        return shared.as_(who).get(f"/labs/{shared.lab_id}/backups/newest/files?{query}").json

    assert [one["path"] for one in files("")["items"]] == [NOTEBOOK, BOBS, "shared/x.csv"]
    first = files("limit=2")
    assert [one["path"] for one in files(f"limit=2&cursor={first['cursor']}")["items"]] == ["shared/x.csv"]
    assert [one["path"] for one in files("path=homes")["items"]] == [NOTEBOOK, BOBS]
    assert [one["path"] for one in files("", BOB)["items"]] == [BOBS]
    assert files("path=homes", BOB)["code"] == "forbidden"
    assert files("path=nothing")["code"] == "not_found"
    assert files("")["items"][0] | {"modified_at": ""} == {
        "path": NOTEBOOK, "kind": "file", "bytes": 5, "modified_at": "", "carried_from": None,
    }  # fmt: skip


def test_a_backup_older_than_the_last_session_is_named_as_such(vault: Vault) -> None:
    backup = vault.backup()
    later = clock.now() + timedelta(minutes=5)
    servers = [{"user": ADA, "last_activity": clock.iso(later)}]
    vault.stage.say(vault.lab_id, "heartbeat", boot_id="b", servers=servers)
    seen = vault.as_().get(f"/labs/{vault.lab_id}/backups/{backup.id}").json
    assert seen["stale"] is True
    assert seen["stale_reason"].startswith("made before the last session ended at")
    vault.stage.say(vault.lab_id, "heartbeat", boot_id="b", servers=[])
    assert vault.as_().get(f"/labs/{vault.lab_id}/backups").json["items"][0]["stale"] is True


def test_that_is_remembered_when_the_lab_is_stopped_and_when_it_is_gone(vault: Vault) -> None:
    backup = vault.backup()
    later = clock.now() + timedelta(seconds=1)
    vault.stage.say(vault.lab_id, "heartbeat", boot_id="b", servers=[{"user": ADA, "last_activity": clock.iso(later)}])
    for verb in ("stop", ""):
        vault.stage.asked(vault.lab_id, verb) if verb else vault.stage.deleted(vault.lab_id)
        vault.stage.run()
        assert vault.as_().get(f"/labs/{vault.lab_id}/backups/{backup.id}").json["stale"] is True


def test_restoring_what_was_pruned_meanwhile_fails_by_name(vault: Vault) -> None:
    backup = vault.backup()
    answer = vault.restore(backup.id)
    store.commit = store.store.commit  # type: ignore[attr-defined]
    store.store.commit(store.drop(backup))
    with pytest.raises(Exception, match="is not there any more"):
        restoring.begin(vault.lab_id, answer.json["id"])


def test_a_lost_manifest_is_said(vault: Vault) -> None:
    backup = vault.backup()
    s3().delete_object(Bucket=BUCKET, Key=backup.manifest_key)
    assert vault.restore(backup.id, "a.ipynb").status >= 400
