"""AWS's price list: what one machine, a disk, files and a GB to the internet cost, as the Price List Query API words it."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.sim.cloud import Json, Service

LIST = {  # what is asked for → attributes, unit, price
    ("AmazonEC2", "Compute Instance"): ({"instanceType": "r6i.2xlarge"}, "Hrs", "0.504"),
    ("AmazonEC2", "Storage"): ({"volumeApiName": "gp3"}, "GB-Mo", "0.08"),
    ("AmazonEFS", "Storage"): ({"storageClass": "General Purpose"}, "GB-Mo", "0.30"),
    ("AWSDataTransfer", ""): ({"transferType": "AWS Outbound"}, "GB", "0.09"),
}


class Pricing(Service):
    def _get_products(self, ServiceCode: str, Filters: list[Json], **_: Any) -> Json:  # noqa: N803
        wanted = {one["Field"]: one["Value"] for one in Filters}
        attributes, unit, price = LIST[ServiceCode, wanted.get("productFamily", "")]
        return {"PriceList": [json.dumps(product(attributes, unit, price))], "FormatVersion": "aws_v1"}


def product(attributes: Json, unit: str, *tiers: str, since: str = "2026-11-01T00:00:00Z", currency: str = "USD") -> Json:
    """A product with its on-demand price; of several tiers each begins a hundred units later."""
    rates = {
        f"rate-{place}": {"unit": unit, "beginRange": str(place * 100), "pricePerUnit": {currency: price}}
        for place, price in enumerate(tiers)
    }
    term = {"effectiveDate": since, "priceDimensions": rates}
    return {"product": {"attributes": attributes}, "publicationDate": since, "terms": {"OnDemand": {"term": term}}}
