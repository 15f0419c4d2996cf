"""The verbs: watch labs that run, decide about those that are due, carry the decision out, and answer why.

    decide (pure) → one transaction: IDLE at its version · the decision · the notice on the machine · the fact · (stop) the lab

Keeps true: a saga has one outcome and one fact, however many sweeps, people and beats race for it: each names what it decided on
(IDLE's version; for a stop also the machine's last beat), and of those that collide one is refused and looks again. What fails
stays due. One lab's trouble never keeps another from being looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.idle import rules, store, telling
from chalicelib.idle.grounds import Evidence, Policy, State
from chalicelib.idle.papers import plain
from chalicelib.idle.rules import Action, Decision
from chalicelib.idle.store import Record
from chalicelib.labs import service as labs
from chalicelib.labs.machines import Machine
from chalicelib.labs.rules import Lab, Phase
from chalicelib.limits import service as limits
from chalicelib.packs import service as packs
from chalicelib.runtime import settings
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import AppError, NotFound, Superseded
from chalicelib.runtime.log import logger
from chalicelib.runtime.store import Write, commit

TRIES = 3
SILENT_LEASES, SILENT_SECONDS = 3, 30.0


@dataclass
class Swept:
    """What a sweep did, for the log."""

    looked: int = 0
    warned: int = 0
    withdrawn: int = 0
    stopped: int = 0
    probed: int = 0
    troubled: int = 0


COUNTED = {Action.WARN: "warned", Action.WITHDRAW: "withdrawn", Action.STOP: "stopped", Action.PROBE: "probed"}


# ---- the sweep -----------------------------------------------------------------------------------------------------------


def sweep(now: datetime) -> Swept:
    """Look at every lab that is due; what an earlier run missed is still due."""
    done = Swept()
    for shard in store.SHARDS:
        for record in list(store.due(shard, now)):
            _patiently(record, now, done)
    return done


def _patiently(record: Record, now: datetime, done: Swept) -> None:
    done.looked += 1
    try:
        decision = look(record, now)
    except Superseded:
        return  # somebody else decided; what they decided on is newer
    except (AppError, ClientError):
        logger().exception("a lab could not be looked at", lab_id=record.lab_id)
        done.troubled += 1
        return
    if decision and (name := COUNTED.get(decision.action)):
        setattr(done, name, getattr(done, name) + 1)


def look(record: Record, now: datetime) -> Decision | None:
    """Decide about one lab on what is true now, and carry it out. None: it does not run (any more). Superseded: look again."""
    try:
        lab, machine = labs.with_machine(record.lab_id, consistent=True)
    except NotFound:
        _rest(record, now)
        return None
    if lab.phase is not Phase.READY:
        _rest(record, now)
        return None
    if record.generation != lab.generation:
        watch(lab.id, now)
        return None
    decision = rules.decide(evidence_of(machine), policy_of(lab), record.state, now)
    _carry_out(Case(lab, machine, record, now), decision)
    return decision


def look_again(lab_id: str, now: datetime) -> None:
    """There is news of a lab: decide at once, whenever it was due."""
    for _ in range(TRIES):
        record = store.record(lab_id)
        if record is None or record.next_check is None:
            return
        with suppress(Superseded):
            look(record, now)
            return


# ---- carrying out --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One lab as it was read for a decision."""

    lab: Lab
    machine: Machine | None
    record: Record
    now: datetime

    @property
    def id(self) -> str:
        return iso(self.now)


def _carry_out(case: Case, decision: Decision) -> None:
    """One transaction; refused as a whole when anything it was decided on has changed."""
    lab, now = case.lab, case.now
    match decision.action:
        case Action.KEEP:
            commit(*_kept(case, decision))
        case Action.WARN:
            notice = labs.give_notice(lab, telling.notice(lab, decision, now))
            commit(*_kept(case, decision), *notice, *telling.warned(lab, decision, case.id, now))
        case Action.WITHDRAW:
            told = telling.fact("LabIdleWithdrawn", lab, now, reason=decision.reason, decision_id=case.id)
            commit(*_kept(case, decision), *labs.give_notice(lab, None), told)
        case Action.PROBE:
            labs.look_after(lab.id, now)
            told = telling.fact("LabSilent", lab, now, reason=decision.reason, decision_id=case.id, owner=lab.owner)
            commit(*_kept(case, decision), told)
        case Action.STOP:
            _stop(case, decision)


def _stop(case: Case, decision: Decision) -> None:
    on = case.machine.evidence if case.machine and decision.kind not in rules.HARD else None
    told = telling.fact("LabIdleStopped", case.lab, case.now, reason=decision.reason, kind=decision.kind, decision_id=case.id)
    cause, hint = telling.stopped(decision)
    labs.stop_by_rule(case.lab.id, case.now, cause, hint, (*_kept(case, decision), told), on)


def _kept(case: Case, decision: Decision) -> tuple[Write, ...]:
    """What is remembered from now on; the decision itself, when it is another one than the last."""
    record, now = case.record, case.now
    state = rules.after(record.state, decision, now)
    essence = f"{decision.verdict}/{decision.action}/{decision.rule}"
    if decision.action is Action.STOP:
        state, due = _ran(state, now), None
    else:
        due = decision.next_check
    new = record._replace(state=state, next_check=due, last=essence)
    write = store.put(new, record)
    return (write,) if essence == record.last else (write, store.keep(case.lab.id, case.id, _paper(case, decision), now))


def _paper(case: Case, decision: Decision) -> dict[str, Any]:
    """A decision with everything that it was made from: asked again, with the same or another policy, it can be replayed."""
    known = case.machine.evidence if case.machine else None
    beat = case.machine.heartbeat if case.machine else None
    return {
        "at": iso(case.now),
        "decision": plain(decision),
        "policy": policy_of(case.lab)._asdict(),
        "state": store.plain_state(case.record.state),
        "evidence": {
            "received_at": iso(known.received_at),
            "active_at": beat.last_activity if beat else "",
            "said": dict(known.said),
        }
        if known
        else None,
    }


def _ran(state: State, until: datetime) -> State:
    """The lab stops: what it ran today is remembered."""
    return state._replace(ran_on=until.strftime("%Y-%m-%d"), ran_s=round(rules.ran_s(state, until), 1))


# ---- what a decision is made from ----------------------------------------------------------------------------------------


def policy_of(lab: Lab) -> Policy:
    """The pack's, in this stage's minutes. Silence is never shorter than a few of the leases in which a machine is heard."""
    idle, known = packs.of(lab.domain, lab.pack_version).idle, settings.current()
    minute = float(known.minute_seconds)
    return Policy(
        idle=float(idle.auto_shutdown),
        max_busy=float(idle.max_busy) * 60,
        hours_a_day=float(idle.hours_a_day),
        silence=max(10.0, max(SILENT_LEASES * labs.lease().total_seconds(), SILENT_SECONDS) / minute),
        cpu_percent=idle.thresholds.cpu_percent,
        gpu_percent=idle.thresholds.gpu_percent,
        network_kb_per_second=idle.thresholds.network_kb_per_second,
        minute_s=minute,
    )


def evidence_of(machine: Machine | None) -> Evidence | None:
    known = machine.evidence if machine else None
    if machine is None or known is None:
        return None
    beat = machine.heartbeat
    active = parse_iso(beat.last_activity) if beat and beat.last_activity else None
    return Evidence.of(known.said, known.received_at, active)


def kept_until(lab_id: str) -> datetime | None:
    """Until when somebody asked to keep it running: extended, or exempt."""
    record = store.record(lab_id)
    asked = (record.state.snooze_until, record.state.exempt_until) if record else ()
    return max((one for one in asked if one), default=None)


# ---- exemptions, kept outside of the tables and taken in from there ----------------------------------------------------------


def written(lab_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Which of these labs are exempt, as plain values."""
    for record in map(store.record, lab_ids):
        if record and record.state.exempt_until:
            by, reason = record.state.exempt_by, record.state.exempt_reason
            yield {"lab_id": record.lab_id, "until": iso(record.state.exempt_until), "by": by, "reason": reason}


def take_in(value: Mapping[str, Any], now: datetime, by: str, request: str) -> bool:
    """An exemption that still counts; False for one that does not, or where another was given. NotFound without its lab."""
    lab, until = labs.as_it_is(str(value["lab_id"])), parse_iso(value["until"])
    if lab.phase is Phase.READY:
        watch(lab.id, now)
    before = store.record(lab.id)
    known = before or Record(lab.id, lab.generation, State(now), None)
    if until <= now or lab.phase in (Phase.DELETING, Phase.DELETED) or known.state.exempt_until:
        return False
    state = rules.exempted(known.state, until, str(value["by"]), str(value["reason"]))
    data = {"until": until, "by": value["by"], "reason": value["reason"]}
    commit(store.put(known._replace(state=state), before), telling.fact("LabExempted", lab, now, by, request, **data))
    return True


# ---- which labs are watched ----------------------------------------------------------------------------------------------


def watch(lab_id: str, now: datetime) -> None:
    """A lab runs: from now on it is looked at. Said twice it is done once; what outlives a stop goes on."""
    for _ in range(TRIES):
        lab, record = labs.as_it_is(lab_id), store.record(lab_id)
        if lab.phase is not Phase.READY or (record and record.generation == lab.generation and record.next_check):
            return
        began, policy = lab.ready_at or now, policy_of(lab)
        state = _begun(record.state if record else None, began)
        due = now if state.over_budget or policy.hours_a_day else began + timedelta(seconds=policy.idle * policy.minute_s)
        new = Record(lab_id, lab.generation, state, due)
        try:
            return commit(store.put(new, record))
        except Superseded:
            continue


def _begun(before: State | None, since: datetime) -> State:
    if before is None:
        return State(since)
    return State(
        since,
        exempt_until=before.exempt_until,
        exempt_by=before.exempt_by,
        exempt_reason=before.exempt_reason,
        over_budget=before.over_budget,
        ran_on=before.ran_on,
        ran_s=before.ran_s,
    )


def unwatch(lab_id: str, now: datetime) -> None:
    """A lab runs no more."""
    for _ in range(TRIES):
        record = store.record(lab_id)
        if record is None or record.next_check is None:
            return
        if labs.as_it_is(lab_id).phase is Phase.READY:
            return
        try:
            return _rest(record, now)
        except Superseded:
            continue


def _rest(record: Record, now: datetime) -> None:
    state = _ran(record.state, now)._replace(kind="", warned_at=None, deadline=None, snooze_until=None, snooze_by="")
    commit(store.put(record._replace(state=state, next_check=None, last=""), record))


# ---- budgets -------------------------------------------------------------------------------------------------------------


def budget_changed(team: str, now: datetime) -> None:
    """A team's budget came to a threshold, or was set: its labs that run are told."""
    over = limits.month_that_stops(team, now)
    for lab_id in sorted(limits.reserved_labs(team)):
        try:
            _mark(lab_id, over, now)
            look_again(lab_id, now)
        except (AppError, ClientError):
            logger().exception("a lab could not be told of its budget", lab_id=lab_id)


def _mark(lab_id: str, over: str, now: datetime) -> None:
    for _ in range(TRIES):
        record = store.record(lab_id)
        if record is None or record.state.over_budget == over:
            return
        due = now if record.next_check else None
        try:
            return commit(store.put(record._replace(state=record.state._replace(over_budget=over), next_check=due), record))
        except Superseded:
            continue


# ---- who tells and asks --------------------------------------------------------------------------------------------------

RUNS = frozenset({"LabReady", "ServersChanged"})
RESTS = frozenset({"LabStopping", "LabScaling", "LabDeleting", "LabStopped", "LabFailed"})


def heard(name: str, subject: str, data: dict[str, Any], now: datetime) -> None:
    """What happened elsewhere. May be told twice, late and in any order: what is true now counts."""
    try:
        if name in RUNS:
            watch(subject, now)
        elif name in RESTS:
            unwatch(subject, now)
        elif name == "LabActiveAgain":
            look_again(subject, now)
        elif name in ("BudgetReached", "BudgetSet"):
            budget_changed(str(data["team"]), now)
    except NotFound:
        return
