"""One lab's month under one policy, event by event, on a virtual clock.

    off ──somebody wants to work──▸ booting ──2 min──▸ ready ──the policy stops it──▸ saving ──2 min──▸ off

What somebody starts while the machine is not ready begins when it is, and lasts as long as it would have; who waits is counted.
The machine is paid from its start until it has stopped. Work that a stop meets is lost; nobody does it again here, which flatters
policies that stop wrongly.

Keeps true: the same usage, policy and seed give the same events; moments are whole seconds and only go forward.
"""

from enum import StrEnum
from heapq import heappop, heappush
from random import Random
from typing import Protocol

from aws_research_wizard.simulate.evidence import NEWS_S, Machine
from aws_research_wizard.simulate.outcome import Outcome, dollars, price_of
from aws_research_wizard.simulate.usage import MACHINE_WORK, PRESENT, SILENCE, TAB, Lab, Span

BOOT_S = 120  # the promise: ready within two minutes
SAVING_S = 120  # the most that saving work may take before a stop
SWEEP_S = 300
ANSWER_S = 60  # who is there answers a warning within a minute


class Phase(StrEnum):
    """Where the machine is."""

    OFF = "off"
    BOOTING = "booting"
    READY = "ready"
    SAVING = "saving"


# In this order at one moment: what ends, what begins, then who looks.
END, START, READY, OFF, ACT, LOOK, CHECK = range(7)


class Keeper(Protocol):
    """Who decides when the machine runs."""

    def opens(self, life: "Life", now: int) -> None:
        """The month begins."""

    def began(self, life: "Life", now: int) -> None:
        """The machine is ready."""

    def news(self, life: "Life", now: int) -> None:
        """Somebody, or something, begins to work."""

    def check(self, life: "Life", now: int) -> None:
        """A moment that was asked for has come."""

    def ended(self, life: "Life", now: int) -> None:
        """The machine was told to stop."""


class Life:
    """A lab, its events to come, and what came of them."""

    def __init__(self, lab: Lab, spans: list[Span], begins: int, ends: int, keeper: Keeper, seed: int = 0) -> None:
        self.lab, self.begins, self.ends, self.keeper = lab, begins, ends, keeper
        self.random = Random(f"{seed} {lab.name}")  # noqa: S311 (a simulation, repeatable)
        self.out, self.price = Outcome(), price_of(lab)
        self.phase, self.machine, self.paid_from = Phase.OFF, Machine(begins), begins
        self.waiting: list[Span] = []
        self.arrived: dict[str, tuple[int, int]] = {}  # who waits: since when, and until when at most
        self.now, self.due, self.works, self._number, self._serial = begins, begins, 0, 0, 0
        self._events: list[tuple[int, int, int, Span | str]] = []
        for span in spans:
            self._push(span.begins, START, span)

    def run(self) -> Outcome:
        """Everything until the month is over."""
        self.keeper.opens(self, self.begins)
        while self._events and self._events[0][0] < self.ends:
            at, order, _, what = heappop(self._events)
            self._pass(at)
            self._happens(at, order, what)
        self._pass(self.ends)
        self._count_waits(self.ends)
        if self.phase is not Phase.OFF:
            self._pay(self.ends)
        self.out.cost = dollars(self.out.paid_s, self.price.amount)
        return self.out

    # ---- what keepers do ------------------------------------------------------------------------------------------------

    def check_at(self, at: int) -> None:
        """Look again then, instead of whenever else; what is read is a few seconds old."""
        self._serial += 1
        self.due = at
        self._push(max(self.now, at - NEWS_S), LOOK, str(self._serial))
        self._push(at, CHECK, str(self._serial))

    def act_at(self, at: int, what: str) -> None:
        """Have `acts` called then, if the machine still is the same."""
        self._push(at, ACT, f"{self.machine.ready} {what}")

    def turn_at(self, at: int) -> None:
        """Have a timetable's `turns` called then, whatever the machine does."""
        self._push(at, ACT, "always turns")

    def boot(self, now: int) -> None:
        """Somebody, or a timetable, starts the machine."""
        self.phase, self.paid_from = Phase.BOOTING, now
        self.out.overhead_s += min(now + BOOT_S, self.ends) - now
        self._push(now + BOOT_S, READY, "")

    def stop(self, now: int) -> None:
        """Stop the machine; what is under way is lost."""
        self._judge(now)
        self.out.stops += 1
        self.waiting = [span for span in self.machine.under_way() if span.kind == PRESENT and span.ends > now]
        self.arrived = {}
        for span in self.waiting:
            self._waits(span, now)
        self.machine, self.phase, self.works = Machine(now), Phase.SAVING, 0
        self.out.overhead_s += min(now + SAVING_S, self.ends) - now
        self._push(now + SAVING_S, OFF, "")
        self._serial += 1
        self.keeper.ended(self, now)

    def open(self, now: int) -> None:
        """The machine is ready."""
        self.phase, self.machine = Phase.READY, Machine(now)
        self._count_waits(now)
        held, self.waiting = self.waiting, []
        for span in held:
            self._admit(span, now)
        self.keeper.began(self, now)

    # ---- events ---------------------------------------------------------------------------------------------------------

    def _push(self, at: int, order: int, what: Span | str) -> None:
        self._number += 1
        heappush(self._events, (at, order, self._number, what))

    def _happens(self, now: int, order: int, what: Span | str) -> None:
        if isinstance(what, Span):
            (self._start if order == START else self._silence_ends)(what, now)
        elif order == END:
            self._end(what, now)
        elif order == READY:
            self.open(now)
        elif order == OFF:
            self._off(now)
        elif order == ACT:
            self._act(what, now)
        elif what == str(self._serial) and self.phase is Phase.READY:
            self._look(now) if order == LOOK else self.keeper.check(self, now)

    def _start(self, span: Span, now: int) -> None:
        if span.kind == SILENCE:
            self._look(now)
            self.machine.falls_silent(now)
            self._push(span.ends, END, span)
        elif self.phase is Phase.READY:
            self._admit(span, now)
            if span.kind != TAB:
                self.keeper.news(self, now)
        elif span.kind != TAB:
            self.waiting.append(span)
            self._waits(span, now)
            if self.phase is Phase.OFF:
                self.boot(now)

    def _silence_ends(self, _: Span, now: int) -> None:
        self.machine.is_heard(now)

    def _admit(self, span: Span, now: int) -> None:
        late = now - span.begins
        ends = span.ends + late if span.kind in MACHINE_WORK else span.ends
        if ends <= now:
            return
        self._number += 1
        number = self._number
        self.machine.begin(number, span._replace(begins=now, ends=ends), now)
        self.works += span.counts
        heappush(self._events, (ends, END, number, f"{number} {span.user}"))

    def _end(self, what: str, now: int) -> None:
        number, _, user = what.partition(" ")
        span = self.machine.end(int(number), user, now)
        self.works -= bool(span and span.counts)

    def _off(self, now: int) -> None:
        self._pay(now)
        self.phase = Phase.OFF
        self.waiting = [span for span in self.waiting if span.kind in MACHINE_WORK or span.ends > now]
        if self.waiting:
            self.boot(now)
        else:
            self._count_waits(now)

    def _act(self, what: str, now: int) -> None:
        ready, _, name = what.partition(" ")
        if ready == "always" or (self.phase is Phase.READY and int(ready) == self.machine.ready):
            getattr(self.keeper, name)(self, now)

    def _look(self, now: int) -> None:
        if self.phase is Phase.READY:
            self.machine.look(now, warned=bool(getattr(self.keeper, "warned", False)))

    # ---- the books ------------------------------------------------------------------------------------------------------

    def _pass(self, at: int) -> None:
        if self.phase is Phase.READY and self.works:
            self.out.worked_s += at - self.now
        self.now = at

    def _pay(self, now: int) -> None:
        self.out.paid_s += now - self.paid_from
        self.out.ran.append((self.paid_from, now))

    def _count_waits(self, now: int) -> None:
        for since, until in self.arrived.values():
            self.out.waits += 1
            self.out.wait_s += min(now, until) - since
        self.arrived = {}

    def _waits(self, span: Span, now: int) -> None:
        """Somebody waits until they leave; whoever started a program comes back for it."""
        since, until = self.arrived.get(span.user, (now, now))
        self.arrived[span.user] = (since, max(until, span.ends if span.kind == PRESENT else self.ends))

    def _judge(self, now: int) -> None:
        """Was anything at work? What it could not tell yet nobody could know of."""
        met = [span for span in self.machine.under_way() if span.counts]
        known = [span for span in met if self.machine.told_of(span, now)]
        self.out.wrong_stops += bool(known)
        self.out.crossed += bool(met) and not known
        self.out.lost_s += sum(now - span.begins for span in met if span.kind in MACHINE_WORK)
