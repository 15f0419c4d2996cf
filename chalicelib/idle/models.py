"""What do requests and answers about idleness look like?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.idle.grounds import Policy
from chalicelib.idle.papers import Replay, plain
from chalicelib.idle.papers import Told as Known
from chalicelib.idle.rules import RULES, Action, Decision
from chalicelib.idle.signs import Verdict
from chalicelib.labs.rules import Phase
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.shapes import Asked, Field, Told


class ExtendRequest(Asked):
    for_minutes: float = Field(gt=0, le=60 * 24 * 31, examples=[120], description="From now on")

    def span(self) -> timedelta:
        return timedelta(minutes=self.for_minutes)


class ExemptionRequest(Asked):
    until: datetime | None = Field(default=None, description="When it ends; left out: for_minutes from now")
    for_minutes: float | None = Field(default=None, gt=0, le=60 * 24 * 366)
    reason: str = Field(min_length=3, max_length=300, examples=["a course runs until Friday"])

    def end(self, now: datetime) -> datetime:
        if self.until:
            return parse_iso(iso(self.until)) if self.until.tzinfo else parse_iso(self.until.isoformat())
        return now + timedelta(minutes=self.for_minutes or 0)


class WhyQuery(Asked):
    at: datetime | None = Field(default=None, description="The decision that held at this moment")
    decision: str = Field(default="", max_length=40, description="One decision, by its id")


class PolicyChanges(Asked):
    """What is to be other than it is; times in minutes."""

    idle: float | None = Field(default=None, gt=0, le=60 * 24 * 31)
    warning: float | None = Field(default=None, ge=0, le=60 * 24)
    max_busy: float | None = Field(default=None, gt=0, le=60 * 24 * 31)
    hours_a_day: float | None = Field(default=None, ge=0, le=24)
    silence: float | None = Field(default=None, gt=0, le=60 * 24)
    cpu_percent: float | None = Field(default=None, ge=0, le=100)
    gpu_percent: float | None = Field(default=None, ge=0, le=100)
    network_kb_per_second: float | None = Field(default=None, ge=0, le=1_000_000)

    def said(self) -> dict[str, float]:
        return {name: value for name, value in self.model_dump().items() if value is not None}


class ReplayRequest(Asked):
    policy: PolicyChanges
    decision: str = Field(default="", max_length=40, description="Only this one")
    cursor: str | None = Field(default=None, max_length=2048)
    limit: int = Field(default=50, ge=1, le=100)


class PolicyView(Told):
    idle: float = Field(description="Minutes without anybody at work")
    warning: float
    max_busy: float
    cap_warning: float
    silence: float
    stalled: float
    hours_a_day: float
    cpu_percent: float
    gpu_percent: float
    network_kb_per_second: float
    minute_s: float = Field(description="How long a minute is on this stage; 60 but where rules are tried")

    @classmethod
    def of(cls, policy: Policy) -> PolicyView:
        return cls(**policy._asdict())


class DecisionView(Told):
    id: str | None = Field(description="null: decided for this answer, and not carried out")
    at: datetime
    verdict: Verdict
    action: Action
    rule: str
    law: str = Field(description="The rule in words")
    reason: str = Field(description="In words, with the evidence")
    version: str = Field(description="Of the rules")
    kind: str | None = Field(description="What the warning is for: idle, stuck, hours, budget")
    deadline: datetime | None
    idle_since: datetime | None
    next_check: datetime
    evidence: dict[str, Any] | None = Field(description="What the machine had said, and when that was received")
    policy: PolicyView

    @classmethod
    def kept(cls, paper: Mapping[str, Any]) -> DecisionView:
        policy = PolicyView.of(Policy.of(paper["policy"]))
        return cls(
            id=paper["id"], at=parse_iso(paper["at"]), evidence=paper["evidence"], policy=policy, **_said(paper["decision"])
        )

    @classmethod
    def of(cls, decision: Decision, at: datetime, evidence: Mapping[str, Any] | None, policy: Policy) -> DecisionView:
        shown = dict(evidence) if evidence else None
        return cls(id=None, at=at, evidence=shown, policy=PolicyView.of(policy), **_said(plain(decision)))


def _said(said: Mapping[str, Any]) -> dict[str, Any]:
    moments = {name: parse_iso(said[name]) if said[name] else None for name in ("deadline", "idle_since", "next_check")}
    words = {name: said[name] for name in ("rule", "reason", "version")}
    rule = {"law": RULES.get(said["rule"], ""), "kind": said["kind"] or None}
    return {**words, **rule, **moments, "verdict": Verdict(said["verdict"]), "action": Action(said["action"])}


class ExemptionView(Told):
    until: datetime
    by: str
    reason: str


class WhyView(Told):
    lab_id: str
    phase: Phase
    cause: str | None = Field(description="Why it is stopped, if it was not asked for")
    now: DecisionView | None = Field(description="What the rules say now; null while it does not run")
    decision: DecisionView | None = Field(description="What was asked for with at or decision")
    last_stop: DecisionView | None = Field(description="The decision that last stopped it")
    stops_at: datetime | None = Field(description="A warning stands")
    kept_until: datetime | None = Field(description="Somebody asked to keep it running")
    kept_by: str | None
    exemption: ExemptionView | None
    next_check: datetime | None
    may_be_culled: list[str] = Field(description="People whose servers nobody uses, though the lab may be busy")
    policy: PolicyView

    @classmethod
    def of(cls, known: Known, now: datetime) -> WhyView:
        state = known.record.state if known.record else None
        snoozed = state.snooze_until if state and state.snooze_until and state.snooze_until > now else None
        exempt = state.exempt_until if state and state.exempt_until and state.exempt_until > now else None
        return cls(
            lab_id=known.lab.id,
            phase=known.lab.phase,
            cause=known.lab.cause or None,
            now=DecisionView.of(known.now, now, known.evidence, known.policy) if known.now else None,
            decision=DecisionView.kept(known.paper) if known.paper else None,
            last_stop=DecisionView.kept(known.stopped) if known.stopped else None,
            stops_at=known.lab.stops_at,
            kept_until=snoozed,
            kept_by=state.snooze_by if state and snoozed else None,
            exemption=ExemptionView(until=exempt, by=state.exempt_by, reason=state.exempt_reason) if state and exempt else None,
            next_check=known.record.next_check if known.record else None,
            may_be_culled=list(known.cullable),
            policy=PolicyView.of(known.policy),
        )


class DecisionList(Told):
    items: list[DecisionView]
    cursor: str | None = None


class Replayed(Told):
    at: datetime
    was: DecisionView
    verdict: Verdict
    action: Action
    rule: str
    reason: str
    differs: bool


class ReplayView(Told):
    policy: PolicyView
    items: list[Replayed]
    cursor: str | None = None

    @classmethod
    def of(cls, found: Replay) -> ReplayView:
        rows = [_replayed(paper, decision) for paper, decision in found.items]
        return cls(policy=PolicyView.of(found.policy), items=rows, cursor=found.cursor)


def _replayed(paper: Mapping[str, Any], decision: Decision) -> Replayed:
    was = DecisionView.kept(paper)
    differs = (was.action, was.rule) != (decision.action, decision.rule)
    return Replayed(
        at=was.at,
        was=was,
        verdict=decision.verdict,
        action=decision.action,
        rule=decision.rule,
        reason=decision.reason,
        differs=differs,
    )
