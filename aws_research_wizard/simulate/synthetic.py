"""A month of labs that nobody lived, the same for the same seed: what research groups do, and what has gone wrong elsewhere.

People come in the mornings of their own zone (wall clocks: the weekend the clocks change is in the month), run short cells,
and leave tabs open. Some start what takes the night: a cell that computes in silence, one that waits for a remote job, a training
in a terminal, a job on the graphics card. There are uploads, holidays, weekend work, a hung cell that nobody misses, and a
machine that is not heard of for a while.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aws_research_wizard.simulate.usage import CELL, PRESENT, SILENCE, TAB, TERMINAL, UPLOAD, Lab, Span, Usage, usage

FIRST_DAY = date(2026, 10, 5)
MINUTE, HOUR = 60, 3600


class Field(NamedTuple):
    """How a field works. Chances are per person and working day."""

    domain: str
    types: tuple[str, ...]
    people: tuple[int, int]
    policy: Mapping[str, float] = {}
    silent: float = 0.06  # a cell that computes through the night
    remote: float = 0.03  # a cell that waits for a job elsewhere
    terminal: float = 0.03
    gpu: float = 0.0
    upload: float = 0.04
    memory_gb: tuple[float, float] = (2.0, 10.0)
    course: bool = False  # taught on two afternoons of the week, and nothing is left running


FIELDS = (
    Field("genomics", ("r6i.2xlarge", "r6i.4xlarge"), (2, 6), {"cpu_percent": 10}, 0.10, 0.04, 0.10, upload=0.10),
    Field("climate_modeling", ("r6i.2xlarge", "r6i.4xlarge"), (2, 5), {"cpu_percent": 3, "network_kb_per_second": 20}, 0.1, 0.08),
    Field("machine_learning", ("g5.2xlarge", "g5.xlarge"), (2, 4), {"idle": 45, "gpu_percent": 3}, 0.03, 0.02, 0.10, 0.12),
    Field("astronomy_astrophysics", ("r6i.2xlarge",), (2, 5), {}, 0.08, 0.05),
    Field("economics_finance", ("m6i.2xlarge", "m6i.4xlarge"), (2, 6), {}, 0.04, 0.02, memory_gb=(1.0, 4.0)),
    Field("mathematical_modeling", ("c6i.2xlarge", "c6i.4xlarge"), (1, 3), {"cpu_percent": 3}, 0.12, 0.02, memory_gb=(0.5, 2.0)),
    Field("structural_biology", ("r6i.2xlarge", "g5.4xlarge"), (2, 4), {}, 0.06, 0.04, 0.05, 0.05),
    Field("social_sciences", ("m6i.xlarge",), (3, 8), {}, 0.01, 0.01, 0.0, memory_gb=(0.5, 1.5)),
    Field("social_sciences", ("m6i.xlarge",), (3, 4), {}, memory_gb=(0.5, 1.5), course=True),
)
ZONES = ("Europe/Berlin", "America/New_York", "Europe/London", "America/Los_Angeles", "Asia/Tokyo")


def month(seed: int = 1, labs: int = 50, days: int = 30, first: date = FIRST_DAY) -> Usage:
    """The usage of so many labs over so many days."""
    made = [_lab(seed, number) for number in range(labs)]
    begins = int(datetime.combine(first, time(), UTC).timestamp())
    spans = [span for lab, field in made for span in _Life(seed, lab, field).days(first, days)]
    return usage(begins, begins + days * 24 * HOUR, (lab for lab, _ in made), spans, f"synthetic, seed {seed}")


def _lab(seed: int, number: int) -> tuple[Lab, Field]:
    chance, field = Random(f"{seed} lab {number}"), FIELDS[number % len(FIELDS)]  # noqa: S311 (repeatable, not secret)
    name = f"{'course' if field.course else field.domain.split('_')[0]}-{number:02d}"
    kind, zone, region = chance.choice(field.types), chance.choice(ZONES), chance.choice(("us-east-1", "us-west-2"))
    return Lab(name, field.domain, region, kind, f"team-{number:02d}", zone, field.policy), field


class _Life:
    """One lab's people."""

    def __init__(self, seed: int, lab: Lab, field: Field) -> None:
        self.chance = Random(f"{seed} life {lab.name}")  # noqa: S311
        self.lab, self.field, self.zone = lab, field, ZoneInfo(lab.zone)
        self.people = [f"person{n}@{lab.name}.example" for n in range(self.chance.randint(*field.people))]
        self.weekdays = self.chance.choice(({0, 2}, {1, 3}, {4})) if field.course else set(range(5))
        self.holidays = {self.chance.randrange(1, 29) for _ in range(2)}

    def days(self, first: date, days: int) -> Iterator[Span]:
        """Everything they do; a day longer at both ends than is kept, because zones differ."""
        for ahead in range(-1, days + 1):
            day = first + timedelta(days=ahead)
            free = day.weekday() not in self.weekdays or ahead in self.holidays
            for person in self.people:
                if self.chance.random() < (0.75 if not free else 0.0 if self.field.course else 0.07):
                    yield from self._class(person, day) if self.field.course else self._day(person, day)
            if self.chance.random() < 0.02:
                begins = self._at(day, 9 + 8 * self.chance.random())
                yield Span(begins, begins + self._minutes(12, 90), SILENCE, self.lab.name)

    def _day(self, person: str, day: date) -> Iterator[Span]:
        """Sittings with breaks between them, and what is left running after the last."""
        now, home = self._at(day, self.chance.gauss(9.2, 1.0)), self._at(day, self.chance.gauss(17.3, 1.2))
        while now < home:
            leaves = min(home, now + self._minutes(25, 150))
            yield Span(now, leaves, PRESENT, self.lab.name, person, every_s=self.chance.choice((60, 120, 300, 600)))
            yield from self._cells(person, now, leaves)
            now = leaves + self._minutes(15, 100)
        yield from self._left(person, day, max(home, now - HOUR))

    def _class(self, person: str, day: date) -> Iterator[Span]:
        """An afternoon's lesson."""
        begins = self._at(day, 14.0) + self._minutes(0, 10)
        yield Span(begins, begins + 3 * HOUR, PRESENT, self.lab.name, person, every_s=120)
        yield from self._cells(person, begins, begins + 3 * HOUR - 30 * MINUTE)

    def _cells(self, person: str, now: int, leaves: int) -> Iterator[Span]:
        if self.chance.random() < self.field.upload:
            yield Span(now + 30, now + 30 + self._minutes(10, 60), UPLOAD, self.lab.name, person)
        at = now + self._minutes(1, 8)
        while at < leaves:
            lasts = round(min(self.chance.expovariate(1 / 150) + 3, 90 * MINUTE))
            yield self._work(CELL, person, at, lasts, 100 * self.chance.choice((0.5, 1, 1, 2)))
            at += lasts + self._minutes(2, 25)

    def _left(self, person: str, day: date, at: int) -> Iterator[Span]:
        """What goes on when its person has gone; started while they are still there."""
        field, roll = self.field, self.chance.random
        at -= self._minutes(3, 20)
        yield Span(at, at + 2 * MINUTE, PRESENT, self.lab.name, person, every_s=30)
        if roll() < field.silent:
            yield self._work(CELL, person, at + 60, self._minutes(120, 900), 100 * self.chance.choice((1, 1, 4)))
        if roll() < field.remote:
            yield self._work(CELL, person, at + 60, self._minutes(90, 600), 0.4)
        if roll() < field.terminal:
            yield self._work(TERMINAL, person, at + 60, self._minutes(120, 1500), 100 * self.chance.choice((0.7, 1, 3)))
        if roll() < field.gpu and self.lab.instance_type.startswith("g"):
            yield self._work(CELL, person, at + 60, self._minutes(180, 1300), 20.0, 95.0)
        if roll() < 0.008:
            hung = self._work(CELL, person, at + 90, self._minutes(1500, 4000), 0.0)
            yield hung._replace(work=False)
        if roll() < 0.45:
            until = self._at(day + timedelta(days=3 if day.weekday() == 4 else 1), 8.0)
            yield Span(at + 60, max(until, at + HOUR), TAB, self.lab.name, person)

    def _work(self, kind: str, person: str, at: int, lasts: int, cpu: float, gpu: float = 0.0) -> Span:
        memory = round(self.chance.uniform(*self.field.memory_gb), 1)
        prints = kind == CELL and self.chance.random() < 0.3 and lasts < HOUR
        return Span(at, at + lasts, kind, self.lab.name, person, cpu, memory, gpu, prints=prints)

    def _at(self, day: date, hour: float) -> int:
        """So many hours into a day, by the clock on the wall."""
        seconds = round(min(max(hour, 0.0), 23.9) * HOUR)
        wall = datetime.combine(day, time(seconds // HOUR, seconds % HOUR // 60, seconds % 60), self.zone)
        return int(wall.timestamp())

    def _minutes(self, least: int, most: int) -> int:
        return self.chance.randint(least * MINUTE, most * MINUTE)
