"""One lab under each policy, case by case: what runs, what stops, who waits, what it costs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from aws_research_wizard.simulate.evidence import Machine
from aws_research_wizard.simulate.life import SAVING_S
from aws_research_wizard.simulate.policies import SILENCE_MINUTES, of
from aws_research_wizard.simulate.usage import Lab, Span
from tests.unit.simulate.conftest import LAB, MONDAY, Lived, span

PRICE = Decimal("0.504")
MORNING = (span("present", 540, 600), span("cell", 545, 550, cpu=100.0))


def test_always_on_costs_exactly_hours_times_price(lived: Lived) -> None:
    outcome = lived(*MORNING, policy="always-on")
    assert outcome.cost == 72 * PRICE
    assert (outcome.stops, outcome.waits, outcome.wrong_stops) == (0, 0, 0)


def test_a_lab_nobody_uses_never_runs_but_always_on_pays_for_it(lived: Lived) -> None:
    assert lived(span("tab", 0, 600)).cost == 0
    assert lived(span("tab", 0, 600), policy="always-on").cost == 72 * PRICE


def test_who_comes_first_waits_for_the_boot_and_the_lab_stops_an_hour_after_the_last_sign(lived: Lived) -> None:
    outcome = lived(*MORNING)
    assert (outcome.stops, outcome.wrong_stops, outcome.waits, outcome.wait_s) == (1, 0, 1, 120)
    (ran,) = outcome.ran
    assert ran[0] == MORNING[0].begins
    assert 60 + 10 <= (ran[1] - MORNING[0].ends) / 60 <= 60 + 10 + 3 * 5 + 2 + 5


def test_what_is_paid_is_work_and_overhead_and_idleness(lived: Lived) -> None:
    outcome = lived(*MORNING)
    assert outcome.worked_s == 60 * 60 - 120
    assert outcome.overhead_s == 240
    assert outcome.paid_s == outcome.worked_s + outcome.overhead_s + outcome.idle_s
    assert outcome.cost == Decimal(outcome.paid_s) * PRICE / 3600


@pytest.mark.parametrize(
    "work",
    [
        span("cell", 595, 595 + 14 * 60, cpu=100.0),
        span("cell", 595, 595 + 10 * 60, cpu=0.3),
        span("terminal", 595, 595 + 14 * 60, cpu=70.0),
        span("cell", 595, 595 + 20 * 60, cpu=2.0, gpu=95.0),
        span("upload", 595, 595 + 3 * 60),
    ],
    ids=["a silent cell", "a cell that waits for a remote job", "a training in a terminal", "a GPU job", "an upload"],
)
def test_the_rules_keep_what_works_and_the_last_request_kills_it(lived: Lived, work: Span) -> None:
    kept, killed = lived(*MORNING, work), lived(*MORNING, work, policy="last-request")
    assert (kept.stops, kept.wrong_stops, kept.lost_s) == (1, 0, 0)
    assert killed.wrong_stops == (0 if work.kind == "upload" else 1)
    assert bool(killed.lost_s) == (work.kind != "upload")


def test_a_forgotten_tab_keeps_nothing_but_what_looks_at_requests_only(lived: Lived) -> None:
    tab = span("tab", 590, 600 + 40 * 60)
    assert lived(*MORNING, tab).paid_s == lived(*MORNING).paid_s
    assert lived(*MORNING, tab, policy="last-request").paid_s > 40 * 3600


def test_a_hung_cell_that_nobody_misses_is_stopped_after_a_day_and_that_is_not_wrong(lived: Lived) -> None:
    outcome = lived(*MORNING, span("cell", 590, 590 + 60 * 60, work=False), days=4)
    assert (outcome.stops, outcome.wrong_stops) == (1, 0)
    assert 24 <= outcome.paid_s / 3600 <= 27


def test_who_reads_for_hours_answers_each_warning_and_is_not_stopped(lived: Lived) -> None:
    outcome = lived(span("present", 540, 900, every_s=6 * 3600))
    assert (outcome.wrong_stops, outcome.stops) == (0, 1)
    assert outcome.warnings > 2
    assert outcome.withdrawn == outcome.warnings - 1


def test_who_comes_back_within_the_warning_withdraws_it(lived: Lived) -> None:
    once = lived(*MORNING)
    again = lived(*MORNING, span("present", 670, 680))
    assert (again.stops, again.waits, again.withdrawn) == (1, 1, 1)
    assert again.paid_s > once.paid_s


def test_who_comes_after_the_stop_waits_and_whatever_they_start_begins_when_it_is_ready(lived: Lived) -> None:
    outcome = lived(*MORNING, span("present", 900, 960), span("cell", 901, 931, cpu=100.0))
    assert (outcome.stops, outcome.waits, outcome.wait_s) == (2, 2, 240)


def test_who_comes_while_the_machine_saves_waits_for_its_end_and_its_boot(lived: Lived) -> None:
    (ran,) = lived(*MORNING).ran
    saving = (ran[1] - MORNING[0].begins) / 60 + 540 - 1
    outcome = lived(*MORNING, span("present", saving, saving + 30))
    assert outcome.waits == 2
    assert outcome.wait_s == 120 + 60 + 120


def test_who_leaves_before_the_machine_is_off_has_waited_until_then_and_starts_nothing(lived: Lived) -> None:
    (ran,) = lived(*MORNING).ran
    saving = (ran[1] - MORNING[0].begins) / 60 + 540 - 1.5
    outcome = lived(*MORNING, span("present", saving, saving + 1), span("present", 1500, 1510))
    assert (outcome.stops, outcome.waits, outcome.wait_s) == (2, 3, 120 + 60 + 120)


def test_a_silent_machine_is_not_stopped_while_nobody_knows(lived: Lived) -> None:
    silence = Span(*span("silence", 610, 610 + 6 * 60)[:2], "silence", LAB.name)
    assert lived(*MORNING, silence).paid_s > 6 * 3600
    assert lived(*MORNING, silence).wrong_stops == 0


def test_what_begins_in_a_short_silence_crosses_the_stop_and_in_a_long_one_is_met_by_it(lived: Lived) -> None:
    (ran,) = lived(*MORNING).ran
    stop = (ran[1] - SAVING_S - MONDAY) / 60
    came = span("present", stop - 1 / 6, stop + 60)
    unheard = Span(*span("silence", stop - 1 / 6, stop - 1 / 15)[:2], "silence", LAB.name)
    crossing = lived(*MORNING, came, unheard)
    assert (crossing.crossed, crossing.wrong_stops) == (1, 0)
    assert (lived(*MORNING, came).crossed, lived(*MORNING, came).wrong_stops) == (0, 0)
    for hours, met in ((3, 1), (0.1, 0)):
        evening = Span(*span("silence", 19 * 60 - hours * 60, 20 * 60)[:2], "silence", LAB.name)
        cell = span("cell", 19 * 60 - hours * 60, 20 * 60, cpu=100.0)
        assert lived(span("present", 540, 550), evening, cell, policy="off-hours", days=1).wrong_stops == met


def test_a_silence_is_long_when_the_rules_that_are_replayed_call_it_so() -> None:
    machine = Machine(MONDAY)
    machine.falls_silent(MONDAY + 600)
    begun = span("cell", 11, 60)
    assert not machine.told_of(begun, MONDAY + 600 + SILENCE_MINUTES * 60)
    assert machine.told_of(begun, MONDAY + 600 + SILENCE_MINUTES * 60 + 1)


def test_a_timetable_meets_work_and_starts_for_nobody(lived: Lived) -> None:
    outcome = lived(*MORNING, span("cell", 590, 590 + 12 * 60, cpu=100.0), policy="off-hours")
    assert outcome.wrong_stops == 1
    assert outcome.stops == 3
    assert outcome.paid_s == 3 * (11 * 3600 + 120)


def test_a_timetable_keeps_the_wall_clock_when_the_clocks_change(lived: Lived) -> None:
    berlin, days = LAB._replace(zone="Europe/Berlin"), 28  # the clocks change on 25 October, a Sunday
    outcome = lived(*MORNING, policy="off-hours", days=days, lab=berlin)
    assert outcome.paid_s == 20 * (11 * 3600 + 120)
    assert {(begins // 3600) % 24 for begins, _ in outcome.ran} == {6, 7}


def test_a_snooze_keeps_it_running_for_two_hours_more(lived: Lived) -> None:
    outcome = lived(*MORNING, snooze=0.999999)
    assert outcome.snoozed > 1
    assert outcome.paid_s > lived(*MORNING).paid_s + 2 * 3600


def test_a_cap_on_hours_is_kept_across_stops_and_told_as_what_it_is(lived: Lived) -> None:
    capped = of({"hours_a_day": 4}, "capped")
    work = span("cell", 541, 541 + 9 * 60, cpu=100.0)
    outcome = lived(span("present", 540, 545), work, policy=capped, days=1)
    assert outcome.wrong_stops == 1
    assert 4 <= outcome.paid_s / 3600 < 4.5


def test_a_packs_own_minutes_are_the_default_policy_of_its_labs(lived: Lived) -> None:
    quick = Lab("ml", "machine_learning", "us-east-1", "g5.xlarge", policy={"idle": 15})
    assert lived(*(one._replace(lab="ml") for one in MORNING), lab=quick).paid_s < lived(*MORNING).paid_s - 30 * 60
