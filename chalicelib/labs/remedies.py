"""What becomes of a lab in motion whose workflow broke off, was never started, or takes too long? Pure: no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from chalicelib.labs.rules import Lab, Patience, Phase, deadline


class Execution(StrEnum):
    """What Step Functions knows about the execution that should move a lab."""

    UNKNOWN = "UNKNOWN"
    RUNNING = "RUNNING"
    ENDED = "ENDED"


class Remedy(StrEnum):
    WAIT = "wait"
    BEGIN = "begin"
    RESUME = "resume"
    UNDO = "undo"


@dataclass(frozen=True)
class Verdict:
    """What to do about a lab in motion, and why."""

    remedy: Remedy
    reason: str
    hint: str = ""
    stop: bool = False


def judge(lab: Lab, execution: Execution, now: datetime) -> Verdict:
    """Is the workflow of a moving lab still at it, and if not, what brings the lab to an end a person understands?"""
    late = lab.deadline is not None and now > lab.deadline
    match execution:
        case Execution.RUNNING if not late:
            return Verdict(Remedy.WAIT, "its workflow is running")
        case Execution.RUNNING:
            return _ended(lab, f"{lab.phase.lower()} took too long", stop=True)
        case Execution.UNKNOWN:
            return Verdict(Remedy.BEGIN, "its workflow was never started")
        case Execution.ENDED:
            return _ended(lab, "workflow was interrupted")
        case _:
            assert_never(execution)


def _ended(lab: Lab, reason: str, *, stop: bool = False) -> Verdict:
    """Stopping and deleting are carried on with; what was to become READY is undone."""
    if lab.phase in (Phase.STOPPING, Phase.DELETING):
        return Verdict(Remedy.RESUME, reason, stop=stop)
    ended = "deploy it again" if lab.phase is Phase.PROVISIONING else "start it again; its files are kept"
    return Verdict(Remedy.UNDO, lab.cause or reason, lab.cause_hint or ended, stop=stop)


def interrupted(lab: Lab, verdict: Verdict, now: datetime, patience: Patience) -> Lab:
    """The lab under a new workflow, whose first task reads the cause and undoes instead of going on."""
    again = replace(lab, generation=lab.generation + 1, changed_at=now, deadline=deadline(lab.phase, now, patience))
    if verdict.remedy is Remedy.UNDO:
        return replace(again, cause=verdict.reason, cause_hint=verdict.hint)
    return again
