"""What tests on real machines share, so that it is made once: a bundle, finished environments, a cloud for each worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.local import Cloud, standing


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What machines boot from, of this tree."""
    from tools.bundle import build

    return build(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished environments, for all workers: whoever comes first makes one, the others link it."""
    if given := os.environ.get("AWR_TEST_CACHE"):
        return Path(given)
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "environments"
    shared.mkdir(exist_ok=True)
    return shared


@pytest.fixture(scope="session")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Cloud]:
    with standing(tmp_path_factory.mktemp("cloud"), cache) as made:
        yield made


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    """The environment of one file of tests."""
    with pytest.MonkeyPatch.context() as made:
        yield made


@pytest.fixture(scope="module")
def here(shared_cloud: Cloud, patch: pytest.MonkeyPatch) -> Cloud:
    """The cloud that files of tests share, with the package of this tree in it. What a file makes there it takes away again."""
    shared_cloud.environment(patch)
    shared_cloud.up(shared_cloud.first, patch)
    return shared_cloud


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, cache: Path, patch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud for one file of tests, which may change how it ticks."""
    with standing(tmp_path_factory.mktemp("cloud"), cache) as made:
        made.environment(patch)
        made.up(made.first, patch)
        yield made
