"""A rehearsal reads everything back; one altered or missing object fails it loudly, with the file named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.backups import drilling, store, tasks, tending
from chalicelib.backups.rules import Drill, State
from chalicelib.runtime import clock
from tests.conftest import Context
from tests.unit.backups.conftest import BUCKET, NOTEBOOK, Vault, s3
from tests.unit.labs.conftest import ADA, BOB

FILES = {NOTEBOOK: b"a notebook of some length", "shared/empty": b"", "shared/data.csv": b"1,2,3"}


def test_a_whole_backup_passes(vault: Vault) -> None:
    vault.backup(FILES)
    drill = vault.drilled()
    assert (drill.state, drill.files, drill.bytes, drill.failed_count) == (State.PASSED, 3, 30, 0)
    assert drill.rto_seconds > 0
    seen = vault.as_().get(f"/labs/{vault.lab_id}/drills").json["items"][0]
    assert (seen["state"], seen["id"]) == ("PASSED", drill.id)
    assert vault.facts("BackupDrillPassed") == ["BackupDrillPassed"]


def test_an_altered_chunk_fails_it_and_names_the_file(vault: Vault, capsys: pytest.CaptureFixture[str]) -> None:
    vault.backup(FILES)
    key = next(one for one in sorted(vault.chunk_keys()))
    s3().put_object(Bucket=BUCKET, Key=key, Body=b"altered!")
    drill = vault.drilled()
    assert drill.state is State.FAILED
    assert drill.failed[0].path in FILES
    assert drill.failed[0].why == f"{key} is not what its name says: its content was altered; it was set aside"
    assert vault.facts("BackupDrillFailed") == ["BackupDrillFailed"]
    assert vault.stage.stories.of(vault.lab_id).status == "FAILED"
    assert '"BackupDrillsFailed":[1.0]' in capsys.readouterr().out


def test_the_next_backup_reads_everything_anew_and_makes_it_good(vault: Vault) -> None:
    vault.backup(FILES)
    key = sorted(vault.chunk_keys())[0]
    s3().put_object(Bucket=BUCKET, Key=key, Body=b"altered!")
    vault.drilled()
    assert key not in vault.chunk_keys()
    assert len(vault.keys(f"labs/{vault.lab_id}/damaged/")) == 1
    vault.asked()
    assert vault.orders()[0]["order"]["base"] is None
    vault.work()
    assert vault.drilled().state is State.PASSED
    vault.asked()
    assert vault.orders()[0]["order"]["base"] is not None


def test_the_second_regions_copy_takes_the_place_of_what_was_altered(second: Vault) -> None:
    second.backup(FILES)
    key = sorted(second.chunk_keys())[0]
    s3().put_object(Bucket=BUCKET, Key=key, Body=b"altered!")
    drill = second.drilled()
    assert drill.state is State.FAILED
    assert drill.failed[0].why.endswith("the second region's copy was put in its place")
    assert second.drilled().state is State.PASSED


def test_a_missing_chunk_fails_it_and_names_the_file(vault: Vault) -> None:
    vault.backup({NOTEBOOK: b"short", "shared/x": b"other"})
    (key,) = (one for one in vault.chunk_keys() if one.endswith(_digest(b"short")))
    s3().delete_object(Bucket=BUCKET, Key=key)
    drill = vault.drilled()
    assert (drill.failed_count, drill.failed[0].path) == (1, NOTEBOOK)
    assert drill.failed[0].why == f"{key} is missing in the bucket"


def _digest(data: bytes) -> str:
    from hashlib import sha256

    return sha256(data).hexdigest()


def test_chunks_in_the_wrong_order_are_noticed(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk is what its name says, and yet the file is not what it was."""
    vault.backup({NOTEBOOK: b"a notebook of some length"})
    entries = drilling.Manifest.entries
    monkeypatch.setattr(
        drilling.Manifest, "entries", lambda self: (one._replace(chunks=one.chunks[::-1]) for one in entries(self))
    )
    assert vault.drilled().failed[0].why == "the file is not what was backed up"


def test_an_altered_manifest_fails_it(vault: Vault) -> None:
    backup = vault.backup(FILES)
    body = s3().get_object(Bucket=BUCKET, Key=backup.manifest_key)["Body"].read()
    s3().put_object(Bucket=BUCKET, Key=backup.manifest_key, Body=body[:9] + bytes([body[9] ^ 1]) + body[10:])
    drill = vault.drilled()
    assert drill.state is State.FAILED
    assert "manifest" in drill.cause


def test_a_missing_manifest_fails_it_and_is_named(vault: Vault) -> None:
    backup = vault.backup(FILES)
    s3().delete_object(Bucket=BUCKET, Key=backup.manifest_key)
    assert vault.drilled().cause == f"{backup.manifest_key} is missing in the bucket"


def test_it_goes_on_part_after_part(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "within", lambda _context: lambda: True)
    monkeypatch.setattr(drilling, "BATCH_BYTES", 8)
    vault.backup({f"shared/{number}": bytes([number]) * 7 for number in range(5)})
    drill = vault.drilled()
    assert (drill.state, drill.files, drill.bytes) == (State.PASSED, 5, 35)
    assert vault.stage.stories.of(vault.lab_id).path.count("DrillPart") == 6


def test_a_large_file_is_read_back_chunk_by_chunk(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drilling, "BATCH_BYTES", 10)
    vault.backup({NOTEBOOK: b"a notebook of some length", "shared/x": b"small"})
    assert (vault.drilled().state, vault.drilled().bytes) == (State.PASSED, 30)
    looks = iter([True] * 3 + [False] * 20)
    monkeypatch.setattr(tasks, "within", lambda _context: lambda: next(looks))
    drill = vault.drilled()
    assert (drill.state, drill.files, drill.bytes) == (State.PASSED, 2, 30)
    assert vault.stage.stories.of(vault.lab_id).path.count("DrillPart") > 1


def test_an_altered_chunk_of_a_large_file_is_noticed(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drilling, "BATCH_BYTES", 10)
    vault.backup({NOTEBOOK: b"a notebook of some length"})
    s3().put_object(Bucket=BUCKET, Key=sorted(vault.chunk_keys())[2], Body=b"altered!")
    assert vault.drilled().failed[0].path == NOTEBOOK


def test_a_part_that_was_done_by_a_twin_is_not_counted_twice(vault: Vault) -> None:
    vault.backup(FILES)
    drill = vault.drilled()
    again = Drill("d-20261123-090000-x7k2", vault.lab_id, drill.backup_id, State.RUNNING, vault.now, ADA, "c")
    store.store.commit(store.put(again, None))
    assert drilling._kept(drilling.replace(again, line=2), again, more=False) == {"more": False}
    assert drilling._kept(drilling.replace(again, line=3), again, more=False) == {"more": True}
    assert drilling.current(vault.lab_id, again.id).line == 2


def test_the_real_rpo_is_the_work_that_would_be_lost(vault: Vault) -> None:
    backup = vault.backup(FILES)
    assert vault.drilled().rpo_seconds == 0
    later = backup.taken_at + timedelta(seconds=2)
    servers = [{"user": ADA, "last_activity": clock.iso(later)}]
    vault.stage.say(vault.lab_id, "heartbeat", boot_id="b", servers=servers)
    drill = vault.drilled()
    assert drill.rpo_seconds > 0  # somebody works there now: all since would be lost
    told = {one["id"]: one["rpo_seconds"] for one in vault.as_().get(f"/labs/{vault.lab_id}/drills").json["items"]}
    assert told[drill.id] == drill.rpo_seconds


def test_every_week_every_lab_with_a_backup_is_rehearsed(vault: Vault) -> None:
    assert tending.drills(vault.now).begun == 0
    vault.backup(FILES)
    assert tending.drills(vault.now).begun == 1
    vault.stage.run()
    (drill,) = store.pieces(Drill, vault.lab_id)
    assert (drill.state, drill.asked_by) == (State.PASSED, "aws-research-wizard")
    assert vault.as_().get("/backups").json["items"][0]["drilled_at"] is not None


def test_also_when_the_lab_is_gone(vault: Vault) -> None:
    vault.backup(FILES, then="delete")
    assert tending.drills(vault.now).begun == 1
    vault.stage.run()
    assert store.pieces(Drill, vault.lab_id)[0].state is State.PASSED


def test_who_may_ask_for_one(vault: Vault) -> None:
    assert vault.as_().post(f"/labs/{vault.lab_id}/drills").status == 409  # nothing to rehearse yet
    vault.as_().post(f"/labs/{vault.lab_id}/users", {"email": BOB})
    vault.backup(FILES)
    assert vault.as_(BOB).post(f"/labs/{vault.lab_id}/drills").status == 403
    answer: Any = [vault.as_().post(f"/labs/{vault.lab_id}/drills", key="same").json["id"] for _ in range(2)]
    assert answer[0] == answer[1]
    assert vault.as_(BOB).get(f"/labs/{vault.lab_id}/drills/{answer[0]}").status == 200
    assert vault.as_().get(f"/labs/{vault.lab_id}/drills/d-20201123-090000-x7k2").status == 404


def test_the_last_word_may_be_said_twice(vault: Vault) -> None:
    vault.backup(FILES)
    drill = vault.drilled()
    event = {"lab_id": vault.lab_id, "drill_id": drill.id, "error": {"Error": "X"}}
    assert tasks.finish_drill(event, Context()) == {"passed": True}
    tasks.fail_drill(event, Context())
    assert store.piece(Drill, vault.lab_id, drill.id) == drill
