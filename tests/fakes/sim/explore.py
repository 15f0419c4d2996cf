"""What does every single fault, and every pair of faults, do to a flow? All of them, without repeating what is the same.

From each state of the world the next delivery is run without a fault, and once for each way in which it or one of its calls can
go wrong. What follows depends on the state alone, so a state met again (with as many faults left) is not followed again: the
number of its histories is known. Histories covered are those that a run from the beginning for each placement of the faults
would have made.

A process that dies after a call leaves what stood at that moment; that is the same as dying right before the next call.

A fault is not run where nobody could tell it from none, or from the same one a call later: a stale read whose answer is not
stale, and something that happens just before a read whose answer it does not change, unless that very call is struck as well
(partial-order reduction; Godefroid, LNCS 1032). Pairs that begin so are counted once.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.sim import bus
from tests.fakes.sim.cloud import Act, Kept
from tests.fakes.sim.faults import AT_CALLS, BETWEEN, KINDS, Call, Plan, Strike
from tests.fakes.sim.flows import FLOWS, Flow
from tests.fakes.sim.room import roomy
from tests.fakes.sim.streams import MENDING
from tests.fakes.sim.town import Made, Step, Town, Unit, simulated

Check = Callable[[Town, bool], list[str]]
Again = dict[Unit, Act]
TWICE = ("task", "again", "news", "stream", "ask")
MOST = 25  # violations that are kept
TICK = Unit("tick")
DEEP = 400  # deliveries in one history


@dataclass(frozen=True)
class Violation:
    what: str
    path: str


@dataclass
class Result:
    flow: str
    faults: int
    calls: int = 0  # to AWS, in the flow's history without faults
    kinds: tuple[str, ...] = KINDS
    histories: int = 0
    units: int = 0  # deliveries executed
    states: int = 0  # different states followed
    made_calls: int = 0
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)  # phase → states in which the flow came to rest
    struck: Counter[str] = field(default_factory=Counter)  # kind → deliveries that were struck so
    violations: list[Violation] = field(default_factory=list)


def explore(
    flow: Flow, faults: int = 1, check: Check = lambda _town, _quiet: [], kinds: tuple[str, ...] = KINDS, seed: int = 0
) -> Result:
    """Everything that `faults` faults can do to a flow."""
    with simulated(seed) as town:
        return Explorer(town, flow, faults, check, kinds).run()


class Explorer:
    def __init__(self, town: Town, flow: Flow, faults: int, check: Check, kinds: tuple[str, ...]) -> None:
        self.town, self.flow, self.check, self.kinds = town, flow, check, kinds
        self.result = Result(flow.name, faults, kinds=kinds)
        self.known: dict[tuple[int, int], int | None] = {}
        self.path: list[str] = []
        self.rests: dict[int, bool] = {}
        self.under_way: dict[tuple[int, int], int] = {}  # states being followed: how many on their way were at rest
        self.resting = 0
        self.pasts: set[tuple[int, int, int]] = set()

    def run(self) -> Result:
        sys.setrecursionlimit(20_000)
        began, town = time.perf_counter(), self.town
        lab_id = self.flow.before(town)
        self.flow.ask(town, lab_id)
        self.result.histories = roomy(lambda: self.follow(town.snapshot(), self.result.faults))
        self.result.states = len(self.known)
        self.result.calls = self._clean(lab_id)
        self.result.seconds = time.perf_counter() - began
        return self.result

    def _clean(self, _lab_id: str) -> int:
        """The calls of the flow when nothing goes wrong."""
        with simulated(self.town.cloud.seed) as town:
            self.flow.ask(town, self.flow.before(town))
            calls = 0
            while not town.at_rest():
                town.deliver(town.units()[0])
                calls += len(town.calls)
        return calls

    # ---- from state to state

    def follow(self, state: Kept, left: int) -> int:
        """The number of histories that begin here with at most so many faults; each is judged."""
        town, digest = self.town, self.town.digest()
        at_rest = self._rests(state, digest)
        key = (digest, left)
        if key in self.known:
            found = self.known[key]
            if found is None and not at_rest and self.under_way.get(key) == self.resting:
                self._wrong("it goes round in a circle and never comes to rest")
            elif left and "stale" in self.kinds:
                self._other_past(state, digest, left)
            return found or 0
        self.known[key] = None
        self.under_way[key] = self.resting
        self.pasts.add((digest, town.cloud.past(), left))
        for wrong in self.check(town, at_rest):
            self._wrong(wrong)
        count = 1 if at_rest else 0
        if at_rest:
            self._ended()
        if len(self.path) > DEEP:
            self._wrong("it does not come to rest")
        elif left or not at_rest:
            self.resting += at_rest
            count += self._onward(state, left)
            self.resting -= at_rest
        self.known[key] = count
        return count

    def _rests(self, state: Kept, digest: int) -> bool:
        """Nothing is left to happen, and another round of schedules and heartbeats changes nothing."""
        if self.town.units() != [TICK]:
            return False
        if digest not in self.rests:
            self.town.tick()
            self.rests[digest] = self.town.digest() == digest
            self.town.restore(state)
        return self.rests[digest]

    def _other_past(self, state: Kept, digest: int, left: int) -> None:
        """The same world, but stale reads would see another past: only what they bring is new."""
        key = (digest, self.town.cloud.past(), left)
        if key in self.pasts:
            return
        self.pasts.add(key)
        unit = self.town.units()[0]
        made, last = self._recorded(state, unit, (), left)
        strikes = [Strike(place, "stale") for place, one in enumerate(made) if applies("stale", one.call)]
        same = self._same(strikes, unit, (), made, last)
        for strike in strikes:
            if strike not in same:
                self._runs(state, unit, left - 1, (strike,))

    def _onward(self, state: Kept, left: int) -> int:
        units = self.town.units()
        count = self._runs(state, units[0], left)
        if left and "reordered" in self.kinds:
            for other in units[1:]:
                if self._timer(units[0]) and self._timer(other):
                    continue
                count += self._branch(state, other, (), left - 1, "reordered")
        return count

    def _branch(self, state: Kept, unit: Unit, plan: Plan, left: int, kind: str) -> int:
        """One delivery, and what follows it."""
        self._deliver(state, unit, plan, kind)
        return self._after(unit, plan, left, kind)

    def _after(self, unit: Unit, plan: Plan, left: int, kind: str = "") -> int:
        self.path.append(written(unit, plan, kind))
        count = self.follow(self.town.snapshot(), left)
        self.path.pop()
        return count

    def _deliver(self, state: Kept, unit: Unit, plan: Plan, kind: str) -> None:
        self.town.restore(state)
        self.town.deliver(unit, plan)
        self.result.units += 1
        self.result.made_calls += len(self.town.calls)
        if kind:
            self.result.struck[kind] += 1

    def _runs(self, state: Kept, unit: Unit, left: int, plan: Plan = (), near: bool = False) -> int:
        """The next delivery in all its ways, beginning with the plan so far; `near`: only what else strikes the same call."""
        town = self.town
        made, last = self._recorded(state, unit, plan, left)
        clean = town.snapshot()
        others = self._others(state, unit) if left else []
        count = 0 if near else self._after(unit, plan, left)
        town.restore(state)
        timer = self._timer(unit)
        if not left or (plan and timer and timer not in MENDING and timer not in self.flow.timers):
            return count
        town.restore(clean)
        first = plan[-1].at if plan else 0
        end = first + 1 if near else len(made)
        count += self._deaths(state, unit, plan, made[:end], left)
        if not plan and unit.kind in TWICE and "twice" in self.kinds:
            count += self._twice(state, unit, left)
        strikes = [
            Strike(place, kind, other)
            for place in range(first, end)
            for kind, other in self._ways(made[place].call, place, unit, others, plan, timer)
        ]
        same = self._same(strikes, unit, plan, made, last)
        count += len(same) if left == 1 else 0  # one history each: no fault is left after it
        further = ((strike, strike in same) for strike in strikes)
        return count + sum(
            self._runs(state, unit, left - 1, (*plan, strike), near)
            for strike, near in further
            if not near or (left > 1 and strike.kind in BETWEEN)
        )

    def _recorded(self, state: Kept, unit: Unit, plan: Plan, left: int) -> tuple[list[Made], Again]:
        """One delivery, and its calls if more may be struck; also what runs it again."""
        made: list[Made] = []
        self.town.made = made if left else None
        self._deliver(state, unit, plan, plan[-1].kind if plan else "")
        self.town.made = None
        return made, self.town.last

    def _same(self, strikes: list[Strike], unit: Unit, plan: Plan, made: list[Made], last: Again) -> set[Strike]:
        """Those that nobody can tell from no fault, or from the same one a call later."""
        after: dict[tuple[str, str], tuple[Kept, Kept]] = {}  # of what is beside: how the world stood, and how it stood then
        same = set()
        for strike in strikes:
            place, kind, other = strike
            call, act, before, _ = made[place]
            if not call.reads or (plan and plan[-1].at == place):
                continue
            seen = before
            if kind in BETWEEN and place + 1 < len(made):
                if (kind, other) not in after or not _unchanged(after[kind, other][0], before):
                    after[kind, other] = before, self.town.aside(before, unit, strike, last)
                seen = after[kind, other][1]
            may_differ = kind == "stale" or seen is not before
            if may_differ and self._answer(seen, act, kind == "stale") == self._answer(before, act):
                same.add(strike)
        return same

    def _answer(self, kept: Kept, act: Act, stale: bool = False) -> Any:
        """What a read says when the world stands so."""
        town = self.town
        town.restore(kept)
        town.cloud.stale = stale
        try:
            return act()
        except Exception as refused:
            return type(refused), str(refused)
        finally:
            town.cloud.stale = False

    def _deaths(self, state: Kept, unit: Unit, plan: Plan, made: list[Made], left: int) -> int:
        """The process dies before its first call, or after any of them."""
        if "dies" not in self.kinds:
            return 0
        count = 0
        first = plan[-1].at if plan else -1
        for place in range(first, len(made)):
            strike = (*plan, Strike(place, "dies"))
            if place < 0:
                self._deliver(state, unit, strike, "dies")
            elif plan and place == plan[-1].at and plan[-1].kind not in BETWEEN:
                continue
            else:
                self.town.restore(made[place].after)
                self.town.died(unit)
                self.result.struck["dies"] += 1
            count += self._after(unit, strike, left - 1, "dies")
        return count

    def _twice(self, state: Kept, unit: Unit, left: int) -> int:
        self._deliver(state, unit, (), "twice")
        self.town.twin(unit)
        return self._after(unit, (), left - 1, "twice")

    def _others(self, state: Kept, unit: Unit) -> list[str]:
        """What else may happen while this delivery is under way."""
        self_kinds = ("machine", "news", "task", "again", "arrives", "ask")
        now = self.town.snapshot()
        self.town.restore(state)
        units = self.town.units()
        found = [str(other) for other in units if other != unit and other.kind in self_kinds and not self._timer(other)]
        self.town.restore(now)
        return found

    def _timer(self, unit: Unit) -> str:
        """The function that a timer calls here; of those, only what mends labs is of interest in between (`swept`)."""
        waiting = bus.waiting(self.town.cloud)
        told = waiting[int(unit.name)] if unit.kind == "news" and int(unit.name) < len(waiting) else None
        return told.function if told and told.event["source"] == "aws.events" else ""

    def _ways(self, call: Call, place: int, unit: Unit, others: list[str], plan: Plan, timer: str) -> list[tuple[str, str]]:
        """How this call can go wrong, given what was struck before it."""
        same = bool(plan) and plan[-1].at == place
        if same and plan[-1].kind not in BETWEEN:
            return []
        ways = [(kind, "") for kind in AT_CALLS if kind in self.kinds and kind != "dies" and applies(kind, call)]
        if same:
            return ways
        if "twin" in self.kinds and unit.kind in (*TWICE, "machine"):
            ways.append(("twin", ""))
        if "crossed" in self.kinds:
            ways += [("crossed", other) for other in others]
        if "swept" in self.kinds and unit.kind != "tick" and not timer:
            ways.append(("swept", ""))
        if "deleted" in self.kinds and self.town.labs() and unit.kind != "tick":
            ways.append(("deleted", self.town.labs()[0]))
        return ways

    # ---- what is found

    def _wrong(self, what: str) -> None:
        if len(self.result.violations) < MOST:
            self.result.violations.append(
                Violation(what, f"{self.flow.name} seed={self.town.cloud.seed} | " + " | ".join(self.path))
            )

    def _ended(self) -> None:
        for lab_id in self.town.labs() or [""]:
            self.result.ends[str(self.town.lab(lab_id).get("phase", "none"))] += 1


def _unchanged(one: Kept, other: Kept) -> bool:
    """Was nothing changed in between?"""
    return len(one[0]) == len(other[0]) and all(a.now is b.now for a, b in zip(one[0], other[0], strict=True))


def applies(kind: str, call: Call) -> bool:
    """Can this call go wrong in this way?"""
    match kind:
        case "stale":
            consistent = call.asked.get("ConsistentRead") and not call.asked.get("IndexName")
            return (
                call.reads and not consistent and call.service not in ("stepfunctions", "ssm", "secretsmanager", "sts")
            ) or call.verb == "run_instances"
        case "no_capacity":
            return call.verb in ("run_instances", "start_instances")
        case "lost" | "repeated":
            return not call.reads and call.service != "sts"  # of a read they are `fails`, and nothing
        case _:
            return True


# ---- histories as text ---------------------------------------------------------------------------------------------------


def written(unit: Unit, plan: Plan, kind: str = "") -> str:
    strikes = "".join(f" !{strike.at}:{strike.kind}{'=' + strike.other if strike.other else ''}" for strike in plan)
    return f"{unit}{strikes}{' !twice' if kind == 'twice' else ''}"


def read(text: str) -> tuple[Step, bool]:
    """The step that `written` wrote, and whether it happened twice."""
    name, *strikes = text.split(" !")
    kind, _, rest = name.partition(":")
    twice = "twice" in strikes
    plan = tuple(_strike(one) for one in strikes if one != "twice")
    return Step(Unit(kind, rest), plan), twice


def _strike(text: str) -> Strike:
    at, _, rest = text.partition(":")
    kind, _, other = rest.partition("=")
    return Strike(int(at), kind, other)


def replay(path: str, see: Callable[[Town, str], Any] = lambda _town, _step: None) -> list[str]:
    """Repeat the history of a violation; `see` looks on after each step. Returns the last call's names."""
    head, *steps = path.split(" | ")
    name, _, seed = head.partition(" seed=")
    with simulated(int(seed or 0)) as town:
        flow = FLOWS[name]
        flow.ask(town, flow.before(town))
        for text in steps:
            step, twice = read(text)
            town.deliver(step.unit, step.plan)
            if twice:
                town.twin(step.unit)
            see(town, text)
        return [call.name for call in town.calls]
