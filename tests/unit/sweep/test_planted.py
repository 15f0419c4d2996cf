"""The planted bugs can be planted: each edit fits the sources as they are now, and the page tells of every one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.sim.flows import FLOWS
from tests.sweep.bugs import PAGE, ROOT, Bug, Hunted, bugs, hunt, page

EACH = pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.bug.partition(" (")[0].replace(" ", "-"))


@EACH
def test_its_text_stands_in_the_source_exactly_once(bug: Bug) -> None:
    assert bug.stands() == 1, f"{bug.file} was changed: adapt tests/planted/bugs.yaml"
    assert bug.old != bug.new


@EACH
def test_it_is_hunted_somewhere_that_exists(bug: Bug) -> None:
    for where in bug.hunt:
        kind, _, rest = where.partition(":")
        assert kind in ("flow", "pairs", "soak", "test")
        assert rest in FLOWS if kind in ("flow", "pairs") else rest.isdecimal() or (ROOT / rest.partition(" ")[0]).exists()


def test_there_are_at_least_forty_with_names_of_their_own() -> None:
    assert len({one.bug for one in bugs()}) == len(bugs()) >= 40


def test_the_page_tells_of_every_bug_and_that_it_was_caught() -> None:
    told = PAGE.read_text()
    missing = [one.bug for one in bugs() if f"| {one.bug}<br>" not in told]
    assert missing == [], "run `make bugs`"
    assert "**nothing**" not in told


def test_planting_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("x = 1\n")
    hunted = hunt(Bug("a bug", "a law", "one.py", "1", "2", ()), tmp_path)
    assert hunted == Hunted("a bug", "a law", "one.py", "", "", hunted.seconds)
    assert (tmp_path / "one.py").read_text() == "x = 1\n"


def test_a_bug_that_does_not_fit_is_not_planted(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("x = 1; y = 1\n")
    with pytest.raises(ValueError, match="stands 2 times"):
        hunt(Bug("a bug", "a law", "one.py", "1", "2", ()), tmp_path)


def test_a_bug_that_nothing_caught_stands_out_on_the_page() -> None:
    assert "| **nothing** |" in page([Hunted("a | b", "law", "f.py", "", "", 1.0)])
    assert "a \\| b" in page([Hunted("a | b", "law", "f.py", "x", "", 1.0)])
