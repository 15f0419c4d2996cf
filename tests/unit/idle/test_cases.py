"""What went wrong elsewhere, as cases to get right: each row is one history of a lab and the right answer to it.

Silent cells were killed at two hours, forgotten tabs kept machines up for days, GPUs worked unseen by CPU thresholds, and nobody
could say why. A history is beats and checks at minutes; the answer is what the last check decides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from chalicelib.idle.grounds import Evidence, Policy, State
from chalicelib.idle.rules import Action, Decision, after, decide
from chalicelib.idle.signs import Verdict, cullable
from chalicelib.labs import evidence as labs
from tests.conftest import NOW

ADA, BOB = "ada@university.edu", "bob@university.edu"
POLICY = Policy()
H = 3600.0
Said = dict[str, Any]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def server(user: str = ADA, **said: Any) -> Said:
    return {"user": user, "started_s": 9 * H, "requests_s": 9 * H, "cpu": 0.4, "uploads": 0, "connections": 0, **said}


def kernel(state: str, for_s: float, **said: Any) -> Said:
    return {"id": "k1", "name": "python3", "state": state, "for_s": for_s, "connections": 0, **said}


def beat(minute: float, *servers: Said, **machine: Any) -> Evidence:
    """What is kept of a heartbeat that came then."""
    return Evidence.of(labs.kept({"servers": list(servers), "cpu": 3.0, **machine}), at(minute))


class History(NamedTuple):
    """Checks at minutes, each with what was known then; the lab runs since ten hours before."""

    checks: tuple[tuple[float, Evidence | None], ...]
    state: State = State(since=at(-600))
    policy: Policy = POLICY

    def decided(self) -> list[Decision]:
        state, found = self.state, []
        for minute, evidence in self.checks:
            decision = decide(evidence, self.policy, state, at(minute))
            state = after(state, decision, at(minute))
            found.append(decision)
        return found


def once(*servers: Said, **machine: Any) -> History:
    return History(((1, beat(0, *servers, **machine)),))


IDLE = server(kernels=[kernel("idle", 1.5 * H)])
WARNED = State(since=at(-600), kind="idle", warned_at=at(-10), deadline=at(0))
TEN = [server(f"p{n}@x.edu", kernels=[kernel("idle", 2 * H)]) for n in range(9)]
REMOTE = server(requests_s=26 * H, started_s=27 * H)

CASES: dict[str, tuple[History, Verdict, Action, str]] = {
    "silent long cell": (
        once(server(kernels=[kernel("busy", 5 * H)], cpu=100.0)), Verdict.BUSY, Action.KEEP, "kernel"),
    "silent cell waiting on a remote job": (
        once(server(kernels=[kernel("busy", 3 * H)], cpu=0.0)), Verdict.BUSY, Action.KEEP, "kernel"),
    "silent cell waiting on a remote job, beyond the pack's max_busy": (
        History(((1, beat(0, REMOTE | {"kernels": [kernel("busy", 25 * H)], "cpu": 0.0})),), State(at(-27 * 60))),
        Verdict.IDLE, Action.WARN, "stuck"),
    "silent cell that computes, beyond the pack's max_busy": (
        History(((1, beat(0, REMOTE | {"kernels": [kernel("busy", 25 * H)], "cpu": 100.0})),), State(at(-27 * 60))),
        Verdict.BUSY, Action.KEEP, "kernel"),
    "forgotten tab": (
        once(server(kernels=[kernel("idle", 1.5 * H, connections=1)], connections=1)), Verdict.IDLE, Action.WARN, "idle"),
    "never opened a kernel": (
        once(server(started_s=1.5 * H, requests_s=None)), Verdict.IDLE, Action.WARN, "idle"),
    "hub up, no server ever started": (
        History(((1, beat(0)),), State(since=at(-90))), Verdict.IDLE, Action.WARN, "idle"),
    "training outside the kernel": (
        once(IDLE | {"terminals": [{"name": "1", "children": 1, "cpu": 70.0, "idle_s": 5400}], "cpu": 70.0}),
        Verdict.BUSY, Action.KEEP, "terminal"),
    "terminal open at a prompt": (
        once(server(terminals=[{"name": "1", "children": 0, "cpu": 0.0, "idle_s": 5400}])), Verdict.IDLE, Action.WARN, "idle"),
    "GPU job, CPU near zero": (
        once(IDLE | {"cpu": 2.0}, gpu=95.0), Verdict.BUSY, Action.KEEP, "load"),
    "agent silent": (
        History(((12, beat(0, IDLE)),)), Verdict.UNKNOWN, Action.PROBE, "silent"),
    "agent silent, and was told of": (
        History(((12, beat(0, IDLE)), (22, beat(0, IDLE)))), Verdict.UNKNOWN, Action.KEEP, "silent"),
    "agent silent after a warning": (
        History(((12, beat(0, IDLE)),), WARNED), Verdict.UNKNOWN, Action.WITHDRAW, "silent"),
    "agent silent and over budget": (
        History(((12, beat(0, IDLE)), (40, beat(0, IDLE))), State(at(-600), over_budget=at(0).strftime("%Y-%m"))),
        Verdict.UNKNOWN, Action.STOP, "budget"),
    "clock skew": (
        once(IDLE | {"kernels": [kernel("idle", 1.5 * H) | {"last_activity": at(40).isoformat()}]}),
        Verdict.IDLE, Action.WARN, "idle"),
    "clock skew: an age below zero is none": (
        once(IDLE | {"requests_s": -2400.0}), Verdict.BUSY, Action.KEEP, "recent"),
    "one of ten people busy": (
        once(*TEN, server(kernels=[kernel("busy", 60)])), Verdict.BUSY, Action.KEEP, "kernel"),
    "import job over HTTP": (
        once(server(uploads=1, requests_s=2.0)), Verdict.BUSY, Action.KEEP, "upload"),
    "import job that stalled": (
        once(server(uploads=1, requests_s=2 * H)), Verdict.IDLE, Action.WARN, "idle"),
    "warned, then a keystroke": (
        History(((0.1, beat(0.05, IDLE | {"requests_s": 20 + 3.0})),), WARNED), Verdict.BUSY, Action.WITHDRAW, "recent"),
    "warned, then a keystroke that no beat has told of yet": (
        History(((0.1, beat(-1, IDLE)), (0.6, beat(0.5, IDLE | {"requests_s": 50.0}))), WARNED),
        Verdict.BUSY, Action.WITHDRAW, "recent"),
    "warned, and nobody answers": (
        History(((0.1, beat(0.05, IDLE)),), WARNED), Verdict.IDLE, Action.STOP, "deadline"),
    "warned, snoozed and expired at once": (
        History(((0, beat(0, IDLE)),), WARNED._replace(kind="", deadline=None, snooze_until=at(120), snooze_by=ADA)),
        Verdict.IDLE, Action.KEEP, "snoozed"),
    "stop fails (throttled): it is due at every check until it is done": (
        History(((1, beat(0.5, IDLE)), ), WARNED), Verdict.IDLE, Action.STOP, "deadline"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_case(case: str) -> None:
    history, verdict, action, rule = CASES[case]
    decision = history.decided()[-1]
    assert (decision.verdict, decision.action, decision.rule) == (verdict, action, rule), decision.reason
    assert decision.reason
    assert decision.version == "1"


def test_of_ten_people_the_nine_idle_servers_may_be_culled() -> None:
    evidence = beat(0, *TEN, server(kernels=[kernel("busy", 60)]))
    assert cullable(evidence, POLICY) == tuple(one["user"] for one in TEN)


def test_a_stop_that_fails_stays_due() -> None:
    evidence = beat(0.5, IDLE)
    decisions = [decide(evidence, POLICY, WARNED, at(minute)) for minute in (1, 2, 3, 4, 5)]
    assert {one.action for one in decisions} == {Action.STOP}
    assert all(one.next_check <= at(minute) for minute, one in enumerate(decisions, 1))


def test_the_silent_cell_of_five_hours_is_kept_at_every_single_check() -> None:
    checks = tuple(
        (float(minute), beat(minute - 1, server(kernels=[kernel("busy", minute * 60)], cpu=100.0))) for minute in range(5, 305, 5)
    )
    assert {one.action for one in History(checks).decided()} == {Action.KEEP}


# ---- the saga, at length


def run(
    evidence: Callable[[float], Evidence | None], state: State, minutes: int, policy: Policy = POLICY
) -> list[tuple[float, Decision]]:
    """Checked whenever it says that it is due, by a sweep of five minutes; until it stops."""
    found: list[tuple[float, Decision]] = []
    due = at(0)
    for minute in range(0, minutes, 5):
        if at(minute) < due:
            continue
        decision = decide(evidence(minute), policy, state, at(minute))
        state, due = after(state, decision, at(minute)), decision.next_check
        found.append((minute, decision))
        if decision.action is Action.STOP:
            break
    return found


def acts(found: list[tuple[float, Decision]]) -> list[tuple[float, str]]:
    return [(minute, str(one.action)) for minute, one in found if one.action is not Action.KEEP]


def test_an_abandoned_lab_is_warned_after_an_hour_and_stopped_ten_minutes_later() -> None:
    found = run(lambda minute: beat(minute, server(kernels=[kernel("idle", minute * 60)])), State(at(0)), 200)
    assert acts(found) == [(60, "warn"), (70, "stop")]
    assert len(found) <= 4


def test_evidence_that_is_a_lease_old_delays_a_stop_but_never_hastens_it() -> None:
    found = run(lambda minute: beat(minute - 4.5, server(kernels=[kernel("idle", (minute - 4.5) * 60)])), State(at(-10)), 200)
    assert acts(found) == [(65, "warn"), (80, "stop")]


def test_a_lab_that_is_worked_in_now_and_then_is_never_warned() -> None:
    found = run(lambda minute: beat(minute, server(requests_s=(minute % 50) * 60)), State(at(0)), 24 * 60)
    assert acts(found) == []


def test_the_hours_of_a_day_are_announced_and_end_a_busy_lab() -> None:
    busy = lambda minute: beat(minute, server(kernels=[kernel("busy", 60)], cpu=100.0))  # noqa: E731
    found = run(busy, State(at(0)), 12 * 60, Policy(hours_a_day=4))
    assert acts(found) == [(225, "warn"), (240, "stop")]
    assert found[-1][1].rule == "hours"


def test_an_exemption_lifts_the_cap_on_hours_but_not_the_budget() -> None:
    exempt = State(at(-600), exempt_until=at(600), exempt_by=BOB, exempt_reason="a course")
    assert decide(beat(0, IDLE), Policy(hours_a_day=4), exempt, at(1)).rule == "exempt"
    over = exempt._replace(over_budget=at(0).strftime("%Y-%m"))
    assert decide(beat(0, IDLE), POLICY, over, at(1)).action is Action.WARN


def test_a_new_month_lifts_the_warning_of_the_budget() -> None:
    over = State(at(-600), over_budget="2026-10", kind="budget", warned_at=at(-20), deadline=at(-5))
    assert decide(beat(0, IDLE), POLICY, over, at(1)).action is Action.WITHDRAW


def test_an_exemption_ends_when_it_says() -> None:
    exempt = State(at(-600), exempt_until=at(30), exempt_by=BOB, exempt_reason="a course")
    assert decide(beat(0, IDLE), POLICY, exempt, at(1)).next_check == at(30)
    assert decide(beat(30, IDLE), POLICY, exempt, at(30)).action is Action.WARN


def test_what_is_stuck_is_not_its_own_sign_of_life() -> None:
    """A beat counts a busy kernel as active now; after max_busy without load that must not keep the lab for ever."""
    heard = beat(0, server(requests_s=29 * H, started_s=30 * H, kernels=[kernel("busy", 28 * H)], cpu=0.0))
    state = State(since=at(-31 * 60), active_at=at(-3 * 60))
    assert decide(heard._replace(active_at=heard.received_at), POLICY, state, at(1)).rule == "stuck"
