"""What is in a backup? Its manifest: format 1, JSON lines in gzip.

    {"format": 1, "backup_id", "lab_id", "base", "started_at", "host": {"release"}}
    {"p": path, "t": "f" file | "d" folder | "l" link, "m": mode, "mt": mtime in ns, …}            sorted by the bytes of the path
        of files   "s": size, "h": SHA-256, "c": [SHA-256 of each chunk], "id": [inode, ctime in ns], "carried": backup_id
        of links   "l": where to;          of what is shared   "u": whose it is
    {"files", "dirs", "bytes", "finished_at", "skipped": [{"p", "why"}], …}

Keeps true: it is read and written as a stream, so its size never is that of our memory; one that ends before its last line is
no manifest; a name that is no UTF-8 stands there as `b64:` and its bytes.
"""

import base64
import gzip
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from aws_research_wizard.host import chunks
from aws_research_wizard.host.chunks import ChunkLost

FORMAT = 1
SPOOL = 32 << 20
"""Up to here a manifest stays in memory: a full disk does not prevent a backup of an ordinary lab."""
ODD = "b64:"


class NoManifest(Exception):  # noqa: N818
    """It cannot be read, or is not whole."""


@dataclass(frozen=True)
class Entry:
    """One line: a file, a folder or a link. `identity` is (inode, ctime in ns); ctime 0 says that it proves nothing."""

    path: bytes
    kind: str
    mode: int
    mtime: int
    size: int = 0
    digest: str = ""
    chunks: tuple[str, ...] = ()
    target: bytes = b""
    identity: tuple[int, int] = (0, 0)
    person: str = ""
    carried: str = ""

    def line(self) -> dict[str, Any]:
        """Return the entry as it is written."""
        said: dict[str, Any] = {"p": written(self.path), "t": self.kind, "m": self.mode, "mt": self.mtime}
        if self.kind == "f":
            said |= {"s": self.size, "h": self.digest, "c": list(self.chunks), "id": list(self.identity)}
        if self.kind == "l":
            said["l"] = written(self.target)
        more = {"u": self.person, "carried": self.carried}
        return said | {key: value for key, value in more.items() if value}

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Entry":
        """Read one line; what it does not know it leaves."""
        inode, changed = raw.get("id") or (0, 0)
        return cls(
            path=plain(raw["p"]),
            kind=str(raw["t"]),
            mode=int(raw["m"]),
            mtime=int(raw["mt"]),
            size=int(raw.get("s", 0)),
            digest=str(raw.get("h", "")),
            chunks=tuple(raw.get("c", ())),
            target=plain(raw.get("l", "")),
            identity=(int(inode), int(changed)),
            person=str(raw.get("u", "")),
            carried=str(raw.get("carried", "")),
        )


def written(name: bytes) -> str:
    """Return a name as JSON takes it."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return ODD + base64.b64encode(name).decode()
    return ODD + base64.b64encode(name).decode() if text.startswith(ODD) else text


def plain(text: str) -> bytes:
    """Return the bytes of a name that was `written`."""
    return base64.b64decode(text[len(ODD) :]) if text.startswith(ODD) else text.encode()


class Writer:
    """A manifest that grows."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=SPOOL)  # noqa: SIM115 (it outlives this call)
        self._gzip = gzip.GzipFile(fileobj=self.file, mode="wb", compresslevel=6, mtime=0)
        self._put({"format": FORMAT, **header})

    def add(self, entry: Entry) -> None:
        """Write one line."""
        self._put(entry.line())

    def finish(self, footer: Mapping[str, Any]) -> str:
        """Write the last line; return the SHA-256 of the whole, which stands at its beginning again."""
        self._put(footer)
        self._gzip.close()
        return digest_of(self.file)

    def _put(self, line: Mapping[str, Any]) -> None:
        self._gzip.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


class Reader:
    """A manifest that is read from its beginning: `header`, then `entries()`; `footer` is there once these are through."""

    def __init__(self, file: IO[bytes]) -> None:
        self._lines = _lines(file)
        self.header: Mapping[str, Any] = next(self._lines, {})
        self.footer: Mapping[str, Any] = {}
        if self.header.get("format") != FORMAT:
            raise NoManifest(f"this is no manifest of format {FORMAT}")

    def entries(self) -> Iterator[Entry]:
        """Yield the entries in the order of their paths; raise NoManifest when it is not whole."""
        for line in self._lines:
            if "p" not in line:
                self.footer = line
                return
            yield Entry.parse(line)
        raise NoManifest("the manifest ends too early")


def opened(s3: Any, bucket: str, key: str, sha256: str) -> IO[bytes]:
    """Return a manifest from S3 that is the one with this SHA-256, and whole; raise NoManifest otherwise."""
    file = tempfile.SpooledTemporaryFile(max_size=SPOOL)  # noqa: SIM115 (closed by whoever asked)
    try:
        chunks.fetch(s3, bucket, key, file)
        _prove(file, sha256)
    except BaseException as error:
        file.close()
        if isinstance(error, ChunkLost):
            raise NoManifest(str(error)) from None
        raise
    return file


def _prove(file: IO[bytes], sha256: str) -> None:
    if digest_of(file) != sha256:
        raise NoManifest("the manifest is not the one that was written: its SHA-256 is another")
    for _ in Reader(file).entries():
        continue


def _lines(file: IO[bytes]) -> Iterator[Mapping[str, Any]]:
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
            for line in unpacked:
                yield json.loads(line)
    except (OSError, EOFError, ValueError) as error:
        raise NoManifest(f"the manifest cannot be read: {error}") from None


def digest_of(file: IO[bytes]) -> str:
    """Return the SHA-256 of a file, which stands at its beginning again."""
    seen = hashlib.sha256()
    file.seek(0)
    while piece := file.read(1 << 20):
        seen.update(piece)
    file.seek(0)
    return seen.hexdigest()


class Before:
    """The entries of an earlier manifest, looked up in the order of paths."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._entries = entries
        self._next = next(entries, None)

    def at(self, path: bytes) -> Entry | None:
        """Return the entry of a path; paths must be asked in order."""
        while self._next and self._next.path < path:
            self._next = next(self._entries, None)
        return self._next if self._next and self._next.path == path else None

    def below(self, folder: bytes) -> Iterator[Entry]:
        """Yield everything in a folder."""
        self.at(folder + b"/")
        while self._next and self._next.path.startswith(folder + b"/"):
            yield self._next
            self._next = next(self._entries, None)
