"""What a lab costs, to the second; and that whatever is split adds up again."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.cost import meter
from chalicelib.cost.meter import Sheet, story
from chalicelib.cost.rules import (
    ESTIMATE,
    IDLE,
    OVERHEAD,
    Cell,
    Machine,
    Moment,
    Part,
    State,
    after,
    begins,
    ends,
    in_order,
    shared_out,
)
from tests.unit.cost.histories import DAY, Prices, histories, ready, requested, told

ADA, BOB = "ada@uni.edu", "bob@uni.edu"
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
END = datetime(2026, 11, 9, tzinfo=UTC)


def read(moments: list[Moment], until: datetime, prices: Prices | None = None) -> list[Sheet]:
    ordered = in_order(moments)
    return list(story(State("lab"), ordered, ordered[0].at.date(), until, prices or Prices()))


def total(sheets: list[Sheet]) -> dict[tuple[Part, str], Cell]:
    return meter.added(one.cells for one in sheets)


def running(at: datetime, seconds: int, *who: str, kind: str = "r6i.2xlarge") -> list[Moment]:
    """A lab that is made at `at`, has a machine a minute later, is ready after two, and has people from then on."""
    machine = {"instance_id": "i-1", "instance_type": kind}
    return [
        *requested(at),
        told("MachineLaunched", at + timedelta(seconds=50), 2, disk_gb=60, **machine),
        told(
            "MachineRunning",
            at + timedelta(seconds=61),
            3,
            state="running",
            at=(at + timedelta(seconds=60)).isoformat(),
            **machine,
        ),
        ready(at + timedelta(seconds=120)),
        told("ServersChanged", at + timedelta(seconds=120), 10, running=list(who)),
        told("LabStopping", at + timedelta(seconds=seconds), 11, {"phase": ("READY", "STOPPING")}),
        told(
            "MachineStopped",
            at + timedelta(seconds=seconds + 31),
            12,
            state="stopping",
            at=(at + timedelta(seconds=seconds + 30)).isoformat(),
            **machine,
        ),
    ]


def test_a_machine_costs_from_the_second_it_runs_to_the_second_it_stops() -> None:
    cells = total(read(running(NINE, 3720, ADA), NINE + timedelta(hours=5)))
    assert cells[Part.MACHINE, ADA] == Cell(3600 * 10**6, Decimal("0.504"))
    assert cells[Part.MACHINE, OVERHEAD] == Cell(90 * 10**6, Decimal("0.0126"))
    assert (Part.MACHINE, IDLE) not in cells


def test_while_two_have_a_server_each_second_is_shared_equally() -> None:
    cells = total(read(running(NINE, 3720, ADA, BOB), NINE + timedelta(hours=5)))
    assert cells[Part.MACHINE, ADA] == cells[Part.MACHINE, BOB] == Cell(1800 * 10**6, Decimal("0.252"))


def test_a_second_shared_by_three_loses_nothing() -> None:
    cells = total(read(running(NINE, 121, ADA, BOB, "eve@uni.edu"), NINE + timedelta(hours=5)))
    shares = [cells[Part.MACHINE, who] for who in (ADA, BOB, "eve@uni.edu")]
    assert sum(one.micros for one in shares) == 10**6
    assert sum(one.amount for one in shares) == Decimal("0.0001400000")


def test_nobodys_server_is_idle_and_until_anybody_tells_it_is_overhead() -> None:
    cells = total(read(running(NINE, 3720), NINE + timedelta(hours=5)))
    assert cells[Part.MACHINE, IDLE] == Cell(3600 * 10**6, Decimal("0.504"))
    silent = [one for one in running(NINE, 3720) if one.name != "ServersChanged"]
    assert (Part.MACHINE, IDLE) not in total(read(silent, NINE + timedelta(hours=5)))


def test_a_stopped_lab_costs_its_disk_and_its_files() -> None:
    gib = 100 * 2**30
    moments = [*running(NINE, 3720, ADA), told("LabMeasured", NINE + timedelta(seconds=3000), 20, storage_bytes=gib)]
    day = read(moments, NINE + timedelta(days=5))[2]
    assert day.cells[Part.DISK, OVERHEAD] == Cell(86400 * 10**6, Decimal("0.1600000000"))  # 60 GB at 0.08 a month of 30 days
    assert day.cells[Part.FILES, OVERHEAD] == Cell(86400 * 10**6, Decimal("1.0000000000"))  # 100 GB at 0.30
    assert {part for part, _ in day.cells} == {Part.DISK, Part.FILES}


def test_kept_files_of_a_deleted_lab_go_on_costing_and_files_that_are_gone_do_not() -> None:
    size = told("LabMeasured", NINE + timedelta(seconds=3000), 20, storage_bytes=10**12)
    for kept, days in (["fs-1"], 9), ([], 1):
        gone = told("LabDeleted", NINE + timedelta(seconds=5000), 21, {"phase": ("DELETING", "DELETED")}, kept=kept)
        sheets = read([*running(NINE, 3720, ADA), size, gone], NINE + timedelta(days=8))
        assert len(sheets) == days
        assert sheets[-1].closing.costs is bool(kept)
        assert not sheets[-1].closing.machines


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(milliseconds=3), timedelta(seconds=1)])
def test_a_lab_is_stopped_after_it_was_ready_whatever_the_clocks_of_two_processes_say(ahead: timedelta) -> None:
    """The process that says READY has a clock that is `ahead` of the one that hears of the stop."""
    lives, minute = running(NINE, 3720, ADA)[:5], NINE + timedelta(minutes=30)
    machine = {"instance_id": "i-1", "instance_type": "r6i.2xlarge"}
    lives += [
        told("LabScaling", minute, 20, {"phase": ("READY", "SCALING")}),
        told("LabReady", minute + timedelta(seconds=5) + ahead, 21, {"phase": ("SCALING", "READY")}),
        told("MachineStopped", minute + timedelta(seconds=5), 22, at=minute.isoformat(), state="stopping", **machine),
        told("LabStopped", minute + timedelta(seconds=5), 23, {"phase": ("READY", "STOPPED")}),
    ]
    cells = total(read(lives, NINE + timedelta(hours=5)))
    assert sum(cell.micros for (part, _), cell in cells.items() if part is Part.MACHINE) == 29 * 60 * 10**6
    assert in_order(reversed(lives)) == in_order(lives)


def test_a_stop_in_the_second_in_which_it_was_ready_is_a_stop() -> None:
    """EC2 tells of whole seconds: the stop seems to come before READY, and nothing after it says that it rests."""
    machine = {"instance_id": "i-1", "instance_type": "r6i.2xlarge"}
    lives, at = running(NINE, 3720, ADA)[:5], NINE + timedelta(seconds=120)
    lives.append(told("LabScaling", at + timedelta(seconds=1), 20, {"phase": ("READY", "SCALING")}))
    again = at + timedelta(seconds=60)
    lives.append(told("LabReady", again + timedelta(microseconds=1), 21, {"phase": ("SCALING", "READY")}))
    lives.append(told("MachineStopped", again + timedelta(seconds=1), 22, at=again.isoformat(), state="stopping", **machine))
    cells = total(read(lives, NINE + timedelta(hours=5)))
    assert sum(cell.micros for (part, _), cell in cells.items() if part is Part.MACHINE) == 120 * 10**6


def test_a_month_has_its_own_seconds() -> None:
    for first, seconds in ((date(2026, 2, 1), 28), (date(2026, 11, 1), 30), (date(2026, 12, 1), 31), (date(2028, 2, 1), 29)):
        files = State("lab", files=True, stored=2**30)
        days = [
            meter.day_sheet(first + timedelta(days=n), files, (), ends(first + timedelta(days=n)), Prices())
            for n in range(seconds)
        ]
        assert sum(meter.spent(one.cells) for one in days).quantize(Decimal("0.000001")) == Decimal("0.300000")


def test_a_missing_price_is_unknown_and_never_nothing() -> None:
    cells = total(read(running(NINE, 3720, ADA, kind="unheard.of"), NINE + timedelta(hours=5)))
    assert cells[Part.MACHINE, ADA] == Cell(3600 * 10**6, Decimal(0), 3600 * 10**6)
    assert meter.per_hour(State("lab", machines=(Machine("i-1", "unheard.of", running=True),)), Prices(), NINE) is None


def test_a_price_counts_from_the_second_it_is_in_force() -> None:
    raised = NINE + timedelta(seconds=120 + 1800)
    cells = total(read(running(NINE, 3720, ADA), NINE + timedelta(hours=5), Prices(raised)))
    assert cells[Part.MACHINE, ADA].amount == Decimal("0.252") + Decimal("0.3885")


def test_the_estimate_is_in_no_sum() -> None:
    carried = told("LabMeasured", NINE + timedelta(seconds=120), 20, network_kb_per_second=1000.0, storage_bytes=0)
    sheets = read([*running(NINE, 1120, ADA), carried], NINE + timedelta(hours=5))
    cells = total(sheets)
    assert cells[Part.TRANSFER, ESTIMATE].amount == Decimal("0.0927")  # 1.03 GB
    assert meter.spent(cells) == sum(cell.amount for (part, _), cell in cells.items() if part is not Part.TRANSFER)


def test_a_machine_whose_start_nobody_told_runs_from_when_it_spoke() -> None:
    lost = [one for one in running(NINE, 3720, ADA) if one.name != "MachineRunning"]
    assert total(read(lost, NINE + timedelta(hours=5)))[Part.MACHINE, ADA].micros == 3600 * 10**6
    never = [one for one in lost if one.name != "MachineStopped"]
    never.append(told("LabStopped", NINE + timedelta(seconds=3780), 13, {"phase": ("STOPPING", "STOPPED")}))
    assert total(read(never, NINE + timedelta(hours=5)))[Part.MACHINE, OVERHEAD].micros == 60 * 10**6


# ---- whatever happens ----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.none() | st.integers(0, 10**6))
def test_users_and_idle_and_overhead_are_what_the_machines_cost(moments: list[Moment], raised: int | None) -> None:
    prices = Prices(DAY + timedelta(seconds=raised) if raised else None)
    sheets = read(moments, END, prices)
    for sheet in sheets:
        exact, seconds = _machines(sheet, moments, prices)
        mine = {who: cell for (part, who), cell in sheet.cells.items() if part is Part.MACHINE}
        assert abs(sum((one.amount for one in mine.values()), Decimal(0)) - exact) <= Decimal("1e-10"), "to the tenth place"
        assert sum(one.micros for one in mine.values()) == seconds


def _machines(sheet: Sheet, moments: list[Moment], prices: Prices) -> tuple[Decimal, int]:
    """The same, by asking at every moment anew which machine runs, without any sharing."""
    cuts = {begins(sheet.day), sheet.until, *prices.since((Part.MACHINE, "r6i.2xlarge")), *(one.at for one in moments)}
    marks = sorted(one for one in cuts if begins(sheet.day) <= one <= sheet.until)
    money, micros = Fraction(0), 0
    for start, end in pairwise(marks):
        state = State("lab")
        for one in in_order(moments):
            state = after(state, one) if one.at <= start else state
        for machine in state.machines:
            if machine.running:
                span = (end - start) // timedelta(microseconds=1)
                micros += span
                quote = prices.at((Part.MACHINE, machine.type), start)
                money += Fraction(quote.amount) * span / 3_600_000_000 if quote else 0
    return Decimal(money.numerator) / Decimal(money.denominator), micros


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.randoms(use_true_random=False))
def test_facts_come_twice_and_in_any_order(moments: list[Moment], chance: random.Random) -> None:
    shuffled = [*moments, *chance.sample(moments, k=len(moments) // 2)]
    chance.shuffle(shuffled)
    assert read(shuffled, END) == read(moments, END)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.integers(0, 14 * 86_400))
def test_days_sum_to_the_whole_and_a_story_cut_anywhere_goes_on_the_same(moments: list[Moment], cut: int) -> None:
    """Over the nights in which clocks change, in Europe and in the United States: days are UTC, and have 24 hours."""
    whole = read(moments, END)
    assert all(one.until - begins(one.day) == timedelta(days=1) for one in whole[:-1])
    early = read(moments, min(END, DAY + timedelta(seconds=cut + 1)))
    if early:
        last = early[-1]
        rest = list(
            story(last.opening, [one for one in in_order(moments) if one.at >= begins(last.day)], last.day, END, Prices())
        )
        assert [*early[:-1], *rest] == whole


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_what_was_added_in_steps_is_what_stands_at_the_end(moments: list[Moment]) -> None:
    """A ledger: whatever was known when, the lines that were added come to what all facts together say."""
    lines: list[dict[tuple[Part, str], Cell]] = []
    kept: dict[date, Sheet] = {}
    for known in range(1, len(moments) + 1):
        some = moments[:known]
        for sheet in read(some, max(one.at for one in some) + timedelta(hours=1)):
            before = kept[sheet.day].cells if sheet.day in kept else {}
            lines.append(meter.difference(sheet.cells, before))
            kept[sheet.day] = sheet
    for sheet in read(moments, END):
        before = kept[sheet.day].cells if sheet.day in kept else {}
        lines.append(meter.difference(sheet.cells, before))
        kept[sheet.day] = sheet
    whole = total([kept[day] for day in kept])
    assert {key: cell for key, cell in meter.added(lines).items() if any(cell)} == {
        key: cell for key, cell in whole.items() if any(cell)
    }


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from("abcdefgh"), st.fractions(0, 10**6), min_size=1))
def test_rounded_parts_sum_to_the_rounded_whole(exact: dict[str, Fraction]) -> None:
    parts = shared_out(exact)
    assert sum(parts.values()) == round(sum(exact.values()))
    assert all(abs(parts[name] - value) <= 1 for name, value in exact.items())


@pytest.mark.parametrize("name", ["LabBackedUp", "MachineStep", "Anything"])
def test_a_fact_that_says_nothing_of_cost_changes_nothing(name: str) -> None:
    before = read(running(NINE, 3720, ADA), NINE + timedelta(hours=5))
    assert (
        read([*running(NINE, 3720, ADA), told(name, NINE + timedelta(seconds=900), 77, step="x")], NINE + timedelta(hours=5))
        == before
    )
