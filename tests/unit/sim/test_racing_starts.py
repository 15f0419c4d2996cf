"""A hundred requests against a budget for ten, in a world where calls fail, answers are lost and processes die."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.limits import service
from chalicelib.limits.budgets import Budget
from tests.fakes.sim.faults import Strike
from tests.fakes.sim.invariants import check
from tests.fakes.sim.town import ROOT, Town, Unit, simulated

ASKED, BUDGET_FOR = 100, 10
KINDS = ("fails", "lost", "repeated", "throttled", "dies", "stale", "twin")


def a_share(town: Town) -> Decimal:
    """What a start of such a lab sets aside: asked of one, which is taken down again."""
    lab_id = town.request(instance_type="r6i.2xlarge")
    held = service.month("default", town.now)[0].held
    town.delete(lab_id, "delete")
    town.quiet()
    return held


def give(town: Town, monthly: Decimal) -> None:
    town.cloud.begin("setup")
    before = service.terms("default")
    service.agree("default", before, replace(before, budget=Budget(monthly)), town.now, ROOT, "r-0")


@pytest.mark.parametrize("seed", range(3))
def test_exactly_ten_of_a_hundred_racing_requests_win_whatever_goes_wrong(seed: int) -> None:
    chance = random.Random(seed)
    with simulated(seed) as town:
        share = a_share(town)
        give(town, service.month("default", town.now)[0].spent + share * BUDGET_FOR)
        names = [town.ask("POST", "/labs", {"domain": "genomics", "instance_type": "r6i.2xlarge"}) for _ in range(ASKED)]
        while left := [one["id"] for one in town.asks.get("queue", ())]:
            struck = chance.random() < 0.4
            plan = (Strike(chance.randrange(8), chance.choice(KINDS)),) if struck else ()
            town.deliver(Unit("ask", chance.choice(left)), plan)
            assert not check(town, quiet=False)
        codes = [town.answers[name].status for name in names]
        assert sorted(set(codes)) == [202, 409]
        assert codes.count(202) == BUDGET_FOR
        assert len(service.reserved_labs("default")) == BUDGET_FOR
