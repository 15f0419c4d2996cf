"""What AWS's price list says is understood, or left out; and what is not answered leaves what is known in force."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.cost import prices, pricing, store
from chalicelib.cost.prices import Book
from chalicelib.cost.pricing import place, quote_of
from chalicelib.cost.rules import DISK, FILES, TRANSFER, Part
from tests.fakes.sim.cloud import Cloud
from tests.fakes.sim.faults import refusal
from tests.fakes.sim.installed import installed
from tests.fakes.sim.pricing import Pricing, product

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
R6I = (Part.MACHINE, "r6i.2xlarge")


def test_a_price_has_its_currency_its_date_and_when_it_came_into_force() -> None:
    found = quote_of(product({}, "Hrs", "0.5040000000"), "Hrs")
    assert found == (Decimal("0.504"), "USD", date(2026, 11, 1), pricing.SOURCE, datetime(2026, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("told", "amount"),
    [
        (product({}, "GB", "0.0000000000", "0.0900000000", "0.0850000000"), Decimal("0.09")),  # the first tier that costs
        (product({}, "GB", "0.6213", currency="CNY"), Decimal("0.6213")),
        (product({}, "Hrs", "0.09"), None),  # another unit
        (product({}, "GB", "0.0000000000"), None),  # listed at nothing
        (product({}, "GB", "on request"), None),
        ({"product": {}, "terms": {"Reserved": {}}}, None),
    ],
)
def test_what_is_not_understood_is_left_out(told: dict[str, Any], amount: Decimal | None) -> None:
    found = quote_of(told, "GB")
    assert (found.amount if found else None) == amount


def test_a_stage_asks_the_nearest_list() -> None:
    asked = [place(region) for region in ("us-west-2", "eu-central-1", "eu-west-1", "ap-south-2", "sa-east-1")]
    assert asked == ["us-east-1", "eu-central-1", "eu-central-1", "ap-south-1", "us-east-1"]


def test_what_is_new_is_kept_once_and_counts_from_when_it_is_in_force() -> None:
    with installed(Cloud()):
        assert prices.refresh(NOW) == 4
        assert prices.refresh(NOW + timedelta(days=1)) == 0
        for key, amount in ((R6I, "0.504"), (DISK, "0.08"), (FILES, "0.30"), (TRANSFER, "0.09")):
            quote = Book().at(key, NOW)
            assert quote
            assert (quote.amount, quote.as_of, quote.source) == (Decimal(amount), date(2026, 11, 1), pricing.SOURCE)
        before = Book().at(R6I, datetime(2026, 10, 31, tzinfo=UTC))
        assert before
        assert (before.source, before.as_of) == (prices.SHIPPED, date(2025, 1, 1))
        assert prices.looked(NOW + timedelta(days=1)) == ""
        assert "asked on 2026-11-24" in prices.looked(NOW + timedelta(days=9))


@pytest.mark.parametrize("error", ["AccessDeniedException", "InternalErrorException"])
def test_a_list_that_does_not_answer_leaves_what_is_known_in_force_and_says_so(error: str) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise refusal(error, "no")

    with installed(Cloud()), patch.object(Pricing, "_get_products", refused):
        assert "was not asked yet" in prices.looked(NOW)
        assert prices.refresh(NOW) == 0
        assert store.all_quotes("us-east-1") == {}
        quote = Book().at(R6I, NOW)
        assert quote
        assert quote.source == prices.SHIPPED
        assert "asked on 2026-11-23: not answered" in prices.looked(NOW)


def test_a_type_and_a_region_that_nobody_lists_have_no_price() -> None:
    with installed(Cloud(), AWS_REGION="eu-north-1"):
        assert Book().at(R6I, NOW) is None
        assert Book().at((Part.MACHINE, "z9.unheard"), NOW) is None
