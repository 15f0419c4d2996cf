"""What every command has in common: its help, its errors, its completion."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from syrupy.assertion import SnapshotAssertion

from aws_research_wizard.cli import labs
from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw


def test_an_unexpected_error_is_one_line_and_a_traceback_only_on_request(arw: Arw, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("boom\nwith more lines")

    monkeypatch.setattr("aws_research_wizard.client.calls.Calls.whoami", broken)
    ended = arw("whoami")
    assert (ended.code, ended.err.splitlines()[0]) == (1, "✘ unexpected ValueError: boom")
    assert "Traceback" not in ended.err
    assert "Traceback" in arw("whoami --debug").err


def _commands() -> list[str]:
    from importlib import import_module

    import click

    from aws_research_wizard.cli.main import DOORS

    found: list[str] = []

    def walk(path: str, one: click.Command) -> None:
        if isinstance(one, click.Group):
            for name, inner in one.commands.items():
                walk(f"{path} {name}", inner)
        else:
            found.append(path)

    for name, (module, whole, _) in DOORS.items():
        group = import_module(f"aws_research_wizard.cli.{module}").app
        walk(name, group if whole else group.commands[name])
    return found


@pytest.mark.parametrize("line", _commands())
def test_every_command_has_help_with_an_example_and_an_output_format(nobody: Arw, line: str) -> None:
    ended = nobody(f"{line} --help")
    assert (ended.code, ended.err) == (0, "")
    assert f"Example:\n  aws-research-wizard {line}" in ended.out.replace("    aws-", "  aws-").replace("  Example", "Example")
    assert "--output [table|json" in ended.out


@pytest.mark.parametrize("line", ["", "jupyter", "jupyter users", "packs", "local", "tokens", "people"])
def test_every_group_lists_its_commands_in_whole_sentences(nobody: Arw, line: str, snapshot: SnapshotAssertion) -> None:
    shown = nobody(f"{line} --help").out
    assert "..." not in shown.partition("Commands:")[2]
    assert shown == snapshot


def test_version(nobody: Arw) -> None:
    assert nobody("version").out.startswith("aws-research-wizard 0.")
    assert set(json.loads(nobody("version -o json").out)) == {"version", "python"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(nobody: Arw, shell: str) -> None:
    ended = nobody(f"completion {shell}")
    assert ended.code == 0
    assert "_AWS_RESEARCH_WIZARD_COMPLETE" in ended.out


def test_the_shell_completes_commands_and_lab_names(arw: Arw, lab: str) -> None:
    assert labs._complete(None, None, "gen") == [lab]
    env = os.environ | {
        "_AWS_RESEARCH_WIZARD_COMPLETE": "bash_complete",
        "COMP_WORDS": "aws-research-wizard jup",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "aws_research_wizard.cli.main"], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "plain,jupyter\n"


def test_completion_stays_silent_when_the_api_is_away(arw: Arw, cloud: MockCloud) -> None:
    cloud.trouble = [httpx.ConnectError("refused")] * 9
    assert labs._complete(None, None, "gen") == []


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    line = f"{sys.executable} -m aws_research_wizard.cli.main --help | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
