"""Is the audit log whole? Worked out here, from nothing but what it says, so that the control plane need not be believed.

Entry n carries the hash of entry n-1 and its own: SHA-256 over its canonical JSON without `hash` (RFC 8785: keys sorted by
UTF-16 units, no white space, UTF-8; the log has no fractions). The first hangs on the SHA-256 of the chain's name. Anchors say
which hash stood where when they were locked away; a head that was seen earlier is an anchor too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

FIELDS = (
    "seq", "prev", "fact", "name", "subject", "who", "on_behalf_of", "origin", "correlation_id", "at", "recorded_at", "changes",
    "data",
)  # fmt: skip
Entry = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Break:
    """Something that must not be, at the first entry where it shows."""

    seq: int
    kind: str
    said: str

    def __str__(self) -> str:
        return f"entry {self.seq} is {self.kind}: {self.said}"


@dataclass
class Verdict:
    """What a verification found: where the log ends, how many of its places were anchored, and what is wrong."""

    seq: int = 0
    hash: str = ""
    recorded_at: str = ""
    anchored: int = 0
    breaks: list[Break] = field(default_factory=list)

    @property
    def first(self) -> Break | None:
        return min(self.breaks, default=None)


def genesis(chain: str) -> str:
    """What the first entry of a chain hangs on."""
    return hashlib.sha256(chain.encode()).hexdigest()


def digest(entry: Entry) -> str:
    """The hash that an entry must carry."""
    return hashlib.sha256(canonical({name: entry.get(name) for name in FIELDS})).hexdigest()


def canonical(value: Any) -> bytes:
    """The one way to write a JSON value without fractions."""
    return json.dumps(_sorted(value), separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value, key=_units)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def _units(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def verify(entries: Iterable[Entry], chain: str, anchors: Iterable[Mapping[str, Any]] = ()) -> Verdict:
    """Go through the whole log once. `anchors` are {seq, hash[, standing]}: the head, the bucket's, and what was seen earlier."""
    told = list(anchors)
    wanted: dict[int, set[str]] = {}
    for one in told:
        wanted.setdefault(int(one["seq"]), set()).add(str(one["hash"]))
    verdict = Verdict(hash=genesis(chain))
    seen: dict[str, int] = {}
    for entry in entries:
        verdict.breaks.extend(_at(entry, verdict, seen, wanted))
        verdict.seq, verdict.hash = int(entry["seq"]), str(entry["hash"])
        verdict.recorded_at = str(entry["recorded_at"])
        verdict.anchored += verdict.seq in wanted
    verdict.breaks.extend(_of_anchors(told, wanted, verdict.seq))
    return verdict


def _at(entry: Entry, before: Verdict, seen: dict[str, int], wanted: Mapping[int, set[str]]) -> Iterator[Break]:
    """What is wrong with one entry, standing where it stands."""
    seq = int(entry["seq"])
    if seq > before.seq + 1:
        yield Break(before.seq + 1, "missing", f"entry {seq} follows entry {before.seq}")
    elif seq <= before.seq:
        yield Break(seq, "unlinked", f"it stands behind entry {before.seq}")
    elif entry["prev"] != before.hash:
        yield Break(seq, "unlinked", f"it does not hang on entry {before.seq}")
    if digest(entry) != entry["hash"]:
        yield Break(seq, "altered", "its content is not what was hashed")
    if str(entry["recorded_at"]) < before.recorded_at:
        yield Break(seq, "backwards", f"it was recorded before entry {before.seq}")
    fact = str(entry["fact"])
    if fact in seen:
        yield Break(seq, "repeated", f"{fact} is entry {seen[fact]} already")
    seen[fact] = seq
    if seq in wanted and entry["hash"] not in wanted[seq]:
        yield Break(seq, "rewritten", "an anchor remembers another hash")


def _of_anchors(told: list[Mapping[str, Any]], wanted: Mapping[int, set[str]], last: int) -> Iterator[Break]:
    beyond = [seq for seq in wanted if seq > last]
    if beyond:
        yield Break(last + 1, "truncated", f"an anchor remembers entry {max(beyond)}")
    for seq, hashes in wanted.items():
        if len(hashes) > 1:
            yield Break(seq, "unanchored", "two anchors tell of it differently")
    for one in told:
        if not one.get("standing", True):
            yield Break(int(one["seq"]), "unanchored", "somebody tried to hide its anchor")
