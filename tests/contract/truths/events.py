"""EventBridge: what is put on the bus."""

from __future__ import annotations

from typing import Any

from tests.contract.truths.core import Place, refusal, truth

DOC = "Amazon EventBridge API Reference: PutEvents"


def entry(place: Place, **more: Any) -> dict[str, Any]:
    return {"Source": "test", "DetailType": "Thing", "Detail": "{}", "EventBusName": place.bus(), **more}


@truth(DOC)
def every_entry_is_answered_in_its_place(place: Place) -> None:
    answer = place.client("events").put_events(Entries=[entry(place), entry(place)])
    assert answer["FailedEntryCount"] == 0
    assert [bool(one.get("EventId")) for one in answer["Entries"]] == [True, True]


@truth(DOC)
def more_than_ten_entries_are_refused(place: Place) -> None:
    call = place.client("events").put_events
    assert refusal(lambda: call(Entries=[entry(place)] * 11)) == "ValidationException"


@truth(DOC, ministack="takes it")
def an_entry_without_a_detail_type_fails_alone(place: Place) -> None:
    bad = entry(place)
    del bad["DetailType"]
    answer = place.client("events").put_events(Entries=[entry(place), bad])
    assert answer["FailedEntryCount"] == 1
    assert [bool(one.get("ErrorCode")) for one in answer["Entries"]] == [False, True]
