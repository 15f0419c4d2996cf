"""What would the lab's machine say of itself at a moment? The evidence that the production rules are given, from the truth.

The machine beats every half minute, and tells news (who has a server, what begins) within seconds; the control plane writes down
news, and otherwise one beat in five minutes: what the sweep reads may be that old, and what ended counts as at work until then.
While a warning stands every beat is written.
"""

from aws_research_wizard.simulate.policies import SILENCE_MINUTES
from aws_research_wizard.simulate.production import grounds
from aws_research_wizard.simulate.usage import CELL, MACHINE_WORK, PRESENT, TAB, TERMINAL, UPLOAD, Span, moment

NEWS_S = 5
LEASE_S = 300


class Person:
    """Somebody's server: what runs in it now, and since when nothing does."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.active: dict[int, Span] = {}
        self.asked = since
        self.quiet: dict[str, int] = {}  # kind of work → when the last of it ended

    def of(self, kind: str) -> list[Span]:
        """What of a kind is under way."""
        return [span for span in self.active.values() if span.kind == kind]

    def asked_at(self, now: int) -> int:
        """The last real request."""
        if self.of(UPLOAD):
            return now
        return max([self.asked, *(_touch(span, now) for span in self.of(PRESENT))])

    def done(self, number: int, now: int) -> Span | None:
        """Something ends; None: it was not under way (any more)."""
        span = self.active.pop(number, None)
        if span is None:
            return None
        if span.kind == PRESENT:
            self.asked = max(self.asked, _touch(span, now))
        elif span.kind == UPLOAD:
            self.asked = max(self.asked, now)
        else:
            self.quiet[span.kind] = now
        return span

    def server(self, name: str, now: int) -> grounds.Server:
        """Its part of a heartbeat."""
        cells, programs = self.of(CELL), self.of(TERMINAL)
        kernels = [grounds.Kernel("busy", now - span.begins, "python3") for span in cells]
        if not cells and CELL in self.quiet:
            kernels = [grounds.Kernel("idle", now - self.quiet[CELL], "python3")]
        terminals = [grounds.Terminal(str(n), 1, span.cpu, now - span.begins) for n, span in enumerate(programs, 1)]
        if not programs and TERMINAL in self.quiet:
            terminals = [grounds.Terminal("1", 0, 0.0, now - self.quiet[TERMINAL])]
        loads = [span for span in self.active.values() if span.kind in MACHINE_WORK]
        return grounds.Server(
            name,
            now - self.since,
            tuple(kernels),
            tuple(terminals),
            now - self.asked_at(now),
            len(self.of(UPLOAD)),
            sum(span.cpu for span in loads),
            min(100.0, sum(span.gpu for span in loads)),
        )

    def active_at(self, now: int) -> int:
        """When something was last done here, as the hub of old reckons: requests, output, and every tab that polls."""
        if any(span.kind == TAB or span.prints for span in self.active.values()):
            return now
        return self.asked_at(now)


def _touch(span: Span, now: int) -> int:
    upto = min(now, span.ends)
    return span.begins + max(0, upto - span.begins) // span.every_s * span.every_s


class Machine:
    """What runs on one machine since it is ready, and the last beat of it that was written down."""

    def __init__(self, ready: int) -> None:
        self.ready = self.changed = ready
        self.people: dict[str, Person] = {}
        self.active_at = ready
        self.told = -1
        self.silent = False
        self.unheard = (ready, ready)  # the last silence: from, until
        self.written: grounds.Evidence | None = None

    def begin(self, number: int, span: Span, now: int) -> None:
        """Something begins."""
        if span.user not in self.people:
            self.people[span.user] = Person(now)
            self.changed = now
        self.people[span.user].active[number] = span
        if span.kind in MACHINE_WORK:
            self.changed = now

    def end(self, number: int, user: str, now: int) -> Span | None:
        """Something ends."""
        self.look(now, warned=False)
        person = self.people.get(user)
        return person.done(number, now) if person else None

    def under_way(self) -> list[Span]:
        """All that is."""
        return [span for person in self.people.values() for span in person.active.values()]

    def falls_silent(self, now: int) -> None:
        """From now on nothing that it says arrives."""
        self.silent, self.unheard = True, (now, now)

    def is_heard(self, now: int) -> None:
        """It says again how things stand."""
        self.silent, self.unheard = False, (self.unheard[0], now)

    def told_of(self, span: Span, now: int) -> bool:
        """Has it had its seconds to tell of what began? In a short silence nobody hears of it; a long one is known to be one."""
        since, until = self.unheard[0], now if self.silent else self.unheard[1]
        if span.begins <= since - NEWS_S or span.begins >= until:
            return span.begins <= now - NEWS_S
        return now - since > 60 * SILENCE_MINUTES or (not self.silent and until <= now - NEWS_S)

    def look(self, now: int, *, warned: bool) -> None:
        """What the sweep will read if it comes now."""
        if self.silent or now < self.ready:
            return
        told = now if warned else self.changed + (now - self.changed) // LEASE_S * LEASE_S
        if told <= self.told:
            return
        self.told = self.changed = told
        servers = tuple(person.server(name, told) for name, person in sorted(self.people.items()))
        self.active_at = max([self.active_at, *(_last(person, told) for person in self.people.values())])
        card = max((one.gpu or 0.0 for one in servers), default=0.0)
        self.written = grounds.Evidence(moment(told), servers, card or None, 0.0, moment(self.active_at))


def _last(person: Person, now: int) -> int:
    if any(span.kind in MACHINE_WORK for span in person.active.values()):
        return now
    return max(person.asked_at(now), *person.quiet.values()) if person.quiet else person.asked_at(now)
