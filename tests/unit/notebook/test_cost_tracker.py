"""What a person sees in a notebook: a cell's cost, a table of hours; on a lab's machine and off it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from aws_research_wizard import cost_tracker
from aws_research_wizard.host import library
from aws_research_wizard.notebook import ledger as books
from aws_research_wizard.notebook import magics
from aws_research_wizard.notebook.cost_tracker import Tracker, duration, money
from aws_research_wizard.notebook.hours import HOUR, SECOND
from aws_research_wizard.notebook.ledger import Ledger
from aws_research_wizard.notebook.machine import Price, Told

NOON = 1_795_435_200  # 2026-11-23 12:00 UTC
ADA, GRACE = "ada@example.org", "grace@example.org"
PRICE = {"hourly": "9.36", "currency": "USD", "as_of": "2026-11-01"}
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def key(person: str) -> str:
    return hashlib.sha256(person.encode()).hexdigest()[:12]


class Clock:
    """Microseconds since 1970, as they are told."""

    def __init__(self) -> None:
        self.seconds = NOON + 60.0

    def __call__(self) -> int:
        return int(self.seconds * SECOND)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A machine that Ada has alone since noon."""
    (tmp_path / "told/hours").mkdir(parents=True)
    (tmp_path / "told/price.json").write_text(json.dumps(PRICE))
    write_spans(tmp_path / "told", [[NOON, NOON + 3600, [key(ADA)]]])
    return tmp_path / "told"


def write_spans(told: Path, spans: list[Any], day: str = "2026-11-23") -> None:
    (told / f"hours/{day}.json").write_text(json.dumps({"spans": spans}))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tracker(told: Path, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    made = Tracker(Ledger(tmp_path / "cells", clock), Told(told, key(ADA)))
    monkeypatch.setattr(cost_tracker, "_tracker", made)
    yield made
    made.ledger.flush()


def test_a_cell_says_what_it_cost(tracker: Tracker, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with cost_tracker.track_cell():
        clock.seconds += 15 * 60
    assert capsys.readouterr().out == "Cell execution cost: $2.34 (15 minutes compute)\n"


def test_a_cell_that_fails_says_what_it_cost_and_fails(
    tracker: Tracker, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        clock.seconds += 900
        _ = 1 / 0

    with pytest.raises(ZeroDivisionError), cost_tracker.track_cell():
        fails()
    assert "$2.34" in capsys.readouterr().out


def test_several_people_share_the_machine_and_are_told_so(
    tracker: Tracker, told: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    write_spans(told, [[NOON, NOON + 3600, [key(ADA), key(GRACE)]]])
    with cost_tracker.track_cell():
        clock.seconds += 15 * 60
    assert capsys.readouterr().out == "Cell execution cost: $1.17 (15 minutes compute, 2 people shared the machine)\n"


def test_a_cell_over_an_hours_edge_and_midnight_is_counted_once(
    tracker: Tracker, told: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    midnight = NOON + 12 * 3600
    write_spans(told, [[NOON, midnight, [key(ADA)]]])
    write_spans(told, [[midnight, midnight + 7200, [key(ADA)]]], "2026-11-24")
    clock.seconds = midnight - 450
    with cost_tracker.track_cell():
        clock.seconds += 900
    assert "$2.34" in capsys.readouterr().out


def test_the_book_of_the_machine_may_be_a_moment_late(tracker: Tracker, told: Path, clock: Clock) -> None:
    write_spans(told, [[NOON, NOON + 3600, [key(ADA)]]])
    clock.seconds = NOON + 3590
    cell = tracker.ledger.begin()
    clock.seconds += 60
    assert "$0.16" in tracker.cost(tracker.ledger.end(cell)), "it was last written fifty seconds ago"


def test_off_a_labs_machine_nothing_is_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cost_tracker, "_tracker", Tracker(Ledger(tmp_path), Told.here({})))
    with cost_tracker.track_cell():
        pass
    assert capsys.readouterr().out == "Cell execution cost: not known here (0 seconds compute)\n"
    assert "not known here" in str(cost_tracker.summary())


def test_summary_sums_to_the_hours_cost(tracker: Tracker, clock: Clock) -> None:
    for seconds in (60, 600):
        cell = tracker.ledger.begin("align reads")
        clock.seconds += seconds
        tracker.ledger.end(cell)
        clock.seconds += 30
    clock.seconds = NOON + 3600
    shown = cost_tracker.summary(places=2)
    [row] = shown.rows
    assert (row.cells, row.idle, row.overhead) == (Decimal("1.72"), Decimal("7.64"), Decimal("0.00"))
    assert row.total == shown.total == Decimal("9.36")
    assert shown.dearest[0] == ("align reads", Decimal("1.56"))


def test_summary_is_a_table_that_a_screen_reader_reads(tracker: Tracker, clock: Clock) -> None:
    tracker.ledger.end(tracker.ledger.begin("<script>alert(1)</script>"))
    clock.seconds = NOON + 3600
    html = cost_tracker.summary()._repr_html_()
    assert re.search(r"<caption[^>]*>Your part of this lab&#x27;s machine, at \$9.36 an hour", html)
    assert html.count('scope="col"') == 6
    assert html.count('scope="row"') == 2
    assert "<script>" not in html
    text = str(cost_tracker.summary())
    assert "2026-11-23 12:00" in text
    assert "$9.3600" in text


def test_another_notebooks_cell_that_still_runs_is_known_here(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "OPEN_SECONDS", 0.0)
    here, there = Ledger(tmp_path, clock), Ledger(tmp_path, clock)
    cell = there.begin("train")
    for _ in range(100):
        if list(tmp_path.rglob("*.jsonl")):
            break
        books.time.sleep(0.02)
    clock.seconds += 60
    [seen] = here.cells(NOON * SECOND, clock())
    assert (seen.name, seen.ended - seen.begun) == ("train", 60 * SECOND)
    there.end(cell)
    there.flush()
    clock.seconds += 60
    [seen] = here.cells(NOON * SECOND, clock())
    assert seen.ended - seen.begun == 60 * SECOND


def test_cell_of_a_kernel_that_died_counts_for_nothing(tmp_path: Path, clock: Clock) -> None:
    day = tmp_path / "2026-11-23"
    day.mkdir()
    line = json.dumps({"id": "x", "begun": NOON * SECOND, "ended": None})
    (day / "999999999-dead.jsonl").write_text(f"{line}\n")
    (day / "999999998-torn.jsonl").write_text(line[:20])
    assert Ledger(tmp_path, clock).cells(NOON * SECOND, clock()) == []


def test_a_home_that_cannot_be_written_fails_no_cell(tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    full = Ledger(tmp_path / "file/cells", clock)
    cell = full.begin()
    clock.seconds += 1
    full.end(cell)
    full.flush()
    assert [one.id for one in full.cells(0, clock())] == [cell.id], "this kernel knows of it all the same"


def test_old_books_are_thrown_away(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "2026-09-01").mkdir()
    (tmp_path / "2026-09-01/1-a.jsonl").touch()
    mine = Ledger(tmp_path, clock)
    mine.end(mine.begin())
    mine.flush()
    assert [folder.name for folder in tmp_path.iterdir()] == ["2026-11-23"]


@pytest.mark.parametrize(
    ("amount", "words"),
    [("2.344", "$2.34"), ("0.0123", "$0.01"), ("0.0042", "$0.0042"), ("0.00004", "less than $0.0001"), ("0", "nothing")],
)
def test_money_has_the_digits_that_tell_something(amount: str, words: str) -> None:
    assert money(Fraction(amount), Price(Decimal(1), "USD", "")) == words


@pytest.mark.parametrize(("seconds", "words"), [(1, "1 second"), (59, "59 seconds"), (900, "15 minutes"), (9000, "2.5 hours")])
def test_time_is_said_as_people_say_it(seconds: int, words: str) -> None:
    assert duration(seconds) == words


# ---- in IPython ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    made = InteractiveShell()
    made.run_line_magic("load_ext", "aws_research_wizard.notebook")
    monkeypatch.setitem(made.user_ns, "clock", tracker.ledger._clock)
    yield made
    magics.unload(made)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%%cost\nclock.seconds += 900", "$2.34 (15 minutes compute)"),
        ("%%cost\nclock.seconds += 900; 1/0", "$2.34 (15 minutes compute)"),
        ("\n%%cost\n%%capture\nclock.seconds += 900", "$2.34 (15 minutes compute)"),
        ("clock.seconds += 900", ""),
        ("from aws_research_wizard import cost_tracker\nwith cost_tracker.track_cell():\n    clock.seconds += 900", "$2.34"),
    ],
)
def test_magic_says_what_a_cell_cost(shell: InteractiveShell, capsys: pytest.CaptureFixture[str], cell: str, says: str) -> None:
    shell.run_cell(cell, store_history=True)
    out = capsys.readouterr().out
    assert (f"Cell execution cost: {says}" in out) if says else "cost" not in out


def test_every_cell_is_in_the_book_once_and_a_part_of_one_is_not(shell: InteractiveShell, tracker: Tracker, clock: Clock) -> None:
    shell.run_cell("from aws_research_wizard import cost_tracker\nwith cost_tracker.track_cell():\n    clock.seconds += 900")
    shell.run_cell("clock.seconds += 60")
    shell.run_cell("get_ipython().run_cell('clock.seconds += 60')")
    clock.seconds = NOON + 3600
    assert [(cell.ended - cell.begun) // SECOND for cell in tracker.ledger.cells(NOON * SECOND, clock())] == [900, 60, 60]


def test_extension_is_loaded_once(shell: InteractiveShell, tracker: Tracker, clock: Clock) -> None:
    magics.load(shell)
    shell.run_cell("clock.seconds += 60")
    assert len(tracker.ledger.cells(NOON * SECOND, clock())) == 1


def test_notebook_is_named_from_the_home_on() -> None:
    assert (
        magics.notebook({"HOME": "/srv/lab/homes/ada", "JPY_SESSION_NAME": "/srv/lab/homes/ada/work/a.ipynb"}) == "work/a.ipynb"
    )
    assert magics.notebook({"JPY_SESSION_NAME": "a.ipynb"}) == "a.ipynb"
    assert magics.notebook({}) == ""


def test_library_comes_into_a_kernel_with_nothing_else_of_ours(tmp_path: Path) -> None:
    packages = tmp_path / "lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    library.provide(tmp_path)
    code = "from aws_research_wizard import cost_tracker; print(cost_tracker.__file__); assert 'httpx' not in sys.modules"
    words = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(packages)!r}); {code}"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(packages / "aws_research_wizard/notebook/cost_tracker.py")
    assert not (packages / "aws_research_wizard/host").exists()
    assert "load_ext" in (tmp_path / "etc/ipython/startup/50-aws-research-wizard.py").read_text()


def test_hours_are_of_whole_microseconds() -> None:
    assert HOUR == 3_600_000_000
