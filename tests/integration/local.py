"""A real local cloud that tests ask for, and the command line that speaks to it.

Files that lay a lab into it and take it away again share one (`here`, in conftest.py); one that changes how it ticks has its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.local import cloud, processes
from aws_research_wizard.local.home import Home, any_free_port
from tests.fakes.bundles import release_of
from tools import package

KERNEL = "base-python"


class Cloud:
    """A local cloud of its own, and the command line that speaks to it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home.at(folder / "home")
        ports = {"emulator": any_free_port(set())}
        self.home.remember(ports={**ports, "infra": any_free_port(set(ports.values()))})
        self.packages = folder / "packages"
        self.first = self.packages / "first"
        self.told: list[str] = []
        package.build(package.Job("local", self.first))

    def up(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("AWR_PACKAGE", str(folder))
        self.told = []
        assert cloud.up(self.home.root, self.told.append).healthy

    def with_bundle(self, name: str, bundle: Path) -> Path:
        """The first package with another bundle: another release."""
        folder = self.packages / name
        shutil.copytree(self.first, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        shutil.copy(bundle, folder / bundle.name)
        manifest |= {"bundle_key": f"host/{bundle.name}", "fingerprint": release_of(bundle)}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    def bundle(self) -> Path:
        return next(self.first.glob("bundle-*.tar.gz"))

    def wizard(self, *words: str, code: int = 0) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "aws_research_wizard.cli.main", *words, "--output", "json"], capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr[-2000:]
        return json.loads(done.stdout) if code == 0 else done.stderr

    def environment(self, patch: pytest.MonkeyPatch) -> None:
        """What this test file asks goes to this cloud."""
        for name in ("STAGE", "PREFIX", *(one for one in os.environ if one.startswith("AWS_"))):
            patch.delenv(name, raising=False)
        patch.setenv("AWR_HOME", str(self.home.root))
        patch.setenv("AWR_CONFIG", str(self.home.root.parent / "config.json"))


@contextmanager
def standing(folder: Path, cache: Path) -> Iterator[Cloud]:
    """A cloud that is up until the block ends, and then gone without a trace."""
    made = Cloud(folder)
    made.home.root.mkdir(parents=True, exist_ok=True)
    made.home.cache.symlink_to(cache)
    try:
        with pytest.MonkeyPatch.context() as patch:
            made.environment(patch)
            made.up(made.first, patch)
        yield made
    finally:
        with pytest.MonkeyPatch.context() as patch:
            made.environment(patch)
            cloud.reset(made.home.root)
        assert processes.marked(processes.CLOUD_MARK, str(made.home.root)) == []
