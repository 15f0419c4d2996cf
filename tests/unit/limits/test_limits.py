"""Prices are list prices with a date, and a team never has more labs than its limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from app import app
from chalicelib.limits import rules, service
from chalicelib.people.tasks import bootstrap_admin
from chalicelib.runtime import settings
from chalicelib.runtime.errors import Forbidden, LimitReached
from chalicelib.runtime.settings import Settings
from chalicelib.runtime.store import commit
from tests.conftest import Context
from tests.fakes.gateway import Gateway


@pytest.mark.parametrize(
    ("instance_type", "amount"),
    [
        ("r6i.2xlarge", "0.504"),
        ("r6i.4xlarge", "1.008"),
        ("c6i.2xlarge", "0.34"),
        ("m6i.large", "0.096"),
        ("m7i.large", "0.1008"),
        ("c7i.large", "0.08925"),
        ("x2iezn.4xlarge", "3.336"),
        ("g4dn.xlarge", "0.526"),
        ("g5.xlarge", "1.006"),
        ("t3.nano", "0.0052"),
    ],
)
def test_an_hour_costs_its_list_price(instance_type: str, amount: str) -> None:
    price = rules.hourly_price(instance_type, "us-east-1")
    assert price is not None
    assert (price.amount, price.currency) == (Decimal(amount), "USD")


def test_an_unknown_price_is_none_and_never_zero() -> None:
    assert rules.hourly_price("z9.huge", "us-east-1") is None
    assert rules.hourly_price("r6i.large", "mars-north-1") is None
    assert rules.hourly_price("r6i.large", "us-east-1", "spot") is None
    assert rules.storage_monthly_price(10, "mars-north-1") is None
    assert all(rules.hourly_price(one, "us-east-1") for one in rules.priced_types("us-east-1"))


def test_a_family_doubles_its_price_with_its_size() -> None:
    for family in ("m6i", "r6i", "c6i", "m7i", "r7i", "c7i", "m6a", "r6a", "c6a", "m5", "r5"):
        large, extra = (rules.hourly_price(f"{family}.{size}", "us-east-1") for size in ("large", "xlarge"))
        assert large is not None
        assert extra is not None
        assert extra.amount == 2 * large.amount


def test_storage_costs_by_the_gigabyte_and_month() -> None:
    price = rules.storage_monthly_price(1000)
    assert price is not None
    assert price.amount == Decimal("300.00")


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A stage that allows three labs a team, and two families."""
    known = replace(settings.current(), max_labs_per_team=3, allowed_families=("r6i", "m6i"))
    monkeypatch.setattr(settings, "current", lambda: known)
    return known  # type: ignore[return-value]


def test_a_place_over_the_limit_is_refused_with_numbers(tables: object, three: Settings, now: datetime) -> None:
    for number in range(3):
        commit(service.reserve("lovelace", f"lab-{number}", now))
    with pytest.raises(LimitReached, match="team lovelace already has 3 of 3 labs"):
        commit(service.reserve("lovelace", "lab-3", now))
    assert service.usage("lovelace") == rules.Usage("lovelace", 3, 3)


def test_a_released_place_is_free_again_and_releasing_twice_frees_one(tables: object, three: Settings, now: datetime) -> None:
    for number in range(3):
        commit(service.reserve("turing", f"lab-{number}", now))
    commit(service.release("turing", "lab-0", now))
    commit(service.release("turing", "lab-0", now))
    assert service.usage("turing").labs == 2
    commit(service.reserve("turing", "lab-9", now))
    with pytest.raises(LimitReached):
        commit(service.reserve("turing", "lab-10", now))
    assert service.reserved_labs("turing") == {"lab-1", "lab-2", "lab-9"}


def test_a_place_taken_twice_by_one_lab_counts_once(tables: object, three: Settings, now: datetime) -> None:
    commit(service.reserve("hopper", "lab-0", now))
    commit(service.reserve("hopper", "lab-0", now))
    assert service.usage("hopper").labs == 1


def test_a_team_that_never_had_a_lab_uses_nothing(tables: object, three: Settings, now: datetime) -> None:
    assert service.usage("nobody").labs == 0
    commit(service.release("nobody", "lab-0", now))
    assert service.reserved_labs("nobody") == frozenset()


def test_a_family_that_is_not_allowed_is_refused_with_those_that_are(tables: object, three: Settings) -> None:
    rules.family_allowed("r6i.large", three.allowed_families)
    with pytest.raises(Forbidden, match="x2iezn") as refused:
        rules.family_allowed("x2iezn.4xlarge", three.allowed_families)
    assert refused.value.hint == "allowed: r6i, m6i"


def test_my_limits_are_told_by_team(tables: object) -> None:
    token = bootstrap_admin({"email": "ada@uni.edu", "team": "curie"}, Context())["token"]
    told = Gateway(app, token).get("/limits").json
    assert told == {"teams": [{"team": "curie", "labs": 0, "limit": 10}], "max_users_per_lab": 200, "allowed_families": []}
