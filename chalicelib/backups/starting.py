"""How does a backup, a restore or a drill begin? Its record, the shelf and the fact in one transaction, then its workflow.

The workflow's name follows from the record alone, so a start that got lost is simply repeated.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.backups import rules, store
from chalicelib.backups.making import LONGEST
from chalicelib.backups.rules import Backup, Drill, Restore, Shelf, State, Then
from chalicelib.backups.telling import fact
from chalicelib.labs.rules import Lab
from chalicelib.runtime import workflows
from chalicelib.runtime.errors import Conflict
from chalicelib.runtime.store import Write, commit

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
Piece = Backup | Restore | Drill
STORIES: dict[type[Piece], tuple[str, str]] = {
    Backup: ("backup_lab", "backup_id"),
    Restore: ("restore_lab", "restore_id"),
    Drill: ("drill_backup", "drill_id"),
}


def fresh_id(kind: str, now: datetime) -> str:
    return rules.new_id(kind, now, "".join(secrets.choice(LETTERS) for _ in range(4)))


def workflow_of(piece: Piece) -> tuple[str, str]:
    """The state machine of a piece, and the name of its one execution."""
    return STORIES[type(piece)][0], f"{piece.lab_id}-{piece.id}"


def begin(piece: Piece) -> None:
    """Start its workflow; saying so twice starts it once."""
    machine, run = workflow_of(piece)
    workflows.begin(
        machine, run, {"lab_id": piece.lab_id, STORIES[type(piece)][1]: piece.id, "correlation_id": piece.correlation_id}
    )


def start_backup(
    lab: Lab,
    now: datetime,
    by: str,
    request: str,
    *,
    by_hand: bool,
    then: Then = Then.NOTHING,
    keep_data: bool = True,
    also: Sequence[Write] = (),
    backup_id: str = "",
) -> Backup:
    """One backup at a time: Conflict while another is being made."""
    known = store.shelf(lab.id)
    backup = Backup(
        id=backup_id or fresh_id("b", now),
        lab_id=lab.id,
        state=State.RUNNING,
        asked_at=now,
        asked_by=by,
        correlation_id=request,
        by_hand=by_hand,
        then=then,
        keep_data=keep_data,
        generation=lab.generation,
        base=known.shelf.newest if known and not known.shelf.distrusted else "",
    )
    told = fact("BackupRequested", backup, None, now, by, by_hand=by_hand, then=then)
    commit(*also, store.put(backup, None), _taken(lab, known, backup, now), told)
    begin(backup)
    return backup


def _taken(lab: Lab, known: store.Kept | None, backup: Backup, now: datetime) -> Write:
    """The shelf, held for this backup."""
    shelf = known.shelf if known else Shelf(lab.id, lab.owner, lab.team, lab.domain)
    if shelf.is_busy(now):
        raise Conflict(f"lab {lab.id} is at it already: {shelf.busy}", f"aws-research-wizard jupyter backups {lab.id}")
    tries = shelf.tries + 1 if shelf.tried_at and shelf.tried_at >= rules.night(now) else 1
    held = replace(shelf, owner=lab.owner, team=lab.team, domain=lab.domain, busy=backup.id, busy_until=now + LONGEST)
    held = held if backup.by_hand else replace(held, tried_at=now, tries=tries)
    refused = Conflict(f"another backup of lab {lab.id} began at the same moment", "it is being made; watch that one")
    return store.put_shelf(held, known, refused)


def start_restore(restore: Restore, also: Sequence[Write] = ()) -> Restore:
    paths, asked_at = list(restore.paths)[:20], restore.asked_at
    told = fact(
        "RestoreRequested",
        restore,
        None,
        asked_at,
        restore.asked_by,
        paths=paths,
        over=restore.over,
        source_lab=restore.source_lab,
    )
    commit(*also, store.put(restore, None), told)
    begin(restore)
    return restore


def start_drill(shelf: Shelf, now: datetime, by: str, request: str, also: Sequence[Write] = (), drill_id: str = "") -> Drill:
    """A rehearsal of the newest backup."""
    drill = Drill(drill_id or fresh_id("d", now), shelf.lab_id, shelf.newest, State.RUNNING, now, by, request)
    commit(*also, store.put(drill, None), fact("BackupDrillStarted", drill, None, now, by))
    begin(drill)
    return drill
