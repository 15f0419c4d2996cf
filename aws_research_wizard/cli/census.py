"""What exists in the account that nobody counts as theirs? Asks the control plane to look, and shows what it found."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import labs, screen
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import AccountView, FindingView

HEADS = ("ID", "WHAT", "LAB", "VERDICT", "A MONTH", "REASON")
PAUSE, PATIENCE = 1.0, 300.0
STYLES = {"report": "yellow", "remove": "red", "adopt": "cyan", "keep": "dim"}


def doctor(*, fix: bool, older_than: int, output: Format) -> None:
    """Look, wait for the report, show it; exit 1 while something is unowned."""
    with connect() as calls:
        asked = labs.ask(lambda: calls.reconcile_account(dry_run=not fix, grace_minutes=older_than), "look at the account")
        if output is Format.TABLE:
            screen.tell("Looking at everything in the account that is this stage's …")
        report = awaited(calls, asked["run"])
    emit(output, report, lambda: page(report))
    if any(map(_open, report["findings"])) or report["left_out"]:
        raise click.exceptions.Exit(1)


def awaited(
    calls: "Calls", run: str, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> "AccountView":
    """The report of this run, or of one that came after it. Runs are named by their time."""
    from aws_research_wizard.client.errors import NotFound, WizardError

    until = now() + PATIENCE
    while now() < until:
        try:
            report = calls.account()
            if report["run"] >= run:
                return report
        except NotFound:
            pass  # the first look of all is under way
        sleep(PAUSE)
    raise WizardError(f"no report of the look {run} within {PATIENCE:.0f} s", f"it may still come: {PROGRAM} doctor --account")


def page(report: "AccountView") -> str:
    """A table of what needs somebody, what to do about it, and one line that sums it up."""
    shown = [one for one in report["findings"] if one["unowned"] or one["verdict"] == "keep"]
    rows = [_row(one) for one in shown]
    parts = [screen.table(HEADS, rows)] if rows else []
    hints = {one["hint"]: one for one in shown if one["hint"] and _open(one)}
    parts += [f"{screen.paint('→', 'dim')} {one['id']}: {hint}" for hint, one in hints.items()]
    parts += _notes([one for one in report["findings"] if one not in shown])
    return "\n".join([*parts, _sum(report)])


def _notes(rest: "list[FindingView]") -> list[str]:
    """What is worth knowing, and needs nobody: counted only."""
    kinds = sorted({one["kind"] for one in rest})
    told = ", ".join(f"{sum(one['kind'] == kind for one in rest)} {kind}" for kind in kinds)
    return [f"· Also seen, of labs long gone: {told} (--output json lists them)"] if rest else []


def _row(one: "FindingView") -> tuple[str, ...]:
    verdict = screen.paint(f"{one['verdict']}{': ' + one['outcome'] if one['outcome'] else ''}", STYLES[one["verdict"]])
    cost = screen.money(one["monthly_cost"]) or "-"
    return (one["id"], one["kind"], one["lab_id"] or "-", verdict, cost, one["reason"])


def _open(one: "FindingView") -> bool:
    return one["unowned"] and one["outcome"] != "done"


def _sum(report: "AccountView") -> str:
    left = [one for one in report["findings"] if _open(one)]
    done = sum(one["outcome"] == "done" for one in report["findings"] if one["unowned"])
    said = [f"{report['looked_at']} things seen"]
    said += [f"{done} put right"] if done else []
    if not left and not report["left_out"]:
        return f"{screen.paint('✔', 'green')} {', '.join(said)}, nothing without an owner"
    more = f" (and {report['left_out']} more)" if report["left_out"] else ""
    fixable = any(one["verdict"] in ("adopt", "remove") for one in left)
    advice = f"\n  Put right what can safely be: {PROGRAM} doctor --account --fix" if fixable and report["dry_run"] else ""
    return f"{screen.paint('✘', 'red')} {', '.join(said)}, {len(left)} without an owner{more}{_cost(left)}{advice}"


def _cost(left: "list[FindingView]") -> str:
    from decimal import Decimal

    amounts: list[Any] = [one["monthly_cost"] for one in left if one["monthly_cost"]]
    total = sum((Decimal(one["amount"]) for one in amounts), Decimal(0))
    return f", {screen.money({**amounts[0], 'amount': str(total)}, 'month')}" if amounts else ""
