"""How does somebody get their files back? The tasks of restore_lab; each may run twice.

    begin → bring over (only from another lab: what is needed of its backup is copied into this lab's folder) → the machine works
    → finish

Keeps true: a machine never reads another lab's folder; a restore that put nothing back, though something was asked for, failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.backups import manifest, rules, s3, store
from chalicelib.backups.making import IsOver
from chalicelib.backups.manifest import Manifest
from chalicelib.backups.rules import Backup, Put, Restore, Skipped, State
from chalicelib.backups.telling import fact
from chalicelib.runtime.errors import Superseded
from chalicelib.runtime.store import commit

TOLD = 50


def current(lab_id: str, restore_id: str) -> Restore:
    restore = store.piece(Restore, lab_id, restore_id)
    if restore is None or restore.state is not State.RUNNING:
        raise Superseded(f"restore {restore_id} is {restore.state if restore else 'not known'}")
    return restore


def backup_of(restore: Restore) -> Backup:
    backup = store.piece(Backup, restore.source_lab, restore.backup_id)
    if backup is None or backup.state is not State.FINISHED:
        raise rules.BackupBroken(f"backup {restore.backup_id} is not there any more")
    return backup


def begin(lab_id: str, restore_id: str) -> dict[str, Any]:
    """The machine's order."""
    restore = current(lab_id, restore_id)
    backup = backup_of(restore)
    own = restore.source_lab == lab_id
    return {
        "bucket": s3.here().bucket,
        "prefix": manifest.prefix(lab_id),
        "backup_id": backup.id,
        "manifest_key": backup.manifest_key if own else manifest.import_key(lab_id, restore.id),
        "manifest_sha256": backup.manifest_sha256,
        "paths": list(restore.paths),
        "mode": "over" if restore.over else "beside",
        "label": restore.label,
    }


def bring_over(lab_id: str, restore_id: str, is_over: IsOver) -> dict[str, Any]:
    """Copy what this restore needs of another lab's backup, the manifest last; of its own there is nothing to copy."""
    restore = current(lab_id, restore_id)
    if restore.source_lab == lab_id:
        return {"more": False}
    backup, here = backup_of(restore), s3.here()
    paper = Manifest(s3.read(here, backup.manifest_key), backup.manifest_sha256, backup.lab_id, backup.id)
    needed = {one for entry in paper.entries() if rules.wanted(entry.path, restore.paths) for one in entry.chunks}
    missing = sorted(needed - {chunk.digest for chunk in s3.chunks(here, manifest.chunks_prefix(lab_id))})
    pairs = ((manifest.chunk_key(backup.lab_id, one), manifest.chunk_key(lab_id, one)) for one in missing)
    if s3.copy(here, here, pairs, is_over) < len(missing):
        return {"more": True}
    s3.copy(here, here, [(backup.manifest_key, manifest.import_key(lab_id, restore.id))], lambda: False)
    return {"more": False}


def finish(lab_id: str, restore_id: str, report: Mapping[str, Any], now: datetime) -> None:
    """What came of it. Files that could not be put back are named, and if that is all of them, it failed."""
    restore = store.piece(Restore, lab_id, restore_id)
    if restore is None or restore.state is not State.RUNNING:
        return
    failed = [Skipped(str(one["path"])[:300], str(one["why"])[:200]) for one in report.get("failed", ())]
    put = [Put(str(one["path"])[:300], str(one["to"])[:400]) for one in report.get("restored", ())[:TOLD]]
    count = int(report.get("failed_count", len(failed)))
    done = replace(
        restore,
        state=State.FINISHED if put or not failed else State.FAILED,
        files=int(report.get("files", 0)),
        bytes=int(report.get("bytes", 0)),
        restored=tuple(put),
        failed=tuple(failed[:TOLD]),
        failed_count=count,
        finished_at=now,
        cause=f"{failed[0].path}: {failed[0].why}" if failed and not put else "",
    )
    name = "RestoreFinished" if done.state is State.FINISHED else "RestoreFailed"
    data = {"cause": done.cause} if done.cause else {}
    told = fact(name, done, restore, now, files=done.files, bytes=done.bytes, failed=count, source_lab=done.source_lab, **data)
    commit(store.put(done, restore), told)
    tidy(done)


def fail(lab_id: str, restore_id: str, now: datetime, cause: str) -> None:
    restore = store.piece(Restore, lab_id, restore_id)
    if restore is None or restore.state is not State.RUNNING:
        return
    failed = replace(restore, state=State.FAILED, finished_at=now, cause=cause[:500])
    told = fact("RestoreFailed", failed, restore, now, cause=failed.cause, source_lab=failed.source_lab)
    commit(store.put(failed, restore), told)
    tidy(failed)


def tidy(restore: Restore) -> None:
    """The borrowed manifest goes; borrowed chunks are swept when they are a day old and nobody needs them."""
    if restore.source_lab != restore.lab_id:
        s3.delete(s3.here(), [manifest.import_key(restore.lab_id, restore.id)])
