"""What is thrown away? What the policy does not keep, and then the chunks that nothing needs any more.

Keeps true: nothing is thrown away while a backup of the lab is being made, and none begins meanwhile (both hold the shelf);
nothing is thrown away on partial knowledge: if any manifest that is kept cannot be read, no chunk of its lab is removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.backups import keeping, making, manifest, restoring, s3, store, telling
from chalicelib.backups.making import IsOver
from chalicelib.backups.rules import Backup, Digest, Drill, Restore, Shelf, State
from chalicelib.labs import service as labs
from chalicelib.labs.rules import Phase
from chalicelib.runtime.errors import Conflict, NotFound
from chalicelib.runtime.store import commit

PRUNING = "pruning"
PRUNE_TIME = timedelta(minutes=20)
EVERY = timedelta(hours=20)
SWEPT_EVERY = timedelta(days=7)
REMEMBERED = timedelta(days=90)  # restores and drills that are over


def prune(lab_id: str, now: datetime, is_over: IsOver = lambda: False) -> bool:
    """Forget what the policy does not keep, then sweep the chunks that nothing needs. Only while no backup is being made."""
    known = store.shelf(lab_id)
    if known is None or known.shelf.is_busy(now):
        return False
    if known.shelf.pruned_at and now - known.shelf.pruned_at < EVERY:
        return False
    held = _held(known, now)
    try:
        shelf = _pruned(held.shelf, now, is_over)
    except BaseException:
        _release(held, held.shelf)
        raise
    _release(held, shelf)
    return True


def _pruned(shelf: Shelf, now: datetime, is_over: IsOver) -> Shelf:
    backups = store.pieces(Backup, shelf.lab_id)
    doomed = keeping.forgettable(backups, now, in_use(shelf.lab_id))
    _forget(shelf.lab_id, doomed, now)
    left = [one for one in backups if one not in doomed]
    shelf = counted(replace(shelf, pruned_at=now), left)
    if doomed or shelf.swept_at is None or now - shelf.swept_at > SWEPT_EVERY:
        shelf = replace(shelf, stored_bytes=sweep(shelf.lab_id, left, now, is_over), swept_at=None if is_over() else now)
    past: list[Restore | Drill] = [*store.pieces(Restore, shelf.lab_id), *store.pieces(Drill, shelf.lab_id)]
    for old in past:
        if old.state is not State.RUNNING and now - old.asked_at > REMEMBERED:
            commit(store.drop(old))
    return shelf


def counted(shelf: Shelf, left: Iterable[Backup]) -> Shelf:
    """The shelf with just these on it."""
    finished = [one for one in left if one.state is State.FINISHED]
    newest = max(finished, key=lambda one: one.taken_at, default=None)
    return replace(shelf, count=len(finished), newest=newest.id if newest else "", newest_at=newest.taken_at if newest else None)


def _held(known: store.Kept, now: datetime) -> store.Kept:
    held = replace(known.shelf, busy=PRUNING, busy_until=now + PRUNE_TIME)
    commit(store.put_shelf(held, known, Conflict(f"the backups of {held.lab_id} were changed meanwhile")))
    return store.Kept(held, known.version + 1)


def _release(held: store.Kept, shelf: Shelf) -> None:
    """Let go of it; if somebody changed the shelf meanwhile, only let go."""
    known = store.shelf(held.shelf.lab_id)
    if known is None or known.shelf.busy != PRUNING:
        return
    mine = shelf if known.version == held.version else known.shelf
    gone = not mine.count and _is_gone(mine.lab_id)
    free = replace(mine, busy="", busy_until=None)
    refused = Conflict(f"the backups of {mine.lab_id} were changed meanwhile")
    commit(store.drop_shelf(known, refused) if gone else store.put_shelf(free, known, refused))


def _is_gone(lab_id: str) -> bool:
    try:
        return labs.as_it_is(lab_id).phase is Phase.DELETED
    except NotFound:
        return True


def in_use(lab_id: str) -> set[str]:
    """Backups that a restore or a drill is reading now; a restore into another lab names this one as its source."""
    used = {one.backup_id for one in store.pieces(Drill, lab_id) if one.state is State.RUNNING}
    for target, word, name in store.running():
        if word == "RESTORE":
            restore = store.piece(Restore, target, name)
            used |= {restore.backup_id} if restore and restore.source_lab == lab_id else set()
    return used


def _forget(lab_id: str, doomed: list[Backup], now: datetime) -> None:
    """The record first: what is listed can always be restored. Then its objects, in both regions."""
    for backup in doomed:
        changes, about = telling.gone(backup), {"backup_id": backup.id, "why": "by the policy"}
        commit(store.drop(backup), telling.about_lab("BackupForgotten", lab_id, now, telling.WIZARD, "prune", changes, **about))
    for place in s3.places():
        s3.delete(place, (key for backup in doomed for key in objects_of(backup)))


def objects_of(backup: Backup) -> tuple[str, ...]:
    return (manifest.key(backup.lab_id, backup.id), manifest.record_key(backup.lab_id, backup.id))


def sweep(lab_id: str, left: list[Backup], now: datetime, is_over: IsOver = lambda: False) -> int:
    """Remove chunks and manifests that nothing needs; returns how many bytes stay."""
    needed = needed_by(lab_id, left)
    known = {one.id for one in left}
    stays = 0
    for place in s3.places():
        strays = [str(one["Key"]) for one in s3.listing(place, manifest.folder(lab_id)) if _is_stray(one, lab_id, known, now)]
        s3.delete(place, strays)
        aside = [str(one["Key"]) for one in s3.listing(place, manifest.damaged_key(lab_id, b"")) if _is_old(one, now)]
        s3.delete(place, aside)
        chunks = list(s3.chunks(place, manifest.chunks_prefix(lab_id)))
        gone = [] if is_over() else list(keeping.garbage(chunks, needed, now))
        s3.delete(place, (one.key for one in gone))
        if place == s3.here():
            stays = sum(one.size for one in chunks) - sum(one.size for one in gone)
    return stays


def needed_by(lab_id: str, left: list[Backup]) -> set[Digest]:
    """Every chunk that a kept backup, or a restore into this lab, is made of. BackupBroken when any of it cannot be known."""
    needed: set[Digest] = set()
    for backup in left:
        if backup.state is State.FINISHED:
            needed.update(making.chunks_of(backup))
    for restore in store.pieces(Restore, lab_id):
        if restore.state is State.RUNNING and restore.source_lab != lab_id:
            needed.update(making.chunks_of(restoring.backup_of(restore)))
    return needed


def _is_stray(found: dict[str, object], lab_id: str, known: set[str], now: datetime) -> bool:
    """Something of a backup that nobody lists: of one that failed, or was forgotten by halves."""
    name = str(found["Key"]).removeprefix(manifest.folder(lab_id)).partition("/")[0]
    modified = found["LastModified"]
    return name not in known and isinstance(modified, datetime) and now - modified > keeping.GRACE


def _is_old(found: dict[str, object], now: datetime) -> bool:
    modified = found["LastModified"]
    return isinstance(modified, datetime) and now - modified > keeping.FAILURES_REMEMBERED
