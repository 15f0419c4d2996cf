"""Malformed lines are counted and listed with file, line and reason; what is left is summed up without them."""

from __future__ import annotations

import gzip
import random
from decimal import Decimal
from pathlib import Path

import pytest

from chalicelib.bills import duckdb, service
from chalicelib.bills.rules import Container, FileSum, Format
from chalicelib.bills.sql import Shape
from tests.unit.bills.conftest import LABS, Books
from tools import exports

LINES = exports.month(3, 2026, 10, LABS, days=2)
WHOLE = sum((one.unblended for one in LINES), Decimal(0))
WIDTH = {"cur2": 22, "focus": 19}


def read(file: Path, format_: str = "focus") -> FileSum:
    return duckdb.sums_of(Shape(Format(format_), container(file)), {file.name: file})[file.name]


def container(file: Path) -> Container:
    return Container.PARQUET if file.suffix == ".parquet" else Container.CSV


def spoilt(folder: Path, *spoil: str, format_: str = "focus") -> Path:
    file = folder / "spoilt.csv.gz"
    file.write_bytes(exports.as_csv(exports.rows(LINES, format_), spoil))
    return file


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x,y", "billedcost is no amount"),
        (",".join(["1"] * 20), "it has more columns than the header"),
        (",".join(["1"] * 30), "it has more columns than the header"),
        ('"never closed', "billedcost is no amount"),
        ("1e99,,USD" + "," * 16, "billedcost is no amount"),
        ("1,,USD,,2026-10-01,Usage,,,,soon,1" + "," * 8, "chargeperiodstart is no day"),
        ("1,,DOLLARS,,2026-10-01,Usage,,,,2026-10-01,1" + "," * 8, "billingcurrency is no currency"),
        ("1,,USD,,2026-10-01,,,,,2026-10-01,1" + "," * 8, "chargecategory is blank"),
    ],
)
def test_a_malformed_line_is_listed_with_its_number_and_reason(tmp_path: Path, line: str, reason: str) -> None:
    found = read(spoilt(tmp_path, line))
    assert (found.malformed, found.lines) == (1, len(LINES) + 1)
    [fault] = found.faults
    assert (fault.file, fault.line, fault.reason) == ("spoilt.csv.gz", len(LINES) + 2, reason)
    assert sum(one.unblended for one in found.groups) == WHOLE


@pytest.mark.parametrize("format_", ["cur2", "focus"])
def test_every_malformed_line_among_many_is_counted(tmp_path: Path, format_: str) -> None:
    """Whatever is done to lines at random, each is either summed up or counted as malformed."""
    chance = random.Random(7)
    rows = exports.rows(LINES, format_)
    plain = gzip.decompress(exports.as_csv(rows)).decode().splitlines()
    hurt = set(chance.sample(range(1, len(plain)), 15))
    cost = "line_item_unblended_cost" if format_ == "cur2" else "BilledCost"
    for number in hurt:
        plain[number] = chance.choice(("y", "x")) + "," * chance.randrange(3) if chance.random() < 0.5 else "," * 60
    file = tmp_path / "hurt.csv"
    file.write_text("\n".join(plain) + "\n")
    found = read(file, format_)
    assert found.malformed == len(hurt)
    assert {fault.line for fault in found.faults} == {number + 1 for number in hurt}
    kept = [row for number, row in enumerate(rows, 1) if number not in hurt]
    assert sum(one.unblended for one in found.groups) == sum(Decimal(row[cost]) for row in kept)


def test_a_malformed_row_of_parquet_is_listed_with_its_number(tmp_path: Path) -> None:
    rows = exports.rows(LINES, "focus")
    rows[4] = rows[4] | {"BilledCost": ""}
    found = read(exports.write(rows, tmp_path / "part.snappy.parquet"))
    assert found.malformed == 1
    assert (found.faults[0].line, found.faults[0].reason) == (5, "billedcost is no amount")


def test_an_empty_file_is_an_empty_bill(tmp_path: Path) -> None:
    file = tmp_path / "empty.csv"
    file.write_text(",".join(exports.rows(LINES[:1], "focus")[0]) + "\n")
    assert read(file) == FileSum((), 0, 0, ())


def test_a_line_is_one_labs_however_many_tags_it_bears(tmp_path: Path) -> None:
    rows = exports.rows(LINES[:1], "focus")
    rows[0]["Tags"] = '{"user:aws-research-wizard:lab":"second-aaaa","aws-research-wizard:lab":"first-aaaa","team":"x"}'
    found = read(exports.write(rows, tmp_path / "tags.csv.gz"))
    assert [(one.lab, one.lines) for one in found.groups] == [("first-aaaa", 1)]


def test_tags_that_are_no_json_make_a_line_unattributed_not_lost(tmp_path: Path) -> None:
    rows = exports.rows(LINES[:1], "focus")
    rows[0]["Tags"] = '{"broken'
    found = read(exports.write(rows, tmp_path / "broken.csv.gz"))
    assert [(one.lab, one.lines) for one in found.groups] == [("", 1)]


def test_a_months_bill_lists_what_it_could_not_count(books: Books) -> None:
    done = books.upload(spoilt(books.folder, "x,y", '"never closed'))
    assert (done.state, done.malformed) == ("FINISHED", 2)
    found = service.seen("2026-10", books.now)
    assert [(one.file.rpartition("/")[2], one.line) for one in found.bill.faults] == [
        ("spoilt.csv.gz", len(LINES) + 2),
        ("spoilt.csv.gz", len(LINES) + 3),
    ]
    assert any("2 of" in message for message, _ in found.notes)


def test_a_bill_whose_tag_is_not_activated_says_so_and_how(books: Books) -> None:
    books.estimated(LINES)
    books.upload(books.write(LINES, "plain.csv.gz", tagged=False))
    notes = dict(service.seen("2026-10", books.now).notes)
    assert "aws ce update-cost-allocation-tags-status" in notes[service.INACTIVE]
    books.upload(books.write(LINES, "tagged.csv.gz"))
    assert service.INACTIVE not in dict(service.seen("2026-10", books.now).notes)
