"""How does a team bring a pack of its own, and take it away again? Checked by the code that reads every pack, kept by version.

Keeps true: a version's files are in place before the record names them, so no lab is ever ordered to fetch what is not there;
adding the same files again changes nothing; a pack that a lab uses stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from chalicelib.packs import own, reading, s3, store, yaml_files
from chalicelib.packs.own import OwnPack
from chalicelib.packs.rules import Pack, lock_file
from chalicelib.packs.shipped import lineage
from chalicelib.runtime.errors import AppError, BadInput, Conflict, Forbidden, NotFound, PackBroken, Unprocessable
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.requests import RequestKey, remembered
from chalicelib.runtime.store import Write, commit


@dataclass(frozen=True)
class Asking:
    """Who asks, when, and under which keys; `teams` are those whose packs they may change, None all."""

    by: str
    now: datetime
    correlation_id: str
    teams: frozenset[str] | None
    request_key: RequestKey | None = None

    def may_change(self, team: str) -> bool:
        return self.teams is None or team in self.teams


def add(name: str, team: str, files: Mapping[str, str], asking: Asking) -> OwnPack:
    """A new version of a team's own pack (`files`: name → SHA-256 of what was uploaded); when they are the same, what there is.

    Unprocessable, in the words of the code that reads every pack, when it is none."""
    before = _mine(name, asking)
    own.checked_files(files)
    version = own.version_of(files)
    if before and before[0].version == version:
        return before[0]
    contents = {file: s3.received(file, digest) for file, digest in files.items()}
    text = _text(own.PACK, contents[own.PACK])
    pack = OwnPack(name, version, before[0].team if before else team, asking.by, asking.now, dict(files), text)
    try:
        _check_locks(check(pack), {file: _text(file, content) for file, content in contents.items()})
    except PackBroken as error:
        raise Unprocessable(error.message, error.hint, code="pack_broken") from error
    for file, content in contents.items():
        s3.keep(name, version, file, content)
    changes = {
        "version": (before[0].version if before else None, version),
        "team": (before[0].team if before else None, pack.team),
    }
    commit(*store.put(pack, before), _told("PackAdded", pack, asking, changes), *remembered(asking.request_key, {"name": name}))
    return pack


def check(pack: OwnPack) -> Pack:
    """The pack with all it extends merged in. PackBroken when it is none."""
    said = yaml_files.parse(pack.name, pack.text)
    own.checked_parent(pack.name, said, yaml_files.names())
    below = lineage(str(said["extends"])) if said.get("extends") is not None else []
    read = reading.resolve([*below, (pack.name, said)])
    own.own_kernels(read)
    if read.examples:
        raise PackBroken(f"pack {pack.name}: brings examples, which a pack of one's own cannot", "put notebooks into the lab")
    return read


def _check_locks(read: Pack, texts: Mapping[str, str]) -> None:
    kernels = {lock_file(kernel): kernel for kernel in own.own_kernels(read)}
    spare = sorted(texts.keys() - kernels.keys() - {own.PACK})
    if spare:
        raise PackBroken(f"{spare[0]} is the lock of no kernel", f"this pack's are: {', '.join(sorted(kernels)) or 'none'}")
    for file, kernel in kernels.items():
        if file not in texts:
            raise PackBroken(f"pack {read.name}: {kernel.display_name} has no lock", f"bring {file}: packs lock makes it")
        own.check_lock(kernel, file, texts[file])


def remove(name: str, asking: Asking) -> None:
    """No new lab is made with it. Conflict while a lab is; NotFound when there is none."""
    before = _mine(name, asking)
    if before is None:
        raise unknown(name)
    labs = store.users(name)
    if labs:
        shown = ", ".join(labs[:5]) + (" and more" if len(labs) > 5 else "")
        raise Conflict(f"pack {name} is used by {shown}", "delete those labs first, or leave it")
    pack, touched = before
    changes = {"version": (pack.version, None), "team": (pack.team, None)}
    commit(
        store.drop(name, touched), _told("PackRemoved", pack, asking, changes), *remembered(asking.request_key, {"status": 204})
    )


def _mine(name: str, asking: Asking) -> tuple[OwnPack, int] | None:
    """The pack as it stands, if there is one; Forbidden when it is another team's."""
    before = store.newest(own.checked_name(name, yaml_files.names()))
    if before and not asking.may_change(before[0].team):
        raise Forbidden(f"pack {name} is of team {before[0].team}", "ask whoever leads that team, or an admin")
    return before


def _told(name: str, pack: OwnPack, asking: Asking, changes: Mapping[str, tuple[object, object]]) -> Write:
    told = {"pack": pack.name, "version": pack.version, "team": pack.team}
    return record(Fact(name, f"pack:{pack.name}", told, asking.now, asking.by, asking.correlation_id, changes=changes))


def _text(file: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is no UTF-8 text", "save it as UTF-8") from error


def unknown(name: str) -> NotFound:
    return NotFound(f"there is no pack '{name[:64]}' of a team's own", "aws-research-wizard packs list")


# ---- for labs --------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def of_version(name: str, version: str) -> tuple[OwnPack, Pack]:
    """A version that a lab was made with; what was read once is kept, for it never changes."""
    found = store.of_version(name, version)
    if found is None:
        raise PackBroken(f"pack {name} has no version {version}", "add the same pack again: aws-research-wizard packs add")
    return found, check(found)


def uses(name: str, version: str, lab_id: str) -> tuple[Write, ...]:
    """A lab is made with it. Conflict when the pack was changed or removed in the meantime."""
    found, _ = of_version(name, version)
    changed: AppError = Conflict(f"pack {name} was changed in the meantime", "ask again")
    return store.use(found, lab_id, changed)
