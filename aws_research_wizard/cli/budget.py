"""What may a team's labs cost in a month, and how much of it is left?"""

from decimal import Decimal
from typing import TYPE_CHECKING, cast

import click

from aws_research_wizard.cli import labs, screen
from aws_research_wizard.cli.session import PROGRAM, Format, command, connect, emit, group

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import BudgetRequest, BudgetView, Reach

app = group("What a team's labs may cost in a month: set, show, remove.")
THRESHOLD = (click.IntRange(1, 100), click.Choice(["warn", "stop", "refuse"]))
WIDTH = 30


@command(app, "set", "budget set physics --monthly 500 --at 80 warn --at 100 stop", "budget set physics --monthly 0")
@click.argument("team", metavar="TEAM")
@click.option("--monthly", required=True, metavar="AMOUNT", help="For a calendar month (UTC). 0: nothing may start.")
@click.option("--currency", default="USD", show_default=True, help="As prices are told in.")
@click.option(
    "--at",
    "thresholds",
    type=THRESHOLD,
    multiple=True,
    metavar="PERCENT WORD",
    help="What happens there: warn, stop (labs are warned, then stopped) or refuse (starts). Several times; "
    "by default 80 warn, 100 refuse.",
)
def set_budget(team: str, monthly: str, currency: str, thresholds: tuple[tuple[int, str], ...], output: Format) -> None:
    """Decide what a team may spend. For whoever leads the team, and for administrators."""
    wish: BudgetRequest = {"monthly": _amount(monthly), "currency": currency.upper()}
    wish["thresholds"] = [{"percent": percent, "action": cast("Reach", action)} for percent, action in thresholds]
    with connect() as calls:
        found = labs.ask(lambda: calls.put_budget(team, wish), f"set the budget of {team}")
    emit(output, found, lambda: _page(found))


@command(app, "show", "budget show", "budget show physics --output json")
@click.argument("team", metavar="[TEAM]", default="")
def show(team: str, output: Format) -> None:
    """What is spent, set aside and left this month; by default of your first team."""
    with connect() as calls:
        found = calls.budget(team or first_team(calls))
    emit(output, found, lambda: _page(found))


@command(app, "remove", "budget remove physics")
@click.argument("team", metavar="TEAM")
def remove(team: str, output: Format) -> None:
    """From then on there is no limit."""
    with connect() as calls:
        labs.ask(lambda: calls.remove_budget(team), f"remove the budget of {team}")
    done = f"{screen.paint('✔', 'green')} Team {team} has no budget: its labs may cost what they cost"
    emit(output, {"team": team, "monthly": None}, done)


def first_team(calls: "Calls") -> str:
    """The team that pays when none is named."""
    return next(iter(calls.whoami()["teams"]), "default")


def _amount(text: str) -> str:
    cleaned = text.strip().lstrip("$").replace(",", "")
    if not cleaned.replace(".", "", 1).isdecimal():
        raise click.UsageError(f"'{text}' is not an amount: write it like 500 or 499.50", click.get_current_context())
    return cleaned


def _page(found: "BudgetView") -> str:
    lines = [f"Budget of team {found['team']}, {found['month']}", ""]
    lines.append(screen.block(_pairs(found)))
    if found["labs"]:
        rows = [(one["lab_id"], _money(found, one["spent"]), _money(found, one["reserved"])) for one in found["labs"]]
        lines += ["", screen.table(("LAB", "SPENT", "SET ASIDE"), rows)]
    return "\n".join(lines)


def _pairs(found: "BudgetView") -> list[tuple[str, str]]:
    aside = f"{_money(found, found['reserved'])}, for labs that run"
    pairs = [("Spent", _money(found, found["spent"])), ("Set aside", aside)]
    if found["monthly"] is None or found["left"] is None:
        hint = f"{PROGRAM} budget set {found['team']} --monthly 500 --at 80 warn --at 100 stop"
        return [*pairs, ("Limit", "none: no budget was set"), ("Set one", hint)]
    left = f"{_money(found, found['left'])} of {_money(found, found['monthly'])}; a new month begins {found['renews_at'][:10]}"
    reached = {True: " (reached)", False: ""}
    words = ", ".join(f"{one['percent']} % {one['action']}{reached[one['reached']]}" for one in found["thresholds"])
    return [*pairs, ("Left", left), ("", _bar(found)), ("At", words)]


def _bar(found: "BudgetView") -> str:
    """Spent, set aside and left as one line."""
    whole = float(found["monthly"] or 0)
    if whole <= 0:
        return "nothing may start"
    spent, aside = (min(1.0, float(found[name]) / whole) for name in ("spent", "reserved"))
    full, half = round(spent * WIDTH), round(min(1.0 - spent, aside) * WIDTH)
    return f"{'█' * full}{'▒' * half}{'·' * (WIDTH - full - half)}  {spent:.0%} spent"


def _money(found: "BudgetView", amount: str) -> str:
    """In cents; what is less than one with four digits."""
    value = Decimal(amount)
    digits = Decimal("0.0001") if 0 < value < Decimal("0.01") else Decimal("0.01")
    return screen.money({"amount": str(value.quantize(digits)), "currency": found["currency"]})
