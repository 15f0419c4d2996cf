"""Warn, snooze, stop: one saga, one outcome, one fact, whoever races for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.idle import rules, service, store
from chalicelib.idle.rules import Action
from chalicelib.labs import stopping
from chalicelib.labs.rules import Phase
from chalicelib.limits import service as limits
from chalicelib.runtime import workflows
from chalicelib.runtime.errors import Superseded, Unavailable
from chalicelib.runtime.store import commit
from tests.unit.idle.conftest import ADA, BOB, EVE, Watch


def test_a_forgotten_tab_is_warned_and_stopped_and_says_why(watch: Watch) -> None:
    watch.warned()
    notice = watch.idle().json["notice"]
    assert notice["kind"] == "idle_stop"
    assert 590 <= notice["in_s"] <= 600
    assert "jupyter extend" in notice["text"]
    assert watch.lab.stops_at is not None
    assert watch.stage.as_(ADA).get(f"/labs/{watch.lab_id}").json["notice"] == notice["text"]
    watch.later(10.1).idle(100)
    assert watch.sweep().stopped == 1
    assert watch.facts() == ["LabIdleWarned", "LabIdleStopped"]
    assert str(watch.lab.phase) == "STOPPING"
    assert not watch.lab.stops_at
    assert watch.lab.cause.startswith("stopped by itself: nothing has run and nobody has done anything for 100 min")


def test_a_busy_kernel_is_kept_however_long_it_says_nothing(watch: Watch) -> None:
    for _ in range(10):
        watch.later(60).beat(watch.server(300, "busy", cpu=100.0))
        watch.sweep()
    assert watch.facts() == []
    assert watch.why()["now"]["rule"] == "kernel"


def test_a_keystroke_twenty_seconds_before_the_deadline_withdraws_the_warning_everywhere(watch: Watch) -> None:
    watch.warned().later(9 + 2 / 3)
    watch.beat(watch.server(100) | {"requests_s": 0.5})
    assert "LabActiveAgain" in watch.facts("LabActiveAgain")
    watch.tell("LabActiveAgain")
    assert watch.facts() == ["LabIdleWarned", "LabIdleWithdrawn"]
    assert watch.lab.stops_at is None
    assert watch.beat(watch.server(100) | {"requests_s": 5}).json["notice"] is None
    watch.later(1)
    assert watch.sweep().stopped == 0
    assert watch.lab.phase is Phase.READY


def test_a_keystroke_that_no_beat_has_told_of_yet_counts_too(watch: Watch) -> None:
    watch.warned().later(9).idle(99)
    watch.later(1.1)  # the last beat is from before the deadline
    assert watch.sweep().stopped == 0
    watch.beat(watch.server(100) | {"requests_s": 25})
    watch.later(1)
    assert watch.sweep().withdrawn == 1
    assert watch.facts() == ["LabIdleWarned", "LabIdleWithdrawn"]


def test_a_beat_that_comes_while_the_stop_is_decided_is_heard_first(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.warned().later(10.1).idle(100)
    stop = stopping.stop_by_rule

    def late(*said: Any) -> Any:
        monkeypatch.setattr(stopping, "stop_by_rule", stop)
        watch.beat(watch.server(100) | {"requests_s": 0.1})
        return stop(*said)

    monkeypatch.setattr(stopping, "stop_by_rule", late)
    assert watch.sweep().stopped == 0
    assert watch.lab.phase is Phase.READY
    assert watch.later(0.1).sweep().withdrawn == 1


# ---- extend against the deadline


def between(watch: Watch, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """`act` happens after the sweep has decided, and before it writes."""
    carry = service._carry_out

    def interrupted(case: Any, decision: Any) -> None:
        monkeypatch.setattr(service, "_carry_out", carry)
        act()
        carry(case, decision)

    monkeypatch.setattr(service, "_carry_out", interrupted)


def test_who_extends_right_before_the_stop_wins(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.warned().later(10.1).idle(100)
    between(watch, monkeypatch, lambda: watch.ask("extend", for_minutes=120))
    assert watch.sweep().stopped == 0
    assert watch.lab.phase is Phase.READY
    assert watch.facts("LabIdleWarned", "LabIdleWithdrawn", "LabIdleStopped", "LabExtended") == ["LabIdleWarned", "LabExtended"]


def test_who_extends_right_after_the_stop_is_told_so(watch: Watch) -> None:
    watch.warned().later(10.1).idle(100)
    watch.sweep()
    answer = watch.ask("extend", for_minutes=120)
    assert (answer.status, answer.json["code"]) == (409, "conflict")
    assert "then start it" in answer.json["hint"]
    assert watch.facts("LabIdleStopped", "LabExtended") == ["LabIdleStopped"]


def test_an_extension_that_meets_the_stop_in_the_middle_loses(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.warned().later(10.1).idle(100)
    put = store.put
    done: list[bool] = []

    def slow(*said: Any) -> Any:
        if not done:
            done.append(True)
            watch.sweep()
        return put(*said)

    monkeypatch.setattr(store, "put", slow)
    assert watch.ask("extend", for_minutes=120).status == 409
    assert watch.facts("LabIdleStopped", "LabExtended") == ["LabIdleStopped"]


def test_two_sweeps_at_once_warn_once_and_stop_once(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.later(90).idle()
    between(watch, monkeypatch, watch.sweep)
    watch.sweep()
    watch.later(10.1).idle(100)
    between(watch, monkeypatch, watch.sweep)
    watch.sweep()
    watch.sweep()
    assert watch.facts() == ["LabIdleWarned", "LabIdleStopped"]
    assert watch.stage.facts(watch.lab_id).count("LabStopping") == 1


def test_a_person_who_stops_it_first_is_not_followed_by_a_rule(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.warned().later(10.1).idle(100)
    between(watch, monkeypatch, lambda: watch.ask("stop"))
    watch.sweep()
    assert watch.facts() == ["LabIdleWarned"]
    assert watch.lab.cause == ""


# ---- when things fail


def test_a_stop_that_cannot_be_written_stays_due_and_is_told_once(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.warned().later(10.1).idle(100)
    stop, tries = stopping.stop_by_rule, []

    def busy(*said: Any) -> Any:
        tries.append(1)
        if len(tries) <= 5:
            raise Unavailable("the same record is being changed by many requests")
        return stop(*said)

    monkeypatch.setattr(stopping, "stop_by_rule", busy)
    for _ in range(5):
        assert watch.sweep().troubled == 1
        watch.later(1).idle(100)
    assert watch.sweep().stopped == 1
    assert watch.facts() == ["LabIdleWarned", "LabIdleStopped"]


def test_a_stop_whose_workflow_did_not_begin_is_begun_by_the_timer(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.warned().later(10.1).idle(100)
    start = workflows.start
    monkeypatch.setattr(workflows, "start", lambda *_: (_ for _ in ()).throw(Unavailable("busy")))
    assert watch.sweep().troubled == 1
    monkeypatch.setattr(workflows, "start", start)
    assert watch.lab.phase is Phase.STOPPING
    assert watch.sweep().looked == 0
    assert watch.facts() == ["LabIdleWarned", "LabIdleStopped"]


def test_one_bad_lab_never_blocks_another(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    other = watch.stage.ready()
    watch.tell("LabReady", other)
    watch.later(90).idle()
    watch.idle(lab_id=other)
    decide = rules.decide
    bad = [True]

    def broken(*said: Any) -> Any:
        if bad and bad.pop():
            raise Unavailable("this one is broken")
        return decide(*said)

    monkeypatch.setattr(rules, "decide", broken)
    done = watch.sweep()
    assert (done.troubled, done.warned) == (1, 1)


def test_a_missed_run_is_caught_up(watch: Watch) -> None:
    watch.later(26 * 60).idle(25 * 60)
    assert watch.sweep().warned == 1


def test_a_silent_machine_is_looked_after_once_and_never_stopped(watch: Watch) -> None:
    watch.idle()
    for _ in range(30):
        watch.later(10)
        watch.sweep()
    assert watch.facts("LabSilent", "LabIdleStopped", "LabIdleWarned") == ["LabSilent"]
    assert watch.lab.phase is Phase.READY
    why = watch.why()["now"]
    assert (why["verdict"], why["rule"]) == ("unknown", "silent")


# ---- exemptions, snoozes, caps


def test_extending_keeps_it_for_as_long_as_was_asked(watch: Watch) -> None:
    watch.warned()
    assert watch.ask("extend", for_minutes=120).json["kept_by"] == ADA
    for _ in range(11):
        watch.later(10).idle(200)
        assert watch.sweep().warned == 0
    watch.later(11).idle(300)
    assert watch.sweep().warned == 1


@pytest.mark.parametrize(("minutes", "status"), [(12 * 60, 200), (12 * 60 + 1, 400), (0, 422), (-5, 422)])
def test_nobody_extends_beyond_what_the_operator_allows(watch: Watch, minutes: float, status: int) -> None:
    assert watch.ask("extend", for_minutes=minutes).status == status


def test_strangers_neither_extend_nor_ask_why(watch: Watch) -> None:
    assert watch.ask("extend", EVE, for_minutes=60).status == 404
    assert watch.stage.as_(EVE).get(f"/labs/{watch.lab_id}/why").status == 404


def test_members_extend_but_do_not_exempt(watch: Watch) -> None:
    watch.stage.as_(ADA).post(f"/labs/{watch.lab_id}/users", {"email": BOB, "role": "member"})
    assert watch.ask("extend", BOB, for_minutes=60).status == 200
    until = (watch.now + timedelta(days=1)).isoformat()
    answer = watch.stage.as_(BOB).put(f"/labs/{watch.lab_id}/exemption", {"until": until, "reason": "a course"})
    assert answer.status == 403


def test_an_exemption_ends_by_itself_and_can_be_lifted(watch: Watch) -> None:
    ada = watch.stage.as_(ADA)
    watch.warned()
    body = {"for_minutes": 24 * 60, "reason": "a course runs until tomorrow"}
    assert ada.put(f"/labs/{watch.lab_id}/exemption", body).json["exemption"]["by"] == ADA
    assert watch.lab.stops_at is None
    watch.later(20 * 60).idle(9999)
    assert watch.sweep().warned == 0
    assert ada.delete(f"/labs/{watch.lab_id}/exemption").json["exemption"] is None
    assert ada.delete(f"/labs/{watch.lab_id}/exemption").status == 409
    assert watch.sweep().warned == 1
    too_long = {"for_minutes": 31 * 24 * 60, "reason": "for ever"}
    assert ada.put(f"/labs/{watch.lab_id}/exemption", too_long).status == 400
    assert watch.facts("LabExempted", "LabExemptionLifted") == ["LabExempted", "LabExemptionLifted"]


def test_a_cap_on_hours_announces_itself_and_ends_a_busy_lab(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = service.policy_of
    monkeypatch.setattr(service, "policy_of", lambda lab: policy(lab)._replace(hours_a_day=2, cap_warning=15))
    watch.now = watch.now.replace(hour=1, minute=0)
    record = watch.record
    commit(store.put(record._replace(state=record.state._replace(since=watch.now), next_check=watch.now), record))
    for _ in range(25):
        watch.later(5).beat(watch.server(1, "busy", cpu=100.0))
        watch.sweep()
        if watch.lab.phase is not Phase.READY:
            break
    assert watch.facts("LabCapReached", "LabIdleWarned", "LabIdleStopped") == ["LabCapReached", "LabIdleWarned", "LabIdleStopped"]
    assert "today" in watch.lab.cause
    assert watch.record.state.ran_s > 7000


def test_a_budget_that_is_used_up_warns_with_a_grace_then_stops_what_is_busy(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = [watch.now.strftime("%Y-%m")]
    monkeypatch.setattr(limits, "month_that_stops", lambda _team, _now: over[0])
    watch.beat(watch.server(1, "busy"))
    watch.tell("BudgetReached", "team:default", team="default")
    assert watch.facts("LabCapReached", "LabIdleWarned") == ["LabCapReached", "LabIdleWarned"]
    assert watch.beat(watch.server(1, "busy")).json["notice"]["kind"] == "budget"
    assert watch.ask("extend", for_minutes=60).status == 409
    watch.later(16)
    assert watch.sweep().stopped == 1
    assert "budget" in watch.lab.cause


def test_a_budget_that_is_raised_withdraws_the_warning(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    over = [watch.now.strftime("%Y-%m")]
    monkeypatch.setattr(limits, "month_that_stops", lambda _team, _now: over[0])
    watch.tell("BudgetReached", "team:default", team="default")
    over[0] = ""
    watch.later(1)
    watch.tell("BudgetSet", "team:default", team="default")
    assert watch.facts() == ["LabIdleWarned", "LabIdleWithdrawn"]


# ---- which labs are watched


def test_a_lab_that_was_stopped_by_a_rule_starts_again_and_is_watched_anew(watch: Watch) -> None:
    watch.warned().later(10.1).idle(100)
    watch.sweep()
    watch.tell("LabStopping")
    assert watch.record.next_check is None
    reason = watch.why()["last_stop"]["reason"]
    assert "100 min" in reason
    watch.stage.now = watch.now
    lab = watch.lab
    assert lab.cause_hint.startswith("start it again")


def test_facts_that_come_twice_or_late_change_nothing(watch: Watch) -> None:
    before = watch.record
    watch.tell("LabReady")
    watch.tell("LabStopping")
    watch.tell("ServersChanged", running=[])
    assert watch.record == before
    watch.tell("LabReady", "genomics-zzzz")


# ---- why, and what if


def test_why_tells_both_stories_now_and_for_any_moment(watch: Watch) -> None:
    watch.later(30).beat(watch.server(20, "busy"))
    kept = watch.why()
    assert (kept["now"]["verdict"], kept["now"]["action"], kept["now"]["rule"]) == ("busy", "keep", "kernel")
    assert kept["now"]["evidence"]["said"]["servers"][0]["kernels"][0]["state"] == "busy"
    watch.later(90).idle()
    watch.sweep()
    warned_at = watch.now
    watch.later(10.1).idle(100)
    watch.sweep()
    stopped = watch.why()
    assert stopped["now"] is None
    assert stopped["last_stop"]["rule"] == "deadline"
    assert stopped["cause"].startswith("stopped by itself")
    at = watch.why(f"?at={(warned_at + timedelta(minutes=2)).strftime('%Y-%m-%dT%H:%M:%SZ')}")["decision"]
    assert (at["action"], at["version"]) == ("warn", "1")
    one = watch.why(f"?decision={at['id']}")["decision"]
    assert one == at
    assert watch.stage.as_(ADA).get(f"/labs/{watch.lab_id}/why?at=2020-01-01T00:00:00Z").status == 404


def test_decisions_are_replayed_under_another_policy(watch: Watch) -> None:
    watch.warned().later(10.1).idle(100)
    watch.sweep()
    path = f"/labs/{watch.lab_id}/decisions"
    assert [one["action"] for one in watch.stage.as_(ADA).get(path).json["items"]] == ["stop", "warn"]
    found = watch.stage.as_(ADA).post(f"{path}/replay", {"policy": {"idle": 240}}).json
    assert [(one["was"]["action"], one["action"], one["differs"]) for one in found["items"]] == [
        ("stop", "withdraw", True), ("warn", "keep", True),
    ]  # fmt: skip
    same = watch.stage.as_(ADA).post(f"{path}/replay", {"policy": {}}).json
    assert not any(one["differs"] for one in same["items"])


def test_whoever_loses_a_race_looks_again(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.later(90).idle()
    look, tries = service.look, []

    def raced(*said: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise Superseded("somebody else decided")
        return look(*said)

    monkeypatch.setattr(service, "look", raced)
    service.look_again(watch.lab_id, watch.now)
    assert watch.record.state.kind == Action.WARN.replace("warn", "idle")
