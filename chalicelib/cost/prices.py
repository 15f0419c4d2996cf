"""Which price was in force when? What AWS's list said, from when on it said so; before that, and where it is silent, the table
that ships with the package."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from chalicelib.cost import pricing, store
from chalicelib.cost.rules import DISK, FILES, TRANSFER, Key, Part, Quote
from chalicelib.limits import rules as shipped
from chalicelib.runtime import settings
from chalicelib.runtime.errors import Unavailable
from chalicelib.runtime.log import logger

SHIPPED = "table shipped with this release"
FRESH = timedelta(days=3)  # so long after a look at AWS's list nobody needs to be told that it was not seen


class Book:
    """The prices of the stage's region, each looked up once."""

    def __init__(self) -> None:
        self.region = settings.current().region
        self._known: dict[Key, tuple[Quote, ...]] = {}

    def at(self, key: Key, moment: datetime) -> Quote | None:
        """The price in force at a moment; None: nobody knows."""
        known = self._of(key)
        place = bisect_right([one.since for one in known if one.since], moment)
        place += sum(one.since is None for one in known)
        return known[place - 1] if place else None

    def since(self, key: Key) -> Sequence[datetime]:
        return [one.since for one in self._of(key) if one.since]

    def _of(self, key: Key) -> tuple[Quote, ...]:
        if key not in self._known:
            first = _shipped(key, self.region)
            self._known[key] = (*([first] if first else []), *store.quotes(self.region, key))
        return self._known[key]


def _shipped(key: Key, region: str) -> Quote | None:
    part, name = key
    known = {DISK: shipped.disk_monthly_price(1, region), FILES: shipped.storage_monthly_price(1, region)}
    known[TRANSFER] = shipped.transfer_price(region)
    price = shipped.hourly_price(name, region) if part is Part.MACHINE else known.get(key)
    return Quote(Decimal(price.amount), price.currency, price.as_of, SHIPPED) if price else None


def refresh(now: datetime) -> int:
    """Ask AWS's list, and keep what is new; how many prices that were. Without an answer, what is known stays in force."""
    region = settings.current().region
    try:
        told = pricing.prices(region)
    except Unavailable as error:
        logger().warning("the price list did not answer", cause=error.message)
        store.looked(region, now, f"not answered; in force is the {SHIPPED}, or what was last told")
        return 0
    known = store.all_quotes(region)
    new = {key: quote for key, quote in told.items() if key not in known or known[key].amount != quote.amount}
    store.keep_quotes(region, new)
    store.looked(region, now, f"{len(told)} prices, {len(new)} of them new")
    return len(new)


def looked(now: datetime) -> str:
    """When AWS's list was last seen, in words; "" when it was lately and answered."""
    at, outcome = store.last_look(settings.current().region)
    if not at:
        return f"AWS's price list was not asked yet: prices are of the {SHIPPED}"
    late = now - datetime.fromisoformat(at) > FRESH
    return f"AWS's price list, asked on {at[:10]}: {outcome}" if late or outcome.startswith("not") else ""
