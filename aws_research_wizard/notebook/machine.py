"""What does the machine tell everybody on it? The price of its hour, and who had a server when: files, so nobody is asked.

Keeps true: what is not told is not known, never zero.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from aws_research_wizard.notebook.hours import SECOND, Span

LATE_SECONDS = 150
"""The last line of the book may be as old as this and still hold."""
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}


@dataclass(frozen=True)
class Price:
    """What an hour of the whole machine costs, and since when that is known."""

    hourly: Decimal
    currency: str
    as_of: str

    def words(self, amount: Decimal) -> str:
        """Return an amount as people read it."""
        symbol = SYMBOLS.get(self.currency)
        return f"{symbol}{amount:f}" if symbol else f"{amount:f} {self.currency}"


@dataclass(frozen=True)
class Told:
    """What this machine tells the person of this process; `me` is blank where that is nobody of a lab."""

    place: Path | None
    me: str

    @classmethod
    def here(cls, env: Mapping[str, str] = os.environ) -> Told:
        """Read where to look from the environment that a lab's servers have."""
        person = env.get("JUPYTERHUB_USER", "").lower()
        me = hashlib.sha256(person.encode()).hexdigest()[:12] if person else ""
        return cls(Path(env["AWR_TOLD"]) if env.get("AWR_TOLD") else None, me)

    def price(self) -> Price | None:
        """Return the price, if it is known."""
        raw = _read(self.place / "price.json") if self.place else None
        try:
            return Price(Decimal(str(raw["hourly"])), str(raw["currency"]), str(raw["as_of"])) if raw else None
        except (KeyError, InvalidOperation):
            return None

    def spans(self, begun: int, now: int) -> list[Span]:
        """Return who had a server from `begun` to `now` (microseconds); what was told a moment ago still holds."""
        found = [_span(line) for day in _days(begun, now) for line in self._lines(day)]
        if found and 0 <= now - found[-1].ended <= LATE_SECONDS * SECOND:
            found[-1] = Span(found[-1].begun, now, found[-1].people)
        return [one for one in found if one.ended > begun and one.begun < now]

    def _lines(self, day: str) -> list[Any]:
        raw = _read(self.place / "hours" / f"{day}.json") if self.place else None
        return list(raw.get("spans", ())) if raw else []


def _span(line: Any) -> Span:
    begun, ended, people = line
    return Span(int(begun * SECOND), int(ended * SECOND), frozenset(people))


def _days(begun: int, ended: int) -> Iterator[str]:
    day = 86400 * SECOND
    for at in range(begun - begun % day, ended + 1, day):
        yield time.strftime("%Y-%m-%d", time.gmtime(at // SECOND))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
