"""How does a backup come about? The tasks of backup_lab, in the order they happen; each may run twice.

    begin (what the machine is ordered) → the machine works → check (is everything there that the manifest names?)
    → copy (to the second region, where there is one) → finish (only now it counts; then stop or delete, if asked)

Keeps true: a backup is FINISHED only once every chunk of its manifest was seen in the bucket with the right size; a lab is
stopped or deleted after its backup only if that one is FINISHED and nobody moved the lab meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.backups import manifest, s3, store
from chalicelib.backups.manifest import Manifest
from chalicelib.backups.rules import Backup, BackupBroken, Digest, Shelf, Skipped, State, Then
from chalicelib.backups.telling import fact
from chalicelib.labs import service as labs
from chalicelib.labs.rules import Phase
from chalicelib.labs.service import Asking
from chalicelib.people import service as people
from chalicelib.people.rules import Principal, scopes_of
from chalicelib.runtime import settings
from chalicelib.runtime.errors import Conflict, Forbidden, NotFound, Retryable, Superseded
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import Write, commit
from chalicelib.runtime.workflows import Caught

LOOK_EVERY = 500  # entries between two looks at the clock
SKIPPED_TOLD = 20
LONGEST = timedelta(hours=25)  # an hour more than its workflow may take
IsOver = Callable[[], bool]


def current(lab_id: str, backup_id: str) -> Backup:
    """The backup, while it is being made; Superseded once it is over."""
    backup = store.piece(Backup, lab_id, backup_id)
    if backup is None or backup.state is not State.RUNNING:
        raise Superseded(f"backup {backup_id} is {backup.state if backup else 'not known'}")
    return backup


# ---- BeginBackup ---------------------------------------------------------------------------------------------------------


def begin(lab_id: str, backup_id: str) -> dict[str, Any]:
    """The machine's order: where to put it, and which backup it may stand on."""
    current(lab_id, backup_id)
    base = _base(lab_id)
    return {
        "bucket": s3.here().bucket,
        "prefix": manifest.prefix(lab_id),
        "backup_id": backup_id,
        "base": base.id if base else None,
        "base_manifest": {"key": base.manifest_key, "sha256": base.manifest_sha256} if base else None,
    }


def _base(lab_id: str) -> Backup | None:
    known = store.shelf(lab_id)
    if known is None or not known.shelf.newest or known.shelf.distrusted:
        return None
    base = store.piece(Backup, lab_id, known.shelf.newest)
    return base if base and base.state is State.FINISHED and s3.exists(s3.here(), base.manifest_key) else None


# ---- CheckBackup ---------------------------------------------------------------------------------------------------------


def check(lab_id: str, backup_id: str, report: Mapping[str, Any], line: int, is_over: IsOver) -> dict[str, Any]:
    """Compare what the machine reported with what is in the bucket, from this line of the manifest on, until time `is_over`."""
    backup = _reported(current(lab_id, backup_id), report)
    paper = Manifest(s3.read(s3.here(), backup.manifest_key), backup.manifest_sha256, lab_id, backup_id)
    sizes = {chunk.digest: chunk.size for chunk in s3.chunks(s3.here(), manifest.chunks_prefix(lab_id))}
    for number, entry in enumerate(paper.entries()):
        if number >= line:
            _complete(entry, sizes)
            if number % LOOK_EVERY == LOOK_EVERY - 1 and is_over():
                return {"more": True, "line": number + 1}
    summed = replace(backup, files=int(paper.footer["files"]), bytes=int(paper.footer["bytes"]))
    commit(store.put(summed, backup))
    return {"more": False, "line": 0}


def _complete(entry: manifest.Entry, sizes: Mapping[Digest, int]) -> None:
    """BackupBroken unless every chunk of a file is there, and they are as long as the file was."""
    if entry.kind != "f":
        return
    missing = next((one for one in entry.chunks if one not in sizes), None)
    if missing is not None:
        raise BackupBroken(f"a chunk of {entry.path} is missing in the bucket: {missing.hex()}")
    found = sum(sizes[one] for one in entry.chunks)
    if found != entry.size:
        raise BackupBroken(f"the chunks of {entry.path} have {found} bytes, the file had {entry.size}")


def _reported(backup: Backup, report: Mapping[str, Any]) -> Backup:
    """The backup with what its machine says of it. A machine can only speak of its own backup."""
    key = manifest.key(backup.lab_id, backup.id)
    if report.get("manifest_key") != key:
        raise BackupBroken(f"the machine names another manifest: {str(report.get('manifest_key'))[:100]}")
    skipped = [Skipped(str(one["p"])[:300], str(one["why"])[:200]) for one in report.get("skipped", ())[:SKIPPED_TOLD]]
    return replace(
        backup,
        manifest_key=key,
        manifest_sha256=str(report.get("manifest_sha256", "")),
        new_bytes=int(report.get("new_bytes", 0)),
        new_chunks=int(report.get("new_chunks", 0)),
        skipped_count=int(report.get("skipped_count", 0)),
        skipped=tuple(skipped),
        started_at=_moment(report.get("started_at")) or backup.asked_at,
    )


def _moment(text: object) -> datetime | None:
    from chalicelib.runtime.clock import parse_iso

    with suppress(ValueError):
        return parse_iso(str(text)) if text else None
    return None


# ---- CopyBackup ----------------------------------------------------------------------------------------------------------


def copy(lab_id: str, backup_id: str, now: datetime, is_over: IsOver) -> dict[str, Any]:
    """Bring what the second region lacks of this backup there, the manifest last. Without a second region nothing is to do."""
    backup, second = current(lab_id, backup_id), s3.there()
    if second is None:
        return {"more": False}
    there = {chunk.digest for chunk in s3.chunks(second, manifest.chunks_prefix(lab_id))}
    missing = {digest for digest in chunks_of(backup) if digest not in there}
    pairs = ((key, key) for key in (manifest.chunk_key(lab_id, digest) for digest in sorted(missing)))
    if s3.copy(s3.here(), second, pairs, is_over) < len(missing):
        return {"more": True}
    s3.copy(s3.here(), second, [(backup.manifest_key, backup.manifest_key)], lambda: False)
    commit(store.put(replace(backup, copied_at=now), backup))
    return {"more": False}


def chunks_of(backup: Backup) -> Iterator[Digest]:
    """Every chunk that a backup is made of, some more than once. BackupBroken when its manifest cannot be trusted."""
    paper = Manifest(s3.read(s3.here(), backup.manifest_key), backup.manifest_sha256, backup.lab_id)
    for entry in paper.entries():
        yield from entry.chunks


# ---- FinishBackup --------------------------------------------------------------------------------------------------------


def finish(lab_id: str, backup_id: str, now: datetime) -> None:
    """From now on it counts. Then the lab is stopped or deleted, if that was asked for."""
    backup = store.piece(Backup, lab_id, backup_id)
    if backup is None or backup.state is State.FAILED:
        raise Superseded(f"backup {backup_id} has failed")
    if backup.state is State.RUNNING:
        backup = _finished(backup, now)
    if backup.then and not backup.then_failed:
        _go_on(backup, now)


def _finished(backup: Backup, now: datetime) -> Backup:
    done = replace(backup, state=State.FINISHED, finished_at=now)
    known = store.shelf(backup.lab_id)
    if known is None:
        raise Superseded(f"lab {backup.lab_id} has no shelf")
    shelf = replace(
        known.shelf,
        newest=done.id,
        newest_at=done.taken_at,
        count=known.shelf.count + 1,
        stored_bytes=known.shelf.stored_bytes + done.new_bytes,
        tries=0,
        distrusted=known.shelf.distrusted and bool(done.base),
    )
    _keep_record(done, shelf)
    told = fact(
        "BackupFinished",
        done,
        backup,
        now,
        files=done.files,
        bytes=done.bytes,
        new_bytes=done.new_bytes,
        skipped=done.skipped_count,
        copied=done.copied_at is not None,
    )
    commit(store.put(done, backup), freed(known, shelf, done.id), told)
    return done


def freed(known: store.Kept, shelf: Shelf, holder: str) -> Write:
    """The shelf as it is now, no longer held by `holder`."""
    free = replace(shelf, busy="", busy_until=None) if known.shelf.busy == holder else shelf
    return store.put_shelf(free, known, Retryable("the lab's backups were changed meanwhile"))


def _keep_record(backup: Backup, shelf: Shelf) -> None:
    """Beside the manifest, what the tables know of it: from the bucket alone a stage can be made again."""
    record = {"format": 1, "backup": asdict(backup), "shelf": asdict(shelf), "stage": settings.current().stage}
    body = json.dumps(record, default=str, sort_keys=True, indent=1).encode()
    for place in s3.places():
        s3.write(place, manifest.record_key(backup.lab_id, backup.id), body)


def _go_on(backup: Backup, now: datetime) -> None:
    """Stop or delete the lab for whoever asked, unless somebody moved it since. What stands in the way is said, not retried."""
    try:
        lab = labs.as_it_is(backup.lab_id)
        if lab.phase is not Phase.READY or lab.generation != backup.generation:
            return
        asking = Asking(_on_behalf_of(backup.asked_by), now, backup.correlation_id)
        if backup.then is Then.STOP:
            labs.stop_lab(lab.id, asking)
        elif backup.then is Then.DELETE:
            labs.delete_lab(lab.id, asking, keep_data=backup.keep_data)
    except (Forbidden, Conflict, NotFound) as error:
        logger().warning("the lab was not moved on after its backup", lab_id=backup.lab_id, why=error.message)
        said = replace(backup, then_failed=f"the lab was not {_done(backup.then)}: {error.message}")
        commit(store.put(said, backup), fact("BackupNotFollowed", said, backup, now, then=backup.then, cause=error.message))


def _on_behalf_of(email: str) -> Principal:
    person = people.person(email)
    return Principal(person.email, person.role, scopes_of(person.role), "workflow", person.teams)


def _done(then: Then) -> str:
    return {Then.STOP: "stopped", Then.DELETE: "deleted"}.get(then, "touched")


# ---- FailBackup ----------------------------------------------------------------------------------------------------------


def fail(lab_id: str, backup_id: str, now: datetime, cause: str) -> None:
    """It will not come about; whatever was to follow it does not. What it put in the bucket is swept later."""
    backup = store.piece(Backup, lab_id, backup_id)
    if backup is None or backup.state is not State.RUNNING:
        return
    not_done = f"the lab was not {_done(backup.then)}" if backup.then else ""
    failed = replace(backup, state=State.FAILED, finished_at=now, cause=cause[:500], then_failed=not_done)
    known = store.shelf(lab_id)
    free = (freed(known, known.shelf, backup_id),) if known else ()
    data = {"cause": failed.cause, **({"then": f"{backup.then}: not done"} if backup.then else {})}
    commit(store.put(failed, backup), *free, fact("BackupFailed", failed, backup, now, **data))


HEARD_OF = {
    "MachineAway": "",
    "WorkFailed": "",
    "States.HeartbeatTimeout": "the lab's machine fell silent while it worked on it",
    "States.Timeout": "it took longer than it may",
}


def explain(caught: Mapping[str, Any]) -> str:
    """What a workflow caught, in words for a person."""
    error, said = Caught.of(caught)
    return HEARD_OF.get(error) or said or error or "no cause was reported"
