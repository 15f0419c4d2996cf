"""How each way of deciding acts on a lab. `ByRules` runs the production code as production runs it; the others are its foils."""

from datetime import datetime, timedelta

from aws_research_wizard.simulate.life import ANSWER_S, SWEEP_S, Keeper, Life, Phase
from aws_research_wizard.simulate.policies import Policy, Way
from aws_research_wizard.simulate.production import grounds, idle
from aws_research_wizard.simulate.usage import PRESENT, Lab, moment

SNOOZE = timedelta(hours=2)
BEAT_S = 10  # between two beats while a warning stands


def sweep_at(at: int) -> int:
    """The sweep that first finds what is due at a moment."""
    return -(-at // SWEEP_S) * SWEEP_S


def seconds(at: datetime) -> int:
    """A moment of the rules, in whole seconds, never early."""
    return -int(-at.timestamp() // 1)


class Foil:
    """Does nothing, where nothing is to be done."""

    def opens(self, life: Life, now: int) -> None:
        """The month begins."""

    def began(self, life: Life, now: int) -> None:
        """The machine is ready."""

    def news(self, life: Life, now: int) -> None:
        """Somebody begins to work."""

    def check(self, life: Life, now: int) -> None:
        """A moment has come."""

    def ended(self, life: Life, now: int) -> None:
        """The machine was told to stop."""


class AlwaysOn(Foil):
    """Nobody ever stops anything."""

    def opens(self, life: Life, now: int) -> None:
        """It runs from the first moment to the last."""
        life.open(now)


class ByRules(Foil):
    """decide() at each moment that is due, after() for what is remembered; warnings are answered by who is there."""

    def __init__(self, policy: Policy, lab: Lab, snooze: float) -> None:
        self.policy, self.snooze = policy.of(lab.policy), snooze
        self.state: grounds.State | None = None

    @property
    def warned(self) -> bool:
        """Does a warning stand?"""
        return bool(self.state and self.state.kind)

    def began(self, life: Life, now: int) -> None:
        """Watched from now on; what it ran today is remembered."""
        before = self.state
        self.state = grounds.State(moment(now), ran_on=before.ran_on if before else "", ran_s=before.ran_s if before else 0)
        due = now if self.policy.hours_a_day else now + int(self.policy.idle * 60)
        life.check_at(sweep_at(due))

    def check(self, life: Life, now: int) -> None:
        """The sweep, or news while a warning stands."""
        assert self.state is not None  # noqa: S101 (a machine that is ready has begun)
        at = moment(now)
        decision = idle.decide(life.machine.written, self.policy, self.state, at)
        self.state = idle.after(self.state, decision, at)
        life.out.decisions += 1
        match decision.action:
            case idle.Action.STOP:
                return life.stop(now)
            case idle.Action.WARN:
                self._warn(life, now)
            case idle.Action.WITHDRAW:
                life.out.withdrawn += 1
            case idle.Action.KEEP | idle.Action.PROBE:
                pass
        life.check_at(sweep_at(max(seconds(decision.next_check), now + 1)))

    def news(self, life: Life, now: int) -> None:
        """A sign of work while a warning stands is decided on at the next beat."""
        if self.warned and life.due > now + BEAT_S:
            life.check_at(now + BEAT_S)

    def ended(self, life: Life, now: int) -> None:  # noqa: ARG002 (as a keeper is told)
        """What it ran today outlives the stop."""
        if self.state:
            ran = idle.ran_s(self.state, moment(now))
            self.state = grounds.State(moment(now), ran_on=f"{moment(now):%Y-%m-%d}", ran_s=ran)

    def answer(self, life: Life, now: int) -> None:
        """Who is there does something."""
        there = [person for person in life.machine.people.values() if person.of(PRESENT)]
        for person in there:
            person.asked = now
        if there:
            self.news(life, now)

    def extend(self, life: Life, now: int) -> None:
        """Somebody who is not there says: keep it running."""
        if self.state and self.warned:
            self.state = idle.snoozed(self.state, moment(now) + SNOOZE, "somebody")
            life.out.snoozed += 1
            life.check_at(now + BEAT_S)

    def _warn(self, life: Life, now: int) -> None:
        life.out.warnings += 1
        life.act_at(now + ANSWER_S, "answer")
        if self.snooze and life.random.random() < self.snooze:
            life.act_at(now + 2 * ANSWER_S, "extend")


class ByRequests(Foil):
    """Stops when the last request is old: blind for what works without one, and awake for every forgotten tab."""

    def __init__(self, policy: Policy) -> None:
        self.idle_s = int(policy.settings["idle"] * 60)

    def began(self, life: Life, now: int) -> None:
        """Watched from now on."""
        life.check_at(sweep_at(now + self.idle_s))

    def check(self, life: Life, now: int) -> None:
        """Old enough?"""
        last = max([life.machine.ready, *(person.active_at(now) for person in life.machine.people.values())])
        if now - last >= self.idle_s:
            life.stop(now)
        else:
            life.check_at(sweep_at(last + self.idle_s))


class ByHours(Foil):
    """A timetable: starts and stops on the minute, whoever is there."""

    def __init__(self, policy: Policy, lab: Lab) -> None:
        self.hours, self.zone = policy.hours, lab.zone
        self.turn = (0, False)

    def opens(self, life: Life, now: int) -> None:
        """The first turn of the timetable."""
        self._next(life, now)

    def turns(self, life: Life, now: int) -> None:
        """It is time."""
        if self.turn[1] and life.phase is Phase.OFF:
            life.boot(now)
        elif not self.turn[1] and life.phase is Phase.READY:
            life.stop(now)
        self._next(life, now)

    def _next(self, life: Life, now: int) -> None:
        at, starts = self.hours.next(moment(now), self.zone)
        self.turn = (int(at.timestamp()), starts)
        life.turn_at(self.turn[0])


def keeper(policy: Policy, lab: Lab, snooze: float = 0.0) -> Keeper:
    """Who decides about a lab under a policy."""
    match policy.way:
        case Way.ALWAYS:
            return AlwaysOn()
        case Way.RULES:
            return ByRules(policy, lab, snooze)
        case Way.REQUESTS:
            return ByRequests(policy)
        case Way.HOURS:
            return ByHours(policy, lab)
