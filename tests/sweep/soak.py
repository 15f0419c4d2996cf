"""Random histories of the whole town: people, schedules, machines and bad luck, in any order, and what must hold at every step.

A history is drawn by Hypothesis from a seed: a failure is told as the steps that lead to it, can be made short, and is found
again with the same seed. The town is made once; each history begins in the same moment.
"""

from __future__ import annotations

import gc
import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.fakes.sim import (
    bus,
    evidence,
    shelf,
    work,  # noqa: F401 - what machines can do
)
from tests.fakes.sim.builder import spoil
from tests.fakes.sim.bus import ATTEMPTS, Delivery
from tests.fakes.sim.faults import Strike
from tests.fakes.sim.invariants import check
from tests.fakes.sim.town import ADA, BOB, EVE, ROOT, Town, Unit, simulated

PEOPLE = (ADA, BOB, ROOT)
TYPES = ("r6i.2xlarge", "r6i.4xlarge", "m6i.2xlarge")
TIMERS = (
    *("reconcile_labs", "reconcile_account", "nightly_backups", "prune_backups", "drill_backups", "check_audit"),
    *("sweep_idle", "sweep_hours", "aggregate_costs", "back_up_tables", "rebake_images"),
)
KINDS = ("fails", "lost", "repeated", "throttled", "dies", "stale", "no_capacity", "twin", "swept")
MOST_LABS = 3
GIVEN_UP = "never took"


@dataclass
class Count:
    """What a run did."""

    histories: int = 0
    steps: int = 0
    units: int = 0
    labs: int = 0
    faults: int = 0
    broken: list[str] = field(default_factory=list)


class Soak(RuleBasedStateMachine):
    """One history. `town` and `counted` are given before the run."""

    town: Town
    counted: Count
    broken = False
    struck = 0  # what was struck as often as Lambda tries may lie in the dead-letter queue

    def __init__(self) -> None:
        super().__init__()
        self.town.restore(self.town._start)
        self.town.cloud.sold_out.clear()
        self.counted.histories += 1

    # ---- people

    @precondition(lambda self: len(self.town.labs()) + len(self.town.asks.get("queue", ())) < MOST_LABS)
    @rule(who=st.sampled_from(PEOPLE), users=st.integers(1, 6))
    def request(self, who: str, users: int) -> None:
        self.ask("POST", "/labs", {"domain": "genomics", "users": users}, who)
        self.counted.labs += 1

    @precondition(lambda self: self.town.labs())
    @rule(lab=st.integers(0, 2), verb=st.sampled_from(("stop", "start")))
    def switch(self, lab: int, verb: str) -> None:
        self.ask("POST", f"/labs/{self.lab(lab)}/{verb}")

    @precondition(lambda self: self.town.labs())
    @rule(lab=st.integers(0, 2), instance_type=st.sampled_from(TYPES))
    def another_machine(self, lab: int, instance_type: str) -> None:
        self.ask("POST", f"/labs/{self.lab(lab)}/scale", {"instance_type": instance_type})

    @precondition(lambda self: self.town.labs())
    @rule(lab=st.integers(0, 2), users=st.integers(1, 20))
    def more_people(self, lab: int, users: int) -> None:
        self.ask("POST", f"/labs/{self.lab(lab)}/scale", {"users": users})

    @precondition(lambda self: self.town.labs())
    @rule(lab=st.integers(0, 2), data=st.sampled_from(("keep", "delete")))
    def delete(self, lab: int, data: str) -> None:
        self.ask("DELETE", f"/labs/{self.lab(lab)}?data={data}")

    @precondition(lambda self: self.town.labs())
    @rule(lab=st.integers(0, 2), who=st.sampled_from((BOB, EVE)), comes=st.booleans())
    def member(self, lab: int, who: str, comes: bool) -> None:
        users = f"/labs/{self.lab(lab)}/users"
        if comes:
            self.ask("POST", users, {"email": who, "role": "member"})
        else:
            self.ask("DELETE", f"{users}/{who}")

    @precondition(lambda self: self.town.labs())
    @rule(lab=st.integers(0, 2), then=st.sampled_from((None, None, "stop", "delete")))
    def backup(self, lab: int, then: str | None) -> None:
        self.ask("POST", f"/labs/{self.lab(lab)}/backups", {"then": then} if then else {})

    @precondition(lambda self: self.backed_up())
    @rule(which=st.integers(0, 5), beside=st.integers(0, 2))
    def restore(self, which: int, beside: int) -> None:
        """Some backup, into its own lab or into another one."""
        lab, backup_id = self.backed_up()[which % len(self.backed_up())]
        body = {"backup_id": backup_id, "paths": [], "source_lab": lab}
        self.ask("POST", f"/labs/{self.lab(beside)}/restores", body)

    @precondition(lambda self: self.backed_up())
    @rule(which=st.integers(0, 5))
    def drill(self, which: int) -> None:
        lab, _ = self.backed_up()[which % len(self.backed_up())]
        self.ask("POST", f"/labs/{lab}/drills")

    @precondition(lambda self: self.town.labs())
    @rule(lab=st.integers(0, 2))
    def upgrade(self, lab: int) -> None:
        for key, one in self.town.machines.shelf.items():
            self.town.machines.shelf.put(key, {**one, "release": "0"})
        self.ask("POST", f"/labs/{self.lab(lab)}/upgrade")

    # ---- idleness, hours, money

    @precondition(lambda self: self.machines())
    @rule(which=st.integers(0, 2), idle=st.booleans())
    def people_leave_or_work(self, which: int, idle: bool) -> None:
        """Their tabs stay open."""
        shelf, machines = self.town.machines.shelf, self.machines()
        one = shelf.get(machines[which % len(machines)])
        if one:
            shelf.put(one["id"], {**one, "idle": idle})

    @precondition(lambda self: self.town.labs())
    @rule(lab=st.integers(0, 2), minutes=st.sampled_from((5, 120, 720, 721)), who=st.sampled_from(PEOPLE))
    def snooze(self, lab: int, minutes: int, who: str) -> None:
        """One of them beyond the cap."""
        self.ask("POST", f"/labs/{self.lab(lab)}/extend", {"for_minutes": minutes}, who)

    @precondition(lambda self: self.town.labs())
    @rule(lab=st.integers(0, 2), minutes=st.sampled_from((0, 240)))
    def exempt(self, lab: int, minutes: int) -> None:
        body = {"for_minutes": minutes, "reason": "a course"} if minutes else None
        self.ask("PUT" if minutes else "DELETE", f"/labs/{self.lab(lab)}/exemption", body)

    @precondition(lambda self: self.town.labs())
    @rule(
        whose=st.sampled_from(("lab", "lab", "team")),
        lab=st.integers(0, 2),
        stop=st.sampled_from((None, 10, 30, 90)),
        start=st.sampled_from((None, 20, 60)),
        grace=st.sampled_from((0, 30)),
    )
    def hours(self, whose: str, lab: int, stop: int | None, start: int | None, grace: int) -> None:
        """A timetable whose next moments are minutes away; neither a stop nor a start takes it away."""
        path = f"/labs/{self.lab(lab)}/hours" if whose == "lab" else "/hours/default"
        moments = {
            name: f"{self.town.now + timedelta(minutes=at):%H:%M}" for name, at in (("stop", stop), ("start", start)) if at
        }
        body = {"tz": "UTC", "notice_minutes": 10, "grace_minutes": grace if stop else 0, **moments}
        self.ask("PUT" if moments else "DELETE", path, body if moments else None)

    @rule(monthly=st.sampled_from((None, "0", "3", "25", "1000")), at=st.sampled_from(("warn", "stop", "refuse")))
    def budget(self, monthly: str | None, at: str) -> None:
        body = {"monthly": monthly, "thresholds": [{"percent": 50, "action": "warn"}, {"percent": 90, "action": at}]}
        self.ask("PUT" if monthly else "DELETE", "/budgets/default", body if monthly else None)

    @precondition(lambda self: self.town.labs())
    @rule(lab=st.integers(0, 2), who=st.sampled_from(PEOPLE), comes=st.booleans())
    def wake_key(self, lab: int, who: str, comes: bool) -> None:
        self.ask("POST" if comes else "DELETE", f"/labs/{self.lab(lab)}/wake-key", None, who)

    @rule(how=st.sampled_from(("", "", "", "lesson", "mute", "dies")))
    def bake(self, how: str) -> None:
        """The pack is baked; it may be one whose builder will not do well."""
        spoil(self.town.cloud, "genomics", how)
        self.ask("POST", "/images", {"pack": "genomics"})

    # ---- the world goes on

    @rule(function=st.sampled_from(TIMERS))
    def timer(self, function: str) -> None:
        """A timer goes off, whatever the hour."""
        bus.queue(self.town.cloud, Delivery(function, self.town._timer(function)))

    @rule(most=st.integers(1, 25))
    def some(self, most: int) -> None:
        """The usual happens for a while."""
        for _ in range(most):
            unit = self.town.units()[0]
            if unit.kind == "tick":
                return
            self.deliver(unit)

    @rule(place=st.integers(0, 9))
    def out_of_turn(self, place: int) -> None:
        units = self.town.units()
        self.deliver(units[place % len(units)])

    @rule(minutes=st.sampled_from((5, 5, 30, 120)))
    def time(self, minutes: int) -> None:
        for _ in range(minutes // 5):
            self.deliver(Unit("tick"))
            self.some(60)

    @rule()
    def quiet(self) -> None:
        self.rest()

    # ---- bad luck

    @rule(place=st.integers(0, 3), at=st.integers(-1, 25), kind=st.sampled_from(KINDS), again=st.booleans())
    def fault(self, place: int, at: int, kind: str, again: bool) -> None:
        """A delivery is struck at one of its calls, and perhaps at the next one, too."""
        units = self.town.units()
        strikes: tuple[Strike, ...] = (Strike(at, "dies" if at < 0 else kind),)
        strikes += (Strike(at + 1, kind),) if again and at >= 0 else ()
        self.counted.faults += 1
        self.struck += 1
        self.deliver(units[place % len(units)], strikes)

    @rule(place=st.integers(0, 3))
    def twice(self, place: int) -> None:
        unit = self.town.units()[place % len(self.town.units())]
        self.deliver(unit)
        if unit.kind in ("task", "again", "news", "stream"):
            self.town.twin(unit)

    @rule(instance_type=st.sampled_from(TYPES), out=st.booleans())
    def capacity(self, instance_type: str, out: bool) -> None:
        sold_out = self.town.cloud.sold_out
        sold_out.add(instance_type) if out else sold_out.discard(instance_type)

    @precondition(lambda self: self.machines())
    @rule(which=st.integers(0, 2), verb=st.sampled_from(("stop_instances", "terminate_instances")))
    def outside(self, which: int, verb: str) -> None:
        """Somebody uses the EC2 console; not in the second in which a machine came up: EC2's news tell of whole seconds."""
        machines = self.machines()
        self.town.cloud.pass_time(timedelta(seconds=1))
        getattr(self.town.ec2, verb)(InstanceIds=[machines[which % len(machines)]])

    @rule()
    def workflows_break_off(self) -> None:
        self.town.workflows.break_off()

    # ---- what must hold

    @invariant()
    def holds(self) -> None:
        self.judge(quiet=False)

    def teardown(self) -> None:
        if not self.broken:
            self.rest()

    def rest(self) -> None:
        """Faults end; everything comes to rest."""
        self.town.cloud.sold_out.clear()
        self.town.settle(most=5000)
        self.town.quiet(most=200)
        self.judge(quiet=True)

    def judge(self, quiet: bool) -> None:
        self.counted.steps += 1
        wrong = [one for one in check(self.town, quiet) if not (GIVEN_UP in one and self.struck >= ATTEMPTS)]
        self.broken = bool(wrong)
        assert not wrong, "\n".join(wrong)

    # ---- doing

    def lab(self, which: int) -> str:
        labs = sorted(self.town.labs())
        return labs[which % len(labs)]

    def backed_up(self) -> list[tuple[str, str]]:
        """The backups that are shown as finished: lab, backup."""
        rows = self.town.cloud.shelf("table.labs").items()
        found = [(pk, sk) for (pk, sk), item in rows if sk.startswith("BACKUP#") and item.get("state", {}).get("S") == "FINISHED"]
        return sorted((pk.removeprefix("LAB#"), sk.removeprefix("BACKUP#")) for pk, sk in found)

    def machines(self) -> list[str]:
        rows = self.town.cloud.shelf("ec2.instances").values()
        return sorted(one["InstanceId"] for one in rows if one["State"]["Name"] == "running")

    def ask(self, method: str, url: str, body: dict[str, Any] | None = None, who: str = ROOT) -> None:
        """A person asks; it is delivered when its turn comes, or at once."""
        self.town.ask(method, url, body, who)

    def deliver(self, unit: Unit, plan: tuple[Strike, ...] = ()) -> None:
        self.counted.units += 1
        self.town.deliver(unit, plan)


def machine(town: Town, counted: Count, by: int) -> type[Soak]:
    """A class of histories of their own, drawn from this seed."""
    made: type[Soak] = seed(by)(type("Soak", (Soak,), {"town": town, "counted": counted}))
    return made


def batch(by: int, histories: int, steps: int, counted: Count | None = None, *, shorten: bool = False) -> Count:
    """So many histories of one seed. A broken law is an AssertionError with the steps that lead to it, made short on demand."""
    counted = counted or Count()
    wanted = settings(
        max_examples=histories,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=False,
        verbosity=Verbosity.normal,
        phases=(Phase.generate, Phase.shrink) if shorten else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    with ExitStack() as stack:
        made = machine(stack.enter_context(simulated()), counted, by)
        stack.callback(_forget, made)
        run_state_machine_as_test(made, settings=wanted)
    return counted


def _forget(made: type[Soak]) -> None:
    """Hypothesis keeps every class it has met, and would keep its town. What is remembered of a town goes round in circles, which
    Python would clear away too seldom: ten minutes would fill the memory."""
    del made.town
    evidence._plain.clear()
    shelf.forget()
    gc.collect()


def seeds(first: int) -> Any:
    """The seeds of a long run that begins with `first`."""
    numbers = random.Random(first)  # the first one is the seed itself, so that a reported seed replays at once
    yield first
    while True:
        yield numbers.randrange(2**31)
