"""Sums that close to the cent, whatever moves: people between groups, labs between tags, currencies, credits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.bills import months, rules
from chalicelib.bills.rules import Charge, Cost, Estimate, FileSum, Group, Part, Share

LABS = ("genomics-aaaa", "climate-bbbb", "base-cccc")
PEOPLE = ("ada@uni.edu", "bob@uni.edu", "eve@uni.edu")
DAYS = ("2026-10-01", "2026-10-02", "2026-10-31")
CURRENCIES = ("USD", "EUR", "JPY", "KWD")
amounts = st.decimals(-5000, 5000, places=10)
positive = st.decimals(0, 500, places=10)


@st.composite
def groups(draw: Any) -> list[Group]:
    """A bill with credits, refunds and tax, in several currencies; a lab may bear no tag."""
    keys = st.tuples(
        st.sampled_from(DAYS),
        st.sampled_from(("", *LABS)),
        st.sampled_from(("AmazonEC2", "AmazonEFS")),
        st.sampled_from(list(Charge)),
        st.sampled_from(CURRENCIES),
    )
    found = draw(st.dictionaries(keys, st.tuples(amounts, amounts), max_size=25))
    return [Group("2026-10", *key, *pair, 1) for key, pair in found.items()]


@st.composite
def estimates(draw: Any) -> dict[tuple[str, str], Estimate]:
    """What was estimated: the team that pays for a lab changes from day to day; people work in labs of several teams."""
    keys = st.tuples(st.sampled_from(LABS), st.sampled_from(DAYS))
    users = st.dictionaries(st.sampled_from(PEOPLE), positive, max_size=3)
    teams, currency = st.sampled_from(("biology", "physics", "")), st.sampled_from(CURRENCIES)
    return dict(draw(st.dictionaries(keys, st.builds(Estimate, users, positive, positive, currency, teams))))


GROUPINGS: dict[str, Any] = {
    "person": lambda one: one.who or one.part,
    "lab": lambda one: one.lab,
    "team": lambda one: one.team,
    "day": lambda one: one.day,
    "part": lambda one: one.part,
    "person in a team": lambda one: (one.team, one.who),
}


@given(groups(), estimates(), st.sampled_from(list(Cost)))
def test_users_idle_overhead_and_unattributed_are_the_bill_to_the_last_coin(
    bill: list[Group], said: dict[tuple[str, str], Estimate], cost: Cost
) -> None:
    for currency in CURRENCIES:
        exact = sum((one.amount(cost) for one in bill if one.currency == currency), Decimal(0))
        coins = rules.digits_of(currency)
        for by in ("lab", "day", "lab-day"):
            found = rules.reconciled("2026-10", bill, said, currency, cost, by)
            assert found.bill == round(exact, coins)
            assert sum(found.parts.values()) == found.bill == sum(row.bill for row in found.rows)
            assert all(sum(row.parts.values()) == row.bill for row in found.rows)
            assert sum(row.estimate or 0 for row in found.rows) == found.estimate


@given(groups(), estimates(), st.sampled_from(list(Cost)))
def test_nothing_is_counted_twice_however_one_groups(
    bill: list[Group], said: dict[tuple[str, str], Estimate], cost: Cost
) -> None:
    for currency in CURRENCIES:
        pieces = rules.shares(bill, said, currency, cost)
        exact = sum((one.amount(cost) for one in bill if one.currency == currency), Decimal(0))
        assert sum((one.amount for one in pieces), Decimal(0)) == exact
        for of in GROUPINGS.values():
            sums: dict[Any, Decimal] = {}
            for one in pieces:
                sums[of(one)] = sums.get(of(one), Decimal(0)) + one.amount
            assert sum(rules.rounded(sums).values(), Decimal(0)) == round(exact, 2)


@given(groups(), estimates(), st.permutations(PEOPLE), st.sampled_from(("biology", "physics")))
def test_moving_people_and_labs_between_groups_moves_money_and_makes_none(
    bill: list[Group], said: dict[tuple[str, str], Estimate], order: list[str], team: str
) -> None:
    renamed = dict(zip(PEOPLE, order, strict=True))
    moved = {
        key: one._replace(users={renamed[who]: part for who, part in one.users.items()}, team=team) for key, one in said.items()
    }
    before = rules.shares(bill, said, "USD", Cost.UNBLENDED)
    after = rules.shares(bill, moved, "USD", Cost.UNBLENDED)
    assert sum((one.amount for one in before), Decimal(0)) == sum((one.amount for one in after), Decimal(0))
    assert per_part(before) == per_part(after)


def per_part(pieces: list[Share]) -> dict[Part, Decimal]:
    """Users together, idle, overhead, unattributed: to the cent, as the last decimal place may go to another person."""
    found: dict[Part, Decimal] = {}
    for one in pieces:
        found[one.part] = found.get(one.part, Decimal(0)) + one.amount
    return {part: round(amount, 8) for part, amount in found.items() if round(amount, 8)}


@given(st.dictionaries(st.text(max_size=3), amounts, min_size=1), st.integers(0, 4))
def test_rounded_parts_are_the_rounded_whole_and_each_within_a_coin(parts: dict[str, Decimal], digits: int) -> None:
    found = rules.rounded(parts, digits)
    assert sum(found.values()) == round(sum(parts.values(), Decimal(0)), digits)
    assert all(abs(found[key] - parts[key]) <= Decimal(1).scaleb(-digits) for key in parts)


@given(amounts, st.dictionaries(st.text(max_size=3), st.decimals("0.01", 100, places=2), min_size=1))
def test_an_amount_is_split_without_a_remainder(amount: Decimal, weights: dict[str, Decimal]) -> None:
    assert sum(rules.split(amount, weights).values()) == amount


@given(st.lists(groups(), min_size=1, max_size=4), st.data())
def test_a_replaced_files_rows_are_replaced(files: list[list[Group]], data: Any) -> None:
    def piece(number: int, found: list[Group]) -> tuple[months.Piece, FileSum]:
        return months.Piece(f"s3://b/{number}", "e", "k", len(found), 0), FileSum(tuple(found), len(found), 0, ())

    pieces = [piece(number, found) for number, found in enumerate(files)]
    whole = months.changed(months.empty("2026-10"), (), pieces)
    gone = data.draw(st.sampled_from(pieces))
    come = piece(9, data.draw(groups()))
    little = months.changed(whole, [gone], [come])
    anew = months.changed(months.empty("2026-10"), (), [*(one for one in pieces if one is not gone), come])
    assert dict(little.groups) == dict(anew.groups)
    assert months.bill(little.document()) == months.bill(anew.document())


# ---- by example ----------------------------------------------------------------------------------------------------------


def group(lab: str, amount: str, day: str = DAYS[0], currency: str = "USD", charge: Charge = Charge.USAGE) -> Group:
    return Group("2026-10", day, lab, "AmazonEC2", charge, currency, Decimal(amount), Decimal(amount), 1)


def test_a_lab_is_divided_as_its_estimate_says_and_the_rest_is_unattributed() -> None:
    said = {(LABS[0], DAYS[0]): Estimate({PEOPLE[0]: Decimal(6), PEOPLE[1]: Decimal(2)}, Decimal(1), Decimal(1))}
    found = rules.reconciled("2026-10", [group(LABS[0], "11"), group("", "3.33")], said, "USD", Cost.UNBLENDED)
    assert found.parts == {
        Part.USERS: Decimal("8.80"),
        Part.IDLE: Decimal("1.10"),
        Part.OVERHEAD: Decimal("1.10"),
        Part.UNATTRIBUTED: Decimal("3.33"),
    }
    row = next(one for one in found.rows if one.lab)
    assert (row.drift, row.percent) == (Decimal("1.00"), Decimal("10.0"))


def test_a_day_without_an_estimate_is_the_labs_overhead() -> None:
    found = rules.reconciled("2026-10", [group(LABS[0], "2")], {}, "USD", Cost.UNBLENDED)
    assert found.parts[Part.OVERHEAD] == 2
    assert found.rows[0].drift is None


def test_what_was_estimated_and_is_not_billed_is_named() -> None:
    said = {(LABS[1], DAYS[1]): Estimate({}, Decimal(1))}
    found = rules.reconciled("2026-10", [group(LABS[0], "2")], said, "USD", Cost.UNBLENDED)
    assert found.missing == ((LABS[1], DAYS[1]),)
    assert [(row.lab, row.bill) for row in found.rows] == [(LABS[1], 0), (LABS[0], 2)]


def test_another_currency_stands_apart_and_has_no_drift() -> None:
    said = {(LABS[0], DAYS[0]): Estimate({}, Decimal(1))}
    found = rules.reconciled("2026-10", [group(LABS[0], "2", currency="EUR")], said, "EUR", Cost.UNBLENDED)
    assert (found.bill, found.rows[0].drift, found.parts[Part.IDLE]) == (Decimal("2.00"), None, Decimal("2.00"))


def test_a_bill_without_any_labs_tag_says_that_the_tag_is_not_activated() -> None:
    said = {(LABS[0], DAYS[0]): Estimate({}, Decimal(1))}
    assert rules.untagged([group("", "5")], said)
    assert not rules.untagged([group("", "5"), group(LABS[0], "1")], said)
    assert not rules.untagged([group("", "5")], {})


@pytest.mark.parametrize(
    ("text", "charge"),
    [
        ("Usage", Charge.USAGE),
        ("SavingsPlanNegation", Charge.COMMITMENT),
        ("Credit", Charge.CREDIT),
        ("Refund", Charge.REFUND),
        ("Tax", Charge.TAX),
        ("SomethingNew", Charge.OTHER),
    ],
)
def test_a_charge_is_what_its_name_says_and_a_new_one_is_counted(text: str, charge: Charge) -> None:
    assert rules.charge_of(text) is charge


@pytest.mark.parametrize(("text", "right"), [("2026-10", True), ("2026-13", False), ("2026-1", False), ("october", False)])
def test_a_month_is_written_in_one_way(text: str, right: bool) -> None:
    assert rules.is_month(text) is right
