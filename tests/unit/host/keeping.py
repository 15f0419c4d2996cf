"""A lab's storage that is backed up into a bucket and restored from it, as work orders would."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aws_research_wizard.host import manifest
from aws_research_wizard.host.backup import Backup
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.manifest import Entry, Reader
from aws_research_wizard.host.restore import Restore
from tests.fakes.bucket import Bucket

ADA = "homes/ada@example.org"
LABEL = "2026-11-22 03.00"
Tree = dict[bytes, tuple[Any, ...]]


class Lab:
    """A machine, its bucket, and the backups made so far."""

    def __init__(self, machine: Machine, bucket: Bucket | None = None) -> None:
        self.machine, self.bucket = machine, bucket or Bucket()
        self.storage = machine.storage
        for folder in (ADA, "shared"):
            (self.storage / folder).mkdir(parents=True, exist_ok=True)
        self.home = self.storage / ADA
        self.reports: dict[str, dict[str, Any]] = {}
        self.later = 10.0

    def backup(self, backup_id: str, base: str | None = None, later: float | None = None) -> dict[str, Any]:
        """Back up; `later` says how many seconds after the last change it is."""
        import time

        given = self.reports.get(base or "")
        order = {
            "bucket": "backups", "prefix": "labs/base-k3x9", "backup_id": backup_id, "base": base,
            "base_manifest": {"key": given["manifest_key"], "sha256": given["manifest_sha256"]} if given else None,
        }  # fmt: skip
        shift = self.later if later is None else later
        self.reports[backup_id] = Backup(self.machine, order, self.bucket, lambda: time.time() + shift).run()
        return self.reports[backup_id]

    def restore(self, backup_id: str, *paths: str, mode: str = "beside", label: str = LABEL, **more: Any) -> dict[str, Any]:
        return Restore(self.machine, self.order(backup_id, *paths, mode=mode, label=label, **more), self.bucket).run()

    def order(self, backup_id: str, *paths: str, mode: str = "beside", label: str = LABEL, **more: Any) -> dict[str, Any]:
        report = self.reports[backup_id]
        return {
            "bucket": "backups", "prefix": "labs/base-k3x9", "backup_id": backup_id, "manifest_key": report["manifest_key"],
            "manifest_sha256": report["manifest_sha256"], "paths": list(paths), "mode": mode, "label": label, **more,
        }  # fmt: skip

    def entries(self, backup_id: str) -> dict[bytes, Entry]:
        with self.manifest(backup_id) as reader:
            return {entry.path: entry for entry in reader.entries()}

    def footer(self, backup_id: str) -> dict[str, Any]:
        with self.manifest(backup_id) as reader:
            for _ in reader.entries():
                pass
            return dict(reader.footer)

    @contextmanager
    def manifest(self, backup_id: str) -> Iterator[Reader]:
        report = self.reports[backup_id]
        with manifest.opened(self.bucket, "backups", report["manifest_key"], report["manifest_sha256"]) as file:
            yield Reader(file)


def elsewhere(lab: Lab, root: Path) -> Lab:
    """A lab with the same bucket and backups, and empty storage."""
    made = Lab(replace(lab.machine, root=root / "root", efs_root=root / "efs"), lab.bucket)
    made.reports = lab.reports
    return made


def tree(root: Path, times: bool = True) -> Tree:
    """All that is below a folder: kind, mode, content or target, and time."""
    found: Tree = {}
    for path in root.rglob("*"):
        seen = path.lstat()
        what: Any = None
        if stat.S_ISLNK(seen.st_mode):
            what = str(path.readlink())
        elif stat.S_ISREG(seen.st_mode):
            what = path.read_bytes()
        mode = 0 if stat.S_ISLNK(seen.st_mode) else stat.S_IMODE(seen.st_mode)
        name = os.fsencode(path.relative_to(root))
        found[name] = (stat.S_IFMT(seen.st_mode), mode, what, seen.st_mtime_ns if times else 0)
    return found
