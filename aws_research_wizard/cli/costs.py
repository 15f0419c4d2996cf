"""What did it cost, and whose was it? The report, its chart, and the one line that other commands show."""

import csv
import io
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import labs, screen
from aws_research_wizard.cli.session import PROGRAM, Format, connect

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import CostReportView, CostRowView, LabCostView

WAYS = ("user", "lab", "domain", "team", "day")
PARTS = ("machine", "disk", "files")
ON_SCREEN = "-"
FONT = re.compile(r"@font-face \{[^}]*\}\s*")  # a picture that asks no other host for letters
WIDE = 96
CSV = ("amount", *PARTS, "users", "idle", "overhead", "seconds", "unpriced_seconds")


def _day(_ctx: Any, _param: Any, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise click.BadParameter(f"'{text}' is not a day; write 2026-11-01") from None


def _picture(_ctx: Any, _param: Any, text: str | None) -> str | None:
    if text in (None, ON_SCREEN) or str(text).endswith(".svg"):
        return text
    raise click.BadParameter(f"a chart is drawn on the terminal, or into a file that ends in .svg, not into '{text}'")


@labs.any_lab
@click.option("--by", type=click.Choice(WAYS), help="One row for each; by default user with LAB, else lab.")
@click.option("--from", "first", metavar="DAY", callback=_day, help="First day (UTC); by default the first of this month.")
@click.option("--to", "last", metavar="DAY", callback=_day, help="Last day (UTC), included; by default today.")
@click.option("--team", help="Only this team's labs.")
@click.option("--mine", is_flag=True, help="My own share, lab by lab, also in labs that are gone.")
@click.option(
    "--chart",
    is_flag=False,
    flag_value=ON_SCREEN,
    metavar="[FILE.svg]",
    callback=_picture,
    help="Draw bars, here or into a file.",
)
def cost_report(
    lab: str, by: str | None, first: str | None, last: str | None, team: str | None, mine: bool, chart: str | None, output: Format
) -> None:
    """What labs cost, by person, lab, domain, team or day."""
    if first and last and first > last:
        raise click.UsageError(f"--from {first} is after --to {last}", click.get_current_context())
    if mine and (lab or by or team):
        raise click.UsageError("--mine is by lab, and of all labs: leave LAB, --by and --team out", click.get_current_context())
    with connect() as calls:
        report = calls.my_costs(first, last) if mine else _asked(calls, lab, by, first, last, team)
    if output is Format.JSON:
        screen.say_json(report)
    elif output is Format.CSV:
        screen.say(_csv(report))
    elif chart and report["rows"]:
        _draw(report, chart)
    else:
        screen.say(page(report))


def _asked(calls: "Calls", lab: str, by: str | None, first: str | None, last: str | None, team: str | None) -> "CostReportView":
    lab_id = _lab_id(calls, lab) if lab else ""
    return calls.costs(by or ("user" if lab else "lab"), first, last, lab=lab_id, team=team or "")


def _lab_id(calls: "Calls", word: str) -> str:
    """The lab that was meant; an id that nobody has any more is taken at its word, for the ledger remembers."""
    from aws_research_wizard.client.errors import WizardError

    try:
        return labs.find(calls, word)["id"]
    except WizardError:
        if re.fullmatch(r"[a-z][a-z0-9_-]*-[a-z0-9]{4}", word):
            return word
        raise


# ---- rounding, once ------------------------------------------------------------------------------------------------------


def rounded(amounts: Mapping[str, Decimal], places: int, whole: Decimal | None = None) -> dict[str, Decimal]:
    """Amounts for the eye that sum to their rounded sum (or to `whole`): the largest remainders are rounded up."""
    unit = Decimal(1).scaleb(-places)
    exact = {name: Fraction(amount) * 10**places for name, amount in amounts.items()}
    floors = {name: value.numerator // value.denominator for name, value in exact.items()}
    wanted = round(sum(exact.values(), Fraction(0))) if whole is None else int(whole.scaleb(places))
    ranked = sorted(exact, key=lambda name: (floors[name] - exact[name], name))
    up = set(ranked[: wanted - sum(floors.values())])
    return {name: (floors[name] + (name in up)) * unit for name in exact}


def places_for(total: Decimal) -> int:
    """Cents; of less than a dollar hundredths of a cent."""
    return 2 if abs(total) >= 1 else 4


def shown(amount: Decimal, currency: str) -> str:
    return f"${amount:,}" if currency == "USD" else f"{amount:,} {currency}"


# ---- a table -------------------------------------------------------------------------------------------------------------


def page(report: "CostReportView") -> str:
    """The table whose figures sum, and what must be known to read it."""
    if not report["rows"]:
        return _empty(report)
    heads, cells = _cells(report)
    spare = [head for name in ("TIME", "DISK", "FILES", "MACHINE") for head in heads if head.strip() == name]
    return "\n".join([screen.table(heads, cells, spare=spare), *_below(report)])


def _cells(report: "CostReportView") -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Rows sum to the total, parts to their row, columns to their last line."""
    rows, currency = report["rows"], report["currency"]
    places = places_for(Decimal(report["total"]["amount"]))
    totals = rounded({row["key"]: Decimal(row["amount"]) for row in rows}, places)
    parts = {row["key"]: rounded({part: _money(row, part) for part in PARTS}, places, totals[row["key"]]) for row in rows}
    lines = [
        (
            row["key"],
            _time(row),
            *(shown(parts[row["key"]][part], currency) for part in PARTS),
            shown(totals[row["key"]], currency),
        )
        for row in rows
    ]
    sums = [shown(sum((one[part] for one in parts.values()), Decimal(0)), currency) for part in PARTS]
    lines.append(("total", _time(report["total"]), *sums, shown(sum(totals.values(), Decimal(0)), currency)))
    heads = (report["by"].upper(), "TIME", *(part.upper() for part in PARTS), "TOTAL")
    first, *rest = _aligned([heads, *lines])
    return first, rest


def _money(row: "CostRowView", part: str) -> Decimal:
    return Decimal(str(row[part]))  # type: ignore[literal-required]


def _time(row: "CostRowView") -> str:
    seconds = int(Decimal(row["seconds"]))
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _aligned(lines: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Figures stand under each other's last digit, and their heads with them."""
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return [(line[0], *(cell.rjust(widths[place + 1]) for place, cell in enumerate(line[1:]))) for line in lines]


def _below(report: "CostReportView") -> list[str]:
    prices = f"{report['currency']}, list prices as of {report['prices_as_of'] or 'no day'}"
    sources = f" ({'; '.join(report['price_sources'])})" if report["price_sources"] else ""
    span = f"{report['first']} to {report['last']} UTC, up to {screen.clock(report['up_to'])}"
    lines = [screen.paint(span, "dim"), screen.paint(f"{prices}{sources}", "dim")]
    guess = Decimal(report["transfer_at_most"])
    if guess:
        estimate = shown(rounded({"": guess}, 2)[""], report["currency"])
        lines.append(screen.paint(f"Transfer: at most {estimate}, an estimate that is in no sum", "dim"))
    return [*lines, *(f"{screen.paint('!', 'yellow')} {note}" for note in report["notes"])]


def _empty(report: "CostReportView") -> str:
    said = f"Nothing was charged from {report['first']} to {report['last']} in the labs you see."
    return f"{said} Look at another month with --from, or make a lab: {PROGRAM} jupyter quick-start --domain genomics"


def _csv(report: "CostReportView") -> str:
    """Exact figures; the rows of a column sum to what the service says in total."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow([report["by"], *CSV, "currency", "prices_as_of", "first", "last", "up_to"])
    tail = [report["currency"], report["prices_as_of"], report["first"], report["last"], report["up_to"]]
    for row in report["rows"]:
        out.writerow([_safe(row["key"]), *(row[name] for name in CSV), *tail])  # type: ignore[literal-required]
    return text.getvalue().rstrip("\n")


def _safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@" else text


# ---- a chart -------------------------------------------------------------------------------------------------------------


def _draw(report: "CostReportView", where: str) -> None:
    from rich.console import Console

    if where == ON_SCREEN:
        Console(width=screen.width() or WIDE, no_color=not screen.colours(sys.stdout)).print(chart(report))
        return
    console = Console(record=True, width=WIDE, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(chart(report))
    drawn = FONT.sub("", console.export_svg(title=_title(report)))
    Path(where).write_text(drawn, encoding="utf-8")
    screen.tell(f"Written to {where}")


def _title(report: "CostReportView") -> str:
    return f"Cost by {report['by']}, {report['first']} to {report['last']}"


def chart(report: "CostReportView") -> Any:
    """Bars as long as the amounts, which sum as in the table."""
    from rich.bar import Bar
    from rich.table import Table

    total = Decimal(report["total"]["amount"])
    amounts = rounded({row["key"]: Decimal(row["amount"]) for row in report["rows"]}, places_for(total))
    longest = max(amounts.values())
    drawn = Table(box=None, expand=True, title=_title(report), title_justify="left", show_footer=True, caption_justify="left")
    drawn.add_column(report["by"].upper(), "total", no_wrap=True, footer_style="bold")
    drawn.add_column("", ratio=1)
    sum_ = shown(sum(amounts.values(), Decimal(0)), report["currency"])
    drawn.add_column("COST", sum_, justify="right", no_wrap=True, footer_style="bold")
    for row in report["rows"]:
        amount = amounts[row["key"]]
        bar = Bar(float(longest) or 1.0, 0, float(amount), color=_colour(row["key"]))
        drawn.add_row(row["key"], bar, shown(amount, report["currency"]))
    drawn.caption = "\n".join(screen.ANSI.sub("", line) for line in _below(report))
    return drawn


def _colour(key: str) -> str:
    return {"idle": "yellow", "overhead": "bright_black", "others": "cyan"}.get(key, "green")


# ---- one line ------------------------------------------------------------------------------------------------------------


def line(calls: "Calls", lab_id: str) -> str:
    """`$0.504/hour · $1.20 today · $14.31 this month · $37.80 forecast`; blank when it cannot be had."""
    from aws_research_wizard.client.errors import WizardError

    try:
        return said(calls.lab_cost(lab_id))
    except WizardError:
        return ""


def said(cost: "LabCostView") -> str:
    """A lab's cost in one line; what is not known is said so."""
    hour = cost["per_hour"]
    rate = f"{_short(hour)}/hour" if hour else "price per hour not known"
    ahead = f"{_short(cost['forecast'])} forecast" if cost["forecast"] else "no forecast"
    return " · ".join([rate, f"{_short(cost['today'])} today", f"{_short(cost['month'])} this month", ahead])


def _short(figure: Mapping[str, Any]) -> str:
    amount = Decimal(str(figure["amount"]))
    places = 3 if abs(amount) < 1 else 2
    return shown(rounded({"": amount}, places)[""], str(figure["currency"]))
