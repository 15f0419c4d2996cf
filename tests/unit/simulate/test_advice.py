"""Advice has its reason, its dollars, and never more than what ran."""

from __future__ import annotations

from aws_research_wizard.simulate.advice import load, smaller, together
from aws_research_wizard.simulate.policies import named
from aws_research_wizard.simulate.replay import replay
from aws_research_wizard.simulate.usage import Lab, Span, usage
from tests.unit.simulate.conftest import DAY, LAB, MONDAY, span

BIG = LAB._replace(instance_type="r6i.4xlarge")
BESIDE = Lab("economics-01", "economics_finance", "us-east-1", "r6i.4xlarge")


def work(begins: float, ends: float, lab: str = LAB.name, **more: float) -> tuple[Span, Span]:
    return span("present", begins, ends, lab=lab), span("cell", begins, ends, lab=lab, **more)


def advised(*spans: Span, labs: tuple[Lab, ...] = (BIG,)) -> tuple[list[object], list[object]]:
    played = replay(usage(MONDAY, MONDAY + 7 * DAY, labs, spans), named("default,always-on"))
    return list(smaller(played)), list(together(played))


def test_load_is_what_ran_at_once_weighted_by_time() -> None:
    found = load(
        [span("cell", 0, 90, cpu=100.0, memory_gb=4.0), span("cell", 90, 100, cpu=300.0), span("terminal", 80, 100, cpu=100.0)]
    )
    assert (found.cores_50, found.cores_95, found.cores_max) == (1.0, 4.0, 4.0)
    assert found.memory_max == 4.0
    assert load([]) == (0.0,) * 6


def test_the_cheapest_machine_that_would_have_fit_is_named_with_the_reason() -> None:
    ((one,), _) = advised(*work(540, 900, cpu=200.0, memory_gb=20.0))
    assert (one.now, one.instead) == ("r6i.4xlarge", "r6i.xlarge")
    assert one.saves > 1
    assert "2.0 cores at the 95th percentile" in one.reason
    assert "20 GB at most, of 16 vCPUs and 128 GB" in one.reason


def test_what_is_full_at_times_is_left_as_it_is() -> None:
    assert advised(*work(540, 900, cpu=1300.0, memory_gb=90.0)) == ([], [])


def test_a_card_that_was_used_is_kept() -> None:
    gpu = Lab(LAB.name, "machine_learning", "us-east-1", "g5.4xlarge")
    ((one,), _) = advised(*work(540, 900, cpu=100.0, gpu=95.0), labs=(gpu,))
    assert one.instead.startswith("g5.")


def test_a_lab_in_which_nothing_ran_gets_no_advice() -> None:
    assert advised(span("present", 540, 600))[0] == []


def test_two_teams_that_never_meet_could_share_a_machine() -> None:
    mine, theirs = work(540, 600, cpu=900.0, memory_gb=90.0), work(640, 700, lab=BESIDE.name, cpu=900.0, memory_gb=90.0)
    _, (one,) = advised(*mine, *theirs, labs=(BIG, BESIDE))
    assert one.labs == ("economics-01", "genomics-00")
    assert one.machine == "r6i.4xlarge"
    assert one.saves > 0
    assert one.reason.startswith("they never worked at the same time; apart they paid")


def test_teams_that_meet_or_are_far_apart_keep_their_machines() -> None:
    mine, theirs = work(540, 600, cpu=900.0, memory_gb=90.0), work(599, 700, lab=BESIDE.name, cpu=900.0, memory_gb=90.0)
    assert advised(*mine, *theirs, labs=(BIG, BESIDE))[1] == []
    later = work(640, 700, lab=BESIDE.name, cpu=900.0, memory_gb=90.0)
    assert advised(*mine, *later, labs=(BIG, BESIDE._replace(region="us-west-2")))[1] == []
