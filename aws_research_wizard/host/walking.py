"""What is there to be backed up? Everything below homes and the shared directory, in the order of the bytes of its paths.

Keeps true: no link is ever followed and no other file system entered, not even when somebody moves folders about meanwhile (all
is reached from open folders); a path may be longer than the system's limit; what cannot be read is named, never passed over.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

INTO = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
ODD_KINDS = {stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class Folder:
    """An open folder; closed when nobody holds it any more."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    @classmethod
    def at(cls, name: bytes | Path, within: "Folder | None" = None) -> "Folder":
        """Open a folder itself, never what a link of its name leads to."""
        return cls(os.open(name, INTO, dir_fd=within.handle if within else None))

    def __del__(self) -> None:
        os.close(self.handle)


@dataclass(frozen=True)
class Found:
    """A file, folder or link: `name` in `folder`."""

    path: bytes
    kind: str
    stat: os.stat_result
    folder: Folder
    name: bytes
    target: bytes = b""


@dataclass(frozen=True)
class Skipped:
    """What is not backed up, and why; `whole` when it is a folder of which nothing could be seen."""

    path: bytes
    why: str
    whole: bool = False


@dataclass
class _Level:
    folder: Folder
    path: bytes
    names: Iterator[bytes]
    device: int


def walk(root: Path, tops: tuple[bytes, ...] = (b"homes", b"shared")) -> Iterator[Found | Skipped]:
    """Yield all that is below the `tops` of `root`, themselves included."""
    storage = Folder.at(root)
    levels = [_Level(storage, b"", iter(_ordered(dict.fromkeys(tops, True))), -1)]
    while levels:
        level = levels[-1]
        name = next(level.names, None)
        if name is None:
            levels.pop()
        elif name.endswith(b"/"):
            try:
                levels.append(_enter(level, name[:-1]))
            except FileNotFoundError:
                continue
            except OSError as error:
                yield Skipped(level.path + name[:-1], error.strerror or str(error), whole=True)
        elif thing := _look(level, name):
            yield thing


def _ordered(names: dict[bytes, bool]) -> list[bytes]:
    """Return names in the order of whole paths: a folder itself (`a`), then `a.b`, then what is in the folder (`a/`)."""
    return sorted([*names, *(name + b"/" for name, folder in names.items() if folder)])


def _enter(level: _Level, name: bytes) -> _Level:
    folder = Folder.at(name, level.folder)
    device = os.fstat(folder.handle).st_dev
    if level.device not in (-1, device):
        raise OSError(0, "another file system is mounted here")
    with os.scandir(folder.handle) as entries:
        names = {os.fsencode(entry.name): entry.is_dir(follow_symlinks=False) for entry in entries}
    return _Level(folder, level.path + name + b"/", iter(_ordered(names)), device)


def _look(level: _Level, name: bytes) -> Found | Skipped | None:
    """Return what a name stands for; None when it has just gone."""
    path = level.path + name
    try:
        seen = os.stat(name, dir_fd=level.folder.handle, follow_symlinks=False)
        if stat.S_ISLNK(seen.st_mode):
            return Found(path, "l", seen, level.folder, name, os.readlink(name, dir_fd=level.folder.handle))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Skipped(path, error.strerror or str(error))
    if stat.S_ISDIR(seen.st_mode) or stat.S_ISREG(seen.st_mode):
        return Found(path, "d" if stat.S_ISDIR(seen.st_mode) else "f", seen, level.folder, name)
    return Skipped(path, ODD_KINDS.get(stat.S_IFMT(seen.st_mode), "nothing that can be kept"))
