"""The verbs: which packs are there, and what exactly does this one give a lab?

Packs that ship cannot change while this process runs, nor can a version of a team's own: what was read once is kept.
"""

from __future__ import annotations

from functools import cache

from chalicelib.packs import adding, carrying, own, reading, s3, shipped, store, yaml_files
from chalicelib.packs.adding import Asking, add, remove
from chalicelib.packs.carrying import keys, take_in, written
from chalicelib.packs.own import OwnPack
from chalicelib.packs.rules import Pack, PackSummary
from chalicelib.packs.s3 import Offer, bucket
from chalicelib.runtime.errors import BadInput, PackBroken
from chalicelib.runtime.store import Write

__all__ = ["Asking", "Offer", "OwnPack", "add", "bucket", "keys", "remove", "take_in", "written"]


@cache
def catalogue() -> tuple[PackSummary, ...]:
    """Every shipped pack in short, sorted by name."""
    return tuple(summary(resolve(name)) for name in yaml_files.names())


def summary(pack: Pack) -> PackSummary:
    shown = tuple(kernel.display_name for kernel in pack.installed_kernels)
    return PackSummary(name=pack.name, title=pack.title, purpose=pack.purpose, kernels=shown)


@cache
def resolve(name: str) -> Pack:
    """The shipped pack with all it extends merged in. NotFound (with a near miss) or PackBroken when it cannot be had."""
    return reading.resolve(shipped.lineage(name))


# ---- teams' own ------------------------------------------------------------------------------------------------------------


def teams_own() -> list[tuple[OwnPack, PackSummary]]:
    """The newest version of each, by name."""
    return [(one, _summary_of(one)) for one in store.all_newest()]


def _summary_of(one: OwnPack) -> PackSummary:
    """In short; one that this release can no longer read says so, and does not stand in the others' way."""
    try:
        return summary(adding.of_version(one.name, one.version)[1])
    except PackBroken as error:
        return PackSummary(one.name, one.name, error.message, ())


def newest(name: str) -> Pack:
    """The pack that a new lab of this domain gets: shipped, or the newest version of a team's own."""
    if name in yaml_files.names():
        return resolve(name)
    found = store.newest(name) if own.NAME.fullmatch(name) else None
    if found is None:
        raise shipped.unknown(name, [], tuple(one.name for one in store.all_newest()))
    return of(name, found[0].version)


def own_of(name: str) -> tuple[OwnPack, str] | None:
    """A team's own pack of this name, and which shipped one it extends; None when there is none."""
    found = store.newest(name) if own.NAME.fullmatch(name) and name not in yaml_files.names() else None
    return (found[0], str(yaml_files.parse(name, found[0].text).get("extends") or "")) if found else None


def of(name: str, version: str) -> Pack:
    """The pack that a lab was made with; without a version it is a shipped one."""
    if not version:
        return resolve(name)
    found, pack = adding.of_version(name, version)
    return own.located(pack, found, bucket())


def uses(name: str, version: str, lab_id: str) -> tuple[Write, ...]:
    """The writes that let a lab be made with a team's own pack; none for a shipped one."""
    return adding.uses(name, version, lab_id) if version else ()


def leaves(name: str, version: str, lab_id: str) -> tuple[Write, ...]:
    """The writes by which a lab that is gone no longer holds a team's own pack."""
    return (store.leave(name, lab_id),) if version else ()


def uses_again(name: str, version: str, lab_id: str) -> tuple[Write, ...]:
    """The same for a lab that begins again in another region. PackBroken when that version is not here."""
    return carrying.uses_again(name, version, lab_id) if version else ()


def offer(name: str, size: int, sha256: str) -> Offer:
    """Where a file of a pack is to be put."""
    own.checked_files([name] if name == own.PACK else [own.PACK, name])
    if size > own.MOST_BYTES:
        raise BadInput(f"{name} has more than {own.MOST_BYTES // 1024 // 1024} MB", "a pack has some hundreds of packages")
    return s3.offer(name, sha256)
