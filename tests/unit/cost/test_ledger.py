"""The ledger only grows, is settled any number of times, and is always what the facts come to."""

from __future__ import annotations

import random
import threading
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.cost import meter, prices, service, store
from chalicelib.cost.prices import Book
from chalicelib.cost.rules import Cell, Key, Part, Quote
from chalicelib.cost.store import Day
from chalicelib.limits import service as limits
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.store import commit
from tests.conftest import NOW
from tests.fakes.sim.cloud import Cloud
from tests.fakes.sim.installed import installed
from tests.unit.cost.conftest import ADA, BOB, LAB, Story
from tests.unit.cost.histories import DAY, histories
from tests.unit.cost.test_routes import a_lab

HOUR = timedelta(hours=1)


def days(lab: str = LAB) -> list[Day]:
    return list(store.days(lab, date(2026, 1, 1), date(2027, 12, 31)).values())


def lines_by_day(lab: str = LAB) -> dict[date, Any]:
    found: dict[date, Any] = {}
    for line in store.lines(lab):
        found[line.day] = meter.added([found.get(line.day, {}), line.cells])
    return found


def whole(lab: str = LAB) -> dict[tuple[Part, str], Cell]:
    return {key: cell for key, cell in meter.added(one.cells for one in days(lab)).items() if any(cell)}


def test_an_hour_of_two_people_is_in_the_ledger_to_the_second(story: Story) -> None:
    story.runs(NOW, ADA)
    story.servers(NOW + HOUR / 2, ADA, BOB)
    story.stops(NOW + HOUR)
    story.settle(NOW + 2 * HOUR)
    cells = whole()
    assert cells[Part.MACHINE, ADA].amount.quantize(Decimal("0.000001")) == Decimal("0.378")
    assert cells[Part.MACHINE, BOB].amount.quantize(Decimal("0.000001")) == Decimal("0.126")
    assert sum(cell.amount for (part, _), cell in cells.items() if part is Part.MACHINE) == Decimal("0.504")
    day = days()[0]
    assert (day.as_of, day.currency, day.sources) == ("2025-01-01", "USD", (prices.SHIPPED,))


def test_settling_twice_adds_nothing(story: Story) -> None:
    story.runs(NOW, ADA)
    story.stops(NOW + HOUR)
    first = story.settle(NOW + 2 * HOUR)
    again = story.settle(NOW + 2 * HOUR)
    assert (first.lines, again.lines, again.version) == (1, 1, first.version)
    story.settle(NOW + HOUR)  # a clock that is behind takes nothing away
    assert store.head(LAB).until == NOW + 2 * HOUR


def test_a_day_is_the_sum_of_its_lines_and_a_late_fact_is_another_line(story: Story) -> None:
    story.runs(NOW, ADA)
    for hour in range(1, 30):
        story.settle(NOW + hour * HOUR)
    before = list(store.lines(LAB))
    story.power(NOW + 2 * HOUR, running=False, late=29 * 3600)  # EC2 stopped it long ago, and says so now
    story.settle(NOW + 31 * HOUR, NOW + 2 * HOUR)
    after = list(store.lines(LAB))
    assert after[: len(before)] == before, "what stands is never changed"
    assert any(cell.amount < 0 for cell in after[len(before)].cells.values())
    assert after[len(before)].cause == "corrected"
    assert lines_by_day() == {one.day: one.cells for one in days()}
    assert whole()[Part.MACHINE, ADA] == Cell(2 * 3600 * 10**6 - 6, Decimal("1.0079999992"))


def test_a_stopped_lab_is_looked_at_once_a_day_and_one_that_is_gone_never(story: Story) -> None:
    story.runs(NOW, ADA)
    assert story.settle(NOW + HOUR).due == NOW + 2 * HOUR
    story.stops(NOW + HOUR)
    assert story.settle(NOW + 2 * HOUR).due == datetime(2026, 11, 24, 0, 10, tzinfo=NOW.tzinfo)
    story.tell("LabDeleted", NOW + 3 * HOUR, {"phase": ("DELETING", "DELETED")}, kept=[])
    assert story.settle(NOW + 4 * HOUR).due is None
    assert list(store.due(NOW + timedelta(days=900))) == []
    assert story.settle(NOW + timedelta(days=9)).day == NOW.date()


def test_kept_files_go_on_in_the_ledger(story: Story) -> None:
    story.runs(NOW, ADA)
    story.tell("LabMeasured", NOW, storage_bytes=100 * 2**30)
    story.stops(NOW + HOUR)
    story.tell("LabDeleted", NOW + 3 * HOUR, {"phase": ("DELETING", "DELETED")}, kept=["fs-1"])
    story.settle(NOW + 4 * HOUR)
    service.aggregate(NOW + timedelta(days=3))
    assert [one.cells[Part.FILES, "overhead"].amount for one in days()][1:3] == [Decimal(1), Decimal(1)]


def test_a_run_that_was_cut_off_is_finished_by_the_next(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.runs(NOW, ADA)
    story.settle(NOW + timedelta(days=4))
    story.stops(NOW + HOUR)  # told late
    kept, calls = store.append, []

    def dies(*asked: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise SystemExit
        return kept(*asked)

    monkeypatch.setattr(store, "append", dies)
    with pytest.raises(SystemExit):
        story.settle(NOW + timedelta(days=5), NOW)
    monkeypatch.undo()
    story.settle(NOW + timedelta(days=5), NOW + timedelta(days=5))
    assert whole()[Part.MACHINE, ADA].micros == 3600 * 10**6 - 6
    assert lines_by_day() == {one.day: one.cells for one in days()}


def test_two_that_settle_at_once_add_everything_once(story: Story) -> None:
    story.runs(NOW, ADA)
    threads = [threading.Thread(target=story.settle, args=(NOW + hour * HOUR,)) for hour in (2, 2, 3, 1)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert lines_by_day() == {one.day: one.cells for one in days()}
    assert whole()[Part.MACHINE, ADA].micros == 3 * 3600 * 10**6 - 6


def test_one_bad_lab_keeps_no_other_waiting(story: Story) -> None:
    story.runs(NOW, ADA)
    good = Story("base-aaaa")
    good.runs(NOW, BOB)
    for one in (story, good):
        one.settle(NOW + HOUR)
    story.tell("MachineRunning", NOW + HOUR, instance_id="i-1", at="no moment at all")
    assert service.aggregate(NOW + 3 * HOUR) == {"settled": 1, "failed": 1}
    assert store.head("base-aaaa").until == NOW + 3 * HOUR
    assert LAB in set(store.due(NOW + 3 * HOUR)), "it stays due"


def test_the_budget_hears_what_the_month_has_cost_and_what_a_running_lab_keeps_aside(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[Any, ...]] = []
    monkeypatch.setattr(limits, "settle_money", lambda *said: heard.append(said))
    story.runs(NOW, ADA)
    service.heard(LAB, "LabReady", NOW, NOW + HOUR)
    team, lab, spent, keep, now = heard[-1]
    assert (team, lab, now, keep) == ("lovelace", LAB, NOW + HOUR, 0), "nobody knows this lab any more"
    assert spent == meter.spent(whole())
    story.stops(NOW + HOUR)
    a_lab()
    service.heard(LAB, "LabStopped", NOW + HOUR, NOW + 2 * HOUR)
    assert heard[-1][3] > 0, "whether it rests, limits knows"


def test_the_first_day_of_a_month_settles_the_last_one_too(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[Any, ...]] = []
    monkeypatch.setattr(limits, "settle_money", lambda *said: heard.append(said))
    story.runs(NOW, ADA)
    first = datetime(2026, 12, 1, 1, tzinfo=NOW.tzinfo)
    story.settle(NOW + HOUR)
    service.aggregate(first)
    (_, _, november, _, _, month), (_, _, december, _, _) = heard
    assert month == "2026-11"
    assert november + december == meter.spent(whole())


# ---- prices --------------------------------------------------------------------------------------------------------------


def keep(amount: str, since: datetime, as_of: date = date(2026, 11, 1), key: Key = (Part.MACHINE, "r6i.2xlarge")) -> None:
    store.keep_quotes("us-east-1", {key: Quote(Decimal(amount), "USD", as_of, "AWS Price List", since)})


def test_a_new_price_counts_from_when_it_is_in_force_and_corrects_what_was_written(story: Story) -> None:
    story.runs(NOW, ADA)
    story.settle(NOW + 2 * HOUR)
    keep("1.008", NOW + HOUR)
    story.settle(NOW + 3 * HOUR)
    assert whole()[Part.MACHINE, ADA].amount.quantize(Decimal("0.00001")) == Decimal("0.504") + 2 * Decimal("1.008")
    assert (days()[0].as_of, len(days()[0].sources)) == ("2025-01-01", 2), "the oldest price in it, and both sources"


def test_a_price_that_was_unknown_is_added_once_it_is_known(story: Story) -> None:
    story.made(NOW, "z9.unheard")
    story.power(NOW, True, "z9.unheard")
    story.ready(NOW + timedelta(microseconds=5), ADA, kind="z9.unheard")
    story.settle(NOW + HOUR)
    assert whole()[Part.MACHINE, ADA] == Cell(3600 * 10**6 - 6, Decimal(0), 3600 * 10**6 - 6)
    keep("3.6", NOW - HOUR, key=(Part.MACHINE, "z9.unheard"))
    story.settle(NOW + HOUR)
    assert whole()[Part.MACHINE, ADA] == Cell(3600 * 10**6 - 6, Decimal("3.5999999940"), 0)


def test_of_two_prices_in_force_since_the_same_moment_the_later_published_counts(story: Story) -> None:
    keep("1.0", NOW, date(2026, 11, 1))
    keep("2.0", NOW, date(2026, 11, 2))
    assert Book().at((Part.MACHINE, "r6i.2xlarge"), NOW) == Quote(Decimal("2.0"), "USD", date(2026, 11, 2), "AWS Price List", NOW)
    before = Book().at((Part.MACHINE, "r6i.2xlarge"), NOW - HOUR)
    assert before
    assert before.source == prices.SHIPPED


# ---- whatever happens ----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(moments=histories(), chance=st.randoms(use_true_random=False))
def test_replayed_from_its_facts_a_ledger_is_the_same(moments: list[Any], chance: random.Random) -> None:
    """Facts come in any order, and are settled in between at random; another lab's ledger is settled once, at the end."""
    told = [Fact(one.name, "", dict(one.data), one.at, "test", "test", changes=dict(one.changes)) for one in moments]
    end = max(one.at for one in told) + timedelta(days=3)
    shuffled = [*told]
    chance.shuffle(shuffled)
    with installed(Cloud()):
        for fact in shuffled:
            commit(record(fact._replace(subject="lab-a")))
            if chance.random() < 0.5:
                service.settle("lab-a", fact.at + timedelta(hours=chance.randrange(48)), min(fact.at, DAY))
        service.settle("lab-a", end, DAY)
        for fact in told:
            commit(record(fact._replace(subject="lab-b")))
        service.settle("lab-b", end, DAY)
        assert whole_days("lab-a") == whole_days("lab-b") or _ties(told)
        for lab in ("lab-a", "lab-b"):
            assert {day: cells for day, cells in lines_by_day(lab).items() if cells} == whole_days(lab)


def test_a_day_that_was_charged_before_the_end_was_heard_of_is_charged_no_more() -> None:
    begun = DAY
    machine = {"instance_id": "i-1", "instance_type": "r6i.2xlarge", "disk_gb": 60}
    told = [
        fact("LabRequested", begun, {}, phase=(None, "PROVISIONING")),
        fact("MachineLaunched", begun, machine),
        fact("LabReady", begun + HOUR, {}, phase=("PROVISIONING", "READY")),
    ]
    with installed(Cloud()):
        for one in told:
            commit(record(one))
        service.settle(LAB, begun + 26 * HOUR, begun)
        assert set(whole_days(LAB)) == {begun.date(), (begun + 24 * HOUR).date()}
        commit(record(fact("LabDeleted", begun + 2 * HOUR, {"kept": []}, phase=("DELETING", "DELETED"))))
        service.settle(LAB, begun + 72 * HOUR, begun)
        assert set(whole_days(LAB)) == {begun.date()}


def fact(name: str, at: datetime, data: dict[str, Any], **changes: Any) -> Fact:
    return Fact(name, LAB, data, at, "test", "test", changes=changes)


def whole_days(lab: str) -> dict[date, Any]:
    return {one.day: cells for one in days(lab) if (cells := meter.added([one.cells]))}


def _ties(told: list[Fact]) -> bool:
    """Facts of one moment are in the order in which they were recorded, which was another here."""
    moments = [str(one.data.get("at") or one.at.isoformat()) for one in told]
    return len(set(moments)) < len(moments)
