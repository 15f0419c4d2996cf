"""Is anything at work in a lab, and what follows? One pure decision over what its machine said, the policy and what went before.

    decide(evidence, policy, state, now) -> Decision

    evidence   Evidence | None    what the machine said last (Evidence.of(said, received_at)); None: nothing since it started
    policy     Policy             minutes and percents, as a pack sets them; `minute_s` says how long a minute is
    state      State              what is remembered of this lab: since when it runs, warnings, snoozes, exemptions, caps
    now        datetime           UTC
    Decision   verdict            busy | idle | unknown
               action             keep | warn | withdraw | stop | probe: what is to be done now
               rule, reason       the line of RULES that decided, and the same in words with the evidence
               kind, deadline     of a warning (given now, or standing): what for, and when the lab stops
               idle_since         since when nothing was done (None: something is, or nobody knows)
               next_check         nothing can change before this moment, unless somebody acts
    after(state, decision, now) -> State    what is remembered then; decide on it again at `next_check`

It knows stdlib only and keeps nothing, so it runs on any clock: with the same four arguments it always says the same. Ages are
reckoned from the moment of receipt, so no machine's clock counts, and evidence that is a little old only delays a stop.

Keeps true: a busy kernel is busy, whatever it prints; unknown is never idle; nothing is stopped as idle without a warning that
stood for its whole time and evidence from after its deadline; hard caps warn, too, and stop even what is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from chalicelib.idle.grounds import Evidence, Policy, State
from chalicelib.idle.signs import Seen, Verdict, clock, look, span

VERSION = "1"
DAY = timedelta(days=1)


class Action(StrEnum):
    KEEP = "keep"
    WARN = "warn"
    WITHDRAW = "withdraw"
    STOP = "stop"
    PROBE = "probe"


class Kind(StrEnum):
    """What a warning is for."""

    IDLE = "idle"
    STUCK = "stuck"
    HOURS = "hours"
    BUDGET = "budget"


HARD = (Kind.HOURS, Kind.BUDGET)
RULES: Mapping[str, str] = {
    "kernel": "a kernel is busy: it works, whether or not it prints, computes or is watched",
    "terminal": "a terminal runs a program",
    "upload": "an upload is under way and its requests flow",
    "load": "processor, graphics card or network are above the pack's thresholds",
    "recent": "somebody did something, or something ended, less than the idle time ago",
    "idle": "nothing was done for the idle time: open tabs and idle kernels are no work",
    "stuck": "all that is busy has been so, without any load, for longer than the pack's max_busy, and nobody came by",
    "silent": "the machine has not been heard of: neither busy nor idle",
    "unsaid": "the machine could not tell what a server does: neither busy nor idle",
    "exempt": "the lab is exempt from being stopped",
    "snoozed": "somebody asked to keep it running",
    "hours": "it has run for the hours that a day allows",
    "budget": "the team's budget is used up",
    "waiting": "people are warned, and the deadline has not come",
    "unconfirmed": "the deadline has come, and the machine has not beaten since",
    "deadline": "people were warned, and nobody and nothing answered until the deadline",
    "lifted": "what was warned of no longer holds",
}


class Decision(NamedTuple):
    verdict: Verdict
    action: Action
    rule: str
    reason: str
    next_check: datetime
    kind: str = ""
    deadline: datetime | None = None
    idle_since: datetime | None = None
    version: str = VERSION


# ---- the decision --------------------------------------------------------------------------------------------------------


def decide(evidence: Evidence | None, policy: Policy, state: State, now: datetime) -> Decision:
    """What is to be done about a lab that runs, and why."""
    if cap := _capped(policy, state, now):
        return _hard(cap, look(evidence, policy, state, now).verdict, policy, state, now)
    if state.kind in HARD:
        return _withdraw(Seen(Verdict.UNKNOWN, "lifted", f"the cap it was warned of ({state.kind}) no longer holds"), now)
    if state.exempt_until and now < state.exempt_until:
        who = f"{state.exempt_by} until {clock(state.exempt_until)}: {state.exempt_reason}"
        seen = look(evidence, policy, state, now)._replace(rule="exempt", reason=f"exempt by {who}")
        return _resting(seen, state.exempt_until, policy, state, now)
    if state.snooze_until and now < state.snooze_until:
        said = f"{state.snooze_by} asked to keep it running until {clock(state.snooze_until)}"
        seen = look(evidence, policy, state, now)._replace(rule="snoozed", reason=said)
        return _resting(seen, state.snooze_until, policy, state, now)
    seen = look(evidence, policy, state, now)
    if seen.rule in ("idle", "stuck"):
        return _idle(seen, evidence, policy, state, now)
    if state.kind:
        return _withdraw(seen, now)
    if seen.rule == "silent" and not state.silent_told:
        return Decision(Verdict.UNKNOWN, Action.PROBE, seen.rule, seen.reason, _later(now, policy, policy.silence))
    return _keep(seen, policy, state, now)


def after(state: State, decision: Decision, now: datetime) -> State:
    """What is remembered once the decision is carried out."""
    known = state._replace(silent_told=decision.rule == "silent" and (state.silent_told or decision.action is Action.PROBE))
    if decision.verdict is Verdict.BUSY and decision.rule in WORKING:
        known = known._replace(active_at=now)
    elif decision.idle_since and (known.active_at is None or known.active_at < decision.idle_since):
        known = known._replace(active_at=decision.idle_since)
    match decision.action:
        case Action.WARN:
            return known._replace(kind=decision.kind, warned_at=now, deadline=decision.deadline)
        case Action.WITHDRAW | Action.STOP:
            return known._replace(kind="", warned_at=None, deadline=None)
        case _:
            return known


WORKING = ("kernel", "terminal", "upload", "load")


def _keep(seen: Seen, policy: Policy, state: State, now: datetime) -> Decision:
    begins = seen.idle_since or now
    wait = policy.silence if seen.verdict is Verdict.UNKNOWN else policy.idle
    due = max(begins + timedelta(seconds=wait * policy.minute_s), _later(now, policy, 1))
    return Decision(
        seen.verdict, Action.KEEP, seen.rule, seen.reason, _sooner(due, policy, state, now), idle_since=seen.idle_since
    )


def _resting(seen: Seen, until: datetime, policy: Policy, state: State, now: datetime) -> Decision:
    if state.kind:
        return _withdraw(seen, now)
    due = _sooner(until, policy, state, now)
    return Decision(seen.verdict, Action.KEEP, seen.rule, seen.reason, due, idle_since=seen.idle_since)


def _withdraw(seen: Seen, now: datetime) -> Decision:
    return Decision(seen.verdict, Action.WITHDRAW, seen.rule, seen.reason, now, idle_since=seen.idle_since)


def _idle(seen: Seen, evidence: Evidence | None, policy: Policy, state: State, now: datetime) -> Decision:
    """Nothing is at work: warn; and once the warning has stood unanswered, stop."""
    idle, since = Verdict.IDLE, seen.idle_since
    if not state.kind or state.warned_at is None or state.deadline is None:
        deadline = _later(now, policy, policy.warning)
        kind = Kind.STUCK if seen.rule == "stuck" else Kind.IDLE
        return Decision(idle, Action.WARN, seen.rule, seen.reason, deadline, kind, deadline, since)
    if since and since > state.warned_at:
        return Decision(
            Verdict.BUSY, Action.WITHDRAW, "recent", "somebody did something after the warning", now, idle_since=since
        )
    if now < state.deadline:
        return Decision(idle, Action.KEEP, "waiting", seen.reason, state.deadline, state.kind, state.deadline, since)
    if evidence is None or evidence.received_at < state.deadline:
        soon = _later(now, policy, 0.5)
        return Decision(idle, Action.KEEP, "unconfirmed", RULES["unconfirmed"], soon, state.kind, state.deadline, since)
    return Decision(idle, Action.STOP, "deadline", seen.reason, now, state.kind, state.deadline, since)


def _hard(cap: Seen, verdict: Verdict, policy: Policy, state: State, now: datetime) -> Decision:
    """A cap holds whatever is at work; it is announced, and stops at its deadline."""
    if state.kind != cap.rule or state.deadline is None:
        left = policy.hours_a_day * _hour(policy) - ran_s(state, now) if cap.rule == Kind.HOURS else 0
        deadline = now + timedelta(seconds=max(policy.cap_warning * policy.minute_s, left))
        return Decision(verdict, Action.WARN, cap.rule, cap.reason, deadline, cap.rule, deadline)
    action = Action.KEEP if now < state.deadline else Action.STOP
    return Decision(verdict, action, cap.rule, cap.reason, max(now, state.deadline), state.kind, state.deadline)


def _capped(policy: Policy, state: State, now: datetime) -> Seen | None:
    """The hard cap that is reached, or will be by the end of a warning."""
    if state.over_budget and state.over_budget == now.strftime("%Y-%m"):
        return Seen(Verdict.UNKNOWN, "budget", f"the team's budget for {state.over_budget} is used up")
    if policy.hours_a_day and not (state.exempt_until and now < state.exempt_until):
        ran = ran_s(state, now)
        if ran >= policy.hours_a_day * _hour(policy) - policy.cap_warning * policy.minute_s:
            return Seen(Verdict.UNKNOWN, "hours", f"it ran {span(ran)} today, of {policy.hours_a_day:g} h that a day allows")
    return None


def _hour(policy: Policy) -> float:
    return 60 * policy.minute_s


def ran_s(state: State, now: datetime) -> float:
    """How long it has run on this day (UTC)."""
    today = now.strftime("%Y-%m-%d")
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    before = state.ran_s if state.ran_on == today else 0
    return before + max(0.0, (now - max(state.since, midnight)).total_seconds())


# ---- what people say -----------------------------------------------------------------------------------------------------


def snoozed(state: State, until: datetime, by: str) -> State:
    """Somebody wants it to run on; a warning that stood is answered."""
    return _answered(state)._replace(snooze_until=until, snooze_by=by)


def exempted(state: State, until: datetime | None, by: str, reason: str) -> State:
    """Not to be stopped as idle, nor for its hours, until then; None: no longer exempt."""
    known = _answered(state) if until else state
    return known._replace(exempt_until=until, exempt_by=by if until else "", exempt_reason=reason if until else "")


def _answered(state: State) -> State:
    return state if state.kind == Kind.BUDGET else state._replace(kind="", warned_at=None, deadline=None)


# ---- moments -------------------------------------------------------------------------------------------------------------


def _later(now: datetime, policy: Policy, minutes: float) -> datetime:
    return now + timedelta(seconds=minutes * policy.minute_s)


def _sooner(due: datetime, policy: Policy, state: State, now: datetime) -> datetime:
    """The next check, before which no cap may be reached, nor a day's count begin anew unseen."""
    if not policy.hours_a_day:
        return due
    left = policy.hours_a_day * _hour(policy) - policy.cap_warning * policy.minute_s - ran_s(state, now)
    return min(due, now + timedelta(seconds=max(left, policy.minute_s)))
