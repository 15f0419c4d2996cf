"""What may people say to the rules, and what do the rules answer? Keep it running, exempt it, why, and what if.

Keeps true: whoever asks for more time and the sweep that stops race for one version: exactly one of them wins, and tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.idle import rules, service, store, telling
from chalicelib.idle.grounds import Evidence, Policy, State
from chalicelib.idle.papers import Replay, Told
from chalicelib.idle.rules import Decision
from chalicelib.idle.signs import cullable
from chalicelib.idle.store import Record
from chalicelib.labs import service as labs
from chalicelib.labs.rules import Lab, Phase, advice
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Action, Principal
from chalicelib.runtime import settings
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import BadInput, Conflict, NotFound, Superseded
from chalicelib.runtime.pages import Page
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.store import Write, commit

TRIES = 4
Change = Callable[[Lab, Record], tuple[State, Write]]


# ---- keep it running -----------------------------------------------------------------------------------------------------


def extend(lab_id: str, span: timedelta, asking: Asking) -> Told:
    """Nothing stops the lab as idle for so long from now; a warning that stands is answered by it."""
    most = timedelta(hours=settings.current().most_extend_hours)
    if not timedelta(0) < span <= most:
        raise BadInput(f"a lab can be kept running for at most {_hours(most)} at once", f"ask for less: --for {_hours(most)}")

    def change(lab: Lab, record: Record) -> tuple[State, Write]:
        if record.state.kind == rules.Kind.BUDGET:
            raise Conflict("it stops because the team's budget is used up: more time cannot be had", "ask whoever leads the team")
        if record.state.kind == rules.Kind.HOURS:
            hint = f"an exemption can be had: aws-research-wizard jupyter exempt {lab.id} --for 4h --reason …"
            raise Conflict("it stops because it ran for the hours that a day allows: more time cannot be had", hint)
        until = max(asking.now + span, record.state.snooze_until or asking.now)
        told = telling.fact(
            "LabExtended", lab, asking.now, asking.who.email, asking.correlation_id, until=until, by=asking.who.email
        )
        return rules.snoozed(record.state, until, asking.who.email), told

    return _changed(lab_id, Action.OPERATE_LAB, asking, change)


def exempt(lab_id: str, until: datetime, reason: str, asking: Asking) -> Told:
    """The lab is not stopped as idle, nor for its hours, until then."""
    most = timedelta(days=settings.current().most_exempt_days)
    if not asking.now < until <= asking.now + most:
        raise BadInput(f"an exemption ends within {most.days} days, and not in the past", f"for example --for {most.days}d")

    def change(lab: Lab, record: Record) -> tuple[State, Write]:
        data = {"until": until, "by": asking.who.email, "reason": reason}
        told = telling.fact("LabExempted", lab, asking.now, asking.who.email, asking.correlation_id, **data)
        return rules.exempted(record.state, until, asking.who.email, reason), told

    return _changed(lab_id, Action.CHANGE_LAB, asking, change)


def lift(lab_id: str, asking: Asking) -> Told:
    """The exemption ends now."""

    def change(lab: Lab, record: Record) -> tuple[State, Write]:
        if not record.state.exempt_until or record.state.exempt_until <= asking.now:
            raise Conflict(f"lab {lab.id} is not exempt", f"aws-research-wizard jupyter why {lab.id}")
        told = telling.fact("LabExemptionLifted", lab, asking.now, asking.who.email, asking.correlation_id, by=asking.who.email)
        return rules.exempted(record.state, None, "", ""), told

    return _changed(lab_id, Action.CHANGE_LAB, asking, change)


def _changed(lab_id: str, action: Action, asking: Asking, change: Change) -> Told:
    """One transaction with what the sweep would change, too; who loses the race looks again."""
    lab = labs.visible(asking.who, lab_id, action).lab
    for _ in range(TRIES):
        lab = labs.as_it_is(lab.id)
        if lab.phase is not Phase.READY:
            raise Conflict(f"lab {lab.id} is {lab.phase}, and not running", advice(lab.phase))
        record = _watched(lab, asking.now)
        state, told = change(lab, record)
        warned = bool(record.state.kind) and not state.kind
        notice = labs.give_notice(lab, None) if warned else ()
        new = record._replace(state=state, next_check=asking.now, last="")
        kept = remembered(asking.request_key, {"lab_id": lab.id})
        try:
            commit(*kept, store.put(new, record), *notice, told)
            return why(asking.who, lab_id, asking.now)
        except Superseded:
            continue
    raise Conflict(f"lab {lab.id} is being changed by others", "try again in a moment")


def _watched(lab: Lab, now: datetime) -> Record:
    service.watch(lab.id, now)
    record = store.record(lab.id)
    if record is None or record.generation != lab.generation:
        raise Conflict(f"lab {lab.id} has just changed", "try again in a moment")
    return record


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g}h"


# ---- why -----------------------------------------------------------------------------------------------------------------


def why(who: Principal, lab_id: str, now: datetime, at: datetime | None = None, decision_id: str = "") -> Told:
    """For now, for a moment in the past, or for one decision; and why it was last stopped, if it is."""
    lab = labs.visible(who, lab_id).lab
    record, policy = store.record(lab.id), service.policy_of(lab)
    known = Told(lab, record, policy, paper=_paper(lab, at, decision_id) if at or decision_id else None, stopped=_stop_of(lab))
    if lab.phase is not Phase.READY or record is None or at or decision_id:
        return known
    lab, machine = labs.with_machine(lab.id, consistent=True)
    evidence = service.evidence_of(machine)
    decision = rules.decide(evidence, policy, record.state, now)
    said = machine.evidence if machine else None
    shown = {"received_at": iso(said.received_at), "said": dict(said.said)} if said else None
    unused = cullable(evidence, policy) if evidence else ()
    return Told(lab, record, policy, decision, shown, unused, known.paper, known.stopped)


def _paper(lab: Lab, at: datetime | None, decision_id: str) -> dict[str, Any]:
    found = store.decision(lab.id, decision_id) if decision_id else store.decision_at(lab.id, at) if at else None
    if found is None:
        hint = f"decisions are kept for {store.KEPT.days} days: aws-research-wizard jupyter why {lab.id} --all"
        raise NotFound(f"nothing was decided about lab {lab.id} then", hint)
    return found


def _stop_of(lab: Lab) -> dict[str, Any] | None:
    """The decision that stopped it last."""
    found = store.decisions(lab.id, None, 20).items
    return next((one for one in found if one["decision"]["action"] == rules.Action.STOP), None)


def decisions(who: Principal, lab_id: str, cursor: str | None, limit: int) -> Page[dict[str, Any]]:
    return store.decisions(labs.visible(who, lab_id).lab.id, cursor, limit)


# ---- what if -------------------------------------------------------------------------------------------------------------


def replay(
    who: Principal, lab_id: str, changes: Mapping[str, float], cursor: str | None, limit: int, decision_id: str = ""
) -> Replay:
    """What another policy would have decided, on the same evidence and the same memory."""
    lab = labs.visible(who, lab_id).lab
    policy = service.policy_of(lab)._replace(**changes)
    if decision_id:
        return Replay(policy, (_again(_paper(lab, None, decision_id), changes),))
    page = store.decisions(lab.id, cursor, limit)
    return Replay(policy, tuple(_again(one, changes) for one in page.items), page.cursor)


def _again(paper: Mapping[str, Any], changes: Mapping[str, float]) -> tuple[Mapping[str, Any], Decision]:
    policy = Policy.of(paper["policy"])._replace(**changes)
    return paper, rules.decide(evidence_of(paper), policy, store.state_of(paper["state"]), parse_iso(paper["at"]))


def evidence_of(paper: Mapping[str, Any]) -> Evidence | None:
    kept = paper["evidence"]
    if not kept:
        return None
    active = parse_iso(kept["active_at"]) if kept.get("active_at") else None
    return Evidence.of(kept["said"], parse_iso(kept["received_at"]), active)
