"""What is handed to whoever looks at a bill, or imports one?"""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.bills.months import Bill
from chalicelib.bills.store import Month


class Wish(NamedTuple):
    """A file that somebody wants to upload."""

    name: str
    size: int
    sha256: str


class Upload(NamedTuple):
    """Where to put it; a blank address: it is there already."""

    name: str
    url: str
    headers: dict[str, str]


class Seen(NamedTuple):
    """A month's bill as it stands, and what is to be said of it."""

    month: Month
    bill: Bill
    others: tuple[str, ...]  # sources that tell of it too, and are not counted
    notes: tuple[tuple[str, str], ...]  # what is to be known, and what to do
