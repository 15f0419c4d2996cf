"""How is told what was decided? As facts of the lab and as notices to its people, in words that say what to do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from chalicelib.idle.rules import HARD, Decision, Kind
from chalicelib.labs.machines import Notice
from chalicelib.labs.rules import Lab
from chalicelib.runtime.clock import iso
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.store import Write

WIZARD = "aws-research-wizard"
NOTICES = {Kind.IDLE: "idle_stop", Kind.STUCK: "idle_stop", Kind.HOURS: "cap", Kind.BUDGET: "budget"}


def fact(name: str, lab: Lab, now: datetime, who: str = WIZARD, request: str = "", /, **data: object) -> Write:
    plain = {key: iso(value) if isinstance(value, datetime) else value for key, value in data.items()}
    return record(Fact(name, lab.id, plain, now, who, request or lab.correlation_id))


def warned(lab: Lab, decision: Decision, decision_id: str, now: datetime) -> list[Write]:
    """LabIdleWarned; for a hard cap LabCapReached before it."""
    data: dict[str, Any] = {"deadline": decision.deadline, "reason": decision.reason, "kind": decision.kind}
    cap = [fact("LabCapReached", lab, now, **data)] if decision.kind in HARD else []
    told = now + timedelta(microseconds=1) if cap else now
    return [*cap, fact("LabIdleWarned", lab, told, decision_id=decision_id, **data)]


def notice(lab: Lab, decision: Decision, now: datetime) -> Notice:
    at = decision.deadline or now
    answer = f"to keep it: do something in it, or aws-research-wizard jupyter extend {lab.id} --for 2h"
    answer = "save your work; files are kept" if decision.kind in HARD else answer
    return Notice(NOTICES[Kind(decision.kind)], at, f"This lab stops at {at:%H:%M} UTC: {decision.reason} ({answer})", now)


def stopped(decision: Decision) -> tuple[str, str]:
    """Cause and hint, as the stopped lab shows them."""
    return (
        f"stopped by itself: {decision.reason}",
        "start it again whenever you like; its files are kept, and 'jupyter why' tells more",
    )
