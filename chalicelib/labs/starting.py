"""How is a lab started when no person asks for it? By a rule of a slice above, within what its team may have.

Keeps true: what a person's start would be refused for refuses this one too (LimitReached, BudgetExceeded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.labs import rules, store
from chalicelib.labs.needs import need_of
from chalicelib.labs.provisioning import fact, patience
from chalicelib.labs.rules import WORKFLOWS, Command, Lab, Phase
from chalicelib.limits import service as limits
from chalicelib.runtime import workflows
from chalicelib.runtime.errors import Superseded
from chalicelib.runtime.store import Write


def start_by_rule(lab_id: str, now: datetime, writes: Sequence[Write]) -> Lab:
    """Start a lab that rests, in one transaction with what the rule keeps. Superseded when it does not rest any more."""
    lab = store.load(lab_id, consistent=True)
    if lab.phase not in (Phase.STOPPED, Phase.FAILED) or not lab.opened:
        raise Superseded(f"lab {lab_id} is {lab.phase}")
    after = rules.command(lab, Command.START, now, patience(), f"rule-{lab.id}-{lab.generation}")
    after = replace(after, asked_by="")
    told = fact("LabStarting", after, now, before=lab, after=after)

    def everything() -> tuple[Write, ...]:
        admitted = limits.admit(lab.team, lab.id, need_of(after), now)
        return store.change(lab, after, store.moved_on(lab)), *admitted, told, *writes

    limits.committed(lab.team, now, everything)
    workflows.start(WORKFLOWS[after.phase], after.id, after.generation, after.correlation_id)
    return after
