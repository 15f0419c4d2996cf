"""What is a snapshot on this computer? A copy of a stopped machine's disk: the folder ``snapshots/<id>``, whole or not there.

A snapshot is taken as a real copy (blocks are shared where the file system can do that), and its files are then read-only. A
machine that is launched from it gets blocks shared again where that can be done, else hard links to those read-only files: all of
a machine's software replaces files and never writes into them, so nothing of one machine reaches a snapshot or another machine.
(Root and an owner who changes a file's mode could; neither is a lab's user.) Kept true: a snapshot is never half there, also
after ``kill -9``; what belongs to a boot alone (``run``, ``tmp``) is not in it.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aws_research_wizard.host.files import link_tree
from aws_research_wizard.local.home import Home

log = logging.getLogger(__name__)
_one_at_a_time = threading.RLock()
OF_A_BOOT = ("run", "tmp")


class Damaged(OSError):  # noqa: N818 - named for what happened to the disk
    """A disk could not be copied; the words say why."""


def place(home: Home, snapshot_id: str) -> Path:
    """Where a snapshot's files are."""
    return home.snapshots / snapshot_id


def take(home: Home, snapshot_id: str, disk: Path) -> None:
    """Copy a disk, a machine's or another snapshot's. Damaged when there is none, or no room."""
    target = place(home, snapshot_id)
    if target.exists():
        return
    if not disk.is_dir():
        raise Damaged(f"there is no disk to copy at {disk}")
    with _beside(target) as draft:
        _copy(disk, draft, ["--reflink=auto"])
        for name in OF_A_BOOT:
            shutil.rmtree(draft / name, ignore_errors=True)
        _read_only(draft)
        draft.rename(target)


def lay(home: Home, snapshot_id: str, disk: Path) -> bool:
    """Make a new machine's disk from a snapshot; False when it has a disk already, or is of the plain image (blank)."""
    source = place(home, snapshot_id)
    if disk.exists() or not snapshot_id:
        return False
    if not source.is_dir():
        log.warning("snapshot %s is not on this computer any more: the machine starts with an empty disk", snapshot_id)
        return False
    disk.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time:
        spare = home.snapshots / f".spare-{snapshot_id}"
        if not spare.is_dir():
            _make(source, spare)
        spare.rename(disk)
    return True


def make_ready(home: Home, snapshot_id: str) -> None:
    """Make the next machine's disk before it is asked for: EC2 shows a disk at once and reads it later, here it must be there."""
    source, spare = place(home, snapshot_id), home.snapshots / f".spare-{snapshot_id}"
    with _one_at_a_time:
        if source.is_dir() and not spare.is_dir():
            _make(source, spare)


def _make(source: Path, spare: Path) -> None:
    with _beside(spare) as draft:
        if not _shares_blocks(source, draft):
            link_tree(source, draft)
        draft.rename(spare)


def prune(home: Home, known: Iterable[str]) -> list[str]:
    """Remove every snapshot that EC2 does not know (any more), and what a killed run left half made; returns their names."""
    kept = set(known)
    gone = [one for one in home.snapshots.glob("*") if one.name not in kept and not one.name.startswith(".")]
    for one in gone:
        away = one.with_name(f".gone-{one.name}-{uuid.uuid4().hex[:8]}")
        with _one_at_a_time:
            one.rename(away)
            shutil.rmtree(home.snapshots / f".spare-{one.name}", ignore_errors=True)
        shutil.rmtree(away, ignore_errors=True)
    return sorted(one.name for one in gone)


def sweep(home: Home) -> None:
    """Remove what an earlier run left half made; only while nobody makes any."""
    for half in home.snapshots.glob(".*"):
        shutil.rmtree(half, ignore_errors=True)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A name beside a folder to be made; what is still there at the end is removed."""
    draft = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}")
    draft.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _copy(source: Path, target: Path, how: list[str]) -> None:
    words = ["cp", "-a", *how, str(source), str(target)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode or done.stderr.strip():  # the runner buries its children unseen: then every code is 0
        raise Damaged(f"the disk could not be copied: {(done.stderr.strip().splitlines() or ['cp failed'])[-1]}")


def _shares_blocks(source: Path, target: Path) -> bool:
    """Copy with shared blocks; False, and nothing made, when the file system cannot."""
    probe = next((path for path in source.rglob("*") if path.is_file() and not path.is_symlink()), None)
    trial = target.with_name(f"{target.name}-trial")
    try:
        if probe is not None:
            _copy(probe, trial, ["--reflink=always"])
        _copy(source, target, ["--reflink=always"])
    except Damaged:
        return False
    finally:
        trial.unlink(missing_ok=True)
    return True


def _read_only(disk: Path) -> None:
    for folder, _, names in os.walk(disk):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - tens of thousands of them
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                os.chmod(path, stat.S_IMODE(mode) & ~0o222)  # noqa: PTH101
