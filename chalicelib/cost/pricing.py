"""What does AWS say its list prices are? The Price List Query API: on-demand, Linux, shared tenancy, without discounts.

It answers from few places, for every region. What it says is looked at product by product: an answer that is not understood is
left out, so that a price is unknown rather than wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.cost.rules import DISK, FILES, TRANSFER, Key, Part, Quote, begins
from chalicelib.runtime import aws
from chalicelib.runtime.errors import Unavailable

SOURCE = "AWS Price List"
MACHINES = {"operatingSystem": "Linux", "tenancy": "Shared", "capacitystatus": "Used", "preInstalledSw": "NA"}
EVERYTHING_ELSE: Mapping[Key, tuple[str, str, Mapping[str, str]]] = {  # service, how its region is named, what is wanted
    DISK: ("AmazonEC2", "regionCode", {"productFamily": "Storage", "volumeApiName": "gp3"}),
    FILES: ("AmazonEFS", "regionCode", {"productFamily": "Storage", "storageClass": "General Purpose"}),
    TRANSFER: ("AWSDataTransfer", "fromRegionCode", {"transferType": "AWS Outbound", "toLocation": "External"}),
}
UNITS = {Part.MACHINE: "Hrs", Part.DISK: "GB-Mo", Part.FILES: "GB-Mo", Part.TRANSFER: "GB"}
NEAREST = {"eu": "eu-central-1", "ap": "ap-south-1", "cn": "cn-northwest-1"}  # where the list can be asked; else us-east-1


def place(region: str) -> str:
    """Where a stage of this region asks."""
    return NEAREST.get(region.partition("-")[0], "us-east-1")


def prices(region: str) -> dict[Key, Quote]:
    """Every price of a region that is understood. Unavailable when AWS does not answer, or has no list here."""
    found: dict[Key, Quote] = {}
    try:
        for product in _products(region, "AmazonEC2", "regionCode", {"productFamily": "Compute Instance", **MACHINES}):
            name = product["product"]["attributes"].get("instanceType", "")
            _keep(found, (Part.MACHINE, name), product)
        for key, (service, named, wanted) in EVERYTHING_ELSE.items():
            for product in _products(region, service, named, wanted):
                _keep(found, key, product)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"AWS's price list did not answer: {error}", "the prices that are known stay in force") from error
    return found


def _products(region: str, service: str, named: str, wanted: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in {named: region, **wanted}.items()]
    where = place(region)
    pages = aws.client("pricing", where).get_paginator("get_products")
    for page in pages.paginate(ServiceCode=service, Filters=filters, FormatVersion="aws_v1"):
        for text in page["PriceList"]:
            yield json.loads(text)


def _keep(found: dict[Key, Quote], key: Key, product: Mapping[str, Any]) -> None:
    """Of several products that fit, the dearest: reserved capacity and free tiers are listed at nothing."""
    quote = quote_of(product, UNITS[key[0]])
    if key[1] and quote and (key not in found or found[key].amount < quote.amount):
        found[key] = quote


def quote_of(product: Mapping[str, Any], unit: str) -> Quote | None:
    """The first tier of a product's on-demand price; None when there is none above nothing in that unit."""
    published = str(product.get("publicationDate") or "")
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        tiers = sorted(term["priceDimensions"].values(), key=lambda one: Decimal(one.get("beginRange") or 0))
        for tier in tiers:
            amount, currency = _money(tier.get("pricePerUnit", {}))
            if tier.get("unit") == unit and amount > 0:
                since = datetime.fromisoformat(term["effectiveDate"]).astimezone(UTC)
                return Quote(amount, currency, _day(published) or since.date(), SOURCE, max(since, begins(date(2000, 1, 1))))
    return None


def _money(prices: Mapping[str, str]) -> tuple[Decimal, str]:
    for currency, text in prices.items():
        try:
            return Decimal(text), currency
        except InvalidOperation:
            continue
    return Decimal(0), ""


def _day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None
