"""`simulate` at the command line: a table, plain values, rows, a picture; and what is wrong, in one line with what to do."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Arw

SMALL = "simulate --labs 9 --days 7"


def test_a_table_says_what_each_policy_costs_and_whose_work_it_stops(arw: Arw) -> None:
    ended = arw(f"{SMALL} --compare all")
    assert ended.code == 0
    assert ended.out.splitlines()[0].split()[:3] == ["POLICY", "COST", "SAVED"]
    names = [line.split()[0] for line in ended.out.splitlines()[1:7]]
    assert names == ["default", "always-on", "stricter", "laxer", "last-request", "off-hours"]
    assert "list prices as of" in ended.out
    assert "A smaller machine would have done" in ended.out
    assert max(map(len, ended.out.splitlines()[:7])) <= 80


def test_the_same_trace_from_a_file_gives_the_same_answer(arw: Arw, tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    made = arw(f"{SMALL} --seed 7 --save-trace {file} -o json")
    read = arw(f"simulate --trace {file} --seed 7 -o json")
    assert made.code == read.code == 0
    assert json.loads(made.out) == json.loads(read.out)


def test_rows_are_exact_and_sum_to_the_whole(arw: Arw) -> None:
    rows = list(csv.DictReader(io.StringIO(arw(f"{SMALL} -o csv").out)))
    whole = json.loads(arw(f"{SMALL} -o json").out)["policies"]
    for policy in whole:
        mine = [row for row in rows if row["policy"] == policy["policy"]]
        assert len(mine) == 9
        assert sum(Decimal(row["cost"]) for row in mine) == Decimal(policy["cost"])
        assert sum(int(row["paid_s"]) for row in mine) == policy["paid_s"]


def test_a_chart_is_a_picture_that_fetches_nothing(arw: Arw, tmp_path: Path) -> None:
    file = tmp_path / "savings.svg"
    assert arw(f"{SMALL} --chart {file}").code == 0
    drawn = file.read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert "always-on" in drawn
    assert "font-face" not in drawn
    assert arw(f"{SMALL} --chart savings.png").code == 2


def test_malformed_lines_are_listed_and_the_rest_is_replayed(arw: Arw, tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    assert arw(f"{SMALL} --save-trace {file}").code == 0
    file.write_text(file.read_text() + '{"line": "cell"}\nnonsense\n')
    number = len(file.read_text().splitlines())
    ended = arw(f"simulate --trace {file}")
    assert ended.code == 0
    assert f"line {number}: it is not JSON" in ended.err
    assert "2 lines are malformed and are not in the figures" in ended.err
    assert len(json.loads(arw(f"simulate --trace {file} -o json").out)["malformed"]) == 2


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (("--policy", '{"idel": 5}'), "a policy has no 'idel': did you mean 'idle'?", "a policy knows"),
        (("--policy", '{"idle": -5}'), "'idle' is negative: -5", "0 or more"),
        (("--trace", ""), "the trace is empty", "docs/reference/usage-trace.md"),
        (("--trace", "dear"), "lab a has no price: nothing is known of z9.huge in us-east-1", "price table"),
    ],
)
def test_what_is_wrong_is_one_line_with_what_to_do(
    arw: Arw, tmp_path: Path, words: tuple[str, str], said: str, hint: str
) -> None:
    option, content = words
    file = tmp_path / "file"
    file.write_text(DEAR if content == "dear" else content)
    ended = arw(f"simulate {option} {file}")
    assert ended.code == 1
    assert said in ended.err
    assert hint in ended.err
    assert len(ended.err.strip().splitlines()) == 2


def test_a_policy_that_is_none_is_a_misuse_and_one_line_says_which_there_are(arw: Arw) -> None:
    ended = arw("simulate --compare always-of")
    assert ended.code == 2
    said, hint = ended.err.strip().splitlines()
    assert "'--compare': there is no policy 'always-of' to compare with; there are always-on, default" in said
    assert hint.endswith("simulate --help")


DEAR = "\n".join(
    json.dumps(one)
    for one in (
        {"line": "trace", "version": 1, "from": "2026-10-05T00:00:00Z", "to": "2026-10-06T00:00:00Z"},
        {"line": "lab", "lab": "a", "domain": "genomics", "region": "us-east-1", "instance_type": "z9.huge"},
        {"line": "tab", "lab": "a", "user": "ada", "from": "2026-10-05T08:00:00Z", "to": "2026-10-05T09:00:00Z"},
    )
)
