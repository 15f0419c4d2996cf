"""The log grows and does nothing else: in order, without a gap, each fact once, however it is delivered."""

from __future__ import annotations

import random
import threading
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from aws_research_wizard.client import chain
from chalicelib.audit import events, rules, s3, service, store
from chalicelib.runtime import aws
from tests.conftest import NOW, Context
from tests.unit.audit.conftest import a_fact, anchors, recorded, service_entries, views


def test_entries_are_numbered_linked_and_anchored(log: Any) -> None:
    entries = recorded(20)
    assert [one.seq for one in entries] == list(range(1, 21))
    assert entries[0].prev == rules.genesis(store.name()).hash
    assert all(after.prev == before.hash for before, after in pairwise(entries))
    assert [one.seq for one in s3.anchors()] == [7, 14, 20]
    assert s3.anchors()[-1].hash == store.head().hash == entries[-1].hash


def test_an_entry_says_who_what_from_where_for_whom_and_what_changed(log: Any) -> None:
    service.record([a_fact(3, on_behalf_of="eve@uni.edu", by="aws-research-wizard")], NOW)
    entry = service_entries()[0]
    assert (entry.who, entry.on_behalf_of, entry.actor) == ("aws-research-wizard", "eve@uni.edu", "eve@uni.edu")
    assert (entry.origin["ip"], entry.origin["door"], entry.origin["token"]) == ("203.0.113.7", "api", "0123456789ab")
    assert entry.changes == {"users": [3, 4], "phase": ["READY", "STOPPING"]}
    assert entry.data["seconds"] == "0.75", "a fraction is text: numbers are written differently in other languages"


def test_a_fact_delivered_again_changes_nothing(log: Any) -> None:
    entries = recorded(10)
    for _ in range(3):
        assert service.record([a_fact(number) for number in range(10)], NOW) == 0
    assert service_entries() == entries


@pytest.mark.parametrize("seed", range(5))
def test_in_any_order_and_any_batches_with_repeats_every_fact_is_there_once(log: Any, seed: int) -> None:
    chance = random.Random(seed)
    facts = [a_fact(number) for number in range(60)] + [a_fact(chance.randrange(60)) for _ in range(40)]
    chance.shuffle(facts)
    while facts:
        taken, facts = facts[: (size := chance.randint(1, 45))], facts[size:]
        service.record(taken, NOW)
    entries = service_entries()
    assert sorted(one.fact for one in entries) == sorted(a_fact(number)["id"] for number in range(60))
    assert rules.breaks(entries, rules.genesis(store.name()), store.head(), s3.anchors()) == []


def test_of_several_writers_at_once_each_appends_behind_the_other(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between reading the head and committing, somebody else appends: the loser reads again."""
    append, meddled = store.append, []

    def meddling(entries: Any, before: Any) -> Any:
        writes = append(entries, before)
        if len(meddled) < 3:
            meddled.append(1)
            monkeypatch.setattr(store, "append", append)
            service.record([a_fact(100 + len(meddled)), a_fact(0)], NOW)
            monkeypatch.setattr(store, "append", meddling)
        return writes

    monkeypatch.setattr(store, "append", meddling)
    monkeypatch.setattr("chalicelib.runtime.store.time.sleep", lambda _: None)
    service.record([a_fact(number) for number in range(5)], NOW)
    assert len(service_entries()) == 8
    assert rules.breaks(service_entries(), rules.genesis(store.name()), store.head(), s3.anchors()) == []


def test_a_crash_after_the_entries_and_before_the_anchor_is_made_good_by_the_next_delivery(
    log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")

    with monkeypatch.context() as patch:
        patch.setattr(s3, "anchor", crash)
        with pytest.raises(ClientError):
            service.record([a_fact(1)], NOW)
    assert (len(service_entries()), s3.anchors()) == (1, ())
    service.record([a_fact(1)], NOW)
    assert [one.seq for one in s3.anchors()] == [1]


def test_the_stream_hands_over_facts_and_only_facts(log: Any) -> None:
    from chalicelib.runtime.facts import Fact, record
    from chalicelib.runtime.store import commit

    commit(record(Fact("LabReady", "base-aaaa", {}, NOW, "ada@uni.edu", "corr", changes={"phase": ("STARTING", "READY")})))
    image = log("facts")[0]
    other = {"pk": {"S": "REQUEST#1"}, "sk": {"S": "REQUEST"}}
    batch = {"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": one}} for one in (image, other, image)]}
    batch["Records"].append({"eventName": "REMOVE", "dynamodb": {"OldImage": image}})
    assert events.record_facts(batch, Context()) == {"batchItemFailures": [], "recorded": 1}
    entry = service_entries()[0]
    assert (entry.name, entry.subject, entry.changes) == ("LabReady", "base-aaaa", {"phase": ["STARTING", "READY"]})


def test_time_in_the_log_never_goes_back(log: Any) -> None:
    recorded(3)
    service.record([a_fact(50)], NOW - NOW.resolution * 10_000_000)
    moments = [one.recorded_at for one in service_entries()]
    assert moments == sorted(moments)


def test_an_anchor_cannot_be_removed(log: Any, bucket: str) -> None:
    recorded(5)
    client, key = aws.client("s3"), s3.key(store.head())
    version = client.head_object(Bucket=bucket, Key=key)["VersionId"]
    with pytest.raises(ClientError, match=r"AccessDenied|object protected"):
        client.delete_object(Bucket=bucket, Key=key, VersionId=version)
    client.delete_object(Bucket=bucket, Key=key)  # a delete marker only hides it, and that shows
    assert [(one.seq, one.standing) for one in s3.anchors()] == [(5, False)]


def test_one_reader_at_a_time_or_many_the_whole_log_is_the_same(log: Any) -> None:
    recorded(30)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(service_entries()))) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [30, 30, 30]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_both_sides_write_canonical_json_alike(value: Any) -> None:
    plain = rules.plain(value)
    assert rules.canonical(plain) == chain.canonical(plain)
    assert rules.plain(plain) == plain


def test_canonical_json_is_what_rfc_8785_says() -> None:
    """The RFC's own example of sorting (3.2.3), and of what is escaped (3.2.2.2)."""
    keys = {"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One"}
    keys |= {"\U0001f600": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}
    order = ["Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign", "Emoji: Grinning Face"]
    text = rules.canonical(keys).decode()
    assert [text.index(word) for word in order] == sorted(text.index(word) for word in order)
    assert text.index("Emoji") < text.index("Hebrew")
    assert rules.canonical({"string": '\u20ac$\u000f\nA\'B"\\\\"/'}) == '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()


def test_the_two_sides_agree_on_a_real_log(log: Any) -> None:
    entries = recorded(25)
    verdict = chain.verify(views(entries), store.name(), anchors())
    assert (verdict.breaks, verdict.seq, verdict.hash, verdict.anchored) == ([], 25, store.head().hash, 4)
