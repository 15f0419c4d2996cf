"""What no usage breaks: the default policy stops nobody's work, always-on costs hours times price, and a seed says it all."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from aws_research_wizard.simulate import reading, synthetic
from aws_research_wizard.simulate.life import BOOT_S, SAVING_S
from aws_research_wizard.simulate.outcome import Outcome, price_of
from aws_research_wizard.simulate.pages import Answer, plain
from aws_research_wizard.simulate.policies import DEFAULT, SHIPPED, named
from aws_research_wizard.simulate.replay import live, replay
from aws_research_wizard.simulate.usage import Lab, Span, Usage, lines, usage
from tests.unit.simulate.conftest import DAY, LAB, MONDAY
from tools import savings

DAYS = 4
PEOPLE = st.sampled_from(["ada", "bob", "eve"])
MOMENTS = st.integers(MONDAY, MONDAY + DAYS * DAY - 60)


@st.composite
def anything(draw: st.DrawFn) -> Span:
    """Some span: what is busy without any load stays below the day after which the packs call it stuck."""
    kind = draw(st.sampled_from(["present", "cell", "terminal", "upload", "tab", "silence"]))
    begins = draw(MOMENTS)
    cpu = draw(st.sampled_from([0.0, 0.4, 3.0, 70.0, 400.0]))
    longest = 23 * 3600 if cpu < 5 else 3 * DAY
    ends = begins + draw(st.integers(1, longest))
    user = "" if kind == "silence" else draw(PEOPLE)
    if kind in ("present", "tab", "silence"):
        return Span(
            begins, ends, kind, LAB.name, user, every_s=draw(st.sampled_from([30, 600, 20_000])) if kind == "present" else 300
        )
    return Span(begins, ends, kind, LAB.name, user, cpu, 1.0, draw(st.sampled_from([0.0, 95.0])), prints=draw(st.booleans()))


USAGES = st.lists(anything(), min_size=1, max_size=25).map(lambda spans: usage(MONDAY, MONDAY + DAYS * DAY, [LAB], spans))


def of(month: Usage, policy: str) -> Outcome:
    return live(month, LAB, month.spans, SHIPPED[policy])


@given(USAGES, st.sampled_from(["default", "stricter", "laxer"]))
@settings(max_examples=150, deadline=None)
def test_no_stop_meets_work_under_the_rules(month: Usage, policy: str) -> None:
    outcome = of(month, policy)
    assert outcome.wrong_stops == 0
    if not outcome.crossed:
        assert outcome.lost_s == 0


@given(USAGES, st.sampled_from(sorted(SHIPPED)))
@settings(max_examples=100, deadline=None)
def test_what_is_paid_is_what_ran_and_never_more_than_always_on(month: Usage, policy: str) -> None:
    outcome, always = of(month, policy), of(month, "always-on")
    assert outcome.paid_s == sum(ends - begins for begins, ends in outcome.ran)
    assert outcome.idle_s >= 0
    assert outcome.wait_s <= outcome.waits * (BOOT_S + SAVING_S)
    assert outcome.cost <= always.cost == DAYS * 24 * price_of(LAB).amount
    assert all(before[1] <= after[0] for before, after in zip(outcome.ran, outcome.ran[1:], strict=False))


@given(USAGES)
@settings(max_examples=50, deadline=None)
def test_a_trace_that_is_written_and_read_is_the_same_trace(month: Usage) -> None:
    trace = reading.parse(lines(month))
    assert trace == (month, ())


def test_the_seed_says_everything() -> None:
    policies = named("default,last-request")
    one, same, other = (synthetic.month(seed, 6, 10) for seed in (3, 3, 4))
    assert one == same != other
    played = [plain(Answer(replay(month, policies, seed=1, snooze=0.3), (), ())) for month in (one, same)]
    assert played[0] == played[1]


def test_a_recorded_file_is_replayed_as_what_was_recorded() -> None:
    month = synthetic.month(5, 5, 8)
    read = reading.parse(list(lines(month)))
    assert not read.malformed
    assert replay(read.usage, [DEFAULT]).played == replay(month, [DEFAULT]).played


def test_labs_sum_to_the_whole() -> None:
    month = synthetic.month(2, 4, 6)
    for one in replay(month, named("all")).played:
        assert one.whole.cost == sum((outcome.cost for outcome in one.labs.values()), Decimal(0))
        assert one.whole.paid_s == sum(outcome.paid_s for outcome in one.labs.values())


def test_the_shipped_month_is_a_third_cheaper_and_stops_nobodys_work() -> None:
    """What docs/topics/savings.md shows."""
    played = replay(synthetic.month(), named("default,always-on,stricter,laxer,last-request,off-hours"))
    default, always, _, _, requests, _ = played.played
    saved = played.saved(default)
    assert saved is not None
    assert saved >= 30
    assert default.whole.wrong_stops == default.whole.lost_s == 0
    assert requests.whole.wrong_stops > 0
    assert savings.table(played) in savings.PAGE.read_text(encoding="utf-8"), "stale: python -m tools.savings"
    assert always.whole.cost == sum((30 * 24 * price_of(lab).amount for lab in played.usage.labs), Decimal(0))


def test_the_month_has_a_change_of_clocks_and_every_kind_of_usage() -> None:
    month = synthetic.month()
    assert {span.kind for span in month.spans} == {"present", "cell", "terminal", "upload", "tab", "silence"}
    assert any(not span.work for span in month.spans)
    assert any(span.gpu > 90 and span.cpu < 30 for span in month.spans)
    assert len({lab.zone for lab in month.labs}) > 3
    assert isinstance(month.labs[0], Lab)
