"""Is this a pack that works? Findings with their line and their remedy; nothing is asked of a control plane."""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import screen
from aws_research_wizard.cli.session import Format, emit

if TYPE_CHECKING:
    from aws_research_wizard.packs.findings import Finding
    from aws_research_wizard.packs.linting import Report

STYLES = {"error": "red", "warning": "yellow", "note": "cyan"}
region_option = click.option(
    "--region", default="us-east-1", show_default=True, metavar="REGION", help="Where the labs run: prices and transfers."
)


@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--execute", is_flag=True, help="Also install the kernels from their locks and run every notebook.")
@click.option("--notes", is_flag=True, help="Show notes, too, when more than one pack is linted.")
@region_option
def lint(paths: tuple[str, ...], execute: bool, notes: bool, region: str, output: Format) -> int:
    """What is wrong with a pack, line by line, and what to do.

    PATH is a pack's name, folder or file, a folder of packs, or `all` (of this checkout). Older formats are read, too.
    Ends with 1 when there is an error; warnings and notes alone end with 0.
    """
    from aws_research_wizard.packs import linting

    files = [file for path in paths for file in found(path)]
    reports = []
    for report in linting.lint(files, region, today()):
        reports.append(_executed(report) if execute else report)
        if execute and output is not Format.JSON:
            screen.tell(f"{_mark(reports[-1])} {report.name}")
    emit(output, [one.plain(region) for one in reports], lambda: _page(reports, region, notes or len(reports) == 1))
    return 1 if any(one.errors for one in reports) else 0


def today() -> date:
    """The day by which a lock's age is told."""
    return screen.today().date()


def found(path: str) -> Sequence[Path]:
    """The pack files that a word means; misuse (exit 2) when it means none."""
    from aws_research_wizard.packs import shelf
    from aws_research_wizard.packs.findings import shortened
    from aws_research_wizard.packs.production import near_miss

    word = shortened(path, 80)

    try:
        if path == "all":
            return [_short(file) for file in shelf.files_of(shelf.checkout() or shelf.shipped())]
        if not Path(path).exists() and (folder := shelf.around().find(path)):
            return [_short(folder / shelf.PACK)]
        if Path(path).exists() and (files := shelf.files_of(Path(path))):
            return files
        said = f"no pack in '{word}'" if Path(path).exists() else f"no pack and no file '{word}'"
    except (OSError, ValueError) as error:
        said = f"'{word}' is no path: {error.strerror if isinstance(error, OSError) else error}"
    near = near_miss(path, shelf.around().names())
    raise click.BadParameter(f"{said}{f'; {near}' if near else ''}", param_hint="PATH")


def _short(file: Path) -> Path:
    """As one would type it from here, where that is possible."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _executed(report: "Report") -> "Report":
    from aws_research_wizard.packs import executing

    if report.pack is None:
        return report
    return report._replace(findings=(*report.findings, *executing.findings(report.pack, Path(report.file).parent.resolve())))


def _mark(report: "Report") -> str:
    return screen.paint("✘", "red", sys.stderr) if report.errors else screen.paint("✔", "green", sys.stderr)


# ---- the page


def _page(reports: "Sequence[Report]", region: str, notes: bool) -> str:
    parts = [text for one in reports if (text := _told(one, notes))]
    if len(reports) > 1:
        parts.append(screen.table(*_table(reports, region), spare=("NOTES", "DATA SETS", "$/HOUR")))
    parts.append(_sum(reports, notes))
    return "\n\n".join(parts)


def _told(report: "Report", notes: bool) -> str:
    """A pack's findings under the name of its file."""
    shown = [one for one in report.findings if notes or one.severity != "note"]
    lines, file = [], ""
    for one in shown:
        if one.place.file != file:
            file = one.place.file
            lines.append(screen.paint(file, "bold"))
        lines.append(_line(one))
    return "\n".join(lines)


def _line(one: "Finding") -> str:
    """Place, severity and code in columns; what is wrong and its remedy under each other."""
    where = f"{one.place.line}:{one.place.column}".rjust(7)
    style = STYLES[one.severity.value]
    head = f"{where}  {screen.paint(one.severity.value.ljust(7), style)}  {one.code}  "
    return f"{head}{screen.hanging(one.said, 24)}\n{' ' * 24}{screen.paint('→', 'dim')} {screen.hanging(one.remedy, 26)}"


def _table(reports: "Sequence[Report]", region: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    from aws_research_wizard.packs.findings import worst

    heads = ("PACK", "KERNELS", "LESSONS", "DATA SETS", "$/HOUR", "ERRORS", "WARNINGS", "NOTES")
    rows = []
    for one in reports:
        counts = (str(count or "") for count in worst(one.findings).values())
        about = (str(len(part)) for part in (one.pack.kernels, one.pack.examples, one.pack.datasets)) if one.pack else ("",) * 3
        rows.append((one.name, *about, _hour(one, region), *counts))
    return heads, [(row[0], *(cell.rjust(len(head)) for cell, head in zip(row[1:], heads[1:], strict=True))) for row in rows]


def _hour(report: "Report", region: str) -> str:
    """What an hour of a small team's first machine costs, worked out now."""
    from aws_research_wizard.packs import machines

    return machines.hourly(report.pack, region).get("small", "") if report.pack else ""


def _sum(reports: "Sequence[Report]", notes: bool) -> str:
    from aws_research_wizard.packs.findings import Severity, worst

    counts = worst([one for report in reports for one in report.findings])
    packs = f"{len(reports)} packs" if len(reports) > 1 else reports[0].name
    said = ", ".join(f"{count} {severity.value}{'' if count == 1 else 's'}" for severity, count in counts.items())
    mark = screen.paint("✘", "red") if counts[Severity.ERROR] else screen.paint("✔", "green")
    hidden = "   (show them: --notes)" if counts[Severity.NOTE] and not notes else ""
    return f"{mark} {packs}: {said}{screen.paint(hidden, 'dim')}"
