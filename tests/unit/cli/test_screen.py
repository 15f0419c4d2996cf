"""How values look."""

import io
from datetime import UTC, datetime

import pytest

from aws_research_wizard.cli import screen

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 s"),
        (0.42, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (41.2, "41 s"),
        (99.4, "99 s"),
        (125, "2 min 05 s"),
        (3599, "59 min 59 s"),
        (11_400, "3 h 10 min"),
        (300_000, "3 days"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert screen.span(seconds) == shown


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (None, ""),
        ("2026-11-23T08:59:48Z", "12 s ago"),
        ("2026-11-23T08:20:00Z", "40 min ago"),
        ("2026-11-23T06:00:00Z", "3 h ago"),
        ("2026-11-20T09:00:00Z", "3 d ago"),
        ("2026-11-23T09:00:05Z", "0 s ago"),
    ],
)
def test_how_long_ago(moment: str | None, shown: str) -> None:
    assert screen.ago(moment, NOW) == shown


@pytest.mark.parametrize(
    ("price", "per", "shown"),
    [
        (None, "hour", ""),
        ({"amount": "0.504", "currency": "USD"}, "hour", "$0.504/hour"),
        ({"amount": "1.50", "currency": "USD"}, "", "$1.50"),
        ({"amount": "30.0", "currency": "USD"}, "month", "$30.00/month"),
        ({"amount": "0.0416", "currency": "EUR"}, "hour", "0.0416 EUR/hour"),
    ],
)
def test_money_is_never_rounded_away(price: dict[str, str] | None, per: str, shown: str) -> None:
    assert screen.money(price, per) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(None, ""), (0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (12_000_000, "12 MB"), (3_400_000_000, "3.4 GB")],
)
def test_sizes(count: int | None, shown: str) -> None:
    assert screen.size(count) == shown


def test_a_table_fits_its_room_and_keeps_the_first_column_whole() -> None:
    rows = [("genomics-k3x9", "a very long purpose that nobody can read on a small screen", "ada@university.edu")]
    shown = screen.table(("LAB", "PURPOSE", "OWNER"), rows, room=60).splitlines()
    assert all(len(line) <= 60 for line in shown)
    assert shown[1].startswith("genomics-k3x9  ")
    assert "…" in shown[1]


@pytest.mark.parametrize("wide", [0, 40])
def test_a_value_of_several_lines_goes_on_below_itself(monkeypatch: pytest.MonkeyPatch, wide: int) -> None:
    monkeypatch.setattr(screen, "width", lambda: wide)
    lines = screen.block([("Lab", "one"), ("Kernels", "Python 3.11, the first\nR 4.2, the second")]).splitlines()
    assert lines == ["Lab      one", "Kernels  Python 3.11, the first", "         R 4.2, the second"]


def test_a_very_narrow_terminal_gets_a_block_for_each_row() -> None:
    shown = screen.table(("LAB", "PHASE", "OWNER"), [("genomics-k3x9", "READY", "ada@university.edu")] * 2, room=30)
    assert shown.split("\n\n")[0].splitlines() == ["LAB    genomics-k3x9", "PHASE  READY", "OWNER  ada@university.edu"]


def test_in_a_pipe_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert "x" * 300 in screen.table(("A", "B"), [("1", "x" * 300)])


def test_wide_letters_count_twice() -> None:
    shown = screen.table(("NAME", "X"), [("遺伝", "1"), ("ab", "2")])
    assert shown.splitlines()[1:] == ["遺伝  1", "ab    2"]


def test_colours_do_not_move_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = screen.table(("PHASE", "X"), [(screen.phase("READY"), "1"), ("STOPPING", "2")])
    assert [screen.ANSI.sub("", line) for line in shown.splitlines()[1:]] == ["READY     1", "STOPPING  2"]


def test_no_color_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    assert screen.paint("x", "red") == "x"


def test_a_terminal_that_only_knows_ascii_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    screen.say("✔ ready · naïve …")
    stream.seek(0)
    assert stream.read() == "ok ready - na?ve ...\n"
