"""How do teams' own packs come along to another region? As plain values, and their files as they were.

A version is its content, so it is the same one there, and a lab that names it finds it. Keeps true: nothing is taken in whose
files are not what the record says; files are in place before the record names them; what a team has there already stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from chalicelib.packs import adding, s3, store
from chalicelib.packs.own import OwnPack, key_of
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import Conflict, PackBroken
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.store import Write, commit

Value = dict[str, Any]


def written() -> Iterator[Value]:
    """Every version of each pack that there is; `newest` is the one that a new lab gets."""
    for newest in store.all_newest():
        for one in {newest.version: newest, **{each.version: each for each in store.versions(newest.name)}}.values():
            told = {**one._asdict(), "added_at": iso(one.added_at), "files": dict(one.files)}
            yield told | {"newest": one.version == newest.version}


def keys(value: Mapping[str, Any]) -> list[str]:
    """Where its files are, in the artifacts bucket and wherever they are kept."""
    return [key_of(value["name"], value["version"], file) for file in sorted(value["files"])]


def take_in(value: Mapping[str, Any], read: Callable[[str], bytes], now: datetime, by: str, request: str) -> bool:
    """This version with its files, each read by its key; False when it is here. PackBroken when a file is not what it was."""
    given = {name: value[name] for name in OwnPack._fields}
    pack = OwnPack(**given | {"added_at": parse_iso(value["added_at"])})
    first = bool(value["newest"]) and store.newest(pack.name) is None
    if store.of_version(pack.name, pack.version) is not None and not first:
        return False
    for file, digest in sorted(pack.files.items()):
        content = read(key_of(pack.name, pack.version, file))
        if hashlib.sha256(content).hexdigest() != digest:
            raise PackBroken(
                f"pack {pack.name}: {file} of version {pack.version} is not what it was", "add the same folder again"
            )
        s3.keep(pack.name, pack.version, file, content)
    _known(pack, first, now, by, request)
    return True


def _known(pack: OwnPack, first: bool, now: datetime, by: str, request: str) -> None:
    if first:
        with suppress(Conflict):  # its team has just added one here, which is newer
            commit(*store.put(pack, None), _told(pack, True, now, by, request))
            return
    commit(store.keep(pack), _told(pack, False, now, by, request))


def _told(pack: OwnPack, newest: bool, now: datetime, by: str, request: str) -> Write:
    changes = {"version": (None, pack.version), "team": (None, pack.team)} if newest else {}
    told = {"pack": pack.name, "version": pack.version, "team": pack.team, "newest": newest}
    return record(Fact("PackRebuilt", f"pack:{pack.name}", told, now, by, request, changes=changes))


def uses_again(name: str, version: str, lab_id: str) -> tuple[Write, ...]:
    """A lab that begins again holds the version that it was made with, whichever is the newest now. PackBroken without it."""
    adding.of_version(name, version)
    gone = Conflict(f"pack {name} is not here", "take in the packs first: they come before the labs")
    return store.use_again(name, version, lab_id, gone)
