"""How is a lab stopped when no person asks for it? By a rule of a slice above, with its record in the same transaction.

Keeps true: of a rule and a person (or two rules) that act at once, one wins; whoever reads the lab sees why it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.labs import machine_store, reconcile, rules, store, work
from chalicelib.labs.machines import Evidence
from chalicelib.labs.provisioning import fact, patience
from chalicelib.labs.rules import WORKFLOWS, Command, Lab, Phase
from chalicelib.runtime import workflows
from chalicelib.runtime.errors import Superseded
from chalicelib.runtime.store import Write, commit


def stop_by_rule(lab_id: str, now: datetime, reason: str, hint: str, writes: Sequence[Write], on: Evidence | None) -> Lab:
    lab = store.load(lab_id, consistent=True)
    if lab.phase is not Phase.READY:
        raise Superseded(f"lab {lab_id} is {lab.phase}")
    request = f"rule-{lab.id}-{lab.generation}"
    after = rules.command(lab, Command.STOP, now, patience(), request)
    after = replace(after, cause=reason, cause_hint=hint, asked_by="")
    told = fact("LabStopping", after, now, request=request, before=lab, after=after, reason=reason)
    commit(store.change(lab, after, store.moved_on(lab)), machine_store.notice(lab, None, on), told, *writes)
    work.end_all(lab, work.away(after).message)
    workflows.start(WORKFLOWS[after.phase], after.id, after.generation, after.correlation_id)
    return after


def look_after(lab_id: str, now: datetime) -> None:
    reconcile.check(store.load(lab_id, consistent=True), now)
