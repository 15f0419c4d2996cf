"""How does a restored file get its place? Made out of everybody's sight, then given its name in one step.

Keeps true: nothing is ever written outside the lab's storage (each folder on the way is opened itself, never what a link leads
to); a name that is taken stays what it is, unless that was asked for, and then what was there is kept beside under a name that
says so; a half-written file never has a name that people see, and whatever was left of one is removed.
"""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from aws_research_wizard.host.manifest import Entry
from aws_research_wizard.host.walking import Folder

LONGEST = 255
"""Bytes of a name, on every file system that we know."""
TOPS = (b"homes", b"shared")
MOST_NAMES = 1000
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)
QUIET = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
Owner = tuple[int, int] | None
Parts = tuple[bytes, ...]
Make = Callable[[Folder, bytes, Parts], Folder]


class Misplaced(Exception):  # noqa: N818
    """There is no such place in a lab's storage, or something stands in the way."""


def parts_of(path: bytes) -> Parts:
    """Return the names on the way to a path of a backup; raise Misplaced when it leads anywhere else."""
    parts = tuple(path.split(b"/"))
    if parts[0] not in TOPS or any(part in (b"", b".", b"..") or b"\0" in part for part in parts):
        raise Misplaced("it is no place in a lab's storage")
    return parts


def named(name: bytes, words: str, folder: bool = False) -> bytes:
    """Return a name with words in it: `a.ipynb` → `a (restored …).ipynb`, never longer than a name may be."""
    dot = name.rfind(b".")
    stem, ending = (name[:dot], name[dot:]) if not folder and dot > 0 and len(name) - dot <= 16 else (name, b"")
    said = b" (" + words.replace("/", "-").replace("\0", "")[:80].encode(errors="replace") + b")"
    room = LONGEST - len(said) - len(ending)
    return (stem if len(stem) <= room else stem[:room].decode(errors="ignore").encode()) + said + ending


class Place:
    """The storage of a lab, with a corner where files are made."""

    def __init__(self, storage: Path) -> None:
        self.storage = Folder.at(storage)
        self._corner = storage / ".wizard" / "restoring"
        self.tidy()
        self._corner.mkdir(parents=True, mode=0o700)
        self.corner = Folder.at(self._corner)

    def tidy(self) -> None:
        """Remove whatever was not given a name."""
        shutil.rmtree(self._corner, ignore_errors=True)

    def folder(self, parts: Parts, make: Make | None = None) -> Folder:
        """Open a folder; `make` makes what is missing on the way."""
        at = self.storage
        for depth, name in enumerate(parts, 1):
            try:
                at = Folder.at(name, at)
            except FileNotFoundError:
                if make is None:
                    raise
                at = make(at, name, parts[:depth])
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise Misplaced(f"{shown(parts[:depth])} is no folder") from error
                raise
        return at

    def give_name(self, made: bytes, folder: Folder, name: bytes) -> bool:
        """Give what was made its name; False when the name is taken."""
        try:
            os.link(made, name, src_dir_fd=self.corner.handle, dst_dir_fd=folder.handle, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS or look(folder, name):
                raise
            self.replace(made, folder, name)
        else:
            self.drop(made)
        return True

    def replace(self, made: bytes, folder: Folder, name: bytes) -> None:
        """Give what was made its name, whatever has it now."""
        os.rename(made, name, src_dir_fd=self.corner.handle, dst_dir_fd=folder.handle)

    def drop(self, made: bytes) -> None:
        """Remove what was made, if it is still there."""
        with suppress(FileNotFoundError):
            os.unlink(made, dir_fd=self.corner.handle)


def make_folder(within: Folder, name: bytes, mode: int, owner: Owner) -> Folder:
    """Make a folder and hand it to its owner; it is ours alone until then."""
    os.mkdir(name, 0o700, dir_fd=within.handle)
    folder = Folder.at(name, within)
    if os.fstat(folder.handle).st_uid != os.geteuid():
        raise Misplaced("somebody put another folder there")
    if owner:
        os.fchown(folder.handle, *owner)
    os.fchmod(folder.handle, mode)
    return folder


def shown(parts: Sequence[bytes]) -> str:
    """Return a path as people read it."""
    return b"/".join(parts).decode(errors="backslashreplace")


def look(folder: Folder, name: bytes) -> os.stat_result | None:
    """Return what has a name now, never what it leads to."""
    try:
        return os.stat(name, dir_fd=folder.handle, follow_symlinks=False)
    except FileNotFoundError:
        return None


def same(folder: Folder, name: bytes, entry: Entry, heard: Callable[[int], None]) -> bool:
    """Say whether the very thing is there already."""
    seen = look(folder, name)
    if seen is None or stat.S_IFMT(seen.st_mode) != (stat.S_IFLNK if entry.kind == "l" else stat.S_IFREG):
        return False
    if entry.kind == "l":
        return os.readlink(name, dir_fd=folder.handle) == entry.target
    whole = hashlib.sha256()
    if seen.st_size == entry.size:
        with os.fdopen(os.open(name, QUIET, dir_fd=folder.handle), "rb") as file:
            while data := file.read(1 << 20):
                whole.update(data)
                heard(len(data))
    return seen.st_size == entry.size and whole.hexdigest() == entry.digest


def set_aside(folder: Folder, name: bytes, words: str) -> None:
    """Keep what has a name under a second one that tells of it. A file keeps its first until that is given away."""
    seen = os.stat(name, dir_fd=folder.handle, follow_symlinks=False)
    file = stat.S_ISREG(seen.st_mode)
    for number in range(1, MOST_NAMES):
        other = named(name, words if number == 1 else f"{words[:72]} {number}", not file)
        there = look(folder, other)
        if there and (there.st_dev, there.st_ino) == (seen.st_dev, seen.st_ino):
            return  # a try before this one came so far
        if there is None:
            (os.link if file else os.rename)(name, other, src_dir_fd=folder.handle, dst_dir_fd=folder.handle)
            return
    raise Misplaced("a thousand files of that name are there already")
