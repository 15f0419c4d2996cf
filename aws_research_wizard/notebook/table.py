"""How does the summary look? A plain table, in a notebook as HTML that a screen reader reads well, elsewhere as text."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from aws_research_wizard.notebook.machine import Price

HEADS = ("Hour (UTC)", "Cells", "Idle", "Overhead", "Together", "People")
UNKNOWN = "What this machine costs is not known here, or its domain does not track costs."
RULE = (
    "Cells: while one of your cells ran. Idle: while your server ran and no cell did. Overhead: while nobody had a server. While "
    "several people have one, they share the machine's hour equally."
)
_CELL = "padding:.25rem .7rem;border-bottom:1px solid #8886"


@dataclass(frozen=True)
class Row:
    """One hour of one person; `at` in seconds since 1970."""

    at: int
    people: int
    count: int
    cells: Decimal
    idle: Decimal
    overhead: Decimal

    @property
    def total(self) -> Decimal:
        """Return the hour's cost."""
        return self.cells + self.idle + self.overhead


class Summary:
    """The table, its sum, and the cells that cost most."""

    def __init__(self, rows: Sequence[Row], price: Price | None, dearest: Sequence[tuple[str, Decimal]] = ()) -> None:
        self.rows, self.price, self.dearest = list(rows), price, list(dearest)

    @property
    def total(self) -> Decimal:
        """Return the sum of all hours."""
        return sum((row.total for row in self.rows), Decimal(0))

    def lines(self) -> list[tuple[str, ...]]:
        """Return the table's cells as words, the sum last."""
        price = self.price or Price(Decimal(0), "USD", "")
        told = [
            (_hour(row.at), f"{price.words(row.cells)} ({row.count})", *map(price.words, (row.idle, row.overhead, row.total)),
             str(row.people))
            for row in self.rows
        ]  # fmt: skip
        zero = Decimal(0)
        sums = [sum((getattr(row, name) for row in self.rows), zero) for name in ("cells", "idle", "overhead", "total")]
        return [*told, ("Together", *map(price.words, sums), "")]

    def __str__(self) -> str:
        """Return the table as text."""
        if self.price is None:
            return UNKNOWN
        if not self.rows:
            return "Nothing ran in these hours."
        lines = [HEADS, *self.lines()]
        widths = [max(len(line[place]) for line in lines) for place in range(len(HEADS))]
        shown = ["  ".join(word.rjust(width) for word, width in zip(line, widths)).rstrip() for line in lines]
        return "\n".join([*shown, "", self._caption(), *(f"  {amount}  {title}" for title, amount in self._dearest())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        if self.price is None or not self.rows:
            return f"<p>{html.escape(str(self))}</p>"
        head = "".join(_th(word, "col") for word in HEADS)
        *body, last = self.lines()
        rows = "".join(_line(line) for line in body)
        caption = f'<caption style="text-align:left;padding:.3rem 0">{html.escape(self._caption())}</caption>'
        items = "".join(f"<li>{html.escape(amount)}: {html.escape(title)}</li>" for title, amount in self._dearest())
        most = f"<p>Cost most:</p><ul>{items}</ul>" if items else ""
        return (
            f'<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">{caption}<thead><tr>{head}</tr></thead>'
            f"<tbody>{rows}</tbody><tfoot>{_line(last, 'font-weight:bold')}</tfoot></table><p>{html.escape(RULE)}</p>{most}"
        )

    def _caption(self) -> str:
        assert self.price  # noqa: S101 (asked before)
        price = self.price
        return f"Your part of this lab's machine, at {price.words(price.hourly)} an hour (list price as of {price.as_of})"

    def _dearest(self) -> list[tuple[str, str]]:
        return [(title, self.price.words(amount)) for title, amount in self.dearest] if self.price else []


def _line(words: Sequence[str], style: str = "") -> str:
    return f'<tr style="{style}">{_th(words[0], "row")}{"".join(_td(word) for word in words[1:])}</tr>'


def _hour(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:00", time.gmtime(at))


def _th(word: str, scope: str) -> str:
    align = "left" if scope == "row" else "right"
    return f'<th scope="{scope}" style="{_CELL};text-align:{align}">{html.escape(word)}</th>'


def _td(word: str) -> str:
    return f'<td style="{_CELL};text-align:right">{html.escape(word)}</td>'
