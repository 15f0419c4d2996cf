"""What does a person find in their home? Their files, `shared`, and the pack's examples.

Keeps true: a file that is there is never overwritten, renamed or removed; whatever a person's e-mail looks like, their
home is one directory below `homes`.
"""

import os
import shutil
from pathlib import Path


def settle_in(
    storage: Path, examples: Path | None, person: str, owner: tuple[int, int] | None = None, more: Path | None = None
) -> Path:
    """Make sure of `person`'s home and what belongs in it; return it. `owner` is (uid, gid) where people have accounts.

    `more` holds a folder for each pack that was activated beside the lab's own: its notebooks are found under its name.
    """
    home = place(storage, person)
    _folder(home, 0o700, owner)
    link = home / "shared"
    if not link.is_symlink() and not link.exists():
        link.symlink_to(storage / "shared")
    if examples is not None and examples.is_dir():
        _copy_new(examples, home / "examples", owner)
    for pack in sorted(more.iterdir()) if more is not None and more.is_dir() else ():
        if pack.is_dir():
            _copy_new(pack.resolve(), home / "examples" / pack.name, owner)
    return home


def place(storage: Path, person: str) -> Path:
    """Return where a person's home is."""
    if not person or person.startswith(".") or "/" in person or "\0" in person:
        raise ValueError(f"{person!r} is no name for a home")
    return storage / "homes" / person


def _copy_new(source: Path, target: Path, owner: tuple[int, int] | None) -> None:
    for folder in (target.parent, target):
        _folder(folder, 0o755, owner)
    for file in sorted(source.rglob("*")):
        there = target / file.relative_to(source)
        if file.is_dir():
            _folder(there, 0o755, owner)
        elif not there.exists() and not there.is_symlink():
            _copy(file, there)
            _give(there, owner)


def _copy(file: Path, there: Path) -> None:
    """Copy a file whole, or not at all: half an example would be taken for the person's own ever after."""
    try:
        shutil.copyfile(file, there)
    except OSError:
        there.unlink(missing_ok=True)
        raise


def _folder(path: Path, mode: int, owner: tuple[int, int] | None) -> None:
    if not path.exists():
        path.mkdir(parents=True)
        path.chmod(mode)
        _give(path, owner)


def _give(path: Path, owner: tuple[int, int] | None) -> None:
    if owner:
        os.chown(path, *owner, follow_symlinks=False)
