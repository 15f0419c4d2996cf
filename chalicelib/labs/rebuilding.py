"""How does a lab begin again where nothing of it is left but what was written down elsewhere?

As a lab that is made: with its name, its people and its sizes, and with a new machine and a new, empty file system. Its files
come back afterwards, from its newest backup. Keeps true: a lab that is there, or that somebody deleted here, is not touched;
saying it twice makes one lab.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from chalicelib.labs import fitting, naming, rules, sessions, store
from chalicelib.labs.machines import Member
from chalicelib.labs.needs import need_of
from chalicelib.labs.provisioning import fact, patience
from chalicelib.labs.rules import WORKFLOWS, Lab, Phase
from chalicelib.limits import service as limits
from chalicelib.packs import service as packs
from chalicelib.runtime import settings, workflows
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import Conflict, NotFound
from chalicelib.runtime.store import commit

PAGE = 25
AT_ONCE = 50
CARRIED = ("id", "name", "domain", "owner", "team", "users", "instance_type", "shared_storage_gb", "examples", "notebooks")


def catalogue(now: datetime) -> Iterator[dict[str, Any]]:
    """Every lab that is not deleted, as plain values: what `rebuild` needs."""
    cursor: str | None = None
    while True:
        page = store.ids_of_all(cursor, PAGE)
        for lab_id in page.items:
            try:
                yield _plain(lab_id, now)
            except NotFound:
                continue
        cursor = page.cursor
        if cursor is None:
            return


def _plain(lab_id: str, now: datetime) -> dict[str, Any]:
    lab, machine, people = store.whole(lab_id)
    last = sessions.last_of(lab, machine, now)
    return {
        **{name: getattr(lab, name) for name in CARRIED},
        "generation": lab.generation,
        "pack_version": lab.pack_version,
        "phase": str(lab.phase),
        "candidates": list(lab.candidates),
        "packs": list(lab.packs),
        "created_at": iso(lab.created_at),
        "opened": lab.opened,
        "last_session": iso(last) if last else "",
        "people": [{"email": one.email, "role": one.role, "added_at": iso(one.added_at)} for one in people],
    }


def rebuild(value: Mapping[str, Any], now: datetime, by: str, request: str) -> Lab:
    """The lab, PROVISIONING, or as it is when it is here already. One whose rebuilding failed is begun once more."""
    known = _known(str(value["id"]))
    people = [Member(str(value["id"]), one["email"], one["role"], parse_iso(one["added_at"])) for one in value["people"]]
    if known is not None and not (known.phase is Phase.FAILED and not known.opened):
        _let_in_the_rest(known, people, now, by, request)
        return known
    lab = _designed(value, known, now, request)
    there = Conflict(f"lab {lab.id} was made at the same moment")
    mine = fitting.versions(lab) if known is None else ()
    installed = [write for name, version in mine for write in packs.uses_again(name, version, lab.id)]
    told = partial(fact, "LabRebuilt", lab, now, by=by, request=request, before=known, after=lab, generation=value["generation"])
    admitted = partial(limits.readmit, lab.team, lab.id, need_of(lab), now)
    if known is None:
        first = people[:AT_ONCE]
        added = [store.add_member(one, there) for one in first]
        limits.committed(
            lab.team, now, lambda: (store.create(lab, there), *admitted(), *installed, *added, told(changes=_told(first)))
        )
    else:
        store.forget_machinery(lab.id)
        limits.committed(lab.team, now, lambda: (store.change(known, lab, there), *admitted(), told()))
    workflows.start(WORKFLOWS[lab.phase], lab.id, lab.generation, lab.correlation_id)
    return lab


def _let_in_the_rest(lab: Lab, people: Sequence[Member], now: datetime, by: str, request: str) -> None:
    """A transaction holds a hundred writes: people beyond the first fifty come in afterwards, fifty at a time."""
    if lab.correlation_id != request:
        return
    for start in range(AT_ONCE, len(people), AT_ONCE):
        some = people[start : start + AT_ONCE]
        told = fact("LabPeopleRebuilt", lab, now, by=by, request=request, changes=_told(some))
        with suppress(Conflict):  # they are in
            commit(*(store.add_member(one, Conflict("they are in")) for one in some), told)


def _told(people: Sequence[Member]) -> dict[str, tuple[object, object]]:
    return {f"member:{one.email}.role": (None, str(one.role)) for one in people}


def _known(lab_id: str) -> Lab | None:
    try:
        return store.load(lab_id, consistent=True)
    except NotFound:
        return None


def _designed(value: Mapping[str, Any], known: Lab | None, now: datetime, request: str) -> Lab:
    generation = max(int(value["generation"]), known.generation if known else 0) + 1
    carried = {name: value[name] for name in CARRIED}
    return Lab(
        **carried
        | {
            "generation": generation,
            "phase": Phase.PROVISIONING,
            "candidates": tuple(value["candidates"]),
            "packs": tuple(value.get("packs", ())),
            "created_at": parse_iso(value["created_at"]),
            "changed_at": now,
            "correlation_id": request,
            "deadline": rules.deadline(Phase.PROVISIONING, now, patience()),
            "members": known.members if known else len(value["people"]),
            "release": naming.release_of(settings.current().bundle_key),
            "pack_version": value.get("pack_version", ""),
            "last_session": parse_iso(value["last_session"]) if value["last_session"] else None,
        }
    )
