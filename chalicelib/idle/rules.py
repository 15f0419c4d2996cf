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
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

VERSION = "1"
NEVER = float("inf")
DAY = timedelta(days=1)


class Verdict(StrEnum):
    BUSY = "busy"
    IDLE = "idle"
    UNKNOWN = "unknown"


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


# ---- evidence ------------------------------------------------------------------------------------------------------------


class Kernel(NamedTuple):
    state: str
    for_s: float | None = None
    name: str = ""
    notebook: str = ""


class Terminal(NamedTuple):
    name: str
    children: int = 0
    cpu: float | None = None
    idle_s: float | None = None


class Server(NamedTuple):
    """One person's server. Ages in seconds; cpu in percent of a core; None: not known."""

    user: str
    started_s: float | None = None
    kernels: tuple[Kernel, ...] = ()
    terminals: tuple[Terminal, ...] = ()
    requests_s: float | None = None
    uploads: int = 0
    cpu: float | None = None
    gpu: float | None = None


class Evidence(NamedTuple):
    """What a machine said, when that was received, and when anything was last done as far as all it ever said tells."""

    received_at: datetime
    servers: tuple[Server, ...] = ()
    gpu: float | None = None
    network: float | None = None
    active_at: datetime | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any], received_at: datetime, active_at: datetime | None = None) -> Evidence:
        """From what the labs keep of a heartbeat."""
        servers = tuple(map(_server, said.get("servers", ())))
        return cls(received_at, servers, said.get("gpu"), said.get("network_kb_per_second"), active_at)


def _server(one: Mapping[str, Any]) -> Server:
    kernels = tuple(
        Kernel(k.get("state", "unknown"), k.get("for_s"), k.get("name", ""), k.get("notebook", ""))
        for k in one.get("kernels", ())
    )
    terminals = tuple(
        Terminal(t.get("name", ""), t.get("children", 0), t.get("cpu"), t.get("idle_s")) for t in one.get("terminals", ())
    )
    rest = (one.get("requests_s"), one.get("uploads", 0), one.get("cpu"), one.get("gpu"))
    return Server(one.get("user", ""), one.get("started_s"), kernels, terminals, *rest)


# ---- policy and state ----------------------------------------------------------------------------------------------------


class Policy(NamedTuple):
    """Times in minutes. `hours_a_day` 0: no cap. Loads: percent of a core, percent of the graphics card, KB a second."""

    idle: float = 60
    warning: float = 10
    max_busy: float = 24 * 60
    cap_warning: float = 15
    silence: float = 10
    stalled: float = 10
    hours_a_day: float = 0
    cpu_percent: float = 5
    gpu_percent: float = 5
    network_kb_per_second: float = 50
    minute_s: float = 60

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Policy:
        """From plain values; what is not said is as by default."""
        return cls(**{name: float(value) for name, value in said.items() if name in cls._fields and value is not None})


class State(NamedTuple):
    """What is remembered of a lab that runs. A warning stands while `kind` is set."""

    since: datetime
    active_at: datetime | None = None
    kind: str = ""
    warned_at: datetime | None = None
    deadline: datetime | None = None
    snooze_until: datetime | None = None
    snooze_by: str = ""
    exempt_until: datetime | None = None
    exempt_by: str = ""
    exempt_reason: str = ""
    silent_told: bool = False
    over_budget: str = ""  # the month (2026-11) whose budget is used up
    ran_on: str = ""  # the day (2026-11-23) …
    ran_s: float = 0  # … on which it had run so many seconds before `since`


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


class Seen(NamedTuple):
    """What the evidence alone says."""

    verdict: Verdict
    rule: str
    reason: str
    idle_since: datetime | None = None


# ---- the decision --------------------------------------------------------------------------------------------------------


def decide(evidence: Evidence | None, policy: Policy, state: State, now: datetime) -> Decision:
    """What is to be done about a lab that runs, and why."""
    if cap := _capped(policy, state, now):
        return _hard(cap, look(evidence, policy, state, now).verdict, policy, state, now)
    if state.kind in HARD:
        return _withdraw(Seen(Verdict.UNKNOWN, "lifted", f"the cap it was warned of ({state.kind}) no longer holds"), now)
    if state.exempt_until and now < state.exempt_until:
        who = f"{state.exempt_by} until {_clock(state.exempt_until)}: {state.exempt_reason}"
        seen = look(evidence, policy, state, now)._replace(rule="exempt", reason=f"exempt by {who}")
        return _resting(seen, state.exempt_until, policy, state, now)
    if state.snooze_until and now < state.snooze_until:
        said = f"{state.snooze_by} asked to keep it running until {_clock(state.snooze_until)}"
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
            return Seen(Verdict.UNKNOWN, "hours", f"it ran {_span(ran)} today, of {policy.hours_a_day:g} h that a day allows")
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


# ---- what the evidence says ----------------------------------------------------------------------------------------------


def look(evidence: Evidence | None, policy: Policy, state: State, now: datetime) -> Seen:
    """Is anything at work, or was somebody there of late?"""
    silence = policy.silence * policy.minute_s
    heard = max(evidence.received_at, state.since) if evidence else state.since
    if (now - heard).total_seconds() > silence:
        return Seen(Verdict.UNKNOWN, "silent", f"its machine was last heard of {_span((now - heard).total_seconds())} ago")
    if evidence is None or evidence.received_at < state.since:
        return Seen(Verdict.BUSY, "recent", "it has just started", state.since)
    stuck, unsaid, quiet = "", "", NEVER
    for server in evidence.servers:
        found = _work(server, policy)
        if found.rule:
            return Seen(Verdict.BUSY, found.rule, found.reason)
        stuck, unsaid, quiet = stuck or found.stuck, unsaid or found.unsaid, min(quiet, found.quiet)
    busy = _loaded(evidence, policy)
    if busy:
        return Seen(Verdict.BUSY, "load", busy)
    told = evidence._replace(active_at=None) if stuck else evidence  # a beat counts what is busy as active, also when it is stuck
    since = _since(told, state, quiet)
    for_s = (evidence.received_at - since).total_seconds()
    if for_s < policy.idle * policy.minute_s:
        return Seen(Verdict.BUSY, "recent", f"the last sign of somebody or something was {_span(for_s)} ago", since)
    if unsaid:
        return Seen(Verdict.UNKNOWN, "unsaid", unsaid)
    if stuck:
        return Seen(Verdict.IDLE, "stuck", f"{stuck}, without any load; nobody came by for {_span(for_s)}", since)
    return Seen(Verdict.IDLE, "idle", _nothing(evidence, for_s), since)


def _since(evidence: Evidence, state: State, quiet: float) -> datetime:
    found = state.since
    if quiet < NEVER:
        found = max(found, evidence.received_at - timedelta(seconds=quiet))
    for told in (state.active_at, evidence.active_at):
        if told and found < told:
            found = min(told, evidence.received_at)
    return found


class Work(NamedTuple):
    """Of one server: the rule by which it works, or what is wrong with what seems to work, and how long nothing was done."""

    rule: str = ""
    reason: str = ""
    stuck: str = ""
    unsaid: str = ""
    quiet: float = NEVER


def _work(server: Server, policy: Policy) -> Work:
    most, stuck, unsaid, quiet = policy.max_busy * policy.minute_s, "", "", NEVER
    light = server.cpu is not None and server.cpu < policy.cpu_percent and (server.gpu or 0) < policy.gpu_percent
    for kernel in server.kernels:
        long = light and kernel.for_s is not None and kernel.for_s >= most
        if kernel.state == "busy" and not long:
            return Work("kernel", f"{_named(kernel)} of {server.user} is busy{_for(kernel.for_s)}")
        if kernel.state == "busy" or (long and kernel.state not in ("idle", "busy")):
            stuck = stuck or f"{_named(kernel)} of {server.user} is {kernel.state}{_for(kernel.for_s)}"
        elif kernel.state == "idle" or kernel.state == "starting":
            quiet = min(quiet, kernel.for_s) if kernel.for_s is not None else quiet
        else:
            unsaid = f"what {_named(kernel)} of {server.user} does is not known"
    for terminal in server.terminals:
        if terminal.children:
            if terminal.cpu is None or terminal.cpu >= policy.cpu_percent or terminal.idle_s is None or terminal.idle_s < most:
                return Work("terminal", f"terminal {terminal.name} of {server.user} runs a program{_at(terminal.cpu)}")
            stuck = stuck or f"terminal {terminal.name} of {server.user} has said nothing{_for(terminal.idle_s)}"
        elif terminal.idle_s is not None:
            quiet = min(quiet, terminal.idle_s)
    if server.uploads and (server.requests_s is None or server.requests_s <= policy.stalled * policy.minute_s):
        return Work("upload", f"{server.user} uploads")
    if server.cpu is not None and server.cpu >= policy.cpu_percent:
        return Work("load", f"processes of {server.user} use {server.cpu:g} % of a processor core")
    if server.gpu is not None and server.gpu >= policy.gpu_percent:
        return Work("load", f"processes of {server.user} use {server.gpu:g} % of the graphics card")
    for age in (server.requests_s, server.started_s):
        if age is not None and age < quiet:
            quiet = age
    if quiet == NEVER and not stuck:
        unsaid = unsaid or f"since when the server of {server.user} runs is not known"
    return Work(stuck=stuck, unsaid=unsaid, quiet=quiet)


def _loaded(evidence: Evidence, policy: Policy) -> str:
    if evidence.gpu is not None and evidence.gpu >= policy.gpu_percent:
        return f"the graphics card is at {evidence.gpu:g} %"
    if evidence.network is not None and evidence.network >= policy.network_kb_per_second:
        return f"{evidence.network:g} KB a second come and go"
    return ""


def cullable(evidence: Evidence, policy: Policy) -> tuple[str, ...]:
    """Whose servers have nothing at work and nobody at them for the idle time, though the lab may be busy."""
    found = ((server.user, _work(server, policy)) for server in evidence.servers)
    most = policy.idle * policy.minute_s
    return tuple(user for user, work in found if not (work.rule or work.unsaid or work.stuck) and most <= work.quiet < NEVER)


# ---- words ---------------------------------------------------------------------------------------------------------------


def _nothing(evidence: Evidence, for_s: float) -> str:
    if not evidence.servers:
        return f"nobody has had a server for {_span(for_s)}"
    return f"nothing has run and nobody has done anything for {_span(for_s)}"


def _named(kernel: Kernel) -> str:
    return f"the kernel of {kernel.notebook}" if kernel.notebook else f"a kernel ({kernel.name})" if kernel.name else "a kernel"


def _for(seconds: float | None) -> str:
    return f" for {_span(seconds)}" if seconds is not None else ""


def _at(percent: float | None) -> str:
    return f" ({percent:g} % of a core)" if percent is not None else ""


def _span(seconds: float) -> str:
    """90 s → `90 s`, 5400 s → `90 min`, 18000 s → `5.0 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _clock(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


# ---- moments -------------------------------------------------------------------------------------------------------------


def _later(now: datetime, policy: Policy, minutes: float) -> datetime:
    return now + timedelta(seconds=minutes * policy.minute_s)


def _sooner(due: datetime, policy: Policy, state: State, now: datetime) -> datetime:
    """The next check, before which no cap may be reached, nor a day's count begin anew unseen."""
    if not policy.hours_a_day:
        return due
    left = policy.hours_a_day * _hour(policy) - policy.cap_warning * policy.minute_s - ran_s(state, now)
    return min(due, now + timedelta(seconds=max(left, policy.minute_s)))
