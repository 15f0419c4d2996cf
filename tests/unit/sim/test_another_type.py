"""A type is sold out: whoever looks at the lab before it has opened is told already which machine it got instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.sim.flows import nothing, stopped
from tests.fakes.sim.town import ADA, Town, simulated

pytestmark = pytest.mark.filterwarnings("ignore")
WANTED, INSTEAD = "r6i.2xlarge", "r6a.2xlarge"


def requested(town: Town, _lab: str) -> object:
    return town.ask("POST", "/labs", {"domain": "genomics", "users": 2}, ADA)


def started(town: Town, lab_id: str) -> object:
    return town.ask("POST", f"/labs/{lab_id}/start")


@pytest.mark.parametrize(("before", "ask", "phase"), [(nothing, requested, "PROVISIONING"), (stopped, started, "STARTING")])
def test_the_type_that_could_be_had_is_told_before_the_lab_opens(
    before: Callable[[Town], str], ask: Callable[[Town, str], object], phase: str
) -> None:
    with simulated() as town:
        lab_id = before(town)
        town.cloud.sold_out = {WANTED}
        ask(town, lab_id)
        seen = []
        while (unit := town.units()[0]).kind != "tick":
            town.deliver(unit)
            (lab,) = [town.lab(one) for one in town.labs()] or [{}]
            machines = [one["InstanceType"] for one in town.ec2.seen("instances") if one["State"]["Name"] == "running"]
            seen += [lab["instance_type"]] if machines == [INSTEAD] and lab["phase"] == phase else []
        assert seen
        assert set(seen) == {INSTEAD}
        assert lab["phase"] == "READY"
