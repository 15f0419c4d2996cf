"""What is in a backup? Its manifest, read as a stream: format 1 of docs/reference/backup-format.md.

Keeps true: a manifest whose SHA-256 is not the expected one, that ends too early, or whose counts do not fit its lines is no
manifest (BackupBroken); its size is never that of our memory.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from typing import Any, NamedTuple, Protocol

from chalicelib.backups.rules import BackupBroken, Digest

FORMAT = 1
PIECE = 1 << 20


class Stream(Protocol):
    """What S3 hands over: bytes, a piece at a time."""

    def read(self, size: int = -1, /) -> bytes: ...


class Entry(NamedTuple):
    """A file, a folder or a link of a lab; paths as the manifest writes them."""

    path: str
    kind: str
    size: int
    modified_ns: int
    digest: str
    chunks: tuple[Digest, ...]
    link: str
    carried: str


class _Hashing(RawIOBase):
    """A stream that is hashed while it is read."""

    def __init__(self, source: Stream) -> None:
        self.source, self.sha256 = source, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.source.read(len(buffer))
        self.sha256.update(data)
        buffer[: len(data)] = data
        return len(data)


class Manifest:
    """One manifest: `entries()` from its first line to its last; then `footer` is there, and everything was compared."""

    def __init__(self, stream: Stream, sha256: str, lab_id: str = "", backup_id: str = "") -> None:
        self._raw, self._wanted = _Hashing(stream), sha256
        self._about = {"lab_id": lab_id, "backup_id": backup_id}
        self.header: dict[str, Any] = {}
        self.footer: dict[str, Any] = {}

    def entries(self) -> Iterator[Entry]:
        """Every entry, in the order of the paths' bytes. BackupBroken, at the latest after the last, when something is wrong."""
        try:
            yield from self._checked()
        except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
            raise BackupBroken(f"the manifest cannot be read: {error}") from error

    def _checked(self) -> Iterator[Entry]:
        files = size = 0
        with gzip.GzipFile(fileobj=BufferedReader(self._raw, PIECE)) as unpacked:
            lines = map(json.loads, unpacked)
            self._begin(next(lines, {}))
            for line in lines:
                if "p" not in line:
                    self.footer = line
                    break
                entry = _entry(line)
                files, size = files + (entry.kind == "f"), size + entry.size
                yield entry
            for _ in lines:
                raise BackupBroken("the manifest goes on after its last line")
        self._end(files, size)

    def _begin(self, header: dict[str, Any]) -> None:
        self.header = header
        if header.get("format") != FORMAT:
            raise BackupBroken(f"this is no manifest of format {FORMAT}")
        for name, wanted in self._about.items():
            if wanted and header.get(name) != wanted:
                raise BackupBroken(f"the manifest's {name} is {header.get(name)}, not {wanted}")

    def _end(self, files: int, size: int) -> None:
        while self._raw.source.read(PIECE):
            raise BackupBroken("something follows the manifest")
        if not self.footer:
            raise BackupBroken("the manifest ends too early")
        if (self.footer["files"], self.footer["bytes"]) != (files, size):
            raise BackupBroken("the manifest's sums do not fit its lines")
        if self._raw.sha256.hexdigest() != self._wanted:
            raise BackupBroken("the manifest's SHA-256 is not the one that was reported")


def _entry(line: dict[str, Any]) -> Entry:
    return Entry(
        path=str(line["p"]),
        kind=str(line["t"]),
        size=int(line.get("s", 0)),
        modified_ns=int(line["mt"]),
        digest=str(line.get("h", "")),
        chunks=tuple(bytes.fromhex(one) for one in line.get("c", ())),
        link=str(line.get("l", "")),
        carried=str(line.get("carried", "")),
    )


# ---- where things lie ----------------------------------------------------------------------------------------------------


def prefix(lab_id: str) -> str:
    return f"labs/{lab_id}"


def folder(lab_id: str) -> str:
    return f"{prefix(lab_id)}/backups/"


def key(lab_id: str, backup_id: str) -> str:
    return f"{folder(lab_id)}{backup_id}/manifest.jsonl.gz"


def record_key(lab_id: str, backup_id: str) -> str:
    return f"{folder(lab_id)}{backup_id}/record.json"


def import_key(lab_id: str, restore_id: str) -> str:
    """Where another lab's manifest is put for one restore."""
    return f"{prefix(lab_id)}/imports/{restore_id}/manifest.jsonl.gz"


def chunks_prefix(lab_id: str) -> str:
    return f"{prefix(lab_id)}/chunks/"


def damaged_key(lab_id: str, digest: Digest) -> str:
    """Where an altered chunk is set aside, for whoever wants to know what happened."""
    return f"{prefix(lab_id)}/damaged/{digest.hex()}"


def chunk_key(lab_id: str, digest: Digest) -> str:
    name = digest.hex()
    return f"{chunks_prefix(lab_id)}{name[:2]}/{name}"
