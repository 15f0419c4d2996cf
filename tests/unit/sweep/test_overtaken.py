"""Torn down in the middle: whoever is overtaken by a whole teardown takes away at once what it made, before anybody sweeps.

At every AWS call of a task the lab is deleted and its teardown runs to the end, while the task is still under way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.labs import account, census, ec2, findings, store
from chalicelib.runtime.errors import Superseded
from tests.fakes.sim.evidence import Evidence
from tests.fakes.sim.faults import Strike
from tests.fakes.sim.flows import FLOWS
from tests.fakes.sim.invariants import check
from tests.fakes.sim.laws import LAWS
from tests.fakes.sim.town import Town, Unit, simulated

pytestmark = pytest.mark.filterwarnings("ignore")
MOST_CALLS = 60


def torn_down(town: Town, lab_id: str) -> None:
    """The owner deletes the lab, and all of it happens but the delivery under way."""
    town.nested(Unit("delete", lab_id))
    for _ in range(80):
        unit = next((one for one in town.units() if one.kind not in ("machine", "tick")), None)
        if unit is None or town.lab(lab_id)["phase"] == "DELETED":
            return
        town.nested(unit)


def overtaken(town: Town, unit: Unit, place: int, then: Callable[[], None]) -> bool:
    """Deliver this, and do something else right before one of its calls; False when it makes fewer."""
    call, made = town.cloud.call, [0]

    def counted(*asked: Any) -> Any:
        made[0] += 1
        if made[0] == place + 1:
            town.cloud.call = call  # type: ignore[method-assign]
            then()
        return call(*asked)

    town.cloud.call = counted  # type: ignore[method-assign]
    try:
        town.deliver(unit)
    finally:
        town.cloud.call = call  # type: ignore[method-assign]
    return made[0] > place


def until(town: Town, function: str) -> Unit:
    """Go on until the workflow's next task is this one; while AWS is still making a part, let it arrive."""
    for _ in range(60):
        unit = town.units()[0]
        if unit.kind in ("task", "again"):
            run = town.cloud.shelf("stepfunctions.executions").get(unit.name)
            if run["state"] == function and not run.get("slow"):
                return unit
        town.deliver(unit)
    raise AssertionError(f"{function} never came")


@pytest.mark.parametrize("function", ["ResolveEnvironment", "PrepareStorage", "LaunchMachine", "AwaitMachine"])
def test_a_task_that_is_overtaken_by_a_teardown_leaves_nothing(function: str) -> None:
    with simulated() as town:
        lab_id = town.request(users=2)
        unit = until(town, function)
        before = town.snapshot()
        for place in range(MOST_CALLS):
            town.restore(before)
            if not overtaken(town, unit, place, lambda: torn_down(town, lab_id)):
                break
            assert town.lab(lab_id)["phase"] in ("DELETED", "DELETING"), place
            _finished(town, lab_id)
            assert [part for part in Evidence(town).parts() if part.lab_id == lab_id] == [], (function, place)
            assert list(LAWS["forgotten"].look(Evidence(town))) == [], (function, place)
        assert place > 2
        town.quiet()
        assert check(town, quiet=True) == []


def _finished(town: Town, lab_id: str) -> None:
    """The workflows go on to their end; AWS's own slow doings, too. No timer goes off."""
    for _ in range(120):
        unit = next((one for one in town.units() if one.kind not in ("machine", "tick")), None)
        if unit is None:
            return
        town.deliver(unit)
    raise AssertionError(f"no end of {lab_id}")


TASKS = (
    "resolve_environment", "prepare_storage", "launch_machine", "await_machine", "open_lab", "undo_lab", "fail_lab",
    "stop_machine", "park_lab", "start_machine", "resize_machine", "remove_machine", "remove_resources", "close_lab",
)  # fmt: skip


@pytest.mark.parametrize("flow", ["provision", "stop", "start", "scale", "teardown"])
def test_a_task_of_a_generation_that_is_past_changes_nothing(flow: str) -> None:
    with simulated() as town:
        FLOWS[flow].ask(town, FLOWS[flow].before(town))
        town.deliver(town.units()[0])
        (lab_id,) = town.labs()
        before, kept = town.digest(), town.snapshot()
        past = int(town.lab(lab_id)["generation"]) - 1
        for function in TASKS:
            event = {"lab_id": lab_id, "generation": past, "correlation_id": "c", "expect": "ready", "token": "past"}
            with suppress(Superseded):
                town.invoke(function, event)
            assert town.digest() == before, function
            town.restore(kept)


@pytest.mark.parametrize("function", ["PrepareStorage", "LaunchMachine"])
def test_what_a_task_made_before_it_died_is_found_by_a_teardown_that_comes_first(function: str) -> None:
    with simulated() as town:
        lab_id = town.request(users=2)
        unit = until(town, function)
        before = town.snapshot()
        for place in range(MOST_CALLS):
            town.restore(before)
            if town.deliver(unit, (Strike(place, "dies"),)):
                break
            assert town.delete(lab_id).status == 202
            _finished(town, lab_id)
            assert town.lab(lab_id)["phase"] == "DELETED", place
            assert [part for part in Evidence(town).parts() if part.lab_id == lab_id] == [], (function, place)
        assert place > 5


@pytest.mark.parametrize(("flow", "end"), [("provision", "READY"), ("stop", "STOPPED"), ("start", "READY")])
def test_no_wake_up_is_lost_whatever_happens_between_two_calls(flow: str, end: str) -> None:
    """What is waited for happens while the task that is to wait for it is under way: no timer is needed to go on."""
    with simulated() as town:
        FLOWS[flow].ask(town, FLOWS[flow].before(town))
        unit = until(town, "AwaitMachine")
        before = town.snapshot()
        for place in range(MOST_CALLS):
            town.restore(before)
            if not overtaken(town, unit, place, lambda: _everything_else(town)):
                break
            town.settle()
            (lab_id,) = town.labs()
            assert town.lab(lab_id)["phase"] == end, place
        assert place > 1


def _everything_else(town: Town) -> None:
    for _ in range(60):
        unit = next((one for one in town.units() if one.kind not in ("stream", "tick")), None)
        if unit is None:
            return
        town.nested(unit)


def test_a_machine_is_judged_again_before_it_is_ended() -> None:
    """When it was listed its lab counted another machine; when it is to be ended its lab is in motion: it may be the new one."""
    with simulated() as town:
        lab_id = town.request(users=2)
        town.quiet()
        tags = [{"Key": f"aws-research-wizard:{name}", "Value": value} for name, value in (("lab", lab_id), ("stage", "test"))]
        made = {"ResourceType": "instance", "Tags": tags}
        stray = town.ec2.run_instances(InstanceType="m6i.large", ClientToken="stray", TagSpecifications=[made])
        found = stray["Instances"][0]["InstanceId"]
        (thing,) = (one for one in census.machines(ec2.all_machines()) if one.id == found)
        lab = store.load(lab_id)
        verdict = findings.judge(thing, census.owner(lab, (), weighty=True), town.now, town.now, timedelta(0))
        assert verdict.verdict is findings.Fate.REMOVE
        assert town.scale(lab_id, instance_type="r6i.4xlarge").status == 202
        account.settle(thing, verdict, account.Asked("test", grace=timedelta(0)), town.now, weighty=True)
        assert town.cloud.shelf("ec2.instances").get(found)["State"]["Name"] == "pending"


@pytest.mark.parametrize("deliveries", range(1, 9))
def test_when_all_workflows_die_a_lab_that_never_opened_ends_failed_and_breaks_no_law(deliveries: int) -> None:
    with simulated() as town:
        lab_id = town.request(users=2)
        for _ in range(deliveries):
            town.deliver(town.units()[0])
        town.workflows.break_off()
        town.quiet()
        assert check(town, quiet=True) == []
        assert town.lab(lab_id)["phase"] == "FAILED"
