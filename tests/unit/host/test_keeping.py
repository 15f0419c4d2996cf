"""Whatever a lab holds and whatever is done to it: what comes back from a backup is what went in, byte for byte."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws_research_wizard.host import backup, chunks
from aws_research_wizard.host.machine import Machine
from tests.fakes.bucket import Bucket
from tests.unit.host.conftest import ENV
from tests.unit.host.keeping import ADA, Lab, elsewhere, tree

NAMES = st.one_of(
    st.sampled_from(["a", "a.b", "a-b", "b", "shared", "new\nline", "é", "n" * 120]),
    st.binary(min_size=1, max_size=12)
    .filter(lambda raw: b"/" not in raw and b"\0" not in raw and raw not in (b".", b".."))
    .map(os.fsdecode),
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)


@dataclass(frozen=True)
class Change:
    """Something a person does to a path below their home or what is shared."""

    what: str
    path: tuple[str, ...]
    content: bytes
    mode: int
    to: tuple[str, ...]


CONTENT = st.one_of(st.binary(max_size=40), st.binary(min_size=1, max_size=4).map(lambda one: one * 3000), st.just(bytes(9000)))
CHANGES = st.lists(
    st.builds(
        Change,
        st.sampled_from(
            ["write", "write", "write", "append", "folder", "link", "hard", "move", "remove", "mode", "touch", "hole"]
        ),
        PATHS,
        CONTENT,
        st.sampled_from([0o644, 0o600, 0o755, 0o444, 0o000, 0o2770]),
        PATHS,
    ),
    max_size=12,
)


def do(top: Path, change: Change) -> None:
    """Do it; what cannot be done is left."""
    path, other = top.joinpath(*change.path), top.joinpath(*change.to)
    try:
        if any(part.is_symlink() for part in (path, *path.parents) if top in part.parents):
            path = path.parent if path.is_symlink() else path
        path.parent.mkdir(parents=True, exist_ok=True)
        _do(change, path, other)
    except (OSError, shutil.Error):
        return


def _do(change: Change, path: Path, other: Path) -> None:
    match change.what:
        case "write":
            path.write_bytes(change.content)
        case "append":
            with path.open("ab") as file:
                file.write(change.content)
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(other)
        case "hard":
            os.link(other, path)
        case "move":
            path.rename(other)
        case "remove":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        case "mode":
            path.chmod(change.mode | (0o700 if path.is_dir() else 0), follow_symlinks=False)
        case "touch":
            os.utime(path, ns=(10**18, 10**18 + len(change.content)), follow_symlinks=False)
        case "hole":
            with path.open("ab") as file:
                file.truncate(20_000)


def as_restored(found: dict[bytes, tuple[Any, ...]]) -> dict[bytes, tuple[Any, ...]]:
    """A tree without what a restore leaves out on purpose: powers of files, and sockets and pipes."""
    return {
        path: (kind, mode & (0o3777 if kind == stat.S_IFDIR else 0o777), what, moment)
        for path, (kind, mode, what, moment) in found.items()
    }


@pytest.fixture(scope="module", autouse=True)
def _small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "SIZE", 4096)
        patch.setattr(chunks, "ASK_FIRST", 4096)
        patch.setattr(backup, "TRIES", 1)
        yield


def fresh(root: Path) -> Lab:
    own = {"AWR_MACHINE_ROOT": str(root / "root"), "AWR_BUNDLE_DIR": str(root), "AWR_EFS_ROOT": str(root / "efs")}
    return Lab(Machine.from_env({**ENV, **own}), Bucket())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rounds=st.lists(st.tuples(CHANGES, CHANGES), min_size=1, max_size=3))
def test_every_backup_comes_back_byte_for_byte(rounds: list[tuple[list[Change], list[Change]]]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        lab = fresh(root)
        seen: dict[str, Any] = {}
        for number, (mine, ours) in enumerate(rounds):
            for change in mine:
                do(lab.home, change)
            for change in ours:
                do(lab.storage / "shared", change)
            lab.backup(f"b-{number}", base=f"b-{number - 1}" if number else None, later=0 if number % 2 else 10)
            seen[f"b-{number}"] = as_restored(tree(lab.home)), as_restored(tree(lab.storage / "shared"))
        for backup_id, (home, shared) in seen.items():
            other = elsewhere(lab, root / backup_id)
            assert other.restore(backup_id)["failed"] == []
            assert tree(other.home / "ada@example.org (restored 2026-11-22 03.00)") == home
            assert tree(other.storage / "shared/shared (restored 2026-11-22 03.00)") == shared
            again = elsewhere(lab, root / f"{backup_id}-over")
            assert again.restore(backup_id, mode="over")["failed"] == []
            assert tree(again.home) == home


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=CHANGES, after=CHANGES)
def test_putting_back_over_loses_nothing_that_was_there(before: list[Change], after: list[Change]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        lab = fresh(Path(scratch))
        for change in before:
            do(lab.home, change)
        lab.backup("b-1")
        wanted = {path: what for path, (_, _, what, _) in tree(lab.home).items() if what is not None}
        for change in after:
            do(lab.home, change)
        kept = {what for _, _, what, _ in tree(lab.home).values() if what is not None}
        lab.restore("b-1", ADA, mode="over")
        now = {path: what for path, (_, _, what, _) in tree(lab.home).items() if what is not None}
        assert wanted.items() <= now.items()
        assert kept <= set(now.values())


def test_incremental_backup_equals_a_whole_one(tmp_path: Path) -> None:
    lab = fresh(tmp_path)
    for number in range(20):
        (lab.home / f"{number}").write_bytes(os.urandom(5000))
    lab.backup("b-1")
    for number in range(0, 20, 3):
        (lab.home / f"{number}").write_bytes(os.urandom(5000))
    time.sleep(0.01)
    lab.backup("b-2", base="b-1")
    lab.backup("b-3")
    assert lab.entries("b-2") == lab.entries("b-3")
