"""What takes the room? The largest files and folders of a place, counted while somebody looks on, and removed at their word.

Keeps true: no link is followed and no other file system entered; what several names share is counted once; of places that
are not one's own only one's own files are listed and removed.
"""

import heapq
import os
import shutil
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_research_wizard.host.walking import Folder

SHOWN, DEEP = 40, 4
"""How many files and folders are shown, and how deep folders are summed up."""


@dataclass(frozen=True)
class Place:
    """Where is looked: `name` as people call it; not `own`: only their own files there."""

    name: str
    path: Path
    own: bool = True


@dataclass(order=True)
class Thing:
    """A file or folder: bytes on disk, how many files, and when it was last changed (seconds since 1970)."""

    size: int
    items: int
    place: str
    path: str
    changed: float
    folder: bool = False

    def told(self) -> dict[str, Any]:
        """Return it as the page takes it (names that are no UTF-8 are shown as well as can be; `key` finds them again)."""
        shown = os.fsencode(self.path).decode(errors="replace")
        return {**vars(self), "path": shown, "key": os.fsencode(self.path).hex()}


class Search:
    """One look through the places; may be asked while it goes on."""

    def __init__(self, places: tuple[Place, ...]) -> None:
        self.places = {place.name: place for place in places}
        self._files: list[Thing] = []
        self._folders: dict[tuple[str, str], Thing] = {}
        self.size = self.items = 0
        self.over = False
        self._lock = threading.Lock()

    def start(self) -> "Search":
        """Look in the background; return itself."""
        threading.Thread(target=self.run, name="search", daemon=True).start()
        return self

    def run(self) -> None:
        """Look through all places."""
        for place in self.places.values():
            self._look(place)
        self.over = True

    def told(self) -> dict[str, Any]:
        """Return what was found so far, the largest first."""
        with self._lock:
            files = sorted(self._files, reverse=True)
            every = self._folders.values()
            folders = {(one.place, one.path): one for one in (*_most(every, "size"), *_most(every, "items"))}.values()
        return {
            "over": self.over, "size": self.size, "items": self.items,
            "files": [one.told() for one in files if one.size],
            "folders": [one.told() for one in sorted(folders, reverse=True)],
        }  # fmt: skip

    def _look(self, place: Place) -> None:
        linked: set[tuple[int, int]] = set()
        for path, entry in _all(place.path):
            try:
                seen = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            key = (seen.st_dev, seen.st_ino)
            if (not place.own and seen.st_uid != os.getuid()) or key in linked:
                continue
            if seen.st_nlink > 1 and not stat.S_ISDIR(seen.st_mode):
                linked.add(key)
            self._add(place, path, seen)

    def _add(self, place: Place, path: str, seen: os.stat_result) -> None:
        size, folder = seen.st_blocks * 512, stat.S_ISDIR(seen.st_mode)
        with self._lock:
            self.size, self.items = self.size + size, self.items + 1
            if not folder:
                heapq.heappush(self._files, Thing(size, 1, place.name, path, seen.st_mtime))
                if len(self._files) > SHOWN:
                    heapq.heappop(self._files)
            parts = path.split("/")
            for depth in range(1, min(len(parts) + folder, DEEP + 1)):
                self._sum(place, "/".join(parts[:depth]), size, seen.st_mtime)

    def _sum(self, place: Place, path: str, size: int, changed: float) -> None:
        kept = self._folders.get((place.name, path)) or Thing(0, 0, place.name, path, 0.0, folder=True)
        kept.size, kept.items, kept.changed = kept.size + size, kept.items + 1, max(kept.changed, changed)
        self._folders[(place.name, path)] = kept


def _most(things: Iterable[Thing], what: str) -> list[Thing]:
    return heapq.nlargest(SHOWN, things, key=lambda one: getattr(one, what))


def _all(root: Path) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Yield everything below a folder on its own file system, with its path from there."""
    try:
        device, waiting = root.stat().st_dev, [""]
    except OSError:
        return
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    yield path, entry
                    if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_dev == device:
                        waiting.append(path)
        except OSError:
            continue


def remove(places: Mapping[str, Place], name: str, path: bytes) -> None:
    """Remove a file, or a folder with all that is in it; OSError or ValueError when that cannot be."""
    place, parts = places[name], path.split(b"/")
    if any(part in (b"", b".", b"..") or b"\0" in part for part in parts):
        raise ValueError("that is no place in here")
    within = Folder.at(place.path)
    for part in parts[:-1]:
        within = Folder.at(part, within)
    seen = os.stat(parts[-1], dir_fd=within.handle, follow_symlinks=False)
    if not place.own and seen.st_uid != os.getuid():
        raise PermissionError(1, "it is somebody else's")
    if stat.S_ISDIR(seen.st_mode):
        shutil.rmtree(parts[-1], dir_fd=within.handle)
    else:
        os.unlink(parts[-1], dir_fd=within.handle)
