"""Writes: all or none, and the right refusal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import TransactWriteError

from chalicelib.runtime import aws, store
from chalicelib.runtime.errors import Conflict, LimitReached, NotFound, RequestReplayed, Unavailable
from chalicelib.runtime.facts import Fact, facts_of, record
from chalicelib.runtime.requests import RequestKey, recall, remember, remembered
from chalicelib.runtime.store import Item, bind, check, commit, delete, fetch, save, update

pytestmark = pytest.mark.usefixtures("tables")
Answered = Callable[[str, dict[str, Any]], dict[str, Any]]


class Thing(Item):
    colour = UnicodeAttribute(null=True)
    size = NumberAttribute(default=0)


bind(Thing, "labs")
ABSENT = Thing.pk.does_not_exist()


def thing(name: str, colour: str = "red") -> Thing:
    return Thing(name, "THING", colour=colour)


def test_what_was_saved_can_be_fetched() -> None:
    assert fetch(Thing, "saved", "THING") is None
    commit(save(thing("saved")))
    found = fetch(Thing, "saved", "THING", consistent=True)
    assert found is not None
    assert found.colour == "red"


def test_one_refused_write_stops_all_and_says_why() -> None:
    commit(save(thing("taken")))
    with pytest.raises(Conflict, match="taken is there"):
        commit(save(thing("other")), save(thing("taken"), ABSENT, Conflict("taken is there")))
    assert fetch(Thing, "other", "THING") is None


def test_the_first_refused_write_is_the_one_that_is_named() -> None:
    commit(save(thing("a")))
    gone = check(Thing, "nobody", "THING", Thing.pk.exists(), NotFound("first"))
    with pytest.raises(NotFound, match="first"):
        commit(gone, save(thing("a"), ABSENT, Conflict("second")))
    with pytest.raises(Conflict, match="second"):
        commit(save(thing("a"), ABSENT, Conflict("second")), gone)


def test_a_refused_write_without_an_error_of_its_own_is_a_conflict() -> None:
    commit(save(thing("b")))
    with pytest.raises(Conflict, match="changed by another request"):
        commit(save(thing("b"), ABSENT))


def test_update_check_and_delete_happen_together() -> None:
    commit(save(thing("c")), save(thing("d")))
    commit(
        update(Thing("c", "THING"), [Thing.colour.set("blue"), Thing.size.add(2)], Thing.colour == "red"),
        check(Thing, "a", "THING", Thing.pk.exists()),
        delete(Thing("d", "THING"), Thing.pk.exists()),
    )
    changed = fetch(Thing, "c", "THING")
    assert changed is not None
    assert (changed.colour, changed.size) == ("blue", 2)
    assert fetch(Thing, "d", "THING") is None


def test_nothing_to_write_is_no_call() -> None:
    commit()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let DynamoDB answer with these errors first; returns the names of the calls made."""

    def arrange(*errors: Exception) -> list[str]:
        waiting, calls = list(errors), []
        client = store.connection().client
        plain: Answered = client._make_api_call

        def answer(operation: str, kwargs: dict[str, Any]) -> dict[str, Any]:
            calls.append(operation)
            if waiting:
                raise waiting.pop(0)
            return plain(operation, kwargs)

        monkeypatch.setattr(client, "_make_api_call", answer)
        monkeypatch.setattr("chalicelib.runtime.store.time.sleep", lambda _seconds: None)
        return calls

    return arrange


def cancelled(*codes: str) -> ClientError:
    reasons = [{"Code": code} for code in codes]
    response: Any = {"Error": {"Code": "TransactionCanceledException", "Message": ""}, "CancellationReasons": reasons}
    return ClientError(response, "TransactWriteItems")


def test_a_transaction_that_met_another_one_is_tried_again(answers: Callable[..., list[str]]) -> None:
    calls = answers(cancelled("TransactionConflict", "None"), cancelled("None", "ThrottlingError"))
    commit(save(thing("e"), ABSENT), save(thing("f"), ABSENT))
    assert calls == ["TransactWriteItems"] * 3


def test_a_busy_database_is_unavailable_after_four_attempts(answers: Callable[..., list[str]]) -> None:
    calls = answers(*[cancelled("TransactionConflict")] * 9)
    with pytest.raises(Unavailable):
        commit(save(thing("g"), ABSENT))
    assert len(calls) == store.ATTEMPTS


def test_an_unknown_failure_is_not_hidden(answers: Callable[..., list[str]]) -> None:
    answers(cancelled("ValidationError"))
    with pytest.raises(Exception, match="Failed to write"):
        commit(save(thing("h"), ABSENT))


def test_a_transaction_without_an_answer_is_told_as_what_it_is(answers: Callable[..., list[str]]) -> None:
    answers(ReadTimeoutError(endpoint_url="https://aws.test"))
    with pytest.raises(TransactWriteError) as failed:
        commit(save(thing("i"), ABSENT))
    assert aws.passing(failed.value)


def test_a_lone_unconditional_write_costs_no_transaction(answers: Callable[..., list[str]]) -> None:
    calls = answers()
    commit(save(thing("i")))
    commit(update(Thing("i", "THING"), [Thing.colour.set("blue")]))
    commit(delete(Thing("i", "THING")))
    commit(save(thing("i"), ABSENT))
    assert calls == ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"]


def test_all_models_share_one_client() -> None:
    class Other(Item):
        pass

    bind(Other, "people")
    assert Other._get_connection().connection.client is Thing._get_connection().connection.client is store.connection().client
    assert Other._get_connection().table_name.endswith("-people")


# ---- facts


def fact(name: str, now: datetime, subject: str = "genomics-k3x9") -> Fact:
    return Fact(name, subject, {"n": 1}, now, "ada@uni.edu", "corr")


def test_a_fact_is_only_known_when_its_state_is(now: datetime) -> None:
    commit(save(thing("j")))
    with pytest.raises(Conflict):
        commit(record(fact("LabReady", now)), save(thing("j"), ABSENT))
    assert facts_of("genomics-k3x9").items == ()


def test_facts_of_one_moment_keep_their_order_and_are_read_page_by_page(now: datetime) -> None:
    names = [f"Fact{number}" for number in range(5)]
    commit(*(record(fact(name, now, "ordered-1")) for name in names))
    commit(record(fact("Later", now + timedelta(seconds=1), "ordered-1")))
    first = facts_of("ordered-1", limit=4)
    rest = facts_of("ordered-1", cursor=first.cursor, limit=4)
    assert [one.name for one in first.items + rest.items] == [*names, "Later"]
    assert rest.cursor is None
    assert facts_of("ordered-1", limit=1, newest_first=True).items[0].name == "Later"
    assert first.items[0]._replace(id="") == fact("Fact0", now, "ordered-1")


def test_facts_of_a_person_live_in_their_own_list(now: datetime) -> None:
    commit(record(fact("TokenCreated", now, "ada@uni.edu")))
    assert [one.name for one in facts_of("ada@uni.edu").items] == ["TokenCreated"]


# ---- idempotency


def key(now: datetime, name: str = "k", fingerprint: str = "f") -> RequestKey:
    return RequestKey("ada@uni.edu", name, fingerprint, now)


def test_the_answer_to_a_key_is_remembered_for_a_day(now: datetime) -> None:
    assert recall(key(now)) is None
    commit(remember(key(now), {"lab_id": "x"}))
    assert recall(key(now)) == {"lab_id": "x"}
    assert recall(key(now + timedelta(hours=25))) is None
    commit(remember(key(now + timedelta(hours=25)), {"lab_id": "y"}))


def test_a_used_key_goes_before_every_other_refusal(now: datetime) -> None:
    commit(save(thing("k")), remember(key(now, "twice"), {}))
    with pytest.raises(RequestReplayed):
        commit(save(thing("k"), ABSENT, LimitReached("full")), remember(key(now, "twice"), {}))


def test_a_key_for_another_request_is_a_conflict(now: datetime) -> None:
    commit(remember(key(now, "reused"), {}))
    with pytest.raises(Conflict, match="another request"):
        recall(key(now, "reused", "other"))


def test_the_same_key_of_another_person_is_another_key(now: datetime) -> None:
    commit(remember(key(now, "shared"), {}))
    assert recall(key(now, "shared")._replace(principal="bob@uni.edu")) is None


def test_a_request_without_a_key_remembers_nothing() -> None:
    assert remembered(None, {}) == ()
