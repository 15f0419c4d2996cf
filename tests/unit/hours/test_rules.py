"""Timetables in every zone of the world, in months with moved clocks; and what is done when a moment has come, or was missed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.hours import rules
from chalicelib.hours.rules import Act, Kind, Plan, Standing, Timetable
from chalicelib.runtime.errors import Unprocessable

BERLIN = "Europe/Berlin"
zones = st.sampled_from(sorted(rules.zones()))
times = st.times().map(lambda one: one.replace(second=0, microsecond=0))
moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31)).map(lambda one: one.replace(tzinfo=UTC))
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# ---- moments ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "at", "when"),
    [
        (BERLIN, "2026-11-23", "19:00", "2026-11-23T18:00"),
        (BERLIN, "2026-07-23", "19:00", "2026-07-23T17:00"),
        (BERLIN, "2026-03-29", "02:30", "2026-03-29T01:00"),  # skipped: 02:00 becomes 03:00
        (BERLIN, "2026-10-25", "02:30", "2026-10-25T00:30"),  # twice: the first time
        ("America/New_York", "2026-03-08", "02:30", "2026-03-08T07:00"),
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:30"),  # moved by half an hour
        ("Pacific/Apia", "2011-12-30", "12:00", "2011-12-30T10:00"),  # a whole day was skipped
        ("Asia/Kathmandu", "2026-01-01", "08:00", "2026-01-01T02:15"),
        ("Africa/Cairo", "2026-04-24", "00:00", "2026-04-23T22:00"),  # midnight itself is skipped
        ("America/Santiago", "2026-09-06", "00:00", "2026-09-06T04:00"),
    ],
)
def test_a_local_time_is_one_moment(zone: str, day: str, at: str, when: str) -> None:
    assert rules.moment(zone, date.fromisoformat(day), time.fromisoformat(at)) == utc(when)


@settings(max_examples=400, deadline=None)
@given(zone=zones, day=st.dates(date(2024, 1, 1), date(2028, 12, 31)), at=times)
@example(zone="Africa/Casablanca", day=date(2026, 2, 15), at=time(3))
@example(zone="America/Godthab", day=date(2024, 3, 30), at=time(23, 30))
def test_in_every_zone_the_clock_shows_it_then_or_was_just_moved_past_it(zone: str, day: date, at: time) -> None:
    found = rules.moment(zone, day, at)
    shown = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    wanted = datetime.combine(day, at)
    if shown == wanted:
        earlier = (found - timedelta(hours=2)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert earlier != wanted
        assert found.astimezone(ZoneInfo(zone)).fold == 0
    else:
        before = (found - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert before < wanted < shown


@settings(max_examples=150, deadline=None)
@given(zone=zones, at=times, after=moments, days=st.sets(st.integers(0, 6), min_size=1))
def test_every_day_has_its_moment_once_and_they_come_in_order(zone: str, at: time, after: datetime, days: set[int]) -> None:
    table = Timetable(zone, at, None, tuple(days))
    found = [after]
    for _ in range(9):
        following = rules.following(table, Kind.STOP, found[-1])
        assert following is not None
        assert following > found[-1]
        found.append(following)
    local = [one.astimezone(ZoneInfo(zone)).date() for one in found[1:]]
    assert len(set(local)) == len(local)
    assert {one.weekday() for one in local} <= days


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Africa/Cairo", "Asia/Beirut"])
def test_a_year_of_weekdays_has_as_many_stops_as_weekdays(zone: str) -> None:
    table = Timetable(zone, time(2, 30), None, (0, 1, 2, 3, 4))
    at, count = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(seconds=1), 0
    end = datetime(2027, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    while (following := rules.following(table, Kind.STOP, at)) and following < end:
        at, count = following, count + 1
    assert count == 261


def test_a_holiday_has_no_start_and_its_stop_all_the_same() -> None:
    table = Timetable(BERLIN, time(19), time(8), (0, 1, 2, 3, 4), (date(2026, 12, 25),))
    eve = utc("2026-12-24T20:00")
    assert rules.following(table, Kind.START, eve) == utc("2026-12-28T07:00")
    assert rules.following(table, Kind.STOP, eve) == utc("2026-12-25T18:00")


def test_a_timetable_without_a_start_never_starts() -> None:
    assert rules.following(Timetable(BERLIN, time(19), None), Kind.START, utc("2026-01-01T00:00")) is None


# ---- deciding --------------------------------------------------------------------------------------------------------------

TABLE = Timetable("UTC", time(19), time(8), grace_minutes=30)
STOP_AT = "2026-11-23T19:00"
STOP = utc(STOP_AT)
START = utc("2026-11-24T08:00")
PLAN = Plan(STOP, start_at=START)
TOLD = PLAN._replace(told=True)


@pytest.mark.parametrize(
    ("plan", "standing", "busy", "at", "act"),
    [
        (PLAN, Standing.RUNS, False, "18:44", Act.NOTHING),
        (PLAN, Standing.RUNS, False, "18:45", Act.TELL),
        (PLAN, Standing.RESTS, False, "18:45", Act.NOTHING),
        (TOLD, Standing.RUNS, False, "18:50", Act.NOTHING),
        (TOLD, Standing.RUNS, False, "19:00", Act.STOP),
        (TOLD, Standing.RUNS, True, "19:00", Act.WAIT),
        (TOLD, Standing.RUNS, None, "19:10", Act.WAIT),
        (TOLD, Standing.RUNS, True, "19:30", Act.STOP),
        (TOLD, Standing.MOVES, False, "19:00", Act.WAIT),
        (TOLD, Standing.RESTS, False, "19:00", Act.SKIP),
        (PLAN, Standing.RUNS, False, "22:00", Act.TELL),  # missed: people are told first, also then
    ],
)
def test_a_stop_is_told_of_then_waits_for_work_then_happens(
    plan: Plan, standing: Standing, busy: bool | None, at: str, act: Act
) -> None:
    assert rules.decide(TABLE, plan, standing, busy, utc(f"2026-11-23T{at}")).act is act


@pytest.mark.parametrize(
    ("at", "kept_until", "act", "stop"),
    [
        ("18:45", "2026-11-23T21:00", Act.PUT_OFF, "2026-11-23T21:00"),
        ("19:00", "2026-11-23T21:00", Act.PUT_OFF, "2026-11-23T21:00"),
        ("18:45", "2026-11-23T19:00", Act.TELL, STOP_AT),  # no longer than it stays anyway
        ("19:00", "2026-11-23T18:30", Act.STOP, "2026-11-24T19:00"),  # that is over
        ("19:00", "2026-11-25T12:00", Act.PUT_OFF, "2026-11-24T19:00"),  # past its next start: this stop is left out
    ],
)
def test_who_asks_to_keep_it_running_puts_a_stop_off(at: str, kept_until: str, act: Act, stop: str) -> None:
    plan = PLAN if at == "18:45" else TOLD
    step = rules.decide(TABLE, plan, Standing.RUNS, False, utc(f"2026-11-23T{at}"), utc(kept_until))
    assert (step.act, step.plan.stop_at, step.plan.told) == (act, utc(stop), act is Act.TELL)
    resting = rules.decide(TABLE, plan, Standing.RESTS, False, utc(f"2026-11-23T{at}"), utc(kept_until))
    assert resting.act in (Act.NOTHING, Act.SKIP)


def test_a_stop_that_was_missed_gives_people_their_notice() -> None:
    step = rules.decide(TABLE, PLAN, Standing.RUNS, False, utc("2026-11-23T22:00"))
    assert (step.plan.stop_at, step.plan.told) == (utc("2026-11-23T22:15"), True)


def test_a_stop_that_was_missed_is_not_made_up_for_once_the_next_start_has_come() -> None:
    step = rules.decide(TABLE, PLAN, Standing.RUNS, False, utc("2026-11-24T08:10"))
    assert (step.act, step.plan.stop_at) == (Act.SKIP, utc("2026-11-24T19:00"))
    assert rules.decide(TABLE, PLAN, Standing.RESTS, False, utc("2026-11-24T08:10")).act is Act.START


def test_a_start_that_was_missed_is_not_made_up_for_once_the_next_stop_has_come() -> None:
    plan = Plan(utc("2026-11-24T19:00"), start_at=utc("2026-11-24T08:00"))
    step = rules.decide(TABLE, plan, Standing.RESTS, False, utc("2026-11-24T20:00"))
    assert (step.act, step.plan.start_at) == (Act.SKIP, utc("2026-11-25T08:00"))


@settings(max_examples=200, deadline=None)
@given(
    zone=zones,
    stop=times,
    start=times,
    begin=moments,
    gaps=st.lists(st.integers(1, 60 * 40), min_size=1, max_size=25),
    busy=st.booleans() | st.none(),
    kept=st.none() | st.integers(-600, 60 * 72),
)
def test_however_late_and_often_it_is_looked_at_it_ends_in_order(
    zone: str, stop: time, start: time, begin: datetime, gaps: list[int], busy: bool | None, kept: int | None
) -> None:
    """Each look leaves a plan whose next look is ahead; a stop comes only after people were told, and never while it rests."""
    table = Timetable(zone, stop, None if stop == start else start, grace_minutes=45)
    plan, now, standing = rules.planned(table, begin), begin, Standing.RUNS
    until = None if kept is None else begin + timedelta(minutes=kept)
    for gap in gaps:
        now += timedelta(minutes=gap)
        told = plan.told
        for _ in range(6):
            step = rules.decide(table, plan, standing, busy, now, until)
            assert step.act is not Act.STOP or (told and standing is Standing.RUNS and (until is None or until <= now))
            assert step.act is not Act.START or standing is Standing.RESTS
            standing = {Act.STOP: Standing.RESTS, Act.START: Standing.RUNS}.get(step.act, standing)
            plan, told = step.plan, step.plan.told
            ahead = [one for kind in Kind if (one := plan.due(kind, table.notice))]
            if all(one > now for one in ahead):
                break
        assert all(one > now for one in ahead), (plan, now)


# ---- what people write -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("Mars/Olympus", "write it as IANA does"),
        ("", "write it as IANA does"),
    ],
)
def test_a_zone_that_does_not_exist_is_refused_with_near_misses(typed: str, hint: str) -> None:
    with pytest.raises(Unprocessable, match=f"there is no time zone '{typed}'") as refused:
        rules.checked_zone(typed)
    assert hint in refused.value.hint


def test_a_zone_may_be_written_in_any_case() -> None:
    assert rules.checked_zone(" europe/berlin ") == BERLIN


@pytest.mark.parametrize(
    ("typed", "days"),
    [("mon-fri", (0, 1, 2, 3, 4)), ("sat,sun", (5, 6)), ("fri-mon", (0, 4, 5, 6)), ("all", tuple(range(7))), ("Wednesday", (2,))],
)
def test_days_are_written_as_people_say_them(typed: str, days: tuple[int, ...]) -> None:
    assert rules.checked_days(typed) == days


@given(st.sets(st.integers(0, 6), min_size=1))
def test_days_are_read_as_they_were_written(days: set[int]) -> None:
    assert rules.checked_days(rules.written_days(days)) == tuple(sorted(days))


@pytest.mark.parametrize("typed", ["25:00", "7pm", "19:60", "19", "19:0"])
def test_a_time_that_is_none_is_refused(typed: str) -> None:
    with pytest.raises(Unprocessable, match="is not a time of day"):
        rules.checked_time(typed)


@pytest.mark.parametrize(
    "table",
    [
        Timetable("UTC", None, None),
        Timetable("UTC", time(8), time(8)),
        Timetable("UTC", time(8), None, ()),
        Timetable("UTC", time(8), None, grace_minutes=-1),
        Timetable("UTC", time(8), None, notice_minutes=0),
    ],
)
def test_a_timetable_that_cannot_be_carried_out_is_refused(table: Timetable) -> None:
    with pytest.raises(Unprocessable):
        rules.checked(table)
