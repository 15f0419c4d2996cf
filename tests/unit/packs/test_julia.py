from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

from aws_research_wizard.host import julia as host
from aws_research_wizard.packs import julia, locks, solving
from chalicelib.packs import reading
from chalicelib.packs.rules import Kernel
from tests.unit.packs.raw import base

TODAY = date(2026, 11, 29)
PROGRAM = """#!/bin/sh
[ ! -e {broken} ] || {{ echo "ERROR: Unsatisfiable requirements detected for package DataFrames" >&2; exit 1; }}
for word; do case $word in --project=*) echo 'julia_version = "1.11.6"' > "${{word#--project=}}/Manifest.toml" ;; esac; done
"""


def kernel(*packages: str, version: str = "1.11") -> Kernel:
    asked = {**base()["kernels"]["python"], "version": version, "packages": list(packages), "widgets": []}
    return reading.resolve([("base", base(kernels={"julia": asked}, examples=[]))]).kernels[0]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without Julia."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.fixture
def equipped(bare: Path) -> Path:
    """One with a Julia that plays."""
    (bare / "julia").write_text(PROGRAM.format(broken=bare / "broken"))
    (bare / "julia").chmod(0o755)
    return bare


@pytest.mark.usefixtures("bare")
def test_without_a_julia_the_lock_says_that_it_is_still_to_be_solved() -> None:
    asked = kernel("IJulia@1", "DataFrames@1.6")
    text = solving.solve(asked, None, upgrade=False, today=TODAY)
    assert text.startswith("# to be solved on the first bake, written 2026-11-29 for julia 1.11 on x86_64-linux-gnu, asked ")
    lock = locks.parse(text)
    assert (lock.solved, lock.day, lock.pins) == (False, TODAY, {"IJulia": "1", "DataFrames": "1.6"})
    assert locks.findings(asked, text) == []
    sheet = tomllib.loads(text)
    assert sheet["julia"]["version"] == "1.11.6"
    assert sheet["deps"]["DataFrames"] == "a93c6f00-e57d-5684-b7b6-d8193f3e46c0"
    assert host.manifest(sheet) == ""
    assert "://" not in text


@pytest.mark.usefixtures("equipped")
def test_with_a_julia_the_lock_holds_its_manifest() -> None:
    text = solving.solve(kernel("IJulia@1"), None, upgrade=False, today=TODAY)
    assert text.startswith("# solved 2026-11-29 for julia 1.11 ")
    assert locks.parse(text).solved
    assert host.manifest(tomllib.loads(text)) == 'julia_version = "1.11.6"\n'


def test_conflict_is_told_in_julias_words(equipped: Path) -> None:
    (equipped / "broken").touch()
    with pytest.raises(solving.Unsolvable, match="Unsatisfiable requirements detected for package DataFrames"):
        solving.solve(kernel("IJulia@1"), None, upgrade=False, today=TODAY)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (kernel("DataFrames@1"), "a Julia kernel needs IJulia"),
        (kernel("IJulia@1", "DataFrames"), "'DataFrames' does not say which release: write DataFrames@1"),
        (kernel("IJulia@1", "Nobody@1"), "the number of Nobody is not known"),
        (kernel("IJulia@1", version="1.6"), "Julia 1.6 is not known here"),
    ],
)
def test_what_cannot_be_rendered_is_told(asked: Kernel, said: str) -> None:
    with pytest.raises(solving.Unsolvable, match=said):
        solving.solve(asked, None, upgrade=False, today=TODAY)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no project of Julia"),
        ("[compat\n", "it is no project of Julia"),
    ],
)
def test_torn_lock_is_told(text: str, said: str) -> None:
    asked = kernel("IJulia@1")
    first = locks.first_line(asked, TODAY, locks.LATER)
    assert locks.findings(asked, first + text)[0].startswith(said)


def test_bound_that_changed_makes_the_lock_stale() -> None:
    text = locks.first_line(kernel("IJulia@1"), TODAY, locks.LATER) + '[compat]\nIJulia = "1"\n'
    assert "IJulia@2 is asked for and not in the lock" in locks.findings(kernel("IJulia@2"), text)


def test_numbers_are_numbers() -> None:
    for number in julia.NUMBERS.values():
        assert [len(part) for part in number.split("-")] == [8, 4, 4, 4, 12]
    assert len(set(julia.NUMBERS.values())) == len(julia.NUMBERS)
