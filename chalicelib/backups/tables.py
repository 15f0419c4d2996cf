"""How are the control plane's own tables kept outside of them? As checksummed lists of plain values, with an index written last.

    tables/<moment>/people.jsonl.gz · packs… · labs… · backups… · agreements.jsonl.gz             one value a line
    tables/<moment>/index.json                                                what each list holds and hashes to

Values, not items: a list can be read by a later release, whatever its tables look like. Keeps true: a snapshot without an index
does not exist; a list that does not hash to what the index says is refused, never half believed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.backups import s3
from chalicelib.backups.rules import BackupBroken
from chalicelib.backups.s3 import Place
from chalicelib.runtime.clock import iso, parse_iso

FOLDER = "tables/"
FORMAT = 1
LISTS = ("people", "packs", "labs", "backups", "agreements")
KEPT_DAYS = 35  # every snapshot of so many days; of older ones the first of each month
Value = dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """What an index says: taken when, of which stage and region, and of each list how many lines it has and what it hashes to."""

    key: str
    taken_at: datetime
    stage: str
    region: str
    lists: Mapping[str, Mapping[str, Any]]

    @property
    def folder(self) -> str:
        return self.key.removesuffix("index.json")

    def told(self) -> Value:
        """As text and numbers, for whoever asked."""
        counts = {name: int(one["count"]) for name, one in self.lists.items()}
        return {"key": self.key, "taken_at": iso(self.taken_at), "stage": self.stage, "region": self.region, **counts}


# ---- writing -------------------------------------------------------------------------------------------------------------


def write(place: Place, lists: Mapping[str, Iterable[Value]], stage: str, region: str, now: datetime) -> Snapshot:
    """Put a snapshot where the backups are, the index last."""
    folder = f"{FOLDER}{now:%Y%m%dT%H%M%SZ}/"
    seen = {name: _put(place, f"{folder}{name}.jsonl.gz", values) for name, values in lists.items()}
    snapshot = Snapshot(f"{folder}index.json", now.replace(microsecond=0), stage, region, seen)
    index = {"format": FORMAT, "taken_at": iso(snapshot.taken_at), "stage": stage, "region": region, "lists": seen}
    s3.write(place, snapshot.key, json.dumps(index, indent=1, sort_keys=True).encode())
    return snapshot


def _put(place: Place, key: str, values: Iterable[Value]) -> Value:
    lines = [json.dumps(value, sort_keys=True, separators=(",", ":")) for value in values]
    packed = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
    s3.write(place, key, packed)
    return {"count": len(lines), "bytes": len(packed), "sha256": hashlib.sha256(packed).hexdigest()}


def copy(source: Place, target: Place, snapshot: Snapshot) -> None:
    """Bring a snapshot to another region, the index last."""
    keys = [f"{snapshot.folder}{name}.jsonl.gz" for name in snapshot.lists]
    s3.copy(source, target, [(key, key) for key in keys], lambda: False)
    s3.copy(source, target, [(snapshot.key, snapshot.key)], lambda: False)


def prune(place: Place, now: datetime) -> int:
    """Delete snapshots that are over their time; returns how many objects went."""
    folders: dict[str, list[str]] = {}
    for one in s3.listing(place, FOLDER):
        folders.setdefault(str(one["Key"]).split("/")[1], []).append(str(one["Key"]))
    doomed = [key for name in overdue(folders, now) for key in folders[name]]
    return s3.delete(place, doomed) if doomed else 0


def overdue(names: Iterable[str], now: datetime) -> list[str]:
    """Which of these moments need not be kept: older than `KEPT_DAYS`, and not the first of their month."""
    limit = f"{now - timedelta(days=KEPT_DAYS):%Y%m%dT%H%M%SZ}"
    old = sorted(name for name in names if name < limit)
    firsts = {min(name for name in old if name[:6] == month) for month in {name[:6] for name in old}}
    return [name for name in old if name not in firsts]


# ---- reading -------------------------------------------------------------------------------------------------------------


def newest(place: Place) -> Snapshot:
    """The newest whole snapshot. BackupBroken when there is none."""
    keys = [str(one["Key"]) for one in s3.listing(place, FOLDER) if str(one["Key"]).endswith("/index.json")]
    if not keys:
        raise BackupBroken(f"{place.bucket} holds no backup of the tables", "is this the right bucket?")
    return _index(place, max(keys))


def _index(place: Place, key: str) -> Snapshot:
    found = json.loads(_bytes(place, key))
    if found.get("format") != FORMAT:
        has = found.get("format")
        raise BackupBroken(f"{key} has format {has}, this release reads {FORMAT}", "rebuild with the release that wrote it")
    return Snapshot(key, parse_iso(found["taken_at"]), str(found["stage"]), str(found["region"]), found["lists"])


def read(place: Place, snapshot: Snapshot, name: str) -> list[Value]:
    """One list; empty where an earlier release did not write it. BackupBroken when it is not what the index says."""
    if name not in snapshot.lists:
        return []
    told, key = snapshot.lists[name], f"{snapshot.folder}{name}.jsonl.gz"
    packed = _bytes(place, key)
    if hashlib.sha256(packed).hexdigest() != told["sha256"]:
        raise BackupBroken(f"{key} is not what was written: its checksum differs", "use an older snapshot")
    values = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    if len(values) != told["count"]:
        raise BackupBroken(f"{key} holds {len(values)} lines, not {told['count']}")
    return values


def _bytes(place: Place, key: str) -> bytes:
    stream, parts = s3.read(place, key), io.BytesIO()
    while part := stream.read(1 << 20):
        parts.write(part)
    return parts.getvalue()
