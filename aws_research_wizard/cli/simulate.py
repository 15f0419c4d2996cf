"""What would a month have cost under other rules, and whose work would have been stopped? Nothing is asked of any cloud."""

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import screen
from aws_research_wizard.cli.session import Format, command, emit, group

if TYPE_CHECKING:
    from aws_research_wizard.simulate.pages import Answer
    from aws_research_wizard.simulate.policies import Policy
    from aws_research_wizard.simulate.reading import Malformed, Trace
    from aws_research_wizard.simulate.replay import Replay

app = group("Usage replayed under other policies.")
SHOWN = 10
WIDE = 100
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _picture(_ctx: Any, _param: Any, text: str | None) -> str | None:
    if text is None or text.endswith(".svg"):
        return text
    raise click.BadParameter(f"a chart is drawn into a file that ends in .svg, not into '{text}'")


def _known(_ctx: Any, _param: Any, names: str) -> str:
    from aws_research_wizard.simulate import policies

    try:
        policies.named(names)
    except policies.BadPolicy as error:
        raise click.BadParameter(f"{error.message}; {error.hint}") from None
    return names


@command(
    app,
    "simulate",
    "simulate --compare all",
    "simulate --trace usage.jsonl --policy ours.json --compare default,always-on",
    "simulate --seed 7 --labs 10 --days 7 --save-trace week.jsonl --output json",
    also=(Format.CSV,),
)
@click.option("--trace", "trace_file", type=FILE, metavar="FILE.jsonl", help="Replay this usage; without it, a synthetic month.")
@click.option("--policy", "policy_file", type=FILE, metavar="FILE.json", help="Your own policy; without it, the packs' own.")
@click.option(
    "--compare",
    default="always-on",
    show_default=True,
    metavar="NAMES",
    callback=_known,
    help="Others beside it, with commas between; or all.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the synthetic month, and of who snoozes.")
@click.option("--labs", type=click.IntRange(1, 2000), default=50, show_default=True, help="Of the synthetic month.")
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="Of the synthetic month.")
@click.option(
    "--snooze", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="How likely somebody away keeps a lab running."
)
@click.option(
    "--save-trace", type=click.Path(dir_okay=False, path_type=Path), help="Write the usage that was replayed to a file."
)
@click.option("--chart", metavar="FILE.svg", callback=_picture, help="Draw bars into a file.")
def simulate(
    trace_file: Path | None,
    policy_file: Path | None,
    compare: str,
    seed: int,
    labs: int,
    days: int,
    snooze: float,
    save_trace: Path | None,
    chart: str | None,
    output: Format,
) -> None:
    """Replay usage under several policies, decided by the code that decides in production: dollars, idle hours, wrong stops,
    waits; and advice on machines."""
    from aws_research_wizard.simulate import advice, pages, replay

    policies = _policies(policy_file, compare)
    trace = _usage(trace_file, seed, labs, days)
    _list(trace.malformed)
    if save_trace:
        _save(trace, save_trace)
    played = replay.replay(trace.usage, policies, seed, snooze)
    answer = pages.Answer(played, advice.smaller(played), advice.together(played), trace.malformed)
    if chart:
        draw(played, Path(chart))
    if output is Format.CSV:
        return screen.say(_csv(pages.spreadsheet(played)))
    emit(output, pages.plain(answer), lambda: _page(answer))


def _policies(file: Path | None, compare: str) -> "list[Policy]":
    from aws_research_wizard.simulate import policies

    asked = policies.read(file) if file else policies.DEFAULT
    return [asked, *(one for one in policies.named(compare) if one.name != asked.name)]


def _usage(file: Path | None, seed: int, labs: int, days: int) -> "Trace":
    from aws_research_wizard.simulate import reading, synthetic

    return reading.read(file) if file else reading.Trace(synthetic.month(seed, labs, days), ())


def _list(malformed: "tuple[Malformed, ...]") -> None:
    """Every line that could not be read, and how many that were."""
    for one in malformed:
        screen.tell(f"{screen.paint('!', 'yellow')} line {one.line}: {one.reason}")
    if malformed:
        screen.tell(f"  {len(malformed)} lines are malformed and are not in the figures; the rest is replayed")


def _save(trace: "Trace", file: Path) -> None:
    from aws_research_wizard.simulate import usage

    with file.open("w", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in usage.lines(trace.usage))
    screen.tell(f"Written to {file}")


def _page(answer: "Answer") -> str:
    from aws_research_wizard.simulate import pages

    currency = answer.replay.currency
    spare = ("MINUTES WAITED", "STOPS", "HOURS PAID", "WAITS")
    parts = [screen.table(pages.HEADS, _aligned(pages.HEADS, pages.rows(answer.replay)), spare=spare), ""]
    parts += [screen.paint(line, "dim") for line in pages.about(answer)]
    if answer.smaller:
        parts += ["", _counted("A smaller machine would have done", len(answer.smaller))]
        parts.append(screen.block(pages.smaller_words(answer.smaller[:SHOWN], currency)))
    if answer.together:
        parts += ["", _counted("Two teams could share a machine", len(answer.together))]
        parts.append(screen.block(pages.together_words(answer.together[:SHOWN], currency)))
    return "\n".join(parts)


def _counted(title: str, count: int) -> str:
    more = f" ({SHOWN} of {count}; all with --output json)" if count > SHOWN else ""
    return screen.paint(title + more, "bold")


def _aligned(heads: tuple[str, ...], lines: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Figures stand under each other's last digit."""
    widths = [max(len(head), *(len(line[place]) for line in lines)) for place, head in enumerate(heads)]
    return [(line[0], *(cell.rjust(widths[place + 1]) for place, cell in enumerate(line[1:]))) for line in lines]


def _csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue().rstrip("\n")


def _safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@" else text


def draw(played: "Replay", file: Path) -> None:
    """A bar for each policy, as a picture that fetches nothing."""
    from rich.console import Console

    from aws_research_wizard.simulate import pages

    console = Console(record=True, width=WIDE, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(pages.chart(played))
    drawn = console.export_svg(title="aws-research-wizard simulate", unique_id="simulate")
    file.write_text(re.sub(r"@font-face\s*{[^}]*}", "", drawn), encoding="utf-8")
    screen.tell(f"Written to {file}")
