"""Locks are solved together and written together; what moved, and why not, is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from aws_research_wizard.packs import comparing, locking, shelf, solving
from aws_research_wizard.packs.locking import Change, LockRefused
from aws_research_wizard.packs.solving import Unsolvable
from chalicelib.packs.rules import Kernel, Language
from tests.unit.packs.lint.good import HASH, TEXT, write

TODAY = date(2026, 11, 29)
TWO = TEXT.replace(
    "\nexamples:",
    "  python-gpu:\n    language: python\n    version: '3.12'\n    display_name: G 3.12\n    packages: [ipykernel]\n\nexamples:",
)


def answer(*pins: str) -> str:
    return "".join(f"{pin} \\\n    --hash=sha256:{HASH}\n" for pin in pins)


def plays(monkeypatch: pytest.MonkeyPatch, *answers: str | Exception) -> list[str]:
    """The solver, played: it gives these answers in turn; returned are the kernels it was asked for."""
    left, asked = list(answers), list[str]()

    def solver(kernel: Kernel, _old: str | None, _upgrade: bool) -> str:
        asked.append(kernel.name)
        said = left.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    monkeypatch.setattr(solving, "SOLVERS", {Language.PYTHON: solver})
    monkeypatch.setattr(locking, "SOLVERS", {Language.PYTHON: solver})
    return asked


def test_what_moved_is_told_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path)
    plays(monkeypatch, answer("ipykernel==7.2.0", "numpy==2.4.6", "tornado==6.6"))
    (solved,) = locking.solve(file, upgrade=True, today=TODAY)
    assert solved.changes == (Change("ipykernel", "7.1.0", "7.2.0"), Change("tornado", "", "6.6"))
    assert [one.file.name for one in locking.write([solved])] == ["python-py311-x86_64.txt"]
    assert (file.parent / "locks" / "python-py311-x86_64.txt").read_text().startswith("# solved 2026-11-29")


def test_a_lock_that_would_only_get_another_day_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path)
    plays(monkeypatch, answer("ipykernel==7.1.0", "numpy==2.4.6"))
    before = (file.parent / "locks" / "python-py311-x86_64.txt").read_text()
    assert locking.write(list(locking.solve(file, upgrade=False, today=TODAY))) == []
    assert (file.parent / "locks" / "python-py311-x86_64.txt").read_text() == before


def test_nothing_is_written_when_one_of_two_kernels_has_no_solution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, TWO)
    asked = plays(monkeypatch, answer("ipykernel==9"), Unsolvable("No solution found when resolving dependencies: a needs b<1"))
    before = {one.name: one.read_text() for one in (file.parent / "locks").iterdir()}
    with pytest.raises(LockRefused, match="rivers-python-gpu has no solution: a needs b<1"):
        locking.write(list(locking.solve(file, upgrade=False, today=TODAY)))
    assert asked == ["rivers-python", "rivers-python-gpu"]
    assert {one.name: one.read_text() for one in (file.parent / "locks").iterdir()} == before


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("error: Failed to fetch: `x`", "the package index cannot be reached"),
        ("\u00d7 No solution found when resolving dependencies:\n  ╰─▶ Because a, we can conclude that your requirements are "
         "unsatisfiable.", "no solution: Because a"),
        (f"because {'x ' * 900}", "…"),
    ],
)  # fmt: skip
def test_the_solvers_words_are_shortened(said: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays(monkeypatch, Unsolvable(said))
    with pytest.raises(LockRefused) as refused:
        list(locking.solve(write(tmp_path), upgrade=False, today=TODAY))
    assert told in refused.value.message
    assert len(refused.value.message) < 600
    assert "unsatisfiable" not in refused.value.message


def test_a_machine_without_the_solver_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays(monkeypatch, FileNotFoundError(2, "No such file", "uv"))
    with pytest.raises(LockRefused, match="uv, which solves environments, is not installed") as refused:
        list(locking.solve(write(tmp_path), upgrade=False, today=TODAY))
    assert refused.value.hint == "pip install uv"


def test_a_broken_pack_is_not_solved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plays(monkeypatch)
    with pytest.raises(LockRefused, match=r"pack.yaml:2:1: title must be text"):
        list(locking.solve(write(tmp_path, TEXT.replace("title: Rivers", "title: 7")), upgrade=False, today=TODAY))
    assert asked == []


# ---- what differs


def sides(one: Path, other: Path) -> list[tuple[str, str, str, str]]:
    find = shelf.around().find
    return [tuple(row) for row in comparing.rows(comparing.side(one, find), comparing.side(other, find))]


def test_two_packs_differ_in_what_they_say_and_in_their_pins(tmp_path: Path) -> None:
    one = write(tmp_path / "a")
    changed = (
        TEXT.replace("numpy]", "numpy>=2, scipy]").replace("auto_shutdown: 60", "auto_shutdown: 30").replace("g5.xlarge, ", "")
    )
    other = write(tmp_path / "b", changed, lock=lambda text: text.replace("numpy==2.4.6", "numpy==2.5"))
    assert sides(one, other) == [
        ("packages", "python numpy", "numpy", "numpy>=2"),
        ("packages", "python scipy", "", "scipy"),
        ("instances", "job gpu", "g5.xlarge, g4dn.xlarge", "g4dn.xlarge"),
        ("idle", "auto_shutdown", "60", "30"),
        ("pins", "python numpy", "2.4.6", "2.5"),
    ]
    assert sides(one, one) == []


def test_two_locks_and_two_folders_of_locks_differ_in_pins(tmp_path: Path) -> None:
    one = write(tmp_path / "a").parent / "locks"
    other = write(tmp_path / "b", lock=lambda text: text.replace("2.4.6", "2.5")).parent / "locks"
    assert sides(one, other) == [("pins", "python-py311-x86_64 numpy", "2.4.6", "2.5")]
    name = "python-py311-x86_64.txt"
    assert sides(one / name, other / name) == [("pins", "numpy", "2.4.6", "2.5")]


def test_what_is_no_pack_and_no_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("numpy==1\n")
    for path in (tmp_path / "x.txt", tmp_path / "nowhere"):
        with pytest.raises(LockRefused):
            comparing.side(path, shelf.around().find)
