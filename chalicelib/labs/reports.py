"""How is a look at the account kept, and when does it become news? One record of bounded size: the last report."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.labs import store
from chalicelib.labs.findings import Fate, Finding
from chalicelib.limits.rules import Price
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.store import Write

SUBJECT = "account"
SHOWN = 20  # of what was done or found, in the fact
HEAD = ("run", "by", "dry_run", "looked_at", "unowned", "left_out")
ROW = ("kind", "id", "lab_id", "verdict", "hint", "outcome")
MOST = 250
UNRESOLVED = timedelta(days=1)


@dataclass(frozen=True)
class Report:
    """What one look at the account brought: the findings that matter most, and how many there were in all."""

    run: str
    at: datetime
    by: str
    dry_run: bool
    looked_at: int = 0
    unowned: int = 0
    findings: tuple[Finding, ...] = ()
    left_out: int = 0

    def unresolved(self, now: datetime) -> int:
        """How many need a person, and have for longer than a day."""
        return sum(one.open and one.since is not None and now - one.since > UNRESOLVED for one in self.findings)

    def firsts(self) -> dict[str, datetime]:
        """When each thing was first found."""
        return {one.key: one.since for one in self.findings if one.since}

    def of(self, found: Iterable[Finding]) -> Report:
        """With these findings, the ones that cost most first; what is simply kept is counted only, unless it costs something."""
        every = list(found)
        told = [one for one in every if one.verdict is not Fate.KEEP or _worth_telling(one)]
        told.sort(key=lambda one: (not one.unowned, -(one.monthly_cost.amount if one.monthly_cost else 0), one.kind, one.id))
        unowned = sum(one.unowned for one in every)
        return replace(self, looked_at=len(every), unowned=unowned, findings=tuple(told[:MOST]), left_out=len(told[MOST:]))


def _worth_telling(one: Finding) -> bool:
    """Kept by a person's word, or in its grace: it would be asked about otherwise."""
    return one.reason.startswith(("kept ", "younger "))


def last() -> Report | None:
    text = store.last_look()
    return _read(text) if text else None


def kept(report: Report) -> Write:
    return store.looked(_written(report))


def told(report: Report, before: Report | None) -> tuple[Write, ...]:
    """A fact when something was done, or something new was found; the same trouble is not told every hour."""
    done = [one for one in report.findings if one.outcome == "done" and one.unowned]
    known = {one.key for one in before.findings if one.open} if before else set()
    new = [one for one in report.findings if one.open and one.key not in known]
    if report.dry_run or not (done or new):
        return ()
    lines = [f"{one.verdict} {one.key}" for one in [*done, *new]]
    data = {"run": report.run, "done": len(done), "open": sum(one.open for one in report.findings), "what": lines[:SHOWN]}
    return (record(Fact("AccountReconciled", SUBJECT, data, report.at, report.by, report.run)),)


def _written(report: Report) -> str:
    head = {name: getattr(report, name) for name in HEAD}
    return json.dumps(head | {"at": iso(report.at), "findings": [_row(one) for one in report.findings]}, separators=(",", ":"))


def _row(one: Finding) -> dict[str, Any]:
    cost = one.monthly_cost
    told = {name: getattr(one, name) for name in ROW if getattr(one, name)}
    told |= {"reason": one.reason[:300], "since": iso(one.since) if one.since else ""}
    return told | ({"cost": [str(cost.amount), cost.currency, cost.as_of.isoformat()]} if cost else {})


def _read(text: str) -> Report:
    stored = json.loads(text)
    found = tuple(map(_finding, stored["findings"]))
    return Report(at=parse_iso(stored["at"]), findings=found, **{name: stored[name] for name in HEAD})


def _finding(row: dict[str, Any]) -> Finding:
    cost = row.get("cost")
    words = {name: row.get(name, "") for name in (*ROW, "reason")}
    return Finding(
        **words | {"verdict": Fate(row["verdict"])},
        monthly_cost=Price(Decimal(cost[0]), cost[1], date.fromisoformat(cost[2])) if cost else None,
        since=parse_iso(row["since"]) if row["since"] else None,
    )
