"""What no evidence, policy or moment can bring about: laws of the decision, tried with everything that can be said."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.idle import rules
from chalicelib.idle.grounds import Evidence, Kernel, Policy, Server, State, Terminal
from chalicelib.idle.rules import Action, Kind, after, decide
from chalicelib.idle.signs import Verdict
from tests.conftest import NOW

ages = st.none() | st.floats(0, 3 * 86400)
loads = st.none() | st.floats(0, 100)
kernels = st.builds(
    Kernel, st.sampled_from(["busy", "idle", "starting", "unknown", "dead"]), ages, st.just("python3"), st.just("")
)
terminals = st.builds(Terminal, st.just("1"), st.integers(0, 2), loads, ages)
servers = st.builds(
    Server, st.sampled_from(["a@x", "b@x"]), ages, st.lists(kernels, max_size=2).map(tuple),
    st.lists(terminals, max_size=2).map(tuple), ages, st.integers(0, 1), loads, loads,
)  # fmt: skip
moments = st.floats(-86400, 86400).map(lambda seconds: NOW + timedelta(seconds=seconds))
evidences = st.builds(
    Evidence, moments, st.lists(servers, max_size=3).map(tuple), loads, st.none() | st.floats(0, 500), st.none()
)
warned = st.tuples(st.sampled_from(list(Kind)), moments, st.floats(0, 3600))
policies = st.tuples(st.floats(5, 600), st.floats(1, 60), st.floats(60, 3000), st.sampled_from([0, 0, 8])).map(
    lambda said: Policy(idle=said[0], warning=said[1], max_busy=said[2], hours_a_day=said[3])
)


@st.composite
def states(draw: Any) -> State:
    state = State(
        since=draw(moments), active_at=draw(st.none() | moments), snooze_until=draw(st.none() | moments), snooze_by="a@x",
        exempt_until=draw(st.none() | moments), over_budget=draw(st.sampled_from(["", "", NOW.strftime("%Y-%m")])),
    )  # fmt: skip
    if draw(st.booleans()):
        kind, when, span = draw(warned)
        state = state._replace(kind=kind, warned_at=when, deadline=when + timedelta(seconds=span))
    return state


@given(st.none() | evidences, policies, states())
@settings(max_examples=600)
def test_whatever_comes_a_decision_has_a_reason_a_known_rule_and_a_next_check(
    evidence: Evidence | None, policy: Policy, state: State
) -> None:
    decision = decide(evidence, policy, state, NOW)
    assert decision.reason
    assert decision.rule in rules.RULES
    assert decision.next_check >= NOW
    assert decision == decide(evidence, policy, state, NOW)


@given(st.none() | evidences, policies, states())
@settings(max_examples=600)
def test_nothing_is_stopped_without_a_warning_that_stood_until_its_deadline(
    evidence: Evidence | None, policy: Policy, state: State
) -> None:
    decision = decide(evidence, policy, state, NOW)
    if decision.action is Action.STOP:
        assert state.deadline is not None
        assert state.deadline <= NOW


@given(st.none() | evidences, policies, states())
@settings(max_examples=600)
def test_nothing_is_stopped_as_idle_on_evidence_from_before_the_deadline(
    evidence: Evidence | None, policy: Policy, state: State
) -> None:
    decision = decide(evidence, policy, state, NOW)
    if decision.action is Action.STOP and decision.kind not in rules.HARD:
        assert evidence is not None
        assert state.deadline is not None
        assert evidence.received_at >= state.deadline


@given(evidences, policies, states(), st.floats(0, 86400))
@settings(max_examples=600)
def test_a_kernel_that_computes_is_never_warned_of_nor_stopped_but_by_a_cap(
    evidence: Evidence, policy: Policy, state: State, for_s: float
) -> None:
    works = Server("c@x", 10.0, (Kernel("busy", for_s),), cpu=policy.cpu_percent + 1)
    evidence = evidence._replace(servers=(*evidence.servers, works), received_at=NOW)
    decision = decide(evidence, policy, state._replace(since=min(state.since, NOW)), NOW)
    assert decision.action in (Action.KEEP, Action.WITHDRAW) or decision.kind in rules.HARD


@given(evidences, policies, states())
@settings(max_examples=400)
def test_a_machine_that_is_not_heard_of_is_never_idle(evidence: Evidence, policy: Policy, state: State) -> None:
    old = evidence._replace(received_at=NOW - timedelta(minutes=policy.silence, seconds=1))
    decision = decide(old, policy, state._replace(since=NOW - timedelta(days=2)), NOW)
    assert decision.verdict is Verdict.UNKNOWN
    assert decision.action is not Action.STOP or decision.kind in rules.HARD


@given(evidences, policies, states())
@settings(max_examples=400)
def test_a_younger_sign_of_life_never_brings_a_stop_nearer(evidence: Evidence, policy: Policy, state: State) -> None:
    evidence = evidence._replace(received_at=NOW)
    touched = tuple(server._replace(requests_s=0.0) for server in evidence.servers)
    decision = decide(evidence._replace(servers=touched), policy, state, NOW)
    if touched:
        assert decision.action not in (Action.STOP, Action.WARN) or decision.kind in rules.HARD


@given(evidences, policies, states())
@settings(max_examples=300)
def test_between_two_checks_nothing_but_news_changes_what_is_to_be_done(evidence: Evidence, policy: Policy, state: State) -> None:
    """Asked again a moment before the next check, with a fresh beat that says the same, it still keeps."""
    evidence = evidence._replace(received_at=NOW)
    decision = decide(evidence, policy, state, NOW)
    if decision.action is not Action.KEEP or decision.verdict is Verdict.UNKNOWN:
        return
    known = after(state, decision, NOW)
    soon = decision.next_check - timedelta(seconds=1)
    if soon > NOW and decision.rule not in ("kernel", "terminal", "load", "upload"):
        again = decide(_older(evidence, soon), policy, known, soon)
        assert again.action in (Action.KEEP, Action.WITHDRAW) or again.kind in rules.HARD


def _older(evidence: Evidence, now: datetime) -> Evidence:
    """The same machine, untouched since, told of now."""
    more = (now - evidence.received_at).total_seconds()

    def aged(age: float | None) -> float | None:
        return None if age is None else age + more

    servers_ = tuple(
        one._replace(
            started_s=aged(one.started_s), requests_s=aged(one.requests_s),
            kernels=tuple(each._replace(for_s=aged(each.for_s)) for each in one.kernels),
            terminals=tuple(each._replace(idle_s=aged(each.idle_s)) for each in one.terminals),
        )
        for one in evidence.servers
    )  # fmt: skip
    return evidence._replace(servers=servers_, received_at=now)


def test_the_same_history_under_scaled_minutes_decides_the_same() -> None:
    idle = (Server("a@x", 5400, (Kernel("idle", 5400),)),)
    usual = decide(Evidence(NOW, idle), Policy(), State(NOW - timedelta(hours=3)), NOW)
    scaled = tuple(one._replace(started_s=90.0, kernels=(Kernel("idle", 90.0),)) for one in idle)
    quick = decide(Evidence(NOW, scaled), Policy(minute_s=1), State(NOW - timedelta(minutes=3)), NOW)
    assert (usual.action, usual.rule) == (quick.action, quick.rule) == (Action.WARN, "idle")
    assert quick.deadline == NOW + timedelta(seconds=10)
