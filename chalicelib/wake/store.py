"""How is a wake key kept? By its hash, in its lab's partition of the labs table: it goes with the lab.

LAB#<id>   WAKE#<hash>   whose key it is, until when
"""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.runtime import store
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.store import Item, Write
from chalicelib.wake.rules import Key

ID_LENGTH = 12


class WakeItem(Item):
    email = UnicodeAttribute()  # not `person`: an index of the table would list it among their labs
    created_at = UnicodeAttribute()
    expires_at = UnicodeAttribute()
    expires = NumberAttribute()


store.bind(WakeItem, "labs")


def keep(lab_id: str, digest: str, email: str, now: datetime, until: datetime) -> Write:
    """The same key twice is the same item."""
    item = WakeItem(f"LAB#{lab_id}", f"WAKE#{digest}", email=email, created_at=iso(now), expires_at=iso(until))
    item.expires = int(until.timestamp())
    return store.save(item)


def load(lab_id: str, digest: str) -> Key | None:
    item = store.fetch(WakeItem, f"LAB#{lab_id}", f"WAKE#{digest}")
    return _key(item) if item else None


def of(lab_id: str, email: str) -> dict[str, Key]:
    """A person's keys of a lab, by hash."""
    return {digest: key for digest, key in all_of(lab_id).items() if key.email == email}


def all_of(lab_id: str) -> dict[str, Key]:
    """Everybody's keys of a lab, by hash."""
    found = WakeItem.query(f"LAB#{lab_id}", WakeItem.sk.startswith("WAKE#"), consistent_read=True)
    return {item.sk.removeprefix("WAKE#"): _key(item) for item in found}


def drop(lab_id: str, digest: str) -> Write:
    return store.delete(WakeItem(f"LAB#{lab_id}", f"WAKE#{digest}"))


def _key(item: WakeItem) -> Key:
    digest = item.sk.removeprefix("WAKE#")
    lab_id = item.pk.removeprefix("LAB#")
    return Key(item.email, lab_id, digest[:ID_LENGTH], parse_iso(item.created_at), parse_iso(item.expires_at))
