"""Route 53: the address record of a lab."""

from __future__ import annotations

from typing import Any

from tests.contract.truths.core import Place, refusal, truth

DOC = "Amazon Route 53 API Reference: ChangeResourceRecordSets"


def record(name: str, address: str) -> dict[str, Any]:
    return {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address}]}


def change(place: Place, zone: str, action: str, one: dict[str, Any]) -> None:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": one}]}
    place.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


def addresses(place: Place, zone: str, name: str) -> list[str]:
    found = place.client("route53").list_resource_record_sets(
        HostedZoneId=zone, StartRecordName=name, StartRecordType="A", MaxItems="1"
    )["ResourceRecordSets"]
    same = [one for one in found if one["Name"].rstrip(".") == name and one["Type"] == "A"]
    return [value["Value"] for one in same for value in one["ResourceRecords"]]


@truth(DOC)
def an_upsert_makes_or_replaces(place: Place) -> None:
    zone, name = place.zone(), f"{place.word('lab')}.labs.example.org"
    for address in ("192.0.2.1", "192.0.2.2"):
        change(place, zone, "UPSERT", record(name, address))
        assert addresses(place, zone, name) == [address]


@truth(DOC, moto="deletes whatever has the name")
def a_record_is_deleted_only_when_its_values_are_named_as_they_are(place: Place) -> None:
    zone, name = place.zone(), f"{place.word('lab')}.labs.example.org"
    change(place, zone, "UPSERT", record(name, "192.0.2.1"))
    assert refusal(lambda: change(place, zone, "DELETE", record(name, "192.0.2.9"))) == "InvalidChangeBatch"
    change(place, zone, "DELETE", record(name, "192.0.2.1"))
    assert addresses(place, zone, name) == []


@truth(DOC, moto="says nothing")
def a_record_that_is_gone_cannot_be_deleted_again(place: Place) -> None:
    zone, name = place.zone(), f"{place.word('lab')}.labs.example.org"
    assert refusal(lambda: change(place, zone, "DELETE", record(name, "192.0.2.1"))) == "InvalidChangeBatch"
