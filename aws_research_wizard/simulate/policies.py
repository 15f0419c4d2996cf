# ruff: noqa: N818 (errors are named for what happened)
"""Who decides when a machine runs? Five ways, and a file of one's own.

default        the production rules, as each lab's domain pack sets them
stricter       the same rules, stopping after half an hour
laxer          the same rules, stopping after two hours
always-on      nobody ever stops anything
last-request   stops an hour after the last request, as cullers do that look at nothing else
off-hours      a timetable: on from 8 to 19 on weekdays, whatever is at work
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.simulate.production import grounds

SILENCE_MINUTES = 15  # of three leases of five minutes, as the sweep sets it
FIELDS = frozenset(grounds.Policy._fields) - {"minute_s"}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HINT = f"a policy knows {', '.join(sorted(FIELDS))}, name, hours; see docs/topics/savings.md"


class BadPolicy(WizardError):
    """A policy that nobody can follow."""


class Way(StrEnum):
    """How it is decided."""

    RULES = "rules"
    ALWAYS = "always"
    REQUESTS = "requests"
    HOURS = "hours"


class Hours(NamedTuple):
    """A timetable; in each lab's own zone unless it names one."""

    start: time = time(8)
    stop: time = time(19)
    days: frozenset[int] = frozenset(range(5))
    zone: str = ""

    def next(self, now: datetime, lab_zone: str) -> tuple[datetime, bool]:
        """The next moment after now at which it starts (True) or stops (False) machines; wall clocks, so DST is kept."""
        zone = ZoneInfo(self.zone or lab_zone)
        local = now.astimezone(zone).date()
        turns = [turn for ahead in range(-1, 9) for turn in self._turns(local + timedelta(days=ahead), zone)]
        return min(turn for turn in turns if turn[0] > now)

    def _turns(self, day: date, zone: ZoneInfo) -> list[tuple[datetime, bool]]:
        if day.weekday() not in self.days:
            return []
        return [(datetime.combine(day, self.start, zone), True), (datetime.combine(day, self.stop, zone), False)]


class Policy(NamedTuple):
    """One way to decide, under a name. `settings`: what differs from each lab's pack."""

    name: str
    way: Way = Way.RULES
    settings: Mapping[str, float] = {}
    hours: Hours = Hours()

    def of(self, pack: Mapping[str, float]) -> grounds.Policy:
        """The production policy of a lab whose pack says this."""
        return grounds.Policy.of({"silence": SILENCE_MINUTES} | dict(pack) | dict(self.settings))


DEFAULT = Policy("default")
SHIPPED = {
    one.name: one
    for one in (
        Policy("always-on", Way.ALWAYS),
        DEFAULT,
        Policy("stricter", settings={"idle": 30}),
        Policy("laxer", settings={"idle": 120}),
        Policy("last-request", Way.REQUESTS, {"idle": 60}),
        Policy("off-hours", Way.HOURS),
    )
}


def named(words: str) -> list[Policy]:
    """`always-on,laxer`, or `all`."""
    wanted = list(SHIPPED) if words.strip() == "all" else [word.strip() for word in words.split(",") if word.strip()]
    for word in wanted:
        if word not in SHIPPED:
            raise BadPolicy(f"there is no policy '{word}' to compare with", f"there are {', '.join(SHIPPED)}, and all")
    return [SHIPPED[word] for word in dict.fromkeys(wanted)]


def read(path: Path) -> Policy:
    """The policy in a file: a JSON object."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise BadPolicy(f"{path.name} is not JSON", 'for example {"idle": 45, "warning": 10}') from None
    if not isinstance(said, dict):
        raise BadPolicy(f"{path.name} is not a JSON object", 'for example {"idle": 45, "warning": 10}')
    return of(said, path.stem)


def of(said: Mapping[str, Any], name: str) -> Policy:
    """A policy from plain values."""
    for key in said:
        if key not in FIELDS | {"name", "hours"}:
            raise BadPolicy(f"a policy has no '{key}'{_near(key)}", HINT)
    title = said.get("name", name)
    if not isinstance(title, str) or not title or title in SHIPPED.keys() - {"default"}:
        raise BadPolicy(f"'{title}' cannot be the name of a policy of one's own", "choose another 'name'")
    settings = {key: _minutes(key, value) for key, value in said.items() if key in FIELDS}
    if "hours" not in said:
        return Policy(title, Way.RULES, settings)
    if settings:
        raise BadPolicy("a timetable ('hours') asks nothing else", f"leave out {', '.join(sorted(settings))}, or 'hours'")
    return Policy(title, Way.HOURS, hours=_hours(said["hours"]))


def _near(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, sorted(FIELDS | {"name", "hours"}), n=1)
    return f": did you mean '{near[0]}'?" if near else ""


def _minutes(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise BadPolicy(f"'{key}' is not a number: {json.dumps(value)}", f'write for example "{key}": 30')
    if value < 0:
        raise BadPolicy(f"'{key}' is negative: {value:g}", "minutes and percents are 0 or more")
    if key in ("idle", "warning", "max_busy", "silence") and value == 0:
        raise BadPolicy(f"'{key}' is 0: nothing would ever have time", "give it at least a minute")
    return float(value)


def _hours(said: Any) -> Hours:
    hint = 'for example "hours": {"start": "08:00", "stop": "19:00", "days": "mon-fri", "tz": "Europe/Berlin"}'
    if not isinstance(said, dict) or set(said) - {"start", "stop", "days", "tz"}:
        raise BadPolicy("'hours' is no timetable", hint)
    try:
        zone = str(said.get("tz", ""))
        if zone:
            ZoneInfo(zone)
        start, stop = (time.fromisoformat(said.get(name, usual)) for name, usual in (("start", "08:00"), ("stop", "19:00")))
        found = Hours(start, stop, _days(str(said.get("days", "mon-fri"))), zone)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise BadPolicy(f"'hours' is no timetable: {error}", hint) from None
    if found.start >= found.stop or found.start.tzinfo or found.stop.tzinfo:
        raise BadPolicy("'hours' stops before it starts", hint)
    return found


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update(range(begin, end + 1) if begin <= end else (*range(begin, 7), *range(end + 1)))
    return frozenset(found)
