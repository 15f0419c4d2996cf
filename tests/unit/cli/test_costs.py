"""`jupyter cost-report` as a person meets it: figures that sum, a chart, an export, and words where there is nothing."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws_research_wizard.cli.costs import places_for, rounded
from aws_research_wizard.client.mock import MockCloud
from aws_research_wizard.client.mock_costs import row
from tests.unit.cli.conftest import Arw


@pytest.fixture
def lab(cloud: MockCloud, arw: Arw) -> str:
    made = json.loads(arw("jupyter quick-start --domain genomics --output json").out)
    cloud.costs.rows["user"] = [
        row("ada@uni.edu", "14.1234", seconds=100_800),
        row("bob@uni.edu", "7.0617", seconds=50_400),
        row("idle", "2.0164", seconds=14_400, whose="idle"),
        row("overhead", "0.2520", "1.6049", "0.3307", seconds=1_800, whose="overhead"),
    ]
    cloud.costs.rows["lab"] = [row(made["id"], "23.4535", "1.6049", "0.3307", seconds=167_400)]
    return str(made["id"])


def money(text: str) -> Decimal:
    return Decimal(text.replace("$", "").replace(",", ""))


def figures(out: str) -> list[tuple[str, list[Decimal]]]:
    """What a table shows: of each line its name and its amounts."""
    found = [(line.split()[0], [money(one) for one in re.findall(r"-?\$-?[\d,.]+", line)]) for line in out.splitlines()]
    return [(name, amounts) for name, amounts in found if len(amounts) == 4]


def test_the_table_sums_in_both_directions(arw: Arw, lab: str) -> None:
    done = arw(f"jupyter cost-report {lab}")
    *rows, (last, total) = figures(done.out)
    assert (done.code, last, [name for name, _ in rows]) == (0, "total", ["ada@uni.edu", "bob@uni.edu", "idle", "overhead"])
    for _, (*parts, whole) in [*rows, (last, total)]:
        assert sum(parts) == whole
    assert [sum(column) for column in zip(*(amounts for _, amounts in rows), strict=True)] == total
    assert total[-1] == Decimal("25.39")
    assert "2026-11-01 to 2026-11-23 UTC, up to 12:00:00" in done.out
    assert "USD, list prices as of 2026-11-01 (AWS Price List)" in done.out
    assert "28:00:00" in done.out


def test_without_a_lab_it_is_by_lab_and_what_is_asked_is_asked(arw: Arw, lab: str, cloud: MockCloud) -> None:
    assert lab in arw("jupyter cost-report").out
    arw("jupyter cost-report --by team --team lovelace --from 2026-10-01 --to 2026-10-31")
    asked = dict(cloud.asked[-1].url.params)
    assert asked == {"by": "team", "from": "2026-10-01", "to": "2026-10-31", "team": "lovelace"}
    assert cloud.asked[-1].url.path == "/api/costs"
    arw("jupyter cost-report --mine")
    assert cloud.asked[-1].url.path == "/api/costs/me"


def test_a_narrow_terminal_keeps_who_and_how_much(arw: Arw, lab: str, cloud: MockCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "52")
    cloud.costs.rows["user"][0]["key"] = "ada.lovelace@university.edu"
    lines = arw(f"jupyter cost-report {lab}").out.splitlines()
    assert lines[1].startswith("ada.lovelace@university.edu")
    assert lines[1].endswith("$14.12")
    assert "TIME" not in lines[0]


def test_json_and_csv_are_exact_and_sum(arw: Arw, lab: str) -> None:
    told = json.loads(arw(f"jupyter cost-report {lab} --output json").out)
    lines = list(csv.DictReader(arw(f"jupyter cost-report {lab} --output csv").out.splitlines()))
    assert [line["user"] for line in lines] == ["ada@uni.edu", "bob@uni.edu", "idle", "overhead"]
    assert sum(Decimal(line["amount"]) for line in lines) == Decimal(told["total"]["amount"]) == Decimal("25.3891")
    assert {(line["currency"], line["prices_as_of"]) for line in lines} == {("USD", "2026-11-01")}


def test_a_chart_on_the_terminal_and_in_a_file(arw: Arw, lab: str, tmp_path: Path) -> None:
    shown = arw(f"jupyter cost-report {lab} --chart").out
    bars = {line.split()[0]: line.count("█") for line in shown.splitlines() if "█" in line}
    assert bars["ada@uni.edu"] > bars["bob@uni.edu"] > bars["idle"]
    assert abs(bars["ada@uni.edu"] - 2 * bars["bob@uni.edu"]) <= 2
    done = arw(f"jupyter cost-report {lab} --chart {tmp_path / 'november.svg'}")
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "november.svg").read_text().startswith("<svg")


def test_nothing_charged_says_what_to_do(arw: Arw) -> None:
    for how in ("", " --chart"):
        done = arw(f"jupyter cost-report --from 2026-01-01 --to 2026-01-31{how}")
        assert done.code == 0
        assert done.out.startswith("Nothing was charged from 2026-01-01 to 2026-01-31 in the labs you see. Look at another month")
    assert arw("jupyter cost-report --output csv").out.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--from 2026-13-01", "'2026-13-01' is not a day; write 2026-11-01"),
        ("--to tomorrow", "'tomorrow' is not a day"),
        ("--from 2026-12-01 --to 2026-11-01", "--from 2026-12-01 is after --to 2026-11-01"),
        ("--by planet", "'planet' is not one of"),
        ("--chart bars.png", "a file that ends in .svg"),
        ("--mine --by day", "--mine is by lab"),
        ("--output xml", "'xml' is not one of"),
    ],
)
def test_misuse_is_one_line_and_a_hint(arw: Arw, line: str, said: str) -> None:
    done = arw(f"jupyter cost-report {line}")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 2


def test_a_lab_that_nobody_knows_is_said_with_a_near_miss(arw: Arw, lab: str) -> None:
    done = arw("jupyter cost-report genomcs")
    assert done.code == 1
    assert "no lab 'genomcs'" in done.err


def test_what_is_no_known_price_stands_below(arw: Arw, lab: str, cloud: MockCloud) -> None:
    cloud.costs.notes = ["3 h 00 min of a machine (z9.unheard) without a known price: in no sum"]
    cloud.costs.transfer = "1.3"
    out = arw(f"jupyter cost-report {lab}").out
    assert "! 3 h 00 min of a machine (z9.unheard)" in out
    assert "Transfer: at most $1.30, an estimate that is in no sum" in out


def test_status_and_the_closing_card_tell_the_cost_in_one_line(arw: Arw, lab: str, cloud: MockCloud) -> None:
    line = "/hour · $1.20 today · $14.31 this month · $37.80 forecast"
    assert line in arw(f"jupyter status {lab}").out
    assert line in arw("jupyter quick-start --domain genomics").out
    euros = [{"amount": amount, "currency": "EUR"} for amount in ("0", "2")]
    unknown = {"per_hour": None, "today": euros[0], "month": euros[1], "forecast": None}
    cloud.costs.of_lab = lambda _lab: unknown  # type: ignore[method-assign]
    told = " ".join(arw(f"jupyter status {lab}").out.split())
    assert "price per hour not known · 0.000 EUR today · 2.00 EUR this month · no forecast" in told


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from("abcdefgh"), st.decimals(0, 10**6, places=10), min_size=1))
def test_rounded_amounts_sum_to_the_rounded_sum(amounts: dict[str, Decimal]) -> None:
    for places in (2, 4):
        parts = rounded(amounts, places)
        exact = sum(amounts.values(), Decimal(0))
        assert abs(sum(parts.values(), Decimal(0)) - exact) <= Decimal(1).scaleb(-places) / 2
        assert all(abs(parts[name] - amounts[name]) <= Decimal(1).scaleb(-places) for name in amounts)
    assert places_for(Decimal("0.99")) == 4
