from __future__ import annotations

from pathlib import Path

import pytest

from aws_research_wizard.host import commands
from aws_research_wizard.host.steps import CommandFailed

UNSOLVABLE = """Resolved 3 packages in 1ms
  \x1b[31m\u00d7\x1b[0m No solution found when resolving dependencies:
  ╰─▶ Because numpy was not found in the package registry
      and you require numpy, we can conclude that your requirements are
      unsatisfiable.
hint: something else that is long
"""


def test_failure_is_told_by_the_line_that_says_so() -> None:
    told = commands.telling(UNSOLVABLE)
    assert told.startswith("No solution found when resolving dependencies: Because numpy was not found")
    assert "\x1b" not in told
    assert len(told) <= 240


@pytest.mark.parametrize(
    ("output", "told"),
    [("", ""), ("one\ntwo\n\n", "two"), ("fine\nE: Unable to locate package bwa\n", "E: Unable to locate package bwa")],
)
def test_without_a_telling_line_the_last_is_taken(output: str, told: str) -> None:
    assert commands.telling(output) == told


def test_program_sees_a_clean_environment_and_leaves_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/foreign")
    printed = commands.run(["sh", "-c", "echo path=$PYTHONPATH more=$MORE"], tmp_path / "logs/x.log", {"MORE": "1"})
    assert printed == "path= more=1\n"
    assert "path= more=1" in (tmp_path / "logs/x.log").read_text()


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["sh", "-c", "echo error: disk is full; exit 2"], "error: disk is full"),
        (["sh", "-c", "exit 2"], "sh ended with 2"),
        (["no-such-program"], "no-such-program is not installed"),
    ],
)
def test_failed_program_says_why(tmp_path: Path, words: list[str], cause: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        commands.run(words, tmp_path / "x.log")
    assert failed.value.cause == cause


def test_program_that_hangs_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="sleep took longer than 0 s"):
        commands.run(["sleep", "5"], tmp_path / "x.log", timeout=0.1)
