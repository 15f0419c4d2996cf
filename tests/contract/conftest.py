"""The package as it is deployed, built once for every test here (and not at all when it is current)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tools import package

if TYPE_CHECKING:
    from tests.contract.test_rights_suffice import World

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


@pytest.fixture(scope="session")
def enforced(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[tuple[str, World]]:
    """An emulated account that enforces IAM, with the package in it; for all files of a worker that ask for it."""
    from tests.contract.emulated import started
    from tests.contract.test_rights_suffice import ROOT_KEYS, World

    with (
        started(tmp_path_factory.mktemp("enforced"), AUTH="true", **ROOT_KEYS, AWS_SESSION_TOKEN="") as url,
        pytest.MonkeyPatch.context() as patch,
    ):
        _as_root(patch, url)
        made = World(url, built)
        patch.undo()
        yield url, made


@pytest.fixture(scope="module")
def world(enforced: tuple[str, World]) -> Iterator[World]:
    """The same, and whoever asks AWS from here asks that account as its root."""
    with pytest.MonkeyPatch.context() as patch:
        _as_root(patch, enforced[0])
        yield enforced[1]


def _as_root(patch: pytest.MonkeyPatch, url: str) -> None:
    from tests.contract.test_rights_suffice import ROOT_KEYS

    patch.setenv("AWS_ENDPOINT_URL", url)
    for name, value in ROOT_KEYS.items():
        patch.setenv(name, value)
    patch.delenv("AWS_SESSION_TOKEN", raising=False)
    patch.setattr("tools.stack.PAUSE", 0.2)
