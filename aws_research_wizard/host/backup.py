"""How does a lab's work get into a backup? What changed is read, its bytes go up in chunks, and the manifest is written last.

    walk homes and shared ─→ as it was in the base? its line is taken over
                          └→ read, chunk by chunk, and looked at again: the same as before? its line is written
    → everything is up → manifest

Keeps true: a backup without a manifest does not exist, and one with a manifest is whole; each file is as it was at one moment;
of what could not be read the last good version stays; no more than a few chunks are in memory. Ended in the middle and begun
again, it reads nothing twice that has not changed and sends nothing twice.
"""

import base64
import hashlib
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from aws_research_wizard.host import chunks, files, manifest, paces, walking
from aws_research_wizard.host.chunks import Chunks
from aws_research_wizard.host.journal import Journal
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.manifest import Before, Entry, NoManifest, Reader
from aws_research_wizard.host.walking import Found, Skipped
from aws_research_wizard.host.work import Tell, say

READERS, WINDOW = 6, 256
"""Files read and sent at once, and how many may wait for the one before them."""
TRIES = 3
FRESH_NS = 3_000_000_000
"""A file changed so shortly before it was read may change again without its time showing it: it is read again next time."""
NAMED, TOLD = 10_000, 20
"""How many of the skipped the manifest and the report name."""


class Changed(Exception):  # noqa: N818
    """The file is no longer what it was when reading began."""


@dataclass
class Counts:
    """How far it is."""

    files: int = 0
    dirs: int = 0
    bytes: int = 0

    def told(self) -> dict[str, int]:
        """Return what the control plane hears meanwhile."""
        return {"files": self.files, "bytes": self.bytes}


def carry_out(machine: Machine, order: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Make the backup that was ordered; return its report."""
    paces.widen()
    return Backup(machine, order, chunks.client(machine.region)).run(tell)


class Backup:
    """One backup of one lab."""

    def __init__(self, machine: Machine, order: Mapping[str, Any], s3: Any, now: Callable[[], float] = time.time) -> None:
        self.machine, self.order, self._s3, self._now = machine, order, s3, now
        self.id = str(order["backup_id"])
        self._bucket, prefix = str(order["bucket"]), str(order["prefix"]).strip("/")
        self.chunks = Chunks(s3, self._bucket, prefix)
        self.key = f"{prefix}/backups/{self.id}/manifest.jsonl.gz"
        self.counts, self._read_bytes = Counts(), 0
        self._skipped: list[Skipped] = []
        self._lock = threading.Lock()
        self._people = {
            number: person for person, number in (files.read_json(machine.storage / ".wizard/accounts.json") or {}).items()
        }

    def run(self, tell: Tell = lambda _: None) -> dict[str, Any]:
        """Return the report, of a manifest that is in S3."""
        with ExitStack() as opened:
            return self._make(tell, opened)

    def _make(self, tell: Tell, opened: ExitStack) -> dict[str, Any]:
        started = self._moment()
        base, base_id = self._base(opened)
        header = {
            "backup_id": self.id,
            "lab_id": self.machine.lab_id,
            "base": base_id,
            "started_at": started,
            "host": {"release": metadata.version("aws-research-wizard")},
        }
        writer = manifest.Writer(header)
        opened.enter_context(writer.file)
        opened.enter_context(paces.telling(tell, self._progress))
        journal = opened.enter_context(Journal(self.machine.state, self.id))
        for entry in self._entries(base, base_id or "", Before(journal.entries()), journal):
            self._count(entry)
            writer.add(entry)
        report = self._finish(writer, started)
        journal.remove()
        return report

    def _finish(self, writer: manifest.Writer, started: str) -> dict[str, Any]:
        sums = {"files": self.counts.files, "bytes": self.counts.bytes, "new_bytes": self.chunks.new_bytes}
        sums |= {"new_chunks": self.chunks.new_chunks, "skipped_count": len(self._skipped)}
        finished = self._moment()
        named = [{"p": manifest.written(one.path), "why": one.why} for one in self._skipped]
        digest = writer.finish({**sums, "dirs": self.counts.dirs, "finished_at": finished, "skipped": named[:NAMED]})
        self._upload(writer, digest)
        told = [{"p": one["p"][:300], "why": one["why"][:200]} for one in named[:TOLD]]
        return {
            "manifest_key": self.key, "manifest_sha256": digest, **sums, "skipped": told,
            "started_at": started, "finished_at": finished,
        }  # fmt: skip

    def _upload(self, writer: manifest.Writer, digest: str) -> None:
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        try:
            self._s3.put_object(Bucket=self._bucket, Key=self.key, Body=writer.file, ChecksumSHA256=checksum)
        except Exception as error:
            raise chunks.unreachable(self._bucket, error) from error

    # ---- what there is, in order ---------------------------------------------------------------------------------------------

    def _entries(self, base: Before, base_id: str, resumed: Before, journal: Journal) -> Iterator[Entry]:
        """Yield the lines of this backup in order, while files ahead are read."""
        waiting: deque[Future[Entry | Skipped | None] | Entry] = deque()
        pool = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        try:
            for found in walking.walk(self.machine.storage):
                earlier = base.at(found.path)
                ready = resumed.at(found.path)
                if isinstance(found, Skipped):
                    self._skipped.append(found)
                    waiting.extend(self._kept(found, earlier, base, base_id))
                else:
                    waiting.append(self._line(found, ready, earlier, base_id, pool))
                while len(waiting) > WINDOW:
                    yield from self._done(waiting.popleft(), journal)
            while waiting:
                yield from self._done(waiting.popleft(), journal)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _line(
        self, found: Found, ready: Entry | None, earlier: Entry | None, base_id: str, pool: ThreadPoolExecutor
    ) -> Future[Entry | Skipped | None] | Entry:
        if found.kind != "f":
            return self._entry(found)
        for known in (ready, earlier):
            if known and unchanged(known, found.stat) and self._whole(known):
                return replace(known, mode=stat.S_IMODE(found.stat.st_mode))
        return pool.submit(self._read, found, earlier, base_id)

    def _done(self, waited: Future[Entry | Skipped | None] | Entry, journal: Journal) -> Iterator[Entry]:
        if isinstance(waited, Entry):
            yield waited
            return
        entry = waited.result()
        if isinstance(entry, Entry):
            journal.note(entry)
            yield entry

    def _kept(self, lost: Skipped, earlier: Entry | None, base: Before, base_id: str) -> Iterator[Entry]:
        """Yield the last good lines of what cannot be read now."""
        below = base.below(lost.path) if lost.whole else ()
        for entry in (*((earlier,) if earlier and earlier.kind == "f" else ()), *below):
            if self._whole(entry):
                yield carried(entry, base_id)

    def _entry(self, found: Found) -> Entry:
        seen = found.stat
        shared = found.path.startswith(b"shared/")
        return Entry(
            path=found.path,
            kind=found.kind,
            mode=stat.S_IMODE(seen.st_mode),
            mtime=seen.st_mtime_ns,
            target=found.target,
            person=self._people.get(seen.st_uid, "") if shared else "",
        )

    # ---- one file --------------------------------------------------------------------------------------------------------

    def _read(self, found: Found, earlier: Entry | None, base_id: str) -> Entry | None:
        """Read a file and send what is new of it; None when it is gone and was not in the base either."""
        why = "changed while it was read"
        if earlier and self._whole(earlier):
            self.chunks.know(earlier.chunks)
        for attempt in range(TRIES):
            try:
                return self._once(found)
            except Changed:
                time.sleep(0.1 * attempt)
            except FileNotFoundError:
                return None
            except OSError as error:
                why = error.strerror or str(error)
                break
        with self._lock:
            self._skipped.append(Skipped(found.path, why))
        return carried(earlier, base_id) if earlier and earlier.kind == "f" and self._whole(earlier) else None

    def _once(self, found: Found) -> Entry:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with os.fdopen(os.open(found.name, flags, dir_fd=found.folder.handle), "rb", buffering=0) as source:
            before = os.fstat(source.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise Changed
            whole, names, size = hashlib.sha256(), [], 0
            while data := _piece(source):
                whole.update(data)
                names.append(self.chunks.put(data))
                size += len(data)
                with self._lock:
                    self._read_bytes += len(data)
            after = os.fstat(source.fileno())
        if size != before.st_size or _identity(before) != _identity(after):
            raise Changed
        fresh = after.st_ctime_ns > self._now() * 1e9 - FRESH_NS
        return replace(
            self._entry(replace(found, stat=after)),
            size=size,
            digest=whole.hexdigest(),
            chunks=tuple(names),
            identity=(after.st_ino, 0 if fresh else after.st_ctime_ns),
        )

    # ---- the rest --------------------------------------------------------------------------------------------------------

    def _base(self, opened: ExitStack) -> tuple[Before, str | None]:
        """Return the backup that this one stands on; where it cannot be had, everything is read."""
        given = self.order.get("base_manifest")
        if not given or not self.order.get("base"):
            return Before(iter(())), None
        try:
            file = manifest.opened(self._s3, self._bucket, str(given["key"]), str(given["sha256"]))
        except NoManifest as error:
            say(f"backup {self.id} reads everything anew: {error}")
            return Before(iter(())), None
        opened.enter_context(file)
        self.chunks.look()
        return Before(Reader(file).entries()), str(self.order["base"])

    def _whole(self, entry: Entry) -> bool:
        """Say whether the bytes of an earlier line are still in the bucket."""
        return entry.kind != "f" or self.chunks.whole(entry.chunks, entry.size)

    def _count(self, entry: Entry) -> None:
        self.counts.files += entry.kind == "f"
        self.counts.dirs += entry.kind == "d"
        self.counts.bytes += entry.size

    def _progress(self) -> dict[str, int]:
        return {**self.counts.told(), "read_bytes": self._read_bytes}

    def _moment(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="seconds")


def unchanged(known: Entry, seen: os.stat_result) -> bool:
    """Say whether a file is still the one that was read."""
    identity = (seen.st_ino, seen.st_ctime_ns)
    return known.kind == "f" and (known.size, known.mtime, known.identity) == (seen.st_size, seen.st_mtime_ns, identity)


def carried(entry: Entry, base_id: str) -> Entry:
    """Return an earlier line, marked with the backup it is from."""
    return replace(entry, carried=entry.carried or base_id)


def _identity(seen: os.stat_result) -> tuple[int, ...]:
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


def _piece(source: Any) -> bytes:
    """Read a whole chunk: a raw file may give less than was asked for."""
    data: bytes = source.read(chunks.SIZE)
    while data and len(data) < chunks.SIZE and (more := source.read(chunks.SIZE - len(data))):
        data += more
    return data
