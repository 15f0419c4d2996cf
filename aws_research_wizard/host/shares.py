"""Who had a server, and when? Written down on the machine, so that a notebook can say what an hour cost without asking anybody.

A day is a file `hours/<day>.json`: `{"spans": [[from, to, [key, …]], …]}`, seconds since 1970; a key is made of a person's name
(all here see each other's processes anyway). Beside it lies the price of the orders.

Keeps true: a span is time during which the machine was seen to run with just these servers; what was not seen (it was off) is
in none; the files of a month are kept.
"""

import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aws_research_wizard.host import files
from aws_research_wizard.host.orders import Orders

GAP_SECONDS = 150.0
"""Not seen for longer than this, the machine was off."""
KEPT_DAYS = 31


def key(person: str) -> str:
    """Return the key under which a person's servers are written down."""
    return hashlib.sha256(person.lower().encode()).hexdigest()[:12]


class Shares:
    """The book of this machine."""

    def __init__(self, told: Path) -> None:
        self._told = told

    def note(self, people: Iterable[str], now: float) -> None:
        """Write down who has a server now."""
        keys = sorted({key(person) for person in people})
        midnight = now - now % 86400
        spans = self._spans(now)
        last = spans[-1] if spans else self._yesterdays(now)
        begun = max(last[1], midnight) if last and 0 <= now - last[1] <= GAP_SECONDS else now
        if spans and spans[-1][2] == keys and begun == spans[-1][1]:
            spans[-1][1] = now
        elif spans and begun == spans[-1][1]:
            spans[-1][1] = now  # the set changed since: what lies between belongs to the one before
            spans.append([now, now, keys])
        else:
            spans.append([begun, now, keys])
        files.write(self._path(now), _lines(spans), files.PUBLIC)
        self._tidy()

    def price(self, orders: Orders) -> None:
        """Lay the price beside it, or take it away when it is not known."""
        place = self._told / "price.json"
        if orders.price and orders.cost_tracking:
            files.write_json(place, dict(orders.price), files.PUBLIC)
        else:
            place.unlink(missing_ok=True)

    def _spans(self, moment: float) -> list[list[Any]]:
        return list((files.read_json(self._path(moment)) or {}).get("spans", []))

    def _yesterdays(self, now: float) -> list[Any] | None:
        return next(reversed(self._spans(now - 86400)), None)

    def _path(self, moment: float) -> Path:
        return self._told / "hours" / f"{time.strftime('%Y-%m-%d', time.gmtime(moment))}.json"

    def _tidy(self) -> None:
        days = sorted((self._told / "hours").glob("*.json"))
        for day in days[:-KEPT_DAYS]:
            day.unlink(missing_ok=True)


def _lines(spans: list[list[Any]]) -> str:
    return json.dumps({"spans": spans}, separators=(",", ":"))
