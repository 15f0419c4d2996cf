"""How do people meet backups? Values only, so that the shapes of the API may know them."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.backups.rules import Backup, Shelf
from chalicelib.labs.rules import Phase
from chalicelib.limits.rules import Price


@dataclass(frozen=True)
class Seen:
    """A backup, and why it may lack the last work in its lab, if it may."""

    backup: Backup
    stale: str


@dataclass(frozen=True)
class Stock:
    """All backups of one lab, and what a month of them costs."""

    shelf: Shelf
    phase: Phase
    monthly: Price | None
