"""What is an entry of the audit log, how does it hang on the one before it, and what is wrong with a stretch of them?

Entry n carries the hash of entry n-1 and a hash of itself: SHA-256 over its canonical JSON. So nothing can be edited, taken
out, put in or moved without every later hash changing, and anchors outside the table remember which hash stood where.

Canonical JSON is RFC 8785 (JCS) of a document without fractions: keys sorted by UTF-16 units, no white space, UTF-8. A number
with a fraction is written as text before it enters (`3.5` → `"3.5"`), because JSON's numbers are not the same in every
language. The command line has its own copy of these rules, so that whoever verifies need not believe us.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

Told = Mapping[str, Any]  # a fact as the bus tells it: id, name, subject, data, at, by, correlation_id, changes, origin, …
BATCH = 40  # facts in one transaction: an entry and a mark each, and the head, of DynamoDB's 100


class Head(NamedTuple):
    """Where the chain ends."""

    seq: int
    hash: str
    recorded_at: str = ""


class Entry(NamedTuple):
    """One line of the log. Moments are text, as they were hashed."""

    seq: int
    prev: str
    fact: str
    name: str
    subject: str
    who: str
    on_behalf_of: str
    origin: Mapping[str, str]
    correlation_id: str
    at: str
    recorded_at: str
    changes: Mapping[str, Any]
    data: Mapping[str, Any]
    hash: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """Everything that is hashed."""
        return {name: value for name, value in self._asdict().items() if name != "hash"}

    @property
    def actor(self) -> str:
        """The person behind it: whoever the system acted for, else whoever acted."""
        return self.on_behalf_of or self.who

    @property
    def head(self) -> Head:
        return Head(self.seq, self.hash, self.recorded_at)


class Anchor(NamedTuple):
    """What an object outside the table remembers: this hash stood at this place. `standing` is False once it is hidden."""

    seq: int
    hash: str
    at: str = ""
    standing: bool = True


class Kind(StrEnum):
    ALTERED = "altered"  # an entry is not what was hashed
    MISSING = "missing"  # a number has no entry
    UNLINKED = "unlinked"  # an entry does not hang on the one before it
    REPEATED = "repeated"  # a fact stands in the log twice
    BACKWARDS = "backwards"  # an entry was recorded before the one it follows
    TRUNCATED = "truncated"  # the log ends before a place that was anchored, or before its own head
    REWRITTEN = "rewritten"  # an anchor remembers another hash
    UNANCHORED = "unanchored"  # an anchor was hidden, or two tell of one place
    MISFILED = "misfiled"  # an entry's keys say otherwise than the entry
    LOST = "lost"  # a stored fact is not in the log
    DIFFERENT = "different"  # a stored fact is not what the log says it was


class Break(NamedTuple):
    """Something that must not be, at the first place where it shows."""

    seq: int
    kind: Kind
    said: str

    def __str__(self) -> str:
        return f"entry {self.seq} is {self.kind}: {self.said}"


# ---- making --------------------------------------------------------------------------------------------------------------


def genesis(chain: str) -> Head:
    """What the first entry of a stage's chain hangs on."""
    return Head(0, hashlib.sha256(chain.encode()).hexdigest())


def follow(head: Head, facts: Iterable[Told], now: str) -> list[Entry]:
    """The entries that facts become after `head`, in the order given; time never goes back."""
    made: list[Entry] = []
    for fact in facts:
        seq, prev, _ = head
        moment = max(now, head.recorded_at)
        made.append(sealed(_entry(fact, seq + 1, prev, moment)))
        head = made[-1].head
    return made


def _entry(fact: Told, seq: int, prev: str, recorded_at: str) -> Entry:
    return Entry(
        seq=seq,
        prev=prev,
        fact=str(fact["id"]),
        name=str(fact["name"]),
        subject=str(fact["subject"]),
        who=str(fact["by"]),
        on_behalf_of=str(fact.get("on_behalf_of", "")),
        origin=plain(dict(fact.get("origin", {}))),
        correlation_id=str(fact["correlation_id"]),
        at=str(fact["at"]),
        recorded_at=recorded_at,
        changes=plain(dict(fact.get("changes", {}))),
        data=plain(dict(fact["data"])),
    )


def sealed(entry: Entry) -> Entry:
    """The entry with its hash."""
    return entry._replace(hash=hashlib.sha256(canonical(entry.document)).hexdigest())


def same(entry: Entry, fact: Told) -> bool:
    """Does the entry tell this very fact?"""
    return _entry(fact, entry.seq, entry.prev, entry.recorded_at)._replace(hash=entry.hash) == entry


def plain(value: Any) -> Any:
    """A JSON value without fractions and with text that UTF-8 can hold."""
    if isinstance(value, dict):
        return {plain(str(name)): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if value is None or isinstance(value, bool | int):
        return value
    return str(value).encode("utf-8", "replace").decode()


def canonical(value: Any) -> bytes:
    """The one way to write a plain JSON value (RFC 8785)."""
    return json.dumps(_sorted(value), separators=(",", ":"), ensure_ascii=False).encode()


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    return [_sorted(one) for one in value] if isinstance(value, list | tuple) else value


# ---- checking ------------------------------------------------------------------------------------------------------------


def breaks(entries: Iterable[Entry], base: Head, head: Head | None = None, anchors: Sequence[Anchor] = ()) -> list[Break]:
    """What is wrong with the entries after `base`, up to `head` where the chain says that it ends, beside their anchors."""
    rows = list(entries)
    found = [*_within(rows, base), *_beside(rows, base, anchors)]
    last = rows[-1].head if rows else base
    if head is not None and (last.seq, last.hash) != (head.seq, head.hash):
        kind = Kind.TRUNCATED if last.seq < head.seq else Kind.UNLINKED
        found.append(Break(min(last.seq, head.seq) + 1, kind, f"the log ends at {last.seq}, its head says {head.seq}"))
    return sorted(found, key=lambda one: one.seq)


def _within(rows: Sequence[Entry], base: Head) -> Iterator[Break]:
    seen: dict[str, int] = {}
    before = base
    for entry in rows:
        yield from _after(entry, before)
        if sealed(entry).hash != entry.hash:
            yield Break(entry.seq, Kind.ALTERED, "its content is not what was hashed")
        if entry.fact in seen:
            yield Break(entry.seq, Kind.REPEATED, f"{entry.fact} is entry {seen[entry.fact]} already")
        seen[entry.fact] = entry.seq
        before = entry.head


def _after(entry: Entry, before: Head) -> Iterator[Break]:
    """How an entry stands behind the one before it."""
    if entry.seq > before.seq + 1:
        yield Break(before.seq + 1, Kind.MISSING, f"entry {entry.seq} follows entry {before.seq}")
    elif entry.seq <= before.seq:
        yield Break(entry.seq, Kind.UNLINKED, f"it stands behind entry {before.seq}")
    elif entry.prev != before.hash:
        yield Break(entry.seq, Kind.UNLINKED, f"it does not hang on entry {before.seq}")
    if entry.recorded_at < before.recorded_at:
        yield Break(entry.seq, Kind.BACKWARDS, f"it was recorded before entry {before.seq}")


def _beside(rows: Sequence[Entry], base: Head, anchors: Sequence[Anchor]) -> Iterator[Break]:
    """What anchors remember that is not so."""
    hashes = {entry.seq: entry.hash for entry in rows} | {base.seq: base.hash}
    last = max(hashes)
    told: dict[int, str] = {}
    for anchor in sorted(anchors):
        if told.setdefault(anchor.seq, anchor.hash) != anchor.hash:
            yield Break(anchor.seq, Kind.UNANCHORED, "two anchors tell of it differently")
        if not anchor.standing:
            yield Break(anchor.seq, Kind.UNANCHORED, "somebody tried to hide its anchor")
        if anchor.seq > last:
            yield Break(last + 1, Kind.TRUNCATED, f"an anchor remembers entry {anchor.seq}")
        elif anchor.seq in hashes and hashes[anchor.seq] != anchor.hash:
            yield Break(anchor.seq, Kind.REWRITTEN, "its anchor remembers another hash")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
