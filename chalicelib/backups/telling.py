"""How is what happens to backups told? As facts of their lab, with what changed, in the transaction of the change."""

from __future__ import annotations

from datetime import datetime

from chalicelib.backups.rules import Backup, Drill, Restore
from chalicelib.runtime.facts import Changes, Fact, record
from chalicelib.runtime.store import Write

WIZARD = "aws-research-wizard"
Piece = Backup | Restore | Drill
WORDS: dict[type[Piece], str] = {Backup: "backup", Restore: "restore", Drill: "drill"}


def fact(
    name: str, piece: Piece, before: Piece | None, now: datetime, by: str = WIZARD, request: str = "", **data: object
) -> Write:
    """Something that happened to a backup, a restore or a drill; what the wizard does, it does for whoever asked for it."""
    word = WORDS[type(piece)]
    about = {f"{word}_id": piece.id, **({"backup_id": piece.backup_id} if not isinstance(piece, Backup) else {})}
    behalf = piece.asked_by if by == WIZARD and piece.asked_by != WIZARD else ""
    changes = changed(piece, before)
    request = request or piece.correlation_id
    return record(Fact(name, piece.lab_id, {**about, **data}, now, by, request, changes=changes, on_behalf_of=behalf))


def changed(piece: Piece, before: Piece | None) -> Changes:
    """`backup:<id>.state` from what to what."""
    old = str(before.state) if before else None
    return {f"{WORDS[type(piece)]}:{piece.id}.state": (old, str(piece.state))} if old != piece.state else {}


def gone(piece: Piece) -> Changes:
    return {f"{WORDS[type(piece)]}:{piece.id}.state": (str(piece.state), None)}


def about_lab(name: str, lab_id: str, now: datetime, by: str, request: str, changes: Changes, **data: object) -> Write:
    return record(Fact(name, lab_id, data, now, by, request, changes=changes))
