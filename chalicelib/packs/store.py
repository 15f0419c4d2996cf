"""How are teams' own packs kept in DynamoDB? Beside the labs, which name the version they were made with.

    PACKS         <name>            which version a new lab gets
    PACK#<name>   VERSION#<v>       one version, for ever: what its pack.yaml says, its files by their hash
                  USE#<lab id>      a lab that was made with it and is not gone

Keeps true: of two who change a pack at once one wins; a pack that a lab uses cannot go, also when both happen at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.packs.own import OwnPack
from chalicelib.runtime import store
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import AppError, Conflict
from chalicelib.runtime.store import Item, Write

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition

PACKS = "PACKS"


class PackItem(Item):
    """`said`: the pack; `touched`: how often a lab was made with it, so that who removes it sees the last one."""

    version = UnicodeAttribute(null=True)
    said = UnicodeAttribute(null=True)
    touched = NumberAttribute(default=0)


store.bind(PackItem, "labs")


def newest(name: str) -> tuple[OwnPack, int] | None:
    """The version that a new lab gets, and how often it was touched."""
    item = store.fetch(PackItem, PACKS, name, consistent=True)
    return (_pack(name, item), int(item.touched)) if item else None


def of_version(name: str, version: str) -> OwnPack | None:
    item = store.fetch(PackItem, f"PACK#{name}", f"VERSION#{version}", consistent=True)
    return _pack(name, item) if item else None


def all_newest() -> Iterator[OwnPack]:
    """By name."""
    return (_pack(item.sk, item) for item in PackItem.query(PACKS))


def versions(name: str) -> Iterator[OwnPack]:
    """All that there ever were, of a pack that is there."""
    return (_pack(name, item) for item in PackItem.query(f"PACK#{name}", PackItem.sk.startswith("VERSION#")))


def users(name: str, most: int = 20) -> list[str]:
    """Labs that were made with it, in any version, and are not gone."""
    found = PackItem.query(f"PACK#{name}", PackItem.sk.startswith("USE#"), consistent_read=True, limit=most)
    return [item.sk.removeprefix("USE#") for item in found]


def put(pack: OwnPack, before: tuple[OwnPack, int] | None) -> tuple[Write, Write]:
    """A version, and that it is the newest. Conflict when somebody else put one meanwhile."""
    said, raced = _said(pack), _raced(pack.name)
    touched = before[1] + 1 if before else 1
    now = PackItem(PACKS, pack.name, version=pack.version, said=said, touched=touched)
    same = (PackItem.touched == before[1]) if before else PackItem.pk.does_not_exist()
    return store.save(now, same, raced), keep(pack)


def keep(pack: OwnPack) -> Write:
    """A version, whichever the newest is."""
    return store.save(PackItem(f"PACK#{pack.name}", f"VERSION#{pack.version}", version=pack.version, said=_said(pack)))


def drop(name: str, touched: int) -> Write:
    """No new lab gets it. The versions stay: they are small, and a lab of another region may want one back."""
    return store.delete(PackItem(PACKS, name), PackItem.touched == touched, _raced(name))


def use(pack: OwnPack, lab_id: str, refused: AppError) -> tuple[Write, Write]:
    """A lab is made with this version, provided it is still the newest."""
    return _used(pack.name, pack.version, lab_id, PackItem.version == pack.version, refused)


def use_again(name: str, version: str, lab_id: str, refused: AppError) -> tuple[Write, Write]:
    """A lab that was made with this version holds it again, provided the pack is there."""
    return _used(name, version, lab_id, PackItem.pk.exists(), refused)


def _used(name: str, version: str, lab_id: str, provided: Condition, refused: AppError) -> tuple[Write, Write]:
    touch = store.update(PackItem(PACKS, name), [PackItem.touched.add(1)], provided, refused)
    return touch, store.save(PackItem(f"PACK#{name}", f"USE#{lab_id}", version=version))


def leave(name: str, lab_id: str) -> Write:
    return store.delete(PackItem(f"PACK#{name}", f"USE#{lab_id}"))


def _raced(name: str) -> Conflict:
    return Conflict(f"pack {name} was changed by another request", "look at it again, then repeat the request")


def _said(pack: OwnPack) -> str:
    told = {"team": pack.team, "by": pack.by, "added_at": iso(pack.added_at), "files": dict(pack.files), "text": pack.text}
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)


def _pack(name: str, item: PackItem) -> OwnPack:
    said = json.loads(item.said or "{}")
    files = said["files"]
    return OwnPack(name, str(item.version), said["team"], said["by"], parse_iso(said["added_at"]), files, said["text"])
