"""Which files of a folder are uploaded, under which names, and which stay, and why?

Keeps true: every file is one of the two; no link leads out of the folder; a name is uploaded as it is, whatever letters it has.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aws_research_wizard.client.errors import WizardError

JUNK = frozenset({"__pycache__", "node_modules", "Thumbs.db", "desktop.ini"})
JUNK_ENDINGS = (".pyc", ".pyo", ".tmp", ".swp", "~")
MOST_KEY = 1024  # bytes, of S3


class UploadRefused(WizardError):  # noqa: N818 - as the others are called
    """Nothing can be uploaded like this; the words are for a person."""


@dataclass(frozen=True)
class Destination:
    """Where to: `prefix` is blank or ends with a slash."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, uri: str) -> "Destination":
        """UploadRefused unless it reads s3://bucket/prefix/."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket or any(letter in bucket for letter in " \\?#%"):
            raise UploadRefused(f"'{uri[:80]}' is no place in S3", "it looks like s3://bucket/notebooks/")
        return cls(bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")

    def key(self, name: str) -> str:
        return self.prefix + name


@dataclass(frozen=True)
class File:
    """One file to upload: its name below the folder, where it is, its size."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True)
class Left:
    """What stays, and why."""

    name: str
    why: str


def look(source: Path, destination: Destination) -> tuple[list[File], list[Left]]:
    """Everything below a folder (or one file), in order."""
    if source.is_file():
        root, found = source.parent.resolve(), [_file(source.name, source, source.parent.resolve(), destination)]
    elif source.is_dir():
        root = source.resolve()
        found = [_told(one, root, destination) for one in _walk(root, root)]
    else:
        raise UploadRefused(f"there is no folder {source}", "name the folder that holds the notebooks: --source ./notebooks/")
    files = sorted((one for one in found if isinstance(one, File)), key=lambda one: one.name)
    return files, sorted((one for one in found if isinstance(one, Left)), key=lambda one: one.name)


def _walk(folder: Path, root: Path) -> Iterator[Path | Left]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Left(_shown(folder.relative_to(root).as_posix()), f"it cannot be read: {error.strerror}")
        return
    for entry in entries:
        path = Path(entry.path)
        name = _shown(path.relative_to(root).as_posix())
        why = _junk(entry.name)
        if why:
            yield Left(name + ("/" if entry.is_dir(follow_symlinks=False) else ""), why)
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root)
        elif entry.is_symlink() and path.is_dir():
            yield Left(name, "a link to a folder is not followed")
        else:
            yield path


def _junk(name: str) -> str:
    if name == ".ipynb_checkpoints":
        return "Jupyter's own copies"
    if name.startswith("."):
        return "hidden"
    return "a by-product of programs" if name in JUNK or name.endswith(JUNK_ENDINGS) or name.startswith("~$") else ""


def _told(one: Path | Left, root: Path, destination: Destination) -> File | Left:
    return one if isinstance(one, Left) else _file(one.relative_to(root).as_posix(), one, root, destination)


def _file(name: str, path: Path, root: Path, destination: Destination) -> File | Left:
    shown = _shown(name)
    if shown != name:
        return Left(shown, "its name is no text in UTF-8")
    if len(destination.key(name).encode()) > MOST_KEY:
        return Left(name, f"its name would have more than {MOST_KEY} bytes")
    try:
        real = path.resolve(strict=True)
        if path.is_symlink() and not real.is_relative_to(root):
            return Left(name, "a link that leads out of the folder")
        if not real.is_file():
            return Left(name, "no plain file")
        return File(name, path, real.stat().st_size)
    except (OSError, RuntimeError):
        return Left(name, "a link that leads nowhere" if path.is_symlink() else "it cannot be read")


def _shown(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")
