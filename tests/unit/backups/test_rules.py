"""Which backups stay, when one is due, whose paths are whose: decided without clock or I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.backups import keeping, rules
from chalicelib.backups.keeping import Chunk
from chalicelib.backups.rules import Backup, Shelf, State
from chalicelib.people.rules import LabRole
from chalicelib.runtime.errors import BadInput, Forbidden

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ADA = "ada@university.edu"
HOME = f"homes/{ADA}"


def made(age: timedelta, by_hand: bool = False, state: State = State.FINISHED) -> Backup:
    asked = NOW - age
    name = f"b-{asked:%Y%m%d-%H%M%S}-{sha256(str(age).encode()).hexdigest()[:4]}"
    return Backup(name, "genomics-k3x9", state, asked, ADA, "c", by_hand=by_hand)


def days(*ages: float) -> list[Backup]:
    return [made(timedelta(days=age)) for age in ages]


# ---- what stays


def test_a_year_of_nightly_backups_leaves_seven_days_four_weeks_six_months() -> None:
    stays = keeping.kept(days(*range(365)), NOW)
    ages = sorted((NOW - one.asked_at).days for one in days(*range(365)) if one.id in stays)
    assert ages == [0, 1, 2, 3, 4, 5, 6, 8, 15, 23, 54, 84, 115, 146]


def test_the_newest_stays_however_old() -> None:
    assert list(keeping.kept(days(900), NOW).values()) == ["the newest"]


def test_periods_without_a_backup_do_not_count() -> None:
    """A lab that rested for a year loses nothing by it."""
    assert len(keeping.kept(days(400, 401, 402, 403), NOW)) == 4


def test_what_a_person_asked_for_stays_a_week() -> None:
    hourly = [made(timedelta(hours=hours), by_hand=True) for hours in range(1, 12 * 24)]
    stays = keeping.kept(hourly, NOW)
    assert all(one.id in stays for one in hourly if NOW - one.asked_at < timedelta(days=7))
    assert len(stays) < 7 * 24 + 12


def test_what_is_being_read_stays() -> None:
    old = days(*range(40))
    assert keeping.kept(old, NOW, in_use={old[13].id})[old[13].id] == "in use"
    assert old[13].id not in keeping.kept(old, NOW)


def test_failures_are_remembered_for_a_month() -> None:
    known = [made(timedelta(days=age), state=State.FAILED) for age in (1, 29, 31)]
    assert [one.id for one in keeping.forgettable(known, NOW)] == [known[2].id]


def test_what_is_being_made_is_never_forgotten() -> None:
    assert keeping.forgettable([made(timedelta(days=90), state=State.RUNNING)], NOW) == []


HISTORIES = some.lists(
    some.tuples(some.integers(0, 400 * 24), some.booleans(), some.frozensets(some.integers(0, 30), max_size=6)), max_size=60
)


def story(drawn: list[tuple[int, bool, frozenset[int]]]) -> dict[str, tuple[Backup, frozenset[bytes]]]:
    backups = ((made(timedelta(hours=hours), by_hand), chunks) for hours, by_hand, chunks in drawn)
    return {one.id: (one, frozenset(map(digest, chunks))) for one, chunks in backups}


def digest(number: int) -> bytes:
    return sha256(bytes([number])).digest()


@given(HISTORIES, some.integers(0, 72))
def test_a_kept_backups_chunks_are_never_garbage(drawn: list[tuple[int, bool, frozenset[int]]], age: int) -> None:
    known = story(drawn)
    backups = [one for one, _ in known.values()]
    doomed = {one.id for one in keeping.forgettable(backups, NOW)}
    needed = {chunk for name, (_, chunks) in known.items() if name not in doomed for chunk in chunks}
    there = [Chunk(str(number), digest(number), 1, NOW - timedelta(hours=age)) for number in range(31)]
    gone = {one.digest for one in keeping.garbage(there, needed, NOW)}
    for name, reason in keeping.kept(backups, NOW).items():
        assert not known[name][1] & gone, reason
    assert age > 24 or not gone


@given(HISTORIES)
def test_pruning_twice_is_pruning_once(drawn: list[tuple[int, bool, frozenset[int]]]) -> None:
    backups = [one for one, _ in story(drawn).values()]
    once = [one for one in backups if one not in keeping.forgettable(backups, NOW)]
    assert keeping.forgettable(once, NOW) == []


@given(HISTORIES)
def test_the_newest_stays_and_the_policy_keeps_no_more_than_it_says(drawn: list[tuple[int, bool, frozenset[int]]]) -> None:
    backups = [one for one, _ in story(drawn).values()]
    stays = keeping.kept(backups, NOW)
    assert bool(stays) == bool(backups)
    newest = max(backups, key=lambda one: (one.asked_at, one.id), default=None)
    assert newest is None or newest.id in stays
    assert sum(reason in ("daily", "weekly", "monthly") for reason in stays.values()) <= 17


# ---- when


def shelf(**known: object) -> Shelf:
    return Shelf("genomics-k3x9", ADA, "default", **known)  # type: ignore[arg-type]


MARK = NOW.replace(hour=3)
BEFORE, AFTER = MARK - timedelta(hours=6), MARK + timedelta(hours=1)


@pytest.mark.parametrize(
    ("known", "ready_at", "last_session", "due"),
    [
        (None, BEFORE, None, True),
        (None, AFTER, None, False),  # it is new: its first night is to come
        (None, None, None, False),
        (shelf(newest="b", newest_at=BEFORE), BEFORE, None, True),
        (shelf(newest="b", newest_at=AFTER), BEFORE, NOW, False),
        (shelf(newest="b", newest_at=BEFORE), AFTER, BEFORE + timedelta(hours=1), True),  # slept, and was worked in since
        (shelf(newest="b", newest_at=BEFORE), AFTER, BEFORE - timedelta(hours=1), False),  # slept, nothing is new
        (shelf(newest="b", newest_at=BEFORE), AFTER, None, True),  # nobody knows
        (shelf(newest="b", newest_at=BEFORE, busy="b-x", busy_until=NOW + timedelta(hours=1)), BEFORE, None, False),
        (shelf(newest="b", newest_at=BEFORE, busy="b-x", busy_until=BEFORE), BEFORE, None, True),
        (shelf(newest="b", newest_at=BEFORE, tried_at=AFTER, tries=2), BEFORE, None, True),
        (shelf(newest="b", newest_at=BEFORE, tried_at=AFTER, tries=3), BEFORE, None, False),
        (shelf(newest="b", newest_at=BEFORE, tried_at=BEFORE, tries=3), BEFORE, None, True),
    ],
)
def test_when_a_lab_is_due(known: Shelf | None, ready_at: datetime, last_session: datetime, due: bool) -> None:
    assert rules.is_due(known, ready_at, last_session, NOW) is due


@pytest.mark.parametrize(("hour", "day"), [(2, 22), (3, 23), (23, 23)])
def test_the_night_falls_at_three(hour: int, day: int) -> None:
    assert rules.night(NOW.replace(hour=hour)) == datetime(2026, 11, day, 3, tzinfo=UTC)


def test_a_backup_older_than_the_last_session_says_so() -> None:
    backup = made(timedelta(hours=5))
    assert rules.stale(backup, NOW) == "made before the last session ended at 2026-11-23 09:00 UTC"
    assert rules.stale(backup, NOW - timedelta(hours=6)) == ""
    assert rules.stale(backup, None) == ""
    assert rules.lost_if_restored(backup, NOW) == 5 * 3600
    assert rules.lost_if_restored(backup, NOW - timedelta(hours=6)) == 0
    assert rules.lost_if_restored(backup, None) == 0


# ---- whose


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("a.ipynb", f"{HOME}/a.ipynb"),
        ("~/a.ipynb", f"{HOME}/a.ipynb"),
        ("~", HOME),
        ("", HOME),
        ("examples/", f"{HOME}/examples"),
        ("./a b/ü.txt", f"{HOME}/a b/ü.txt"),
        (f"{HOME}/a.ipynb", f"{HOME}/a.ipynb"),
        ("shared/data.csv", "shared/data.csv"),
        ("homes/bob@x.edu", "homes/bob@x.edu"),
        ("b64:aG9tZXMvYWRhQHgvgQ==", "b64:aG9tZXMvYWRhQHgvgQ=="),
    ],
)
def test_paths_are_written_as_people_write_them(typed: str, means: str) -> None:
    assert rules.own_path(typed, ADA) == means


@pytest.mark.parametrize(
    "typed", ["../x", "homes/../etc", "~/../bob", "a//b", "homes/./x", "b64:!!", "b64:Li4v", "x\0y", "y" * 5000]
)
def test_a_path_that_leads_elsewhere_is_refused(typed: str) -> None:
    with pytest.raises(BadInput):
        rules.own_path(typed, ADA)


@pytest.mark.parametrize(
    ("role", "paths", "may"),
    [
        (LabRole.LEAD, [], True),
        (LabRole.LEAD, ["homes/bob@x.edu"], True),
        (LabRole.MEMBER, [HOME], True),
        (LabRole.MEMBER, [f"{HOME}/a", f"{HOME}/b/c"], True),
        (LabRole.MEMBER, [], False),
        (LabRole.MEMBER, [f"{HOME}/a", "shared/x"], False),
        (LabRole.MEMBER, ["homes/bob@x.edu/a"], False),
        (LabRole.MEMBER, [f"{HOME}2"], False),
        (LabRole.MEMBER, ["homes"], False),
        (LabRole.VIEWER, ["homes/bob@x.edu"], False),
    ],
)
def test_whoever_does_not_lead_has_their_own_home_back(role: LabRole, paths: list[str], may: bool) -> None:
    if may:
        rules.allowed(paths, ADA, role)
    else:
        with pytest.raises(Forbidden):
            rules.allowed(paths, ADA, role)


def test_a_name_that_is_no_text_belongs_to_its_home_too() -> None:
    from base64 import b64encode

    odd = "b64:" + b64encode(f"{HOME}/caf".encode() + b"\xe9").decode()
    rules.allowed([odd], ADA, LabRole.MEMBER)
    assert rules.wanted(odd, [HOME])
    assert not rules.wanted(odd, ["homes/bob@x.edu"])


def test_ids_say_what_and_when() -> None:
    assert rules.new_id("b", NOW, "x7k2") == "b-20261123-090000-x7k2"
    assert rules.is_id("b-20261123-090000-x7k2", "b")
    assert not rules.is_id("b-20261123-090000-x7k2", "r")
    assert not rules.is_id("../b", "b")
    assert rules.label(made(timedelta(0))) == "2026-11-23 09.00"
