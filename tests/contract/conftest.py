"""The package as it is deployed, built once for every test here (and not at all when it is current)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tools import package

STAGE = "dev"


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of the built package; one per test worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    folder = package.ROOT / "build" / f"contract-{worker}"
    package.build(package.Job(STAGE, folder))
    return folder


@pytest.fixture(scope="session")
def template(built: Path) -> dict[str, Any]:
    return dict(json.loads((built / "template.json").read_text()))


@pytest.fixture(scope="session")
def backing(built: Path) -> dict[str, Any]:
    return dict(json.loads((built / "backing.json").read_text()))
