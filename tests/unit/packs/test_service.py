from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.packs import service, yaml_files
from chalicelib.runtime.errors import NotFound, PackBroken
from tests.unit.packs.raw import base, child


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Other packs than those that ship."""
    service.resolve.cache_clear()

    def put(**packs: dict[str, Any]) -> None:
        monkeypatch.setattr(yaml_files, "read", packs.get)
        monkeypatch.setattr(yaml_files, "names", lambda: tuple(sorted(packs)))

    yield put
    service.resolve.cache_clear()


def test_unknown_domain_is_not_found_with_a_near_miss() -> None:
    with pytest.raises(NotFound, match="unknown domain 'genomic'") as refused:
        service.resolve("genomic")
    assert refused.value.hint == "did you mean 'genomics'?"


def test_domain_like_no_other_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound) as refused:
        service.resolve("zzzz")
    assert "genomics" in refused.value.hint


def test_pack_that_extends_itself_is_broken(shelf: Callable[..., None]) -> None:
    shelf(base=base(extends="base"))
    with pytest.raises(PackBroken, match="leads back to itself"):
        service.resolve("base")


def test_two_packs_that_extend_each_other_are_broken(shelf: Callable[..., None]) -> None:
    shelf(base=base(extends="child"), child=child())
    with pytest.raises(PackBroken, match="leads back to itself"):
        service.resolve("child")


def test_pack_that_extends_nothing_known_is_broken_and_not_unknown(shelf: Callable[..., None]) -> None:
    shelf(base=base(), child=child(extends="bass"))
    with pytest.raises(PackBroken, match="pack child: extends 'bass'") as refused:
        service.resolve("child")
    assert refused.value.hint == "did you mean 'base'?"


@pytest.mark.parametrize("parent", [["base"], 7, True])
def test_pack_extends_one_name(shelf: Callable[..., None], parent: object) -> None:
    shelf(base=base(extends=parent))
    with pytest.raises(PackBroken, match="extends must name one pack"):
        service.resolve("base")


def test_grandparent_is_read_before_the_parent(shelf: Callable[..., None]) -> None:
    shelf(base=base(), child=child(), third=child(name="third", extends="child"))
    assert service.resolve("third").lineage == ("base", "child", "third")


def test_catalogue_names_every_pack_and_the_kernels_a_new_lab_gets() -> None:
    found = {pack.name: pack for pack in service.catalogue()}
    assert list(found) == sorted(found)
    assert found["genomics"].kernels == ("Genomics Research (Python 3.11)",)
    assert found["machine_learning"].kernels == ("Machine Learning (Python 3.11)",)


def test_only_the_asked_pack_and_its_parents_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = yaml_files.read
    monkeypatch.setattr(yaml_files, "read", lambda name: seen.append(name) or real(name))
    service.resolve.cache_clear()
    service.resolve("genomics")
    service.resolve("genomics")
    assert seen == ["genomics", "base"]


def test_importing_the_packs_does_not_import_yaml() -> None:
    code = "import sys; sys.path[:0] = ['.', 'vendor']; import chalicelib.packs.service; assert 'yaml' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
