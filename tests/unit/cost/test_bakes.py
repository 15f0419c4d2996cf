"""What a bake costs stands in the ledger as what a lab costs does: overhead of the stage, named by its bake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.bills import estimating
from chalicelib.cost import reports, service, store
from chalicelib.cost.figures import STAGE, By
from chalicelib.cost.prices import Book
from chalicelib.cost.rules import DISK, DISK_GB, OVERHEAD, Part
from chalicelib.people.rules import Principal, Role, scopes_of
from chalicelib.runtime.errors import NotFound
from tests.conftest import NOW
from tests.fakes.tables import Tables
from tests.unit.cost.conftest import ADA, Story

BAKE, KIND = "bake-20261123-090000-abcd", "r6i.2xlarge"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def bake(tables: Tables) -> Iterator[Story]:
    yield Story(BAKE)
    tables.clear()


def launched(bake: Story) -> None:
    bake.tell("BakeRequested", NOW, {"state": (None, "BAKING")}, pack="genomics")
    bake.tell("BuilderLaunched", NOW + MINUTE, pack="genomics", instance_id="i-1", instance_type=KIND)


def admin(role: Role = Role.ADMIN) -> Principal:
    return Principal(ADA, role, scopes_of(role), "t", ("default",))


def price(key: tuple[Part, str]) -> Decimal:
    quote = Book().at(key, NOW)
    assert quote
    return quote.amount


def test_its_builder_is_charged_until_it_reported_and_its_disk_until_it_was_gone(bake: Story) -> None:
    launched(bake)
    bake.tell("BuilderReported", NOW + 11 * MINUTE, pack="genomics", ok=True)
    bake.tell("ImageReady", NOW + 16 * MINUTE, {"state": ("BAKING", "READY")}, pack="genomics")
    service.heard(BAKE, "ImageReady", NOW + 16 * MINUTE, NOW + 16 * MINUTE)
    [day] = store.days(BAKE, NOW.date(), NOW.date()).values()
    assert {key: cell.micros for key, cell in day.cells.items() if key[1] == OVERHEAD} == {
        (Part.MACHINE, OVERHEAD): 600_000_000,
        (Part.DISK, OVERHEAD): 900_000_000,
    }
    assert day.cells[Part.MACHINE, OVERHEAD].amount == round(price((Part.MACHINE, KIND)) / 6, 10)
    assert day.cells[Part.DISK, OVERHEAD].amount == round(price(DISK) * DISK_GB * 900 / (30 * 86400), 10)
    assert store.head(BAKE).due is None, "nothing of it is left that costs"


def test_one_that_failed_without_a_word_is_charged_until_its_builder_was_gone(bake: Story) -> None:
    launched(bake)
    failed = NOW + timedelta(hours=3)
    bake.tell("BakeFailed", failed, {"state": ("BAKING", "FAILED")}, pack="genomics", cause="it took too long")
    service.heard(BAKE, "BakeFailed", failed, failed + timedelta(hours=1))
    [day] = store.days(BAKE, NOW.date(), NOW.date()).values()
    assert day.cells[Part.MACHINE, OVERHEAD].micros == 179 * 60_000_000
    assert not store.head(BAKE).state.costs


def test_one_that_never_had_a_builder_costs_nothing(bake: Story) -> None:
    bake.tell("BakeRequested", NOW, {"state": (None, "BAKING")}, pack="genomics")
    bake.tell("BakeFailed", NOW + MINUTE, {"state": ("BAKING", "FAILED")}, pack="genomics", cause="no capacity")
    service.heard(BAKE, "BakeFailed", NOW + MINUTE, NOW + MINUTE)
    assert service.month_cost(BAKE, NOW.date()) == 0


def test_admins_find_it_by_lab_domain_and_team_and_nobody_else_does(bake: Story) -> None:
    launched(bake)
    bake.tell("BakeFailed", NOW + 11 * MINUTE, {"state": ("BAKING", "FAILED")}, pack="genomics", cause="lesson")
    service.heard(BAKE, "BakeFailed", NOW + 11 * MINUTE, NOW + 11 * MINUTE)
    later = NOW + timedelta(hours=1)
    for by, key in ((By.LAB, BAKE), (By.DOMAIN, "genomics"), (By.TEAM, STAGE), (By.USER, OVERHEAD)):
        told = reports.report(admin(), reports.checked(by, None, None, "", "", later), later)
        assert [row.key for row in told.rows] == [key]
        assert told.total.amount == told.total.overhead > 0
    wanted = reports.checked(By.DAY, None, None, BAKE, "", later)
    assert reports.report(admin(), wanted, later).total.amount > 0
    assert reports.report(admin(Role.LEAD), reports.checked(By.LAB, None, None, "", "", later), later).rows == ()
    with pytest.raises(NotFound):
        reports.report(admin(Role.LEAD), wanted, later)


def test_on_the_bill_no_lab_is_missed_for_it(bake: Story) -> None:
    launched(bake)
    service.heard(BAKE, "BuilderLaunched", NOW + MINUTE, NOW + 2 * MINUTE)
    assert service.estimates(NOW.date(), NOW.date())
    assert estimating.estimates(NOW.date(), NOW.date()) == {}
