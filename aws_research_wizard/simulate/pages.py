"""How does the answer look: a table for people, plain values for programs, rows for spreadsheets, bars for the eye?

Money is exact inside and rounded here, once.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from aws_research_wizard.simulate.advice import Smaller, Together
from aws_research_wizard.simulate.life import BOOT_S, SAVING_S
from aws_research_wizard.simulate.outcome import Outcome
from aws_research_wizard.simulate.reading import Malformed
from aws_research_wizard.simulate.replay import Played, Replay
from aws_research_wizard.simulate.usage import stamp

HEADS = ("POLICY", "COST", "SAVED", "HOURS PAID", "IDLE", "STOPS", "WRONG", "WAITS", "MINUTES WAITED")
COUNTS = ("stops", "wrong_stops", "crossed", "warnings", "withdrawn", "snoozed", "decisions", "waits")
SECONDS = ("paid_s", "worked_s", "idle_s", "overhead_s", "lost_s", "wait_s")
CENT = Decimal("0.01")
WIDE = 44  # letters of the longest bar


class Answer(NamedTuple):
    """All that was found out."""

    replay: Replay
    smaller: Sequence[Smaller]
    together: Sequence[Together]
    malformed: Sequence[Malformed] = ()


def money(amount: Decimal, currency: str) -> str:
    """For the eye."""
    shown = f"{amount.quantize(CENT):,}"
    return f"${shown}" if currency == "USD" else f"{shown} {currency}"


def hours(seconds: int) -> str:
    """For the eye: whole hours."""
    return f"{round(Decimal(seconds) / 3600):,}"


def percent(value: Decimal | None) -> str:
    """For the eye: 58 %."""
    return "" if value is None else f"{round(value)} %"


# ---- a table -------------------------------------------------------------------------------------------------------------


def rows(replay: Replay) -> list[tuple[str, ...]]:
    """One for each policy."""
    return [_row(replay, one) for one in replay.played]


def _row(replay: Replay, one: Played) -> tuple[str, ...]:
    whole = one.whole
    saved = "" if one.policy.way == "always" else percent(replay.saved(one))
    cost = money(whole.cost, replay.currency)
    counts = (f"{whole.stops:,}", f"{whole.wrong_stops:,}", f"{whole.waits:,}", f"{round(whole.wait_s / 60):,}")
    return one.policy.name, cost, saved, hours(whole.paid_s), hours(whole.idle_s), *counts


def about(answer: Answer) -> Iterator[str]:
    """What must be known to read the table."""
    replay = answer.replay
    month = replay.usage
    span = f"{(month.ends - month.begins) / 86400:g} days from {stamp(month.begins)[:10]}"
    prices = f"machines only, {replay.currency}, list prices as of {replay.as_of}"
    yield f"{len(month.labs)} labs, {span}, {month.source or 'recorded usage'}; {prices}"
    yield (
        f"a start takes {BOOT_S // 60} minutes and a stop {SAVING_S // 60} (saving work), both paid; WRONG: stops that met work "
        "under way"
    )
    if crossed := replay.played[0].whole.crossed:
        yield f"{crossed} of the stops crossed with somebody who came in the same five seconds"


def smaller_words(found: Sequence[Smaller], currency: str) -> list[tuple[str, str]]:
    """For each lab the smaller machine that would have done, and why."""
    return [(one.lab, f"{one.instead} instead of {one.now} saves {money(one.saves, currency)}: {one.reason}") for one in found]


def together_words(found: Sequence[Together], currency: str) -> list[tuple[str, str]]:
    """For each pair of teams their one machine, and why."""
    return [(" + ".join(one.labs), f"one {one.machine} saves {money(one.saves, currency)}: {one.reason}") for one in found]


# ---- plain values --------------------------------------------------------------------------------------------------------


def plain(answer: Answer) -> dict[str, Any]:
    """Everything, money as exact text."""
    replay = answer.replay
    return {
        "from": stamp(replay.usage.begins),
        "to": stamp(replay.usage.ends),
        "source": replay.usage.source,
        "currency": replay.currency,
        "prices_as_of": replay.as_of.isoformat(),
        "boot_seconds": BOOT_S,
        "saving_seconds": SAVING_S,
        "policies": [_plain_policy(replay, one) for one in replay.played],
        "smaller": [one._asdict() | {"saves": str(one.saves), "load": one.load._asdict()} for one in answer.smaller],
        "together": [one._asdict() | {"saves": str(one.saves)} for one in answer.together],
        "malformed": [one._asdict() for one in answer.malformed],
    }


def _plain_policy(replay: Replay, one: Played) -> dict[str, Any]:
    saved = replay.saved(one)
    whole = {"policy": one.policy.name, "saved_percent": None if saved is None else str(saved.quantize(CENT))}
    return whole | _figures(one.whole) | {"labs": {name: _figures(outcome) for name, outcome in one.labs.items()}}


def _figures(outcome: Outcome) -> dict[str, Any]:
    return {"cost": str(outcome.cost)} | {name: getattr(outcome, name) for name in (*COUNTS, *SECONDS)}


def spreadsheet(replay: Replay) -> list[list[str]]:
    """A row for each policy and lab; exact."""
    heads = ["policy", "lab", "cost", *COUNTS, *SECONDS, "currency", "prices_as_of"]
    tail = [replay.currency, replay.as_of.isoformat()]
    found = [heads]
    for one in replay.played:
        for name, outcome in one.labs.items():
            found.append([one.policy.name, name, *map(str, _figures(outcome).values()), *tail])
    return found


# ---- bars ----------------------------------------------------------------------------------------------------------------


def chart(replay: Replay) -> Any:
    """A bar for each policy: hours of work, of starting and stopping, and idle, as long as the dollars they cost."""
    from rich.table import Table

    drawn = Table(box=None, expand=True, title=title(replay), title_justify="left", caption_justify="left")
    drawn.add_column("POLICY", no_wrap=True)
    drawn.add_column("", ratio=1)
    for head in ("COST", "SAVED", "WRONG STOPS"):
        drawn.add_column(head, justify="right", no_wrap=True)
    most = max(one.whole.cost for one in replay.played) or Decimal(1)
    for one in replay.played:
        whole = one.whole
        wrong = f"[red]{whole.wrong_stops}[/]" if whole.wrong_stops else "[green]0[/]"
        saved = "" if one.policy.way == "always" else percent(replay.saved(one))
        drawn.add_row(one.policy.name, _bar(one, most), money(whole.cost, replay.currency), saved, wrong)
    drawn.caption = "█ work  ▓ starts and stops  ░ idle   (each as long as what its hours cost)"
    return drawn


def _bar(one: Played, most: Decimal) -> Any:
    """The three parts of a bar, with one scale for all."""
    from rich.text import Text

    parts = (("█", "green", "worked_s"), ("▓", "cyan", "overhead_s"), ("░", "yellow", "idle_s"))
    bar, drawn, upto = Text(), 0, Decimal(0)
    for block, colour, name in parts:
        upto += sum((_share(outcome, name) for outcome in one.labs.values()), Decimal(0))
        ends = round(WIDE * upto / most)
        bar.append(block * (ends - drawn), colour)
        drawn = ends
    return bar


def _share(outcome: Outcome, name: str) -> Decimal:
    """What these seconds of a lab cost."""
    return outcome.cost * getattr(outcome, name) / outcome.paid_s if outcome.paid_s else Decimal(0)


def title(replay: Replay) -> str:
    """What the bars show."""
    month = replay.usage
    return f"{len(month.labs)} labs, {(month.ends - month.begins) / 86400:g} days: cost by policy"
