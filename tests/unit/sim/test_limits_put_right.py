"""Whatever was lost of what a team counts, the hourly look at the account puts right."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.sim.invariants import check
from tests.fakes.sim.town import Town, simulated

TEAM = "TEAM#default"


def changed(town: Town, sk: str, **values: Any) -> None:
    """An item is bent, or lost when nothing is said."""
    table = town.cloud.shelf("table.limits")
    item = table.get((TEAM, sk))
    bent = {**item, **{name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in values.items()}}
    table.put((TEAM, sk), bent, town.cloud.number) if values else table.drop((TEAM, sk))


def loses_a_line(town: Town, lab: str) -> None:
    changed(town, f"HELD#{lab}")


def counts_something_else(town: Town, lab: str) -> None:
    changed(town, f"HELD#{lab}", vcpus=2)
    changed(town, "USAGE", vcpus=2)


def sums_wrongly(town: Town, _lab: str) -> None:
    changed(town, "USAGE", vcpus=99)


def sets_aside_for_what_rests(town: Town, lab: str) -> None:
    town.stop(lab)
    town.quiet()
    (line,) = [
        sk for (pk, sk), _ in town.cloud.shelf("table.limits").items() if pk == TEAM and sk.endswith(f"#{lab}") and "MONEY" in sk
    ]
    used = int(town.cloud.shelf("table.limits").get((TEAM, line))["spent"]["N"]) + 5_000_000
    changed(town, line, used=used, since="2026-11-23T09:00:00.000000Z")
    changed(town, line.rpartition("#")[0], used=used)


@pytest.mark.parametrize("harm", [loses_a_line, counts_something_else, sums_wrongly, sets_aside_for_what_rests])
def test_what_a_team_counts_is_put_right(harm: Any) -> None:
    with simulated() as town:
        lab = town.request(users=2)
        town.quiet()
        assert not check(town, quiet=True)
        harm(town, lab)
        assert check(town, quiet=True)
        for _ in range(3):
            town.cloud.pass_time(timedelta(minutes=40))
            town.cloud.begin("look")
            town.invoke("reconcile_account", town._timer("reconcile_account"))
        town.settle()
        assert not [said for said in check(town, quiet=True) if said.startswith(("held", "money", "places"))]
