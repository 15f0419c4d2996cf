"""Cells + idle + overhead of an hour are the hour's cost, to the cent, however many people share the machine."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_research_wizard.notebook import hours
from aws_research_wizard.notebook.hours import HOUR, SECOND, Cell, Hour, Span

PEOPLE = ("ada", "grace", "joan")
MINUTE = 60 * SECOND
people = st.sets(st.sampled_from(PEOPLE)).map(frozenset)
prices = st.decimals("0.001", "99", places=4)


@st.composite
def an_hour(draw: st.DrawFn) -> list[Span]:
    """Spans that follow each other, with gaps in which the machine was off."""
    cuts = sorted(draw(st.sets(st.integers(0, HOUR), min_size=2, max_size=12)))
    return [Span(begun, ended, draw(people)) for begun, ended in pairwise(cuts) if draw(st.booleans())]


@st.composite
def some_cells(draw: st.DrawFn) -> list[Cell]:
    """Cells that overlap as they like, also over the hour's edges."""
    times = draw(st.lists(st.tuples(st.integers(-HOUR, 2 * HOUR), st.integers(0, HOUR)), max_size=8))
    return [Cell(str(number), begun, begun + length) for number, (begun, length) in enumerate(times)]


def parts(hour: Hour, hourly: Decimal) -> list[Fraction]:
    return [hours.price(one, hourly) for one in (*hour.cells.values(), hour.idle, hour.overhead)]


@given(an_hour(), some_cells(), prices, st.sampled_from((2, 4)))
def test_cells_idle_and_overhead_are_the_hours_cost_to_the_last_digit(
    spans: list[Span], cells: list[Cell], hourly: Decimal, places: int
) -> None:
    mine = hours.split(0, HOUR, "ada", spans, cells)
    shown = hours.rounded(parts(mine, hourly), places)
    exact = hours.price(mine.total, hourly)
    assert sum(shown) == Decimal(round(exact * 10**places)).scaleb(-places)
    assert all(amount >= 0 for amount in shown)


@given(an_hour(), st.dictionaries(st.sampled_from(PEOPLE), some_cells(), max_size=3), prices)
def test_the_shares_of_all_people_are_the_machines_hour(spans: list[Span], cells: dict[str, list[Cell]], hourly: Decimal) -> None:
    everybody = [hours.split(0, HOUR, person, spans, cells.get(person, [])) for person in PEOPLE]
    ran = Fraction(sum(one.ended - one.begun for one in spans), SECOND)
    expected = ran if any(one.people for one in spans) else Fraction(0)
    assert sum((one.total for one in everybody), Fraction(0)) == expected


@given(st.lists(st.fractions(0, 50), max_size=12), st.integers(0, 6))
def test_what_is_rounded_is_off_by_less_than_a_unit_and_sums_to_the_rounded_whole(parts: list[Fraction], places: int) -> None:
    shown = hours.rounded(parts, places)
    unit = Fraction(1, 10**places)
    assert all(abs(Fraction(amount) - part) < unit for amount, part in zip(shown, parts, strict=True))
    whole = sum(parts, Fraction(0)) / unit
    assert sum(map(Fraction, shown)) == Fraction(Decimal(round(whole)).quantize(Decimal(1), ROUND_HALF_EVEN)) * unit


@given(an_hour(), some_cells(), st.integers(1, HOUR - 1))
def test_an_hour_cut_in_two_gives_cells_and_idle_what_the_whole_gave(spans: list[Span], cells: list[Cell], cut: int) -> None:
    whole = hours.split(0, HOUR, "ada", spans, cells)
    halves = [hours.split(0, cut, "ada", spans, cells), hours.split(cut, HOUR, "ada", spans, cells)]
    assert sum((one.idle for one in halves), Fraction(0)) == whole.idle
    for key, seconds in whole.cells.items():
        assert sum((one.cells.get(key, Fraction(0)) for one in halves), Fraction(0)) == seconds


def test_two_people_share_the_moments_in_which_both_have_a_server() -> None:
    both, alone = frozenset({"ada", "grace"}), frozenset({"ada"})
    spans = [Span(0, 30 * MINUTE, alone), Span(30 * MINUTE, 60 * MINUTE, both)]
    mine = hours.split(0, HOUR, "ada", spans, [Cell("c", 20 * MINUTE, 40 * MINUTE)])
    assert mine.cells == {"c": Fraction(10 * 60 + 10 * 30)}
    assert mine.idle == 20 * 60 + 20 * 30
    assert (mine.overhead, mine.people) == (0, 2)


def test_the_time_before_anybodys_server_is_overhead_of_all_who_come() -> None:
    spans = [Span(0, 10 * MINUTE, frozenset()), Span(10 * MINUTE, HOUR, frozenset({"ada", "grace"}))]
    assert hours.split(0, HOUR, "ada", spans, []).overhead == 5 * 60
    assert hours.split(0, HOUR, "joan", spans, []).total == 0, "who was not there pays nothing"


def test_two_cells_at_once_share_their_persons_part() -> None:
    mine = hours.split(0, HOUR, "ada", [Span(0, HOUR, frozenset({"ada"}))], [Cell("a", 0, HOUR), Cell("b", 30 * MINUTE, HOUR)])
    assert mine.cells == {"a": Fraction(2700), "b": Fraction(900)}
    assert mine.idle == 0


@pytest.mark.parametrize(
    ("begun", "ended", "expected"),
    [(0, HOUR, [(0, HOUR)]), (1, HOUR + 1, [(1, HOUR), (HOUR, HOUR + 1)]), (5, 5, []), (7, 9, [(7, 9)])],
)
def test_a_stretch_is_cut_at_full_hours(begun: int, ended: int, expected: list[tuple[int, int]]) -> None:
    assert list(hours.hours(begun, ended)) == expected
