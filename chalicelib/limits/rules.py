"""What does an hour of a machine cost, and what may a team have? List prices ship with the package, with their date.

Money is Decimal; a price that is not known is None, never zero.
"""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from chalicelib.runtime.errors import Forbidden

HOURS_A_MONTH = 730


class Price(NamedTuple):
    amount: Decimal
    currency: str
    as_of: date


class Size(NamedTuple):
    """What an instance type brings, of what quotas count."""

    vcpus: int
    gpus: int


class Usage(NamedTuple):
    team: str
    labs: int
    limit: int | None


def hourly_price(instance_type: str, region: str, purchase: str = "on-demand") -> Price | None:
    """What an hour costs in a region, Linux, without discounts; None when we do not know."""
    known = _prices()
    amount = known["hourly"].get(region, {}).get(purchase, {}).get(instance_type)
    return _price(amount) if amount is not None else None


def storage_monthly_price(gigabytes: int, region: str = "us-east-1") -> Price | None:
    """What a month of stored data costs (EFS Standard); None when we do not know."""
    amount = _prices()["storage_gb_month"].get(region)
    return None if amount is None else _price(str(Decimal(amount) * gigabytes))


def disk_monthly_price(gigabytes: int, region: str) -> Price | None:
    """What a month of a disk costs (EBS gp3); None when we do not know."""
    amount = _prices()["disk_gb_month"].get(region)
    return None if amount is None else _price(str(Decimal(amount) * gigabytes))


def snapshot_monthly_price(gigabytes: int, region: str) -> Price | None:
    """The most that a month of an image's snapshot costs: EBS charges the blocks in use only. None when we do not know."""
    amount = _prices().get("snapshot_gb_month", {}).get(region)
    return None if amount is None else _price(str(Decimal(amount) * gigabytes))


def object_monthly_price(gigabytes: Decimal, region: str) -> Price | None:
    """What a month of objects costs (S3 Standard, its first tier; a GB is 2^30 bytes); None when we do not know."""
    amount = _prices()["object_gb_month"].get(region)
    return None if amount is None else _price(str(Decimal(amount) * gigabytes))


def transfer_price(region: str) -> Price | None:
    """What a GB that leaves AWS for the internet costs, in its first tier; None when we do not know."""
    amount = _prices().get("transfer_gb", {}).get(region)
    return None if amount is None else _price(amount)


def between_regions_price(region: str) -> Price | None:
    """What a GB that leaves S3 in this region for another one costs its owner, or whoever asked for it; None when unknown."""
    amount = _prices().get("between_regions_gb", {}).get(region)
    return None if amount is None else _price(amount)


def monthly_price(instance_type: str, region: str) -> Price | None:
    """What a month of a machine that never stops costs."""
    hour = hourly_price(instance_type, region)
    return None if hour is None else hour._replace(amount=hour.amount * HOURS_A_MONTH)


def priced_types(region: str, purchase: str = "on-demand") -> frozenset[str]:
    """Every instance type whose hourly price is known."""
    return frozenset(_prices()["hourly"].get(region, {}).get(purchase, {}))


def currency() -> str:
    """What our prices are in."""
    return str(_prices()["currency"])


def size_of(instance_type: str) -> Size | None:
    """The vCPUs and GPUs of an instance type; None when we do not know."""
    known = _instances().get(instance_type)
    return Size(known[0], known[1]) if known else None


def memory_mib(instance_type: str) -> int | None:
    """The memory of an instance type; None when we do not know."""
    known = _instances().get(instance_type)
    return known[2] if known else None


def family_allowed(instance_type: str, families: tuple[str, ...]) -> None:
    """Forbidden when the operator allows only other families than this type's."""
    if not in_families(instance_type, families):
        raise Forbidden(
            f"instances of the family {instance_type.partition('.')[0]} are not allowed here",
            hint=f"allowed: {', '.join(families)}",
            code="family_not_allowed",
        )


def in_families(instance_type: str, families: tuple[str, ...]) -> bool:
    """Is the type's family among these? No families: every one is."""
    return not families or instance_type.partition(".")[0] in families


def _price(amount: str) -> Price:
    known = _prices()
    return Price(Decimal(amount), known["currency"], date.fromisoformat(known["as_of"]))


@lru_cache(maxsize=1)
def _prices() -> dict[str, Any]:
    text = (files("chalicelib.limits") / "prices.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


@lru_cache(maxsize=1)
def _instances() -> dict[str, list[int]]:
    """Each type's vCPUs, GPUs and MiB; written by `python -m tools.instances`."""
    text = (files("chalicelib.limits") / "instances.json").read_text(encoding="utf-8")
    return dict(json.loads(text)["types"])
