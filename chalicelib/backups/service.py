"""The verbs people use on backups: make one, look, get files back, rehearse, delete.

A lab that is gone still has its backups: whoever led it may look, get files back into another lab of theirs, and delete them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_UP, Decimal

from chalicelib.backups import pruning, rules, s3, store, telling
from chalicelib.backups.manifest import Entry, Manifest
from chalicelib.backups.rules import Backup, Drill, Restore, Shelf, State, Then
from chalicelib.backups.starting import fresh_id, start_backup, start_drill, start_restore
from chalicelib.backups.stock import Seen, Stock
from chalicelib.labs import service as labs
from chalicelib.labs.rules import Lab, Phase, advice
from chalicelib.labs.service import Asking
from chalicelib.limits import rules as prices
from chalicelib.limits.rules import Price
from chalicelib.people import rules as people
from chalicelib.people.rules import Action, LabRole, Principal, Role
from chalicelib.runtime import settings
from chalicelib.runtime.errors import AppError, Conflict, Forbidden, NotFound
from chalicelib.runtime.pages import Page, decode, encode
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.store import Write, commit

NEWEST = ("newest", "latest")
LOOKED_UP = 8 << 20  # bytes of a manifest that a request may read to see whether a path is in it
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Standing:
    """What somebody is to the backups of a lab; `lab` is None once even its record is gone."""

    lab_id: str
    owner: str
    lab: Lab | None
    role: LabRole | None

    @property
    def leads(self) -> bool:
        return self.role is LabRole.LEAD


def standing(who: Principal, lab_id: str, action: Action = Action.SEE_LAB) -> Standing:
    """NotFound for whoever may not even see the lab; Forbidden, with the reason, for what they may not do."""
    try:
        found = labs.visible(who, lab_id, action)
    except NotFound:
        return _of_the_gone(who, lab_id, action)
    leads = people.may(who, Action.CHANGE_LAB, found.lab.owner, found.role, found.lab.team).allowed
    return Standing(lab_id, found.lab.owner, found.lab, LabRole.LEAD if leads else found.role)


def _of_the_gone(who: Principal, lab_id: str, action: Action) -> Standing:
    known = store.shelf(lab_id, consistent=False)
    if known is None or not people.may(who, action, known.shelf.owner, None, known.shelf.team).allowed:
        raise NotFound(f"there is no lab '{lab_id[:40]}'", "aws-research-wizard jupyter list")
    with suppress(NotFound):
        labs.as_it_is(lab_id)
        raise NotFound(f"there is no lab '{lab_id[:40]}'", "aws-research-wizard jupyter list")
    return Standing(lab_id, known.shelf.owner, None, LabRole.LEAD)


# ---- make one ------------------------------------------------------------------------------------------------------------


def request_backup(lab_id: str, asking: Asking, then: Then = Then.NOTHING, *, keep_data: bool = True) -> Backup:
    """Back a running lab up now; then, if all went well, stop or delete it on the asker's behalf."""
    lab = labs.visible(asking.who, lab_id, Action.CHANGE_LAB if then is Then.DELETE else Action.OPERATE_LAB).lab
    if lab.phase is not Phase.READY:
        raise Conflict(f"lab {lab.id} is {lab.phase}: only a running lab can be backed up", advice(lab.phase))
    backup_id = fresh_id("b", asking.now)
    return start_backup(
        lab,
        asking.now,
        asking.who.email,
        asking.correlation_id,
        by_hand=True,
        then=then,
        keep_data=keep_data,
        also=remembered(asking.request_key, {"id": backup_id}),
        backup_id=backup_id,
    )


# ---- look ----------------------------------------------------------------------------------------------------------------


def backups_of(who: Principal, lab_id: str, now: datetime, cursor: str | None, limit: int) -> Page[Seen]:
    """The newest first."""
    standing(who, lab_id)
    page, last = store.page(Backup, lab_id, cursor, limit), last_session(lab_id, now)
    return Page(tuple(Seen(one, rules.stale(one, last)) for one in page.items), page.cursor)


def backup_of(who: Principal, lab_id: str, backup_id: str, now: datetime) -> Seen:
    standing(who, lab_id)
    backup = known_backup(lab_id, backup_id)
    return Seen(backup, rules.stale(backup, last_session(lab_id, now)))


def known_backup(lab_id: str, backup_id: str) -> Backup:
    """`newest` is the newest that is finished."""
    if backup_id in NEWEST:
        known = store.shelf(lab_id)
        backup_id = known.shelf.newest if known else ""
    backup = store.piece(Backup, lab_id, backup_id) if rules.is_id(backup_id, "b") else None
    if backup is None:
        what = f"no backup '{backup_id[:40]}'" if backup_id else "no finished backup yet"
        raise NotFound(f"lab {lab_id} has {what}", f"aws-research-wizard jupyter backups {lab_id}")
    return backup


def last_session(lab_id: str, now: datetime) -> datetime | None:
    with suppress(NotFound):
        return labs.last_session(lab_id, now)
    return None


def files_of(who: Principal, lab_id: str, backup_id: str, path: str, cursor: str | None, limit: int) -> Page[Entry]:
    """What is in a backup under a path, in order; for whoever does not lead the lab, what is in their own home."""
    role = standing(who, lab_id, Action.OPEN_LAB)
    backup = restorable(known_backup(lab_id, backup_id))
    folder = "" if role.leads and not path.strip() else rules.own_path(path, who.email)
    rules.allowed([folder] if folder else [], who.email, role.role)
    place = f"files of {lab_id} {backup.id} {folder}"
    key = decode(cursor, place)
    start, entries = int(key["line"]) if key else 0, _paper(backup).entries()
    found: list[Entry] = []
    for number, entry in enumerate(entries):
        if number >= start and (not folder or rules.is_within(entry.path, folder)):
            if len(found) == limit:
                return Page(tuple(found), encode({"line": number}, place))
            found.append(entry)
    if folder and not found and not cursor:
        raise _absent(folder, backup)
    return Page(tuple(found), None)


def _paper(backup: Backup) -> Manifest:
    return Manifest(s3.read(s3.here(), backup.manifest_key), backup.manifest_sha256, backup.lab_id, backup.id)


def _absent(path: str, backup: Backup) -> NotFound:
    hint = f"see what is: aws-research-wizard jupyter backups {backup.lab_id} {backup.id} --files"
    return NotFound(f"'{path[:120]}' is not in backup {backup.id}", hint)


def restorable(backup: Backup) -> Backup:
    if backup.state is not State.FINISHED:
        raise Conflict(f"backup {backup.id} is {backup.state}", "choose one that is FINISHED")
    return backup


# ---- get files back ------------------------------------------------------------------------------------------------------


def request_restore(
    lab_id: str, asking: Asking, backup_id: str, paths: Sequence[str], *, over: bool = False, source_lab: str = ""
) -> Restore:
    """Into a running lab, from its own backup or from that of another lab that the same person leads, also one that is gone."""
    who, source = asking.who, source_lab or lab_id
    target = standing(who, lab_id, Action.OPEN_LAB)
    origin = target if source == lab_id else standing(who, source)
    if origin is not target and not (origin.leads and target.leads):
        raise Forbidden(f"only who leads both may restore from {source} into {lab_id}", "ask whoever leads them")
    if target.lab is None or target.lab.phase is not Phase.READY:
        phase = target.lab.phase if target.lab else Phase.DELETED
        raise Conflict(f"lab {lab_id} is {phase}: files come back into a running lab", advice(phase))
    wanted = tuple(dict.fromkeys(rules.own_path(path, who.email) for path in paths))
    rules.allowed(wanted, who.email, target.role)
    backup = restorable(known_backup(source, backup_id))
    _look_up(backup, wanted)
    restore = Restore(
        id=fresh_id("r", asking.now),
        lab_id=lab_id,
        source_lab=source,
        backup_id=backup.id,
        state=State.RUNNING,
        asked_at=asking.now,
        asked_by=who.email,
        correlation_id=asking.correlation_id,
        paths=wanted,
        over=over,
        label=rules.label(backup),
    )
    return start_restore(restore, remembered(asking.request_key, {"id": restore.id}))


def _look_up(backup: Backup, paths: Sequence[str]) -> None:
    """A mistyped path is said at once, unless the manifest is too large to be read for it; then the restore says it."""
    if not paths or s3.size(s3.here(), backup.manifest_key) > LOOKED_UP:
        return
    missing = set(paths)
    for entry in _paper(backup).entries():
        missing -= {path for path in missing if rules.is_within(entry.path, path)}
        if not missing:
            return
    raise _absent(sorted(missing)[0], backup)


def restore_of(who: Principal, lab_id: str, restore_id: str) -> Restore:
    role = standing(who, lab_id)
    restore = store.piece(Restore, lab_id, restore_id) if rules.is_id(restore_id, "r") else None
    if restore is None or not (role.leads or restore.asked_by == who.email):
        raise NotFound(f"lab {lab_id} has no restore '{restore_id[:40]}'")
    return restore


# ---- rehearse ------------------------------------------------------------------------------------------------------------


def request_drill(lab_id: str, asking: Asking) -> Drill:
    """Try now whether the newest backup would come back."""
    standing(asking.who, lab_id, Action.CHANGE_LAB)
    known = store.shelf(lab_id)
    if known is None or not known.shelf.newest:
        raise Conflict(f"lab {lab_id} has no finished backup yet", f"make one: aws-research-wizard jupyter backup {lab_id}")
    return start_drill(
        known.shelf,
        asking.now,
        asking.who.email,
        asking.correlation_id,
        drill_id=(drill_id := fresh_id("d", asking.now)),
        also=remembered(asking.request_key, {"id": drill_id}),
    )


def drills_of(who: Principal, lab_id: str, cursor: str | None, limit: int) -> Page[Drill]:
    standing(who, lab_id)
    return store.page(Drill, lab_id, cursor, limit)


def drill_of(who: Principal, lab_id: str, drill_id: str) -> Drill:
    standing(who, lab_id)
    drill = store.piece(Drill, lab_id, drill_id) if rules.is_id(drill_id, "d") else None
    if drill is None:
        raise NotFound(f"lab {lab_id} has no drill '{drill_id[:40]}'", f"aws-research-wizard jupyter drills {lab_id}")
    return drill


# ---- delete --------------------------------------------------------------------------------------------------------------


def delete_backup(lab_id: str, backup_id: str, asking: Asking) -> None:
    """For good, because somebody who leads the lab said so. Not while it is made, read, or stood upon."""
    standing(asking.who, lab_id, Action.CHANGE_LAB)
    backup, known = known_backup(lab_id, backup_id), store.shelf(lab_id)
    if backup.state is State.RUNNING or (known and known.shelf.is_busy(asking.now)):
        raise Conflict(f"a backup of lab {lab_id} is being made", "delete it afterwards")
    if backup.id in pruning.in_use(lab_id):
        raise Conflict(f"backup {backup.id} is being read", "delete it afterwards")
    left = [one for one in store.pieces(Backup, lab_id) if one.id != backup.id]
    changes, about = telling.gone(backup), {"backup_id": backup.id, "why": f"{asking.who.email} deleted it"}
    told = telling.about_lab("BackupForgotten", lab_id, asking.now, asking.who.email, asking.correlation_id, changes, **about)
    shelf = _without(known, left)
    commit(*remembered(asking.request_key, {"status": 204}), store.drop(backup), *shelf, told)
    for place in s3.places():
        s3.delete(place, pruning.objects_of(backup))


def _without(known: store.Kept | None, left: Iterable[Backup]) -> tuple[Write, ...]:
    """The shelf with what is left; its chunks are swept at the next pruning."""
    if known is None:
        return ()
    shelf = replace(pruning.counted(known.shelf, left), swept_at=None, pruned_at=None)
    return (store.put_shelf(shelf, known, Conflict("the lab's backups were changed meanwhile", "try again")),)


# ---- what it all costs ---------------------------------------------------------------------------------------------------


def mine(who: Principal, cursor: str | None, limit: int) -> Page[Stock]:
    """What this person's labs have, those included that are gone; for an admin, everybody's."""
    page = store.all_shelves(cursor, limit) if who.role is Role.ADMIN else store.shelves_of(who.email, cursor, limit)
    known = store.shelves(page.items)
    return Page(tuple(_stock(known[lab_id]) for lab_id in page.items if lab_id in known), page.cursor)


def _stock(shelf: Shelf) -> Stock:
    phase = Phase.DELETED
    with suppress(AppError):
        phase = labs.as_it_is(shelf.lab_id).phase
    copies = len(s3.places())
    return Stock(shelf, phase, monthly_price(shelf.stored_bytes * copies))


def monthly_price(stored: int) -> Price | None:
    """What so many bytes cost a month, rounded up to the cent; None when the price is not known."""
    price = prices.object_monthly_price(Decimal(stored) / 2**30, settings.current().region)
    return price._replace(amount=price.amount.quantize(CENT, ROUND_UP)) if price else None
