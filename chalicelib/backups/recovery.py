"""How does a stage begin again in another region? From its newest table snapshot and its labs' newest backups, a step at a time.

    back_up      every night and when asked: people, packs, labs, backups and agreements as lists beside the labs' backups, and
                 in the second region
    plan         what could be had back, and what is back already; changes nothing
    people · packs · shelves · lab · files · rest · agreements     the steps; `tools.rebuild` asks for them in this order, as
                 often as it takes

Agreements come last: a timetable does not stop a lab whose files are still on their way.

Keeps true: each step may be asked for any number of times; what is there already is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.backups import agreements, environments, pruning, rules, s3, store, tables
from chalicelib.backups.rules import Backup, Restore, Shelf, State
from chalicelib.backups.starting import fresh_id, start_restore
from chalicelib.labs import service as labs
from chalicelib.labs.rules import Phase
from chalicelib.labs.service import Asking
from chalicelib.packs import service as packs
from chalicelib.people import service as people
from chalicelib.people.rules import Principal, Role, scopes_of
from chalicelib.runtime import settings
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import BadInput, Conflict, NotFound, PackBroken
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import commit

OPERATOR = "operator"
Value = dict[str, Any]


# ---- every night ---------------------------------------------------------------------------------------------------------


def back_up(now: datetime) -> Value:
    """A snapshot of the tables, here and in the second region; older ones are thinned out."""
    known, here, second = settings.current(), s3.here(), s3.there()
    everybody, made = list(people.everybody()), list(labs.catalogue(now))
    brought = list(packs.written())  # after the labs, so that each finds what it was made with
    wanting = environments.keep(brought)
    for key in wanting:
        logger().error("a file of a team's pack cannot be had, so it is not carried to another region", key=key)
    agreed = agreements.written(everybody, made, now)
    lists = {"people": everybody, "packs": brought, "labs": made, "backups": _shelves(), "agreements": agreed}
    snapshot = tables.write(here, lists, known.stage, known.region, now)
    if second:
        tables.copy(here, second, snapshot)
    pruned = sum(tables.prune(place, now) for place in s3.places())
    return snapshot.told() | {"copied": second is not None, "pruned": pruned, "wanting": wanting}


def _shelves() -> Iterator[Value]:
    """Every lab's backups, those of labs included that are gone."""
    cursor: str | None = None
    while True:
        page = store.all_shelves(cursor)
        for shelf in store.shelves(page.items).values():
            finished = [one for one in store.pieces(Backup, shelf.lab_id) if one.state is State.FINISHED]
            yield {"lab_id": shelf.lab_id, "shelf": store.plain(shelf), "backups": [store.plain(one) for one in finished]}
        cursor = page.cursor
        if cursor is None:
            return


# ---- what could be had back ----------------------------------------------------------------------------------------------


def plan() -> Value:
    """The snapshot that would be used, and of each lab its newest backup and how far it is."""
    here = s3.here()
    snapshot = tables.newest(here)
    backups = {one["lab_id"]: one for one in tables.read(here, snapshot, "backups")}
    found = [_planned(value, backups.get(value["id"])) for value in tables.read(here, snapshot, "labs")]
    counts = {name: len(tables.read(here, snapshot, name)) for name in ("people", "packs", "agreements")}
    return {"snapshot": snapshot.told(), **counts, "labs": found}


def _planned(value: Mapping[str, Any], kept: Mapping[str, Any] | None) -> Value:
    newest = _newest(kept)
    last = parse_iso(value["last_session"]) if value["last_session"] else None
    told: Value = {name: value[name] for name in ("id", "name", "domain", "owner", "phase", "opened", "last_session")}
    told |= {"backup": None, "here": _phase(value["id"]), "files": ""}
    if newest is None:
        return told
    told["backup"] = {"id": newest.id, "taken_at": iso(newest.taken_at), "files": newest.files, "bytes": newest.bytes}
    restore = _restore_of(value["id"], newest)
    return told | {"rpo_seconds": rules.lost_if_restored(newest, last), "files": str(restore.state) if restore else ""}


def _newest(kept: Mapping[str, Any] | None) -> Backup | None:
    """The newest backup whose manifest is in this bucket: a copy that was under way when the region went is not there whole."""
    found = [store.of_plain(Backup, one) for one in (kept or {}).get("backups", ())]
    found.sort(key=lambda one: one.taken_at, reverse=True)
    return next((one for one in found if s3.exists(s3.here(), one.manifest_key)), None)


def _phase(lab_id: str) -> str:
    with suppress(NotFound):
        return str(labs.as_it_is(lab_id).phase)
    return ""


# ---- the steps -----------------------------------------------------------------------------------------------------------


def step(asked: Mapping[str, Any], now: datetime) -> Value:
    """One step by its name. BadInput for a word that is none."""
    match asked.get("do"):
        case "plan":
            return plan()
        case "people":
            return take_in_people(now)
        case "packs":
            return take_in_packs(now)
        case "shelves":
            return take_in_shelves()
        case "lab":
            return lab(str(asked["lab_id"]), now)
        case "files":
            return files(str(asked["lab_id"]), now)
        case "rest":
            return rest(str(asked["lab_id"]), now)
        case "agreements":
            return take_in_agreements(now)
        case word:
            raise BadInput(f"'{word}' is no step", "plan, people, packs, shelves, lab, files, rest or agreements")


def take_in_people(now: datetime) -> Value:
    """Everybody with their roles, teams and tokens; who is known here stays as they are."""
    values = tables.read(s3.here(), tables.newest(s3.here()), "people")
    added = sum(people.take_in(value, now, OPERATOR, _request()) for value in values)
    return {"added": added, "known": len(values) - added}


def take_in_packs(now: datetime) -> Value:
    """Teams' own packs with their locks, in every version; `wrong` says of which the files are not to be had."""
    values = tables.read(s3.here(), tables.newest(s3.here()), "packs")
    return environments.take_in(values, now, OPERATOR, _request())


def take_in_shelves() -> Value:
    """The records of every backup that is in this bucket, so that people find them again, also those of labs that are gone."""
    added = known = missing = 0
    for value in tables.read(s3.here(), tables.newest(s3.here()), "backups"):
        there = [one for one in map(_backup, value["backups"]) if s3.exists(s3.here(), one.manifest_key)]
        missing += len(value["backups"]) - len(there)
        for one in there:
            added, known = (added + 1, known) if _put(one) else (added, known + 1)
        if there and store.shelf(value["lab_id"]) is None:
            empty = replace(store.of_plain(Shelf, value["shelf"]), busy="", busy_until=None)
            refused = Conflict("the lab's backups were changed meanwhile", "ask again")
            commit(store.put_shelf(pruning.counted(empty, there), None, refused))
    return {"added": added, "known": known, "missing": missing}


def _backup(value: Mapping[str, Any]) -> Backup:
    return store.of_plain(Backup, value)


def _put(backup: Backup) -> bool:
    try:
        commit(store.put(backup, None, Conflict("it is known")))
    except Conflict:
        return False
    return True


def lab(lab_id: str, now: datetime) -> Value:
    """The lab, made anew: with its people and a new, empty file system. Without a phase when its pack is not here."""
    try:
        made = labs.rebuild(_value(lab_id), now, OPERATOR, _request())
    except PackBroken as error:
        return {"lab_id": lab_id, "phase": "", "cause": error.message, "generation": 0}
    return {"lab_id": made.id, "phase": str(made.phase), "cause": made.cause, "generation": made.generation}


def files(lab_id: str, now: datetime) -> Value:
    """All files of the newest backup, into the lab once it is READY; asked again, how far that is."""
    known = store.shelf(lab_id)
    backup = store.piece(Backup, lab_id, known.shelf.newest) if known and known.shelf.newest else None
    if backup is None:
        return {"state": "NONE", "cause": "this lab has no backup"}
    restore = _restore_of(lab_id, backup)
    if restore is None or restore.state is State.FAILED:
        now_is = labs.as_it_is(lab_id)
        if now_is.phase is not Phase.READY:
            return {"state": "WAITING", "cause": f"the lab is {now_is.phase}"}
        restore_id = fresh_id("r", now) if restore else f"r{backup.id[1:]}"
        restore = start_restore(_whole(restore_id, backup, now))
    told: Value = {"state": str(restore.state), "cause": restore.cause, "files": restore.files, "bytes": restore.bytes}
    return told | {"failed": restore.failed_count, "backup_id": backup.id, "taken_at": iso(backup.taken_at)}


def _whole(restore_id: str, backup: Backup, now: datetime) -> Restore:
    """Everything to where it was: the file system is new, so nothing is there to be replaced."""
    return Restore(
        id=restore_id,
        lab_id=backup.lab_id,
        source_lab=backup.lab_id,
        backup_id=backup.id,
        state=State.RUNNING,
        asked_at=now,
        asked_by=OPERATOR,
        correlation_id=_request(),
        over=True,
        label=rules.label(backup),
    )


def _restore_of(lab_id: str, backup: Backup) -> Restore | None:
    """The whole restore of this backup that an operator asked for: the one that came furthest."""
    found = [one for one in store.pieces(Restore, lab_id) if one.backup_id == backup.id and one.asked_by == OPERATOR]
    order = (State.FINISHED, State.RUNNING, State.FAILED)
    return min(found, key=lambda one: order.index(one.state), default=None)


def rest(lab_id: str, now: datetime) -> Value:
    """A lab that was stopped is stopped again, once its files are back."""
    was, lab = _value(lab_id)["phase"], labs.as_it_is(lab_id)
    if was in (Phase.STOPPED, Phase.STOPPING) and lab.phase is Phase.READY:
        who = Principal(OPERATOR, Role.ADMIN, scopes_of(Role.ADMIN), OPERATOR, ())
        lab = labs.stop_lab(lab_id, Asking(who, now, _request()))
    return {"phase": str(lab.phase), "was": was}


def take_in_agreements(now: datetime) -> Value:
    """Quotas, budgets, timetables, wake keys and exemptions; who agreed on something here already keeps that."""
    here = s3.here()
    snapshot = tables.newest(here)
    place = f"rebuilt-from-{snapshot.region}"
    return agreements.take_in(tables.read(here, snapshot, "agreements"), place, now, OPERATOR, _request())


def _value(lab_id: str) -> Value:
    values = tables.read(s3.here(), tables.newest(s3.here()), "labs")
    found = next((value for value in values if value["id"] == lab_id), None)
    if found is None:
        raise NotFound(f"lab {lab_id} is not in the newest snapshot")
    return found


def _request() -> str:
    return f"rebuild-{settings.current().region}"
