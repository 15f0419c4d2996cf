"""Notebooks are really run, and what they print is held against what the pack promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host.debian import Tools
from aws_research_wizard.host.steps import CommandFailed
from aws_research_wizard.packs import executing
from aws_research_wizard.packs.executing import NotHere
from tests.unit.packs.lint.good import notebook, report, write
from tests.unit.packs.test_locks import r_kernel


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own Python in place of an installed kernel."""
    monkeypatch.setattr(executing, "environment", lambda *_: Path(sys.executable))


def run(file: Path, **lessons: Any) -> list[tuple[str, int, str]]:
    for name, content in lessons.items():
        (file.parent / "notebooks" / f"{name}.ipynb").write_text(json.dumps(content, indent=1))
    pack = report(file).pack
    assert pack
    return [(one.code, one.place.line, one.said) for one in executing.findings(pack, file.parent)]


@pytest.mark.usefixtures("python")
def test_a_notebook_that_keeps_its_promise_and_one_that_does_not(tmp_path: Path) -> None:
    told = run(write(tmp_path), two=notebook("print('check: 1 of 2')"))
    assert told == [("P511", 1, "it printed 'check: 1 of 2', not 'check: 2 of 2'")]


@pytest.mark.usefixtures("python")
def test_a_cell_that_fails_and_a_file_that_is_left(tmp_path: Path) -> None:
    leaves = "open('data.csv', 'w').close()\nprint('check: 2 of 2')"
    told = run(write(tmp_path), one=notebook("1 / 0\nprint('check: ')"), two=notebook(leaves))
    assert told == [("P510", 12, "cell 2: ZeroDivisionError: division by zero"), ("P514", 1, "it left data.csv behind")]


def test_a_kernel_that_cannot_be_made_here_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_uv(*_: object, **__: object) -> None:
        raise FileNotFoundError("uv")

    monkeypatch.setenv("AWR_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(subprocess, "run", no_uv)
    told = run(write(tmp_path))
    assert [(code, "uv is not installed" in said) for code, _, said in told] == [("P512", True), ("P512", True)]
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_environment_is_made_once_from_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[list[str]] = []

    def uv(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        said.append(words)
        if words[1] == "venv":
            Path(words[-1]).mkdir(parents=True)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setenv("AWR_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(subprocess, "run", uv)
    file = write(tmp_path)
    pack = report(file).pack
    assert pack
    made = {executing.environment(pack.kernels[0], file.parent) for _ in range(2)}
    assert len(made) == 1
    assert [words[1] for words in said] == ["venv", "pip"]
    assert "--require-hashes" in said[1]
    with pytest.raises(NotHere, match="no lock"):
        executing.environment(pack.kernels[0], tmp_path / "far" / "elsewhere")


def test_a_notebook_in_r_runs_where_debians_packages_are_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, folder = r_kernel("r-cran-irkernel"), tmp_path / "base"
    (folder / "locks").mkdir(parents=True)
    (folder / "locks/r-r42-x86_64.txt").write_text(f"r-cran-irkernel=1.3.2-1 sha256:{'0' * 64}\n")
    monkeypatch.setenv("AWR_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(executing.locked, "lacking", lambda pins, _: pins)
    monkeypatch.setattr(executing.locked, "beside", lambda _, pins, __: Tools(detail=pins[0].version))
    monkeypatch.setattr(executing.r, "register", lambda place, _, tools, __: place.with_name(tools.detail).mkdir(parents=True))
    executing.registrar(kernel, folder)(tmp_path / "jupyter")
    assert (tmp_path / "jupyter/1.3.2-1").is_dir()

    def no_debian(*_: object) -> None:
        raise CommandFailed("Debian's packages are not to be had on this system", [])

    monkeypatch.setattr(executing.locked, "lacking", no_debian)
    with pytest.raises(NotHere, match="not to be had"):
        executing.registrar(kernel, folder)
