"""What of a backup is to come back, where does it go, and is there room for it?

    homes/ada@x/a.ipynb   →  homes/ada@x/a (restored 2026-11-22 03.00).ipynb      a file or folder: beside itself
    homes/ada@x           →  homes/ada@x/ada@x (restored 2026-11-22 03.00)        a home, or what is shared: inside itself

Keeps true: every goal is inside the lab's storage; asked `over`, the goal is where it was.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aws_research_wizard.host import chunks
from aws_research_wizard.host.manifest import Entry, Reader
from aws_research_wizard.host.placing import Misplaced, Parts, named, parts_of
from aws_research_wizard.host.work import WorkFailed

SPARE_BYTES, SPARE_FILES = 64 << 20, 100
"""What must stay free when all is back."""
ZEROS = bytes(chunks.SIZE)
ZERO = hashlib.sha256(ZEROS).hexdigest()
"""The chunk of a hole: it takes no room."""


@dataclass
class Wish:
    """One path that is to come back: `path` in the backup becomes `to`."""

    path: bytes
    to: Parts

    def covers(self, path: bytes) -> bool:
        """Say whether something in the backup belongs to this wish."""
        return path == self.path or path.startswith(self.path + b"/")

    def target(self, path: bytes) -> Parts:
        """Return where something of this wish goes; raise Misplaced when that is nowhere in a lab's storage."""
        rest = path[len(self.path) + 1 :]
        return (*self.to, *parts_of(path)[len(parts_of(self.path)) :]) if rest else self.to


def paths(file: IO[bytes], asked: Iterable[bytes]) -> set[bytes]:
    """Return the paths asked for, without those that are part of others; for none, every home and what is shared."""
    given = {path.strip(b"/") for path in asked} or {b""}
    found = given - {b"", b"homes"}
    if found != given:
        tops = (entry.path for entry in Reader(file).entries() if entry.kind == "d" and entry.path.count(b"/") < 2)
        wide = b"" in given
        found |= {path for path in tops if path.startswith(b"homes/") or (wide and path == b"shared")}
    return {path for path in found if not any(path.startswith(other + b"/") for other in found)}


def kinds(file: IO[bytes], asked: Collection[bytes]) -> dict[bytes, str]:
    """Return what each path is in the backup; what is missing is not in it."""
    return {entry.path: entry.kind for entry in Reader(file).entries() if entry.path in asked}


def goal(path: bytes, kind: str, label: str, over: bool) -> Parts:
    """Return where a path goes; raise Misplaced when it is no place in a lab's storage."""
    parts, words = parts_of(path), f"restored {label}"
    if over:
        return parts
    whole = kind == "d" and (len(parts) == 1 or (parts[0] == b"homes" and len(parts) == 2))
    return (*(parts if whole else parts[:-1]), named(parts[-1], words, folder=kind == "d"))


def chosen(file: IO[bytes], wishes: Collection[Wish]) -> Iterator[tuple[Entry, Wish]]:
    """Yield what is to come back, in the backup's order."""
    for entry in Reader(file).entries():
        wish = next((one for one in wishes if one.covers(entry.path)), None)
        if wish:
            yield entry, wish


def room(storage: Path, file: IO[bytes], wishes: Collection[Wish], over: bool) -> None:
    """Raise WorkFailed when what is to come back has no room."""
    size = count = 0
    for entry, wish in chosen(file, wishes):
        if over or not _there(storage, entry, wish):
            size += max(0, entry.size - len(ZEROS) * entry.chunks.count(ZERO))
            count += 1
    free = os.statvfs(storage)
    space = free.f_bavail * free.f_frsize
    if size + SPARE_BYTES > space:
        raise WorkFailed(f"it needs {_gb(size)} and {_gb(space)} are free: make room, or restore single paths")
    if free.f_files and count + SPARE_FILES > free.f_favail:
        raise WorkFailed(f"it is {count:,} files, and there is room for {free.f_favail:,}: remove what is not needed")


def _there(storage: Path, entry: Entry, wish: Wish) -> bool:
    """Say whether a try before this one has restored it, as far as its size tells."""
    try:
        seen = os.lstat(storage / os.fsdecode(b"/".join(wish.target(entry.path))))
    except (OSError, ValueError, Misplaced):
        return False
    return stat.S_ISREG(seen.st_mode) and seen.st_size == entry.size


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
