"""How is the log kept so that it can only grow, without a gap, however often a fact is delivered?

    CHAIN       <seq>   an entry, by_subject and by_actor     put only while its number is free
    HEAD        HEAD    where the chain ends                  moved only from the place it was read at
    SEEN#<id>   SEEN    a fact that is in the log, and where  put only while it is not
    MARK#<name> MARK    how far a check has come

An entry, the new head and the fact's mark are one transaction. The function that does this may put and nothing else, each put
carries its condition, and the table's own policy forbids everybody to delete or update: an entry, once there, stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.audit.rules import Entry, Head, canonical, genesis
from chalicelib.runtime import settings
from chalicelib.runtime.errors import Conflict
from chalicelib.runtime.store import Item, Write, bind, fetch, save

CHAIN = "CHAIN"
WIDTH = 12


class Raced(Conflict):
    """Another run appended in the meantime, or had some of these facts already."""


class BySubject(GlobalSecondaryIndex["EntryItem"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_subject"
        projection = KeysOnlyProjection()

    subject = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class ByActor(GlobalSecondaryIndex["EntryItem"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_actor"
        projection = KeysOnlyProjection()

    actor = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class EntryItem(Item):
    seq = NumberAttribute()
    prev = UnicodeAttribute()
    fact = UnicodeAttribute()
    name = UnicodeAttribute()
    subject = UnicodeAttribute()
    who = UnicodeAttribute()
    on_behalf_of = UnicodeAttribute(null=True)
    origin = UnicodeAttribute()
    correlation_id = UnicodeAttribute(null=True)
    at = UnicodeAttribute()
    recorded_at = UnicodeAttribute()
    changes = UnicodeAttribute()
    data = UnicodeAttribute()
    hash = UnicodeAttribute()
    actor = UnicodeAttribute()
    by_subject = BySubject()
    by_actor = ByActor()


class HeadItem(Item):
    seq = NumberAttribute()
    hash = UnicodeAttribute()
    recorded_at = UnicodeAttribute()


class SeenItem(Item):
    seq = NumberAttribute()


class MarkItem(Item):
    place = UnicodeAttribute()


for _model in (EntryItem, HeadItem, SeenItem, MarkItem):
    bind(_model, "audit")


def name() -> str:
    """What this stage's chain is called; its first entry hangs on it."""
    return settings.current().table("audit")


def head() -> Head:
    item = fetch(HeadItem, "HEAD", "HEAD", consistent=True)
    return Head(int(item.seq), item.hash, item.recorded_at) if item else genesis(name())


def seen(facts: Iterable[str]) -> dict[str, int]:
    """Which of these facts are in the log, and at which number."""
    keys = [(f"SEEN#{fact}", "SEEN") for fact in dict.fromkeys(facts)]
    found = SeenItem.batch_get(keys, consistent_read=True) if keys else ()
    return {item.pk.removeprefix("SEEN#"): int(item.seq) for item in found}


def append(entries: Iterable[Entry], before: Head) -> list[Write]:
    """The writes that put these behind `before`; refused with Raced when it is no longer the end, or a fact is known."""
    writes: list[Write] = []
    last, raced = before, Raced("the log has grown in the meantime")
    for entry in entries:
        writes.append(save(_item(entry), EntryItem.pk.does_not_exist(), raced))
        writes.append(save(SeenItem(f"SEEN#{entry.fact}", "SEEN", seq=entry.seq), SeenItem.pk.does_not_exist(), raced))
        last = entry.head
    moved = HeadItem("HEAD", "HEAD", seq=last.seq, hash=last.hash, recorded_at=last.recorded_at)
    same = (HeadItem.seq == before.seq) & (HeadItem.hash == before.hash)
    return [*writes, save(moved, same if before.seq else HeadItem.pk.does_not_exist(), raced)]


# ---- reading -------------------------------------------------------------------------------------------------------------


def entries(after: int, limit: int, consistent: bool = False) -> list[Entry]:
    """The entries behind number `after`, in order."""
    found = EntryItem.query(CHAIN, EntryItem.sk > _sk(after), limit=limit, consistent_read=consistent)
    return [_entry(item) for item in found]


def all_entries(after: int, upto: int) -> Iterator[Entry]:
    """The entries in (after, upto], read consistently."""
    wanted = EntryItem.sk.between(_sk(after + 1), _sk(upto))
    return (_entry(item) for item in EntryItem.query(CHAIN, wanted, consistent_read=True)) if upto > after else iter(())


def entry(seq: int) -> Entry | None:
    item = fetch(EntryItem, CHAIN, _sk(seq), consistent=True)
    return _entry(item) if item else None


def by_number(numbers: Iterable[int]) -> dict[int, Entry]:
    keys = [(CHAIN, _sk(seq)) for seq in dict.fromkeys(numbers)]
    found = [_entry(item) for item in EntryItem.batch_get(keys)] if keys else []
    return {one.seq: one for one in found}


def numbers_about(subject: str, after: int, limit: int) -> list[int]:
    """Numbers of the entries about a lab, or about a person's own record."""
    rows = EntryItem.by_subject.query(subject, EntryItem.sk > _sk(after), limit=limit)
    return [int(row.sk) for row in rows]


def numbers_by(actor: str, after: int, limit: int) -> list[int]:
    """Numbers of the entries about what a person did, or had done."""
    rows = EntryItem.by_actor.query(actor, EntryItem.sk > _sk(after), limit=limit)
    return [int(row.sk) for row in rows]


def misfiled(after: int, upto: int) -> Iterator[int]:
    """Numbers under which an entry of another number, subject or actor is kept: the indexes would hide it."""
    for item in EntryItem.query(CHAIN, EntryItem.sk.between(_sk(after + 1), _sk(upto)), consistent_read=True):
        found = _entry(item)
        if item.sk != _sk(found.seq) or item.actor != found.actor:
            yield int(item.sk)


# ---- marks ---------------------------------------------------------------------------------------------------------------


def mark(check: str) -> str:
    """How far a check has come; "" at its beginning."""
    item = fetch(MarkItem, f"MARK#{check}", "MARK")
    return str(item.place) if item else ""


def set_mark(check: str, place: str) -> Write:
    return save(MarkItem(f"MARK#{check}", "MARK", place=place))


# ---- items ↔ values ------------------------------------------------------------------------------------------------------

_TEXTS = ("prev", "fact", "name", "subject", "who", "on_behalf_of", "correlation_id", "at", "recorded_at", "hash")
_DOCUMENTS = ("origin", "changes", "data")


def _sk(seq: int) -> str:
    return f"{seq:0{WIDTH}d}"


def _item(entry: Entry) -> EntryItem:
    values: dict[str, Any] = {name: getattr(entry, name) or None for name in _TEXTS}
    values |= {name: canonical(getattr(entry, name)).decode() for name in _DOCUMENTS}
    return EntryItem(CHAIN, _sk(entry.seq), seq=entry.seq, actor=entry.actor, **values)


def _entry(item: EntryItem) -> Entry:
    """The entry as it is kept. A document that is no JSON any more is handed on as it stands: it will not fit its hash."""
    values: dict[str, Any] = {name: getattr(item, name) or "" for name in _TEXTS}
    values |= {name: _document(getattr(item, name)) for name in _DOCUMENTS}
    return Entry(seq=int(item.seq), **values)


def _document(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": text}
