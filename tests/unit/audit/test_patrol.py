"""The hourly round: whatever somebody does to the table, the facts or the anchors, it says so; what got lost is recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.audit import patrol, rules, s3, schedules, service, store
from chalicelib.audit.rules import Kind
from chalicelib.runtime import aws
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.outbox import told
from chalicelib.runtime.store import commit
from tests.conftest import ACCOUNT, NOW, STAGE_ENV, Context
from tests.unit.audit.conftest import recorded, service_entries

TABLE, FACTS = f"{STAGE_ENV['PREFIX']}-audit", f"{STAGE_ENV['PREFIX']}-facts"
TIMER = {
    "version": "0", "id": "1", "source": "aws.events", "account": ACCOUNT, "time": "", "region": "us-east-1", "resources": [],
    "detail-type": "Scheduled Event", "detail": {},
}  # fmt: skip
LATER = NOW + timedelta(hours=5)


def happened(count: int, *, from_: int = 0) -> None:
    for number in range(from_, from_ + count):
        at = NOW + timedelta(seconds=number)
        commit(record(Fact("MachineStep", "base-aaaa", {"n": number}, at, "ada@uni.edu", "corr", changes={"users": (number, 1)})))


def delivered(log: Any) -> None:
    service.record([told(one) for one in log("facts")], LATER)


def items(log: Any) -> list[dict[str, Any]]:
    return [one for one in log("audit") if one["pk"]["S"] == "CHAIN"]


def put(item: dict[str, Any]) -> None:
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item)


def remove(item: dict[str, Any]) -> None:
    aws.client("dynamodb").delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})


def kinds(now: Any = LATER) -> set[Kind]:
    """What two rounds find: the first may have been past the place already."""
    return {one.kind for _ in range(2) for one in patrol.check(now).breaks}


def test_a_whole_log_is_whole_and_all_of_it_is_verified(log: Any) -> None:
    happened(12)
    delivered(log)
    assert patrol.check(LATER) == (12, 12, ())
    happened(3, from_=12)
    delivered(log)
    assert patrol.check(LATER).breaks == ()
    assert schedules.check_audit(TIMER, Context()) == {"verified": 15, "facts": 15}


def test_an_empty_log_is_whole(log: Any) -> None:
    assert patrol.check(LATER) == (0, 0, ())


@pytest.mark.parametrize("place", [0, 3, 7])
def test_every_attribute_of_a_stored_entry_is_watched(log: Any, place: int) -> None:
    happened(8)
    delivered(log)
    assert patrol.check(LATER).breaks == ()
    item = sorted(items(log), key=lambda one: str(one["sk"]["S"]))[place]
    for name in sorted(set(item) - {"pk", "sk"}):
        kind, value = next(iter(item[name].items()))
        put(item | {name: {kind: f"{int(value) + 1}" if kind == "N" else value[:-1] + "~"}})
        assert kinds(), f"nobody saw that {name} was changed"
        put(item)
    assert kinds() == set()


@pytest.mark.parametrize("place", range(8))
def test_a_deleted_entry_is_missed(log: Any, place: int) -> None:
    happened(8)
    delivered(log)
    patrol.check(LATER)
    remove(sorted(items(log), key=lambda one: str(one["sk"]["S"]))[place])
    assert kinds() & {Kind.MISSING, Kind.TRUNCATED}


def test_a_log_cut_short_with_its_head_is_found_out_by_its_anchors(log: Any) -> None:
    recorded(20)
    for entry in service_entries()[9:]:
        for key in ((store.CHAIN, f"{entry.seq:012d}"), (f"SEEN#{entry.fact}", "SEEN")):
            remove({"pk": {"S": key[0]}, "sk": {"S": key[1]}})
    end = service_entries()[-1]
    head = next(one for one in log("audit") if one["pk"]["S"] == "HEAD")
    put(head | {"seq": {"N": str(end.seq)}, "hash": {"S": end.hash}})
    assert Kind.TRUNCATED in kinds()


def test_a_rewritten_log_is_found_out_by_its_anchors(log: Any) -> None:
    entries = recorded(15)
    before = rules.genesis(store.name())
    for entry in entries:
        forged = rules.sealed(entry._replace(prev=before.hash, who="nobody@uni.edu", on_behalf_of=""))
        put(store._item(forged).to_dynamodb_dict())
        before = forged.head
    head = next(one for one in log("audit") if one["pk"]["S"] == "HEAD")
    put(head | {"hash": {"S": before.hash}})
    assert kinds() & {Kind.REWRITTEN, Kind.UNANCHORED}


def test_a_hidden_anchor_is_seen(log: Any, bucket: str) -> None:
    recorded(5)
    aws.client("s3").delete_object(Bucket=bucket, Key=s3.key(store.head()))
    assert Kind.UNANCHORED in kinds()


def test_a_fact_lost_on_its_way_is_recorded_late_and_said(log: Any) -> None:
    happened(9)
    facts = [told(one) for one in log("facts")]
    service.record([one for one in facts if one["data"]["n"] != 4], LATER)
    assert patrol.check(NOW + timedelta(minutes=2)).breaks == (), "a young fact may still be on its way"
    with pytest.raises(patrol.LogBroken, match="MachineStep"):
        schedules.check_audit(TIMER, Context())
    assert len(service_entries()) == 9
    assert patrol.check(LATER).breaks == ()


def test_a_stored_fact_that_was_altered_afterwards_is_seen(log: Any) -> None:
    happened(3)
    delivered(log)
    item = log("facts")[1]
    aws.client("dynamodb").put_item(TableName=FACTS, Item=item | {"by": {"S": "eve@uni.edu"}})
    assert kinds() == {Kind.DIFFERENT}


def test_long_logs_are_verified_a_stretch_at_a_time_and_again_and_again(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patrol, "STRETCH", 7)
    recorded(21)
    assert patrol.check(LATER).verified == 21
    places = [store.mark("oldest")]
    for _ in range(4):
        assert patrol.check(LATER).breaks == ()
        places.append(store.mark("oldest"))
    assert places == ["0", "7", "14", "0", "7"]
