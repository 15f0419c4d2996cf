"""When does a lab's timetable next stop it, or start it, and what is done at that moment? Pure: IANA zones, days, holidays, DST.

Keeps true, in every zone and in months in which clocks are moved: an hour that the clock skips happens at the first moment after
it, an hour that it shows twice happens the first time, and each day's stop and start happen once. Of what was missed only the
latest counts: a stop that was missed is not made up for once the next start has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from chalicelib.runtime.errors import Unprocessable, near_miss

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NOTICE = 15  # minutes: people are told so long before a stop
MOST_NOTICE = 4 * 60
LOOK = timedelta(minutes=5)  # and a busy lab is looked at so often
HORIZON = 400  # days in which a timetable must have a moment
MOST_HOLIDAYS = 400
MOST_GRACE = 12 * 60


class Kind(StrEnum):
    STOP = "stop"
    START = "start"


class Timetable(NamedTuple):
    """Local times of day at which a lab stops and starts, on which days (0 is Monday). On a holiday it is not started; it is
    stopped as on any day. A busy lab is waited for up to `grace_minutes`."""

    zone: str
    stop: time | None
    start: time | None
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    holidays: tuple[date, ...] = ()
    grace_minutes: int = 0
    notice_minutes: int = NOTICE

    @property
    def notice(self) -> timedelta:
        return timedelta(minutes=self.notice_minutes)


class Plan(NamedTuple):
    """What a timetable does next: the stop (and whether people were told of it), the start, the next look in between."""

    stop_at: datetime | None = None
    told: bool = False
    start_at: datetime | None = None
    look_at: datetime | None = None

    def due(self, kind: Kind, notice: timedelta) -> datetime | None:
        """When somebody must look at its stop, or its start, next."""
        if kind is Kind.START:
            return self.start_at
        warn = self.stop_at if self.told or self.stop_at is None else self.stop_at - notice
        return self.look_at or warn


class Act(StrEnum):
    NOTHING = "nothing"
    TELL = "tell"
    WAIT = "wait"
    STOP = "stop"
    START = "start"
    SKIP = "skip"
    PUT_OFF = "put off"


class Step(NamedTuple):
    """What to do now, why, and what comes then."""

    act: Act
    reason: str
    plan: Plan


class Standing(StrEnum):
    """How a lab stands, as far as a timetable cares."""

    RUNS = "runs"
    RESTS = "rests"
    MOVES = "moves"
    GONE = "gone"


# ---- moments -------------------------------------------------------------------------------------------------------------


def moment(zone: str, day: date, at: time) -> datetime:
    """When a zone's clock shows this, in UTC: the first time if it does so twice, the first moment after if it never does."""
    there = ZoneInfo(zone)
    shown = datetime.combine(day, at)
    first = shown.replace(tzinfo=there, fold=0).astimezone(UTC)
    if first.astimezone(there).replace(tzinfo=None) == shown:
        return first
    return _after_gap(there, shown, first)


def _after_gap(there: ZoneInfo, shown: datetime, late: datetime) -> datetime:
    """The first moment at which the clock is past what it skipped, to the second."""
    early = shown.replace(tzinfo=there, fold=1).astimezone(UTC)
    low, high = 0, int((late - early).total_seconds())
    while low < high:
        middle = (low + high) // 2
        if (early + timedelta(seconds=middle)).astimezone(there).replace(tzinfo=None) >= shown:
            high = middle
        else:
            low = middle + 1
    return early + timedelta(seconds=low)


def following(table: Timetable, kind: Kind, after: datetime) -> datetime | None:
    """The timetable's next stop or start after a moment; None when it has none."""
    at = table.stop if kind is Kind.STOP else table.start
    if at is None:
        return None
    first = after.astimezone(ZoneInfo(table.zone)).date() - timedelta(days=1)
    for day in (first + timedelta(days=number) for number in range(HORIZON)):
        if day.weekday() not in table.days or (kind is Kind.START and day in table.holidays):
            continue
        found = moment(table.zone, day, at)
        if found > after:
            return found
    return None


def planned(table: Timetable, now: datetime) -> Plan:
    return Plan(following(table, Kind.STOP, now), start_at=following(table, Kind.START, now))


# ---- deciding ------------------------------------------------------------------------------------------------------------


def decide(
    table: Timetable, plan: Plan, standing: Standing, busy: bool | None, now: datetime, kept_until: datetime | None = None
) -> Step:
    """What the timetable does now. `busy` None is not known, and is waited for like work; never longer than the grace.
    `kept_until`: somebody asked to keep the lab running until then."""
    plan = _latest(table, plan, now)
    if plan.start_at and plan.start_at <= now:
        return _start(table, plan, standing, now)
    if plan.stop_at and plan.stop_at - table.notice <= now:
        return _stop(table, plan, standing, busy, now, kept_until)
    return Step(Act.NOTHING, "it is not time yet", plan)


def _latest(table: Timetable, plan: Plan, now: datetime) -> Plan:
    """Of a stop and a start that are both past, the later one counts."""
    if not (plan.stop_at and plan.start_at) or max(plan.stop_at, plan.start_at) > now:
        return plan
    if plan.start_at > plan.stop_at:
        return plan._replace(stop_at=following(table, Kind.STOP, now), told=False, look_at=None)
    return plan._replace(start_at=following(table, Kind.START, now))


def _start(table: Timetable, plan: Plan, standing: Standing, now: datetime) -> Step:
    following_ = plan._replace(start_at=following(table, Kind.START, now))
    if standing is Standing.RESTS:
        return Step(Act.START, "its timetable starts it", following_)
    if standing is Standing.MOVES:
        return Step(Act.WAIT, "it is on its way somewhere: looked at again", plan._replace(look_at=now + LOOK))
    return Step(Act.SKIP, "it runs already" if standing is Standing.RUNS else "it cannot be started", following_)


def _stop(
    table: Timetable, plan: Plan, standing: Standing, busy: bool | None, now: datetime, kept_until: datetime | None
) -> Step:
    stop_at = plan.stop_at or now
    over = Plan(following(table, Kind.STOP, max(now, stop_at)), start_at=plan.start_at)
    if standing in (Standing.RESTS, Standing.GONE):
        return Step(Act.SKIP, "it does not run", over) if stop_at <= now else _until(plan, stop_at, "it does not run")
    if standing is Standing.MOVES:
        return Step(Act.WAIT, "it is on its way somewhere: looked at again", plan._replace(look_at=now + LOOK))
    if kept_until and kept_until > max(stop_at, now):
        said = f"somebody asked to keep it running until {kept_until:%Y-%m-%d %H:%M} UTC"
        past_the_start = plan.start_at is not None and plan.start_at <= kept_until
        return Step(Act.PUT_OFF, said, over if past_the_start else Plan(kept_until, start_at=plan.start_at))
    if not plan.told:
        until = max(stop_at, now + table.notice) if stop_at <= now else stop_at
        return Step(Act.TELL, "its timetable is about to stop it", plan._replace(stop_at=until, told=True, look_at=None))
    if stop_at > now:
        return _until(plan, stop_at, "people were told of the stop")
    ends = stop_at + timedelta(minutes=table.grace_minutes)
    if busy is not False and now < ends:
        said = "something works in it" if busy else "whether something works in it is not known"
        return Step(Act.WAIT, f"{said}: waited for until {ends:%H:%M} UTC", plan._replace(look_at=min(now + LOOK, ends)))
    return Step(Act.STOP, "its timetable stops it", over)


def _until(plan: Plan, at: datetime, reason: str) -> Step:
    return Step(Act.NOTHING, reason, plan._replace(look_at=at))


# ---- what people write -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if not name.startswith(("posix/", "right/")) and name != "localtime")


def checked_zone(name: str) -> str:
    """The zone as IANA writes it. Unprocessable, with the nearest, when there is none."""
    found = {one.lower(): one for one in zones()}.get(name.strip().lower())
    if found is None:
        raise Unprocessable(f"there is no time zone '{name.strip()[:60]}'", _near(name.strip()))
    return found


def _near(word: str) -> str:
    """What was meant: a name that is close, or one that ends in the city that was named."""
    lower = {one.lower(): one for one in zones()}
    city = word.lower().replace(" ", "_").rpartition("/")[2]
    ends = sorted(one for small, one in lower.items() if city and small.rpartition("/")[2] == city)
    close = near_miss(word, lower).removeprefix("did you mean '").removesuffix("'?") or _near_city(city, lower)
    found = [*dict.fromkeys([*ends, *([lower[close]] if close in lower else [])])]
    return f"did you mean {' or '.join(found[:3])}?" if found else "write it as IANA does: Europe/Berlin, America/New_York, UTC"


def _near_city(city: str, lower: Iterable[str]) -> str:
    cities = {one.rpartition("/")[2]: one for one in sorted(lower)}
    named = near_miss(city, cities).removeprefix("did you mean '").removesuffix("'?")
    return cities.get(named, "")


def checked_time(text: str) -> time:
    hours, _, minutes = text.strip().partition(":")
    if not (hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2 and int(hours) < 24 and int(minutes) < 60):
        raise Unprocessable(f"'{text.strip()[:20]}' is not a time of day", "write it like 19:00")
    return time(int(hours), int(minutes))


def checked_days(text: str) -> tuple[int, ...]:
    """`mon-fri`, `mon,wed,sat-sun`, `all`, as numbers of days."""
    words = text.strip().lower()
    if words in ("", "all", "daily"):
        return tuple(range(7))
    return tuple(sorted({day for part in words.split(",") for day in _days(part.strip())}))


def _days(part: str) -> Iterator[int]:
    first, dash, last = part.partition("-")
    begins, ends = _day(first), _day(last) if dash else _day(first)
    yield begins
    while begins != ends:
        begins = (begins + 1) % 7
        yield begins


def _day(word: str) -> int:
    short = word.strip()[:3]
    if short not in DAYS:
        raise Unprocessable(f"'{word[:20]}' is not a day", f"write them like mon-fri or sat,sun: {', '.join(DAYS)}")
    return DAYS.index(short)


def written_days(days: Iterable[int]) -> str:
    """`mon-fri`, the other way round."""
    found, runs = sorted(set(days)), list[list[int]]()
    for day in found:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)


def checked(table: Timetable) -> Timetable:
    """A timetable that can be carried out. Unprocessable, with why, when it cannot."""
    if table.stop is None and table.start is None:
        raise Unprocessable("a timetable needs a time to stop or a time to start", 'as in --stop "19:00" --start "08:00"')
    if table.stop is not None and table.stop == table.start:
        raise Unprocessable(f"it cannot stop and start at {table.stop:%H:%M} both", "leave some time between")
    if not table.days:
        raise Unprocessable("no day was named", "as in --days mon-fri")
    if len(table.holidays) > MOST_HOLIDAYS:
        raise Unprocessable(f"{len(table.holidays)} holidays are too many", f"at most {MOST_HOLIDAYS}")
    if not 0 <= table.grace_minutes <= MOST_GRACE:
        raise Unprocessable(f"a grace of {table.grace_minutes} minutes cannot be", f"name 0 to {MOST_GRACE}")
    if not 1 <= table.notice_minutes <= MOST_NOTICE:
        raise Unprocessable(f"a notice of {table.notice_minutes} minutes cannot be", f"name 1 to {MOST_NOTICE}")
    return table._replace(zone=checked_zone(table.zone), holidays=tuple(sorted(set(table.holidays))))
