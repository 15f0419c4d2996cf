"""The command line against a control plane in memory, on a terminal of 80 columns whose clock stands still."""

import io
import json
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aws_research_wizard.cli import main, screen
from aws_research_wizard.cli.session import session
from aws_research_wizard.client import watching
from aws_research_wizard.client.mock import MockCloud


@dataclass(frozen=True)
class Ended:
    """How one command line ended."""

    code: int
    out: str
    err: str


class Keyboard(io.StringIO):
    """Input that a person types."""

    def isatty(self) -> bool:
        return True


Arw = Callable[..., Ended]


@pytest.fixture
def cloud() -> MockCloud:
    return MockCloud()


@pytest.fixture(autouse=True)
def _terminal(cloud: MockCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("AWR_API_URL", "AWR_TOKEN", "AWR_PROFILE", "FORCE_COLOR", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWR_CONFIG", str(tmp_path / "config.json"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(session, "transport", cloud.transport)
    monkeypatch.setattr(session, "debug", False)
    monkeypatch.setattr(session, "profile", None)
    monkeypatch.setattr(screen, "today", lambda: cloud.now)
    monkeypatch.setattr(watching, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(watching, "LONGEST_PAUSE", 0.0)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Arw:
    """Runs one command line; nobody is signed in."""

    def run(line: str, stdin: str = "", *, at_keyboard: bool = False) -> Ended:
        monkeypatch.setattr("sys.stdin", Keyboard(stdin) if at_keyboard else io.StringIO(stdin))
        code = main.run(shlex.split(line))
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return run


@pytest.fixture
def arw(nobody: Arw, monkeypatch: pytest.MonkeyPatch) -> Arw:
    """Runs one command line as somebody who is signed in."""
    monkeypatch.setenv("AWR_API_URL", "https://mock.test/api")
    monkeypatch.setenv("AWR_TOKEN", "awr_test")
    return nobody


@pytest.fixture
def lab(arw: Arw) -> str:
    """A READY lab called demo."""
    ended = arw("jupyter quick-start --domain genomics --name demo --output json")
    assert ended.code == 0, ended.err
    return str(json.loads(ended.out)["id"])
