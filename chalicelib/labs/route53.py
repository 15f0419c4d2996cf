"""Under which name is a lab found? One address record in the stage's hosted zone (access by domain only)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.labs import naming
from chalicelib.labs.journal import Kind
from chalicelib.labs.things import Thing
from chalicelib.runtime import aws
from chalicelib.runtime.refusals import patiently

TTL = 60


def point(zone_id: str, host: str, address: str) -> None:
    """Make `host` lead to `address`, whatever it led to before."""
    _change(zone_id, "UPSERT", {"Name": host, "Type": "A", "TTL": TTL, "ResourceRecords": [{"Value": address}]})


def find(zone_id: str, host: str) -> dict[str, Any] | None:
    with patiently("NoSuchHostedZone"):
        found = aws.client("route53").list_resource_record_sets(
            HostedZoneId=zone_id, StartRecordName=host, StartRecordType="A", MaxItems="1"
        )["ResourceRecordSets"]
        same = [one for one in found if one["Name"].rstrip(".") == host and one["Type"] == "A"]
        return dict(same[0]) if same else None
    return None


def all_records(zone_id: str, domain: str) -> Iterator[Thing]:
    """The address records of the zone that are named as labs are."""
    found: list[dict[str, Any]] = []
    with patiently("NoSuchHostedZone"):
        for page in aws.client("route53").get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone_id):
            found += page["ResourceRecordSets"]
    for one in found:
        host = str(one["Name"]).rstrip(".")
        lab_id = host.removesuffix(f".{domain}")
        if one["Type"] == "A" and host.endswith(f".{domain}") and naming.is_lab_id(lab_id):
            yield Thing(Kind.RECORD, host, lab_id, name=host)


def remove(zone_id: str, host: str) -> None:
    record = find(zone_id, host)
    if record:
        _change(zone_id, "DELETE", record)


def _change(zone_id: str, action: str, record: dict[str, Any]) -> None:
    with patiently():
        aws.client("route53").change_resource_record_sets(
            HostedZoneId=zone_id, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        )
