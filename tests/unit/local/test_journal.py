"""The journal: all of a request or nothing, nothing twice."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from aws_research_wizard.local.journal import Journal


def test_a_requests_entries_are_one_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add("set", "table", "a")
    journal.add("set", "table", "b")
    journal.flush()
    journal.flush()
    assert list(Journal(tmp_path).read(0)) == [[["set", "table", "a"], ["set", "table", "b"]]]


def test_an_entry_is_as_it_was_when_it_was_added(tmp_path: Path) -> None:
    journal, item = Journal(tmp_path), {"v": 1}
    journal.add("set", item)
    item["v"] = 2
    journal.flush()
    assert list(Journal(tmp_path).read(0)) == [[["set", {"v": 1}]]]


def test_a_torn_last_line_counts_as_never_answered(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in "ab":
        journal.add(name)
        journal.flush()
    (file,) = tmp_path.glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-5])
    assert list(Journal(tmp_path).read(0)) == [[["a"]]]


def test_lines_that_a_save_includes_are_not_applied_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in "abc":
        journal.add(name)
        journal.flush()
    assert list(Journal(tmp_path).read(2)) == [[["c"]]]


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.add("a")
    first.flush()
    second = Journal(tmp_path)
    list(second.read(0))
    second.add("b")
    second.flush()
    assert second.number == 2
    assert list(Journal(tmp_path).read(1)) == [[["b"]]]


def test_numbers_never_fall_behind_a_save_whose_journal_is_gone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    list(journal.read(7))
    journal.add("x")
    journal.flush()
    assert list(Journal(tmp_path).read(7)) == [[["x"]]]


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.sampled_from(["write", "save", "crash in save", "restart"]), max_size=25))
def test_whatever_happens_every_answered_write_is_there_once(tmp_path_factory: object, steps: list[str]) -> None:
    folder = tmp_path_factory.mktemp("journal")  # type: ignore[attr-defined]
    journal, saved, memory, written = Journal(folder), (0, []), [], 0
    for step in steps:
        if step == "write":
            written += 1
            memory.append(written)
            journal.add(written)
            journal.flush()
        elif step.endswith("save"):
            number = journal.turn()
            if step == "save":
                saved = (number, list(memory))
                journal.drop(number)
        if step in {"restart", "crash in save"}:
            journal, memory = Journal(folder), list(saved[1])
            memory += [entry[0] for line in journal.read(saved[0]) for entry in line]
        assert memory == list(range(1, written + 1))
