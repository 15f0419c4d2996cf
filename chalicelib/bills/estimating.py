"""What had been estimated? The ledger's days, as a bill can be laid beside them."""

from __future__ import annotations

from datetime import date

from chalicelib.bills.rules import Estimate, Estimates
from chalicelib.cost import service as cost


def estimates(first: date, last: date) -> Estimates:
    """By lab and day, both days included. What baking cost is no lab's, on the bill neither: there it bears a bake's tag."""
    found = cost.estimates(first, last)
    return {
        (lab, day.isoformat()): Estimate(dict(one.users), one.idle, one.overhead, one.currency, one.team)
        for (lab, day), one in found.items()
        if one.team
    }
