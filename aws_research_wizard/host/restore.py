"""How does work come back from a backup? Beside what is there, each file proven before it gets its name.

    manifest (its SHA-256 is the ordered one) → is there room? → folders → files, several at once → folders' modes and times

Keeps true: nothing that is there is overwritten or removed; asked to put things back `over` what is there, it first keeps what it
replaces. Every chunk and every file is checked before it is named. A file that cannot be restored is named with its reason and
keeps no other from coming back. Ended in the middle and begun again, it takes what it finds done for done.
"""

import errno
import hashlib
import os
import stat
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any

from aws_research_wizard.host import accounts, choosing, chunks, manifest, paces, placing
from aws_research_wizard.host.choosing import Wish
from aws_research_wizard.host.chunks import ChunkLost, Chunks
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.manifest import Entry, NoManifest
from aws_research_wizard.host.placing import Misplaced, Owner, Parts, Place, named, shown
from aws_research_wizard.host.walking import Folder
from aws_research_wizard.host.work import Tell, WorkFailed

WRITERS, WINDOW = 4, 64
TOLD, BLOCK = 50, 256 << 10
FULL = (errno.ENOSPC, errno.EDQUOT)
FILE_MODE, FOLDER_MODE = 0o777, 0o3777
"""What of a mode is restored: no file comes back with its owner's powers for everybody."""


@dataclass
class Outcome:
    """What came back, and what did not; written by several threads."""

    files: int = 0
    size: int = 0
    moved: int = 0
    lost: set[bytes] = field(default_factory=set)
    failed: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, path: bytes, why: str) -> None:
        """Note what did not come back."""
        with self.lock:
            self.lost.add(path)
            if len(self.failed) < TOLD:
                self.failed.append({"path": manifest.written(path)[:1000], "why": why[:200]})

    def add(self, size: int) -> None:
        """Note a file that is back."""
        with self.lock:
            self.files, self.size = self.files + 1, self.size + size

    def move(self, size: int) -> None:
        """Note bytes that were read or written."""
        with self.lock:
            self.moved += size

    def progress(self) -> dict[str, int]:
        """Return what is told meanwhile."""
        return {"files": self.files, "bytes": self.size, "read_bytes": self.moved}


def carry_out(machine: Machine, order: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Restore what was ordered; return the report."""
    paces.widen()
    return Restore(machine, order, chunks.client(machine.region)).run(tell)


class Restore:
    """One restore into one lab."""

    def __init__(self, machine: Machine, order: Mapping[str, Any], s3: Any) -> None:
        self.machine, self.order, self._s3 = machine, order, s3
        self.chunks = Chunks(s3, str(order["bucket"]), str(order["prefix"]))
        self.over = order.get("mode") == "over"
        self.label = str(order.get("label") or order["backup_id"])
        self.outcome = Outcome()
        self._owners: dict[str, Owner] = {}
        self._folders: list[tuple[Parts, Entry]] = []

    def run(self, tell: Tell = lambda _: None) -> dict[str, Any]:
        """Bring back what was ordered; raise WorkFailed when nothing of it can be."""
        with self._manifest() as file:
            wishes = self._wishes(file)
            choosing.room(self.machine.storage, file, wishes, self.over)
            self.place = Place(self.machine.storage)
            try:
                with paces.telling(tell, self.outcome.progress):
                    self._bring(file, wishes)
            finally:
                self.place.tidy()
        return self._report(wishes)

    def _manifest(self) -> IO[bytes]:
        """Return the manifest, which is the one that was ordered, and whole."""
        try:
            return manifest.opened(
                self._s3, str(self.order["bucket"]), str(self.order["manifest_key"]), str(self.order["manifest_sha256"])
            )
        except NoManifest as error:
            raise WorkFailed(f"backup {self.order['backup_id']} cannot be restored: {error}") from None

    def _wishes(self, file: IO[bytes]) -> list[Wish]:
        """Return what is to come back, found in the backup, with where it goes."""
        asked = choosing.paths(file, [manifest.plain(path) for path in self.order.get("paths") or ()])
        found, wishes = choosing.kinds(file, asked), []
        for path in sorted(asked - found.keys()):
            self.outcome.fail(path, "it is not in this backup")
        for path in sorted(found):
            try:
                wishes.append(Wish(path, choosing.goal(path, found[path], self.label, self.over)))
            except Misplaced as error:
                self.outcome.fail(path, str(error))
        return wishes

    def _report(self, wishes: Sequence[Wish]) -> dict[str, Any]:
        back = [one for one in wishes if one.path not in self.outcome.lost]
        if self.outcome.failed and not self.outcome.files and not back:
            raise WorkFailed("{path}: {why}".format(**self.outcome.failed[0]))
        restored = [{"path": manifest.written(one.path)[:1000], "to": manifest.written(b"/".join(one.to))[:1000]} for one in back]
        return {
            "files": self.outcome.files, "bytes": self.outcome.size, "restored": restored[:TOLD],
            "failed": self.outcome.failed, "failed_count": len(self.outcome.lost),
        }  # fmt: skip

    # ---- bringing it back ------------------------------------------------------------------------------------------------

    def _bring(self, file: IO[bytes], wishes: Sequence[Wish]) -> None:
        waiting: deque[Future[None]] = deque()
        pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="writer")
        try:
            for number, (entry, wish) in enumerate(choosing.chosen(file, wishes)):
                if entry.kind == "d":
                    self._one(number, entry, wish)
                else:
                    waiting.append(pool.submit(self._one, number, entry, wish))
                while len(waiting) > WINDOW:
                    waiting.popleft().result()
            while waiting:
                waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        for parts, entry in reversed(self._folders):
            self._settle(parts, entry)
        os.sync()

    def _one(self, number: int, entry: Entry, wish: Wish) -> None:
        """Bring one thing back, or say why not."""
        try:
            parts = wish.target(entry.path)
            if entry.kind == "d":
                self._folder(parts, entry)
            else:
                name = self._thing(b"%d" % number, entry, parts)
                wish.to = (*parts[:-1], name) if entry.path == wish.path else wish.to
        except (Misplaced, ChunkLost, ValueError) as error:
            self.outcome.fail(entry.path, str(error))
        except OSError as error:
            if error.errno in FULL:
                raise WorkFailed(f"the storage became full; {self.outcome.files} files are back") from error
            self.outcome.fail(entry.path, error.strerror or str(error))

    def _thing(self, made: bytes, entry: Entry, parts: Parts) -> bytes:
        """Bring a file or link back; return the name that it got."""
        folder, name = self.place.folder(parts[:-1], self._make), parts[-1]
        names = [name] if self.over else [name, named(name, "2")]
        given = next((one for one in names if placing.same(folder, one, entry, self.outcome.move)), None)
        if given is None:
            try:
                self._write(made, entry, self._owner(parts, entry, folder))
                given = self._give(made, folder, name)
            finally:
                self.place.drop(made)
        if entry.kind == "f":
            self.outcome.add(entry.size)
        return given

    def _give(self, made: bytes, folder: Folder, name: bytes) -> bytes:
        if self.place.give_name(made, folder, name):
            return name
        if self.over:
            placing.set_aside(folder, name, f"before restore {self.label}")
            self.place.replace(made, folder, name)
            return name
        for number in range(2, placing.MOST_NAMES):
            if self.place.give_name(made, folder, other := named(name, str(number))):
                return other
        raise Misplaced("a thousand files of that name are there already")

    def _write(self, made: bytes, entry: Entry, owner: Owner) -> None:
        """Make a file or link in the corner, proven and with all that belongs to it."""
        corner, times = self.place.corner.handle, (entry.mtime, entry.mtime)
        if entry.kind == "l":
            os.symlink(entry.target, made, dir_fd=corner)
            if owner:
                os.chown(made, *owner, dir_fd=corner, follow_symlinks=False)
            os.utime(made, ns=times, dir_fd=corner, follow_symlinks=False)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(made, flags, 0o600, dir_fd=corner), "wb", buffering=0) as file:
            self._fill(file, entry)
            if owner:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), entry.mode & FILE_MODE)
            os.utime(file.fileno(), ns=times)

    def _fill(self, file: Any, entry: Entry) -> None:
        whole, size = hashlib.sha256(), 0
        for digest in entry.chunks:
            data = choosing.ZEROS if digest == choosing.ZERO else self.chunks.get(digest)
            whole.update(data)
            size += len(data)
            self.outcome.move(len(data))
            for start in range(0, len(data), BLOCK):
                _write(file, data[start : start + BLOCK])
        file.truncate(size)
        if (size, whole.hexdigest()) != (entry.size, entry.digest):
            raise ChunkLost("the file put together is not the one that was backed up")

    # ---- folders and owners ----------------------------------------------------------------------------------------------

    def _folder(self, parts: Parts, entry: Entry) -> None:
        """Make sure of a folder; it gets its own mode and time when all is in it."""
        within, name = self.place.folder(parts[:-1], self._make), parts[-1]
        there = placing.look(within, name)
        if there and not stat.S_ISDIR(there.st_mode):
            if not self.over:
                raise Misplaced(f"{shown(parts)} is there, and no folder")
            placing.set_aside(within, name, f"before restore {self.label}")
            if stat.S_ISREG(there.st_mode):
                os.unlink(name, dir_fd=within.handle)
            there = None
        if there is None:
            placing.make_folder(within, name, entry.mode & FOLDER_MODE | 0o700, self._owner(parts, entry, within))
        elif not self.over:  # of a try before this one
            begun = Folder.at(name, within)
            os.fchmod(begun.handle, stat.S_IMODE(there.st_mode) | 0o700)
        if there is None or not self.over:
            self._folders.append((parts, entry))

    def _make(self, within: Folder, name: bytes, parts: Parts) -> Folder:
        """Make a folder that is missing on the way."""
        mode = 0o700 if len(parts) == 2 and parts[0] == b"homes" else 0o755
        return placing.make_folder(within, name, mode, self._owner(parts, None, within))

    def _settle(self, parts: Parts, entry: Entry) -> None:
        try:
            folder = self.place.folder(parts)
            os.fchmod(folder.handle, entry.mode & FOLDER_MODE)
            os.utime(folder.handle, ns=(entry.mtime, entry.mtime))
        except (OSError, Misplaced):
            return  # somebody moved or replaced it meanwhile: theirs to do

    def _owner(self, parts: Parts, entry: Entry | None, within: Folder) -> Owner:
        """Return whose a thing becomes: the home's person, on AWS; of what is shared the one whose it was."""
        if self.machine.local:
            return None
        person = os.fsdecode(parts[1]) if parts[0] == b"homes" and len(parts) > 1 else entry.person if entry else ""
        if not person:
            seen = os.fstat(within.handle)
            return (seen.st_uid, seen.st_gid)
        if person not in self._owners:
            number = accounts.ensure(self.machine.storage, person).uid
            self._owners[person] = (number, number)
        return self._owners[person]


def _write(file: Any, block: bytes) -> None:
    """Write a block; one of nothing but zeros stays a hole."""
    if block == choosing.ZEROS[: len(block)]:
        file.seek(len(block), os.SEEK_CUR)
        return
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]
