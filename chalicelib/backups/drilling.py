"""Would the newest backup really come back? The tasks of drill_backup read it back, whole, into this function's scratch space.

    part, and again until the manifest is through → finish (passed or failed, with the real RPO and RTO)

Every chunk is fetched and its SHA-256 compared; every file is written out, read again, and compared with the SHA-256 of the file
that was backed up. A file too large for the scratch space is compared chunk by chunk, and as a whole unless a part ends in it.
Keeps true: a missing or altered object fails the drill and is named, and the next backup reads everything anew; a part that
breaks off is done again from where it began.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from chalicelib.backups import manifest, rules, s3, store
from chalicelib.backups.making import IsOver
from chalicelib.backups.manifest import Entry, Manifest
from chalicelib.backups.rules import Backup, BackupBroken, Digest, Drill, Skipped, State
from chalicelib.backups.telling import fact
from chalicelib.labs import service as labs
from chalicelib.runtime import metrics
from chalicelib.runtime.errors import NotFound, Retryable, Superseded
from chalicelib.runtime.store import Write, commit

AT_ONCE, BATCH_BYTES = 16, 64 << 20  # files read back at once, and how much of the scratch space they may take
NAMED = 20
PIECE = 1 << 20


class Done(NamedTuple):
    """What one batch of files came to; `chunk` is set when the time ended within a large file."""

    files: int = 0
    bytes: int = 0
    bad: tuple[Skipped, ...] = ()
    chunk: int = 0


def current(lab_id: str, drill_id: str) -> Drill:
    drill = store.piece(Drill, lab_id, drill_id)
    if drill is None or drill.state is not State.RUNNING:
        raise Superseded(f"drill {drill_id} is {drill.state if drill else 'not known'}")
    return drill


# ---- DrillPart -----------------------------------------------------------------------------------------------------------


def part(lab_id: str, drill_id: str, is_over: IsOver) -> dict[str, Any]:
    """Read back from where the last part ended, until the manifest is through or time `is_over`."""
    before = drill = current(lab_id, drill_id)
    began = time.perf_counter()
    backup = _backup(drill)
    paper = Manifest(s3.read(s3.here(), backup.manifest_key), backup.manifest_sha256, lab_id, backup.id)
    more = False
    for line, batch in _batches(paper.entries(), drill.line):
        done = _read_back(lab_id, batch, drill.chunk if line == drill.line else 0, is_over)
        drill = _counted(drill, line if done.chunk else line + len(batch), done)
        if more := bool(done.chunk) or is_over():
            break
    return _kept(replace(drill, rto_seconds=round(drill.rto_seconds + time.perf_counter() - began, 3)), before, more=more)


def _backup(drill: Drill) -> Backup:
    backup = store.piece(Backup, drill.lab_id, drill.backup_id)
    if backup is None or backup.state is not State.FINISHED:
        raise BackupBroken(f"backup {drill.backup_id} is not there any more")
    return backup


def _kept(drill: Drill, before: Drill, *, more: bool) -> dict[str, Any]:
    """Remember how far it is. If a twin of this part was first, its word counts: go round again from there."""
    try:
        commit(store.put_drill(drill, before))
    except Superseded:
        current(drill.lab_id, drill.id)
        return {"more": True}
    return {"more": more}


def _counted(drill: Drill, line: int, done: Done) -> Drill:
    return replace(
        drill,
        line=line,
        chunk=done.chunk,
        files=drill.files + done.files,
        bytes=drill.bytes + done.bytes,
        failed=(drill.failed + done.bad)[:NAMED],
        failed_count=drill.failed_count + len(done.bad),
    )


def _batches(entries: Iterator[Entry], start: int) -> Iterator[tuple[int, list[Entry]]]:
    """Entries from line `start` on, as many together as fit; a large file stands alone."""
    batch: list[Entry] = []
    first, taken = start, 0
    for number, entry in enumerate(entries):
        if number < start:
            continue
        if batch and (len(batch) >= AT_ONCE * 4 or taken + entry.size > BATCH_BYTES):
            yield first, batch
            batch, first, taken = [], number, 0
        batch.append(entry)
        taken += entry.size
    if batch:
        yield first, batch


# ---- files ---------------------------------------------------------------------------------------------------------------


def _read_back(lab_id: str, batch: list[Entry], chunk: int, is_over: IsOver) -> Done:
    files = [entry for entry in batch if entry.kind == "f"]
    if len(files) == 1 and files[0].size > BATCH_BYTES:
        return _large(lab_id, files[0], chunk, is_over)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = list(pool.map(partial(_small, lab_id), files))
    bad = tuple(Skipped(entry.path, why) for entry, why in zip(files, said, strict=True) if why)
    return Done(len(files), sum(entry.size for entry in files), bad)


def _small(lab_id: str, entry: Entry) -> str:
    """Write a file out and compare it; why it is not what was backed up, or ""."""
    with tempfile.TemporaryFile() as scratch:
        for digest in entry.chunks:
            try:
                scratch.write(_chunk(lab_id, digest))
            except BackupBroken as error:
                return error.message
        scratch.seek(0)
        whole = hashlib.sha256()
        while data := scratch.read(PIECE):
            whole.update(data)
        return "" if whole.hexdigest() == entry.digest and scratch.tell() == entry.size else "the file is not what was backed up"


def _large(lab_id: str, entry: Entry, start: int, is_over: IsOver) -> Done:
    """A file chunk by chunk, each written over the last; whole when it is read through in one part."""
    whole, size = hashlib.sha256(), 0
    with tempfile.TemporaryFile() as scratch:
        for number, digest in enumerate(entry.chunks):
            if number < start:
                continue
            if number > start and is_over():
                return Done(bytes=size, chunk=number)
            try:
                data = _chunk(lab_id, digest)
            except BackupBroken as error:
                return Done(1, size, (Skipped(entry.path, error.message),))
            scratch.seek(0)
            scratch.write(data)
            whole.update(data)
            size += len(data)
    if start == 0 and (whole.hexdigest(), size) != (entry.digest, entry.size):
        return Done(1, size, (Skipped(entry.path, "the file is not what was backed up"),))
    return Done(1, size)


def _chunk(lab_id: str, digest: Digest) -> bytes:
    """A chunk's bytes. BackupBroken when it is missing, or not what its name says; what can be done about it is done."""
    key = manifest.chunk_key(lab_id, digest)
    data = s3.read(s3.here(), key).read()
    if hashlib.sha256(data).digest() != digest:
        raise BackupBroken(f"{key} is not what its name says: its content was altered{_set_aside(lab_id, digest)}")
    return data


def _set_aside(lab_id: str, digest: Digest) -> str:
    """Nobody shall take an altered chunk for a good one: it makes room for the second region's copy, or for the next backup's."""
    key, here, second = manifest.chunk_key(lab_id, digest), s3.here(), s3.there()
    s3.copy(here, here, [(key, manifest.damaged_key(lab_id, digest))], lambda: False)
    s3.delete(here, [key])
    if second and s3.exists(second, key) and hashlib.sha256(s3.read(second, key).read()).digest() == digest:
        s3.copy(second, here, [(key, key)], lambda: False)
        return "; the second region's copy was put in its place"
    return "; it was set aside"


# ---- FinishDrill · FailDrill ---------------------------------------------------------------------------------------------


def finish(lab_id: str, drill_id: str, now: datetime) -> dict[str, Any]:
    """Passed, or failed with the files named; how much work would be lost, and how long it took."""
    drill = store.piece(Drill, lab_id, drill_id)
    if drill is None:
        raise Superseded(f"drill {drill_id} is not known")
    if drill.state is not State.RUNNING:
        return {"passed": drill.state is State.PASSED}
    rpo = rules.lost_if_restored(_backup(drill), _last_work(lab_id, now))
    state = State.FAILED if drill.failed_count else State.PASSED
    cause = f"{drill.failed[0].path}: {drill.failed[0].why}" if drill.failed else ""
    _end(replace(drill, state=state, rpo_seconds=round(rpo, 3), finished_at=now, cause=cause[:500]), drill, now)
    return {"passed": state is State.PASSED}


def fail(lab_id: str, drill_id: str, now: datetime, cause: str) -> None:
    """It could not even be carried out."""
    drill = store.piece(Drill, lab_id, drill_id)
    if drill is not None and drill.state is State.RUNNING:
        _end(replace(drill, state=State.FAILED, finished_at=now, cause=cause[:500]), drill, now)


def _end(done: Drill, before: Drill, now: datetime) -> None:
    passed = done.state is State.PASSED
    data: dict[str, Any] = {"files": done.files, "bytes": done.bytes, "rto_seconds": done.rto_seconds}
    data |= {"rpo_seconds": done.rpo_seconds} if passed else {"cause": done.cause, "failed": [one.path for one in done.failed]}
    name = "BackupDrillPassed" if passed else "BackupDrillFailed"
    commit(store.put(done, before), *_on_the_shelf(done, now), fact(name, done, before, now, **data))
    metrics.count("BackupDrillsPassed" if passed else "BackupDrillsFailed")
    metrics.seconds("RecoveryTime", done.rto_seconds)
    if passed:
        metrics.seconds("RecoveryPoint", done.rpo_seconds)


def _on_the_shelf(done: Drill, now: datetime) -> tuple[Write, ...]:
    known = store.shelf(done.lab_id)
    if known is None:
        return ()
    after = replace(known.shelf, drilled_at=now, distrusted=known.shelf.distrusted or done.state is State.FAILED)
    return (store.put_shelf(after, known, Retryable("the lab's backups were changed meanwhile")),)


def _last_work(lab_id: str, now: datetime) -> datetime | None:
    with suppress(NotFound):
        return labs.last_session(lab_id, now)
    return None
