"""DynamoDB: conditions, transactions, idempotency tokens, indexes and order."""

from __future__ import annotations

from typing import Any

from tests.contract.truths.core import Json, Place, named, refusal, refused, truth

CONDITION = "Amazon DynamoDB Developer Guide: Condition expressions"
TRANSACT = "Amazon DynamoDB API Reference: TransactWriteItems"
UPDATE = "Amazon DynamoDB Developer Guide: Update expressions"
QUERY = "Amazon DynamoDB API Reference: Query"
NONE_YET = "attribute_not_exists(pk)"


def key(pk: str, sk: str = "A") -> Json:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def put(place: Place, pk: str, sk: str = "A", condition: str = "", **values: Json) -> None:
    more = {"ConditionExpression": condition} if condition else {}
    place.client("dynamodb").put_item(TableName=place.table(), Item=key(pk, sk) | values, **more)


def get(place: Place, pk: str, sk: str = "A") -> Json | None:
    found = place.client("dynamodb").get_item(TableName=place.table(), Key=key(pk, sk), ConsistentRead=True)
    return dict(found["Item"]) if "Item" in found else None


def update(place: Place, pk: str, expression: str, values: Json, condition: str = "", **more: Any) -> Json:
    asked: Json = {
        "TableName": place.table(),
        "Key": key(pk),
        "UpdateExpression": expression,
        "ExpressionAttributeValues": values,
    }
    asked |= {"ConditionExpression": condition} if condition else {}
    return dict(place.client("dynamodb").update_item(**asked, **more))


def transact(place: Place, *items: Json, token: str = "") -> None:
    more = {"ClientRequestToken": token} if token else {}
    place.client("dynamodb").transact_write_items(TransactItems=list(items), **more)


def a_put(place: Place, pk: str, condition: str = "", **values: Json) -> Json:
    return {
        "Put": {"TableName": place.table(), "Item": key(pk) | values} | ({"ConditionExpression": condition} if condition else {})
    }


def an_add(place: Place, pk: str, by: int = 1) -> Json:
    told = {"UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": str(by)}}}
    return {"Update": {"TableName": place.table(), "Key": key(pk), **told}}


def a_check(place: Place, pk: str, condition: str) -> Json:
    return {"ConditionCheck": {"TableName": place.table(), "Key": key(pk), "ConditionExpression": condition}}


def a_delete(place: Place, pk: str, condition: str = "") -> Json:
    return {"Delete": {"TableName": place.table(), "Key": key(pk)} | ({"ConditionExpression": condition} if condition else {})}


def query(place: Place, pk: str, condition: str = "", values: Json | None = None, **more: Any) -> Json:
    expression = "pk = :pk" + (f" AND {condition}" if condition else "")
    held = {":pk": {"S": pk}} | (values or {})
    asked = {"TableName": place.table(), "KeyConditionExpression": expression, "ExpressionAttributeValues": held, **more}
    return dict(place.client("dynamodb").query(**asked))


def reasons(answer: Json) -> list[str]:
    return [one["Code"] for one in answer["CancellationReasons"]]


# ---- conditions ----------------------------------------------------------------------------------------------------------


@truth(CONDITION)
def of_two_puts_that_want_nothing_there_the_second_is_refused(place: Place) -> None:
    pk = place.word("pk")
    put(place, pk, condition=NONE_YET, n={"N": "1"})
    assert refusal(lambda: put(place, pk, condition=NONE_YET, n={"N": "2"})) == "ConditionalCheckFailedException"
    assert get(place, pk) == key(pk) | {"n": {"N": "1"}}


@truth(CONDITION, moto="breaks on the size of nothing")
def a_comparison_with_an_attribute_that_is_not_there_is_false(place: Place) -> None:
    pk = place.word("pk")
    put(place, pk)
    for condition in ("n < :n", "n > :n", "n = :n", "begins_with(n, :n)", "n BETWEEN :n AND :n", "n IN (:n)", "size(n) < :n"):
        values = {":n": {"N": "5"}} if "begins" not in condition else {":n": {"S": "5"}}
        said = named(update, place=place, pk=pk, expression="REMOVE gone", values=values, condition=condition)
        assert said == "ConditionalCheckFailedException", condition


@truth(CONDITION)
def what_is_not_there_is_not_equal_to_anything(place: Place) -> None:
    pk = place.word("pk")
    put(place, pk)
    update(place, pk, "SET m = :n", {":n": {"N": "5"}}, "n <> :n")
    assert get(place, pk) == key(pk) | {"m": {"N": "5"}}


@truth(CONDITION)
def the_size_of_a_set_is_the_number_of_its_members(place: Place) -> None:
    pk = place.word("pk")
    put(place, pk, labs={"SS": ["a", "b"]})
    update(place, pk, "ADD labs :new", {":new": {"SS": ["c"]}, ":most": {"N": "3"}}, "size(labs) < :most")
    full = {":new": {"SS": ["d"]}, ":most": {"N": "3"}}
    assert refusal(lambda: update(place, pk, "ADD labs :new", full, "size(labs) < :most")) == "ConditionalCheckFailedException"


@truth("Amazon DynamoDB API Reference: UpdateItem")
def a_refusal_can_bring_the_item_that_was_in_the_way(place: Place) -> None:
    pk = place.word("pk")
    put(place, pk, n={"N": "1"})
    told = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    answer = refused(lambda: update(place, pk, "SET n = :n", {":n": {"N": "2"}}, NONE_YET, **told))
    assert answer["Item"] == key(pk) | {"n": {"N": "1"}}


# ---- updates -------------------------------------------------------------------------------------------------------------


@truth(UPDATE)
def an_update_of_what_is_not_there_makes_it(place: Place) -> None:
    pk = place.word("pk")
    update(place, pk, "ADD n :n", {":n": {"N": "2"}})
    assert get(place, pk) == key(pk) | {"n": {"N": "2"}}


@truth(UPDATE)
def adding_a_member_twice_to_a_set_and_removing_one_that_is_not_there_change_nothing(place: Place) -> None:
    pk = place.word("pk")
    for _ in range(2):
        update(place, pk, "ADD labs :a", {":a": {"SS": ["a", "b"]}})
    for _ in range(2):
        update(place, pk, "DELETE labs :b", {":b": {"SS": ["b", "z"]}})
    assert get(place, pk) == key(pk) | {"labs": {"SS": ["a"]}}


@truth(UPDATE)
def a_set_that_loses_its_last_member_is_gone(place: Place) -> None:
    pk = place.word("pk")
    update(place, pk, "ADD labs :a", {":a": {"SS": ["a"]}})
    update(place, pk, "DELETE labs :a", {":a": {"SS": ["a"]}})
    assert get(place, pk) == key(pk)


@truth(UPDATE)
def an_attribute_can_be_set_from_its_own_value(place: Place) -> None:
    pk = place.word("pk")
    put(place, pk, n={"N": "3"})
    update(place, pk, "SET n = n + :n REMOVE m", {":n": {"N": "1"}})
    update(place, pk, "SET n = n - :n, m = if_not_exists(m, :n)", {":n": {"N": "2"}})
    assert get(place, pk) == key(pk) | {"n": {"N": "2"}, "m": {"N": "2"}}


@truth("Amazon DynamoDB API Reference: PutItem")
def an_empty_key_and_an_empty_set_are_refused(place: Place) -> None:
    assert refusal(lambda: put(place, "")) == "ValidationException"
    assert refusal(lambda: put(place, place.word("pk"), labs={"SS": []})) == "ValidationException"


# ---- transactions --------------------------------------------------------------------------------------------------------


@truth(TRANSACT)
def a_transaction_happens_as_a_whole_or_not_at_all(place: Place) -> None:
    there, new = place.word("pk"), place.word("pk")
    put(place, there)
    said = refusal(lambda: transact(place, a_put(place, new), a_put(place, there, NONE_YET)))
    assert said == "TransactionCanceledException"
    assert get(place, new) is None
    transact(place, a_put(place, new), a_delete(place, there), a_check(place, place.word("pk"), NONE_YET))
    assert get(place, new) is not None
    assert get(place, there) is None


@truth(TRANSACT)
def a_cancelled_transaction_gives_a_reason_for_each_item_in_order(place: Place) -> None:
    there = place.word("pk")
    put(place, there)
    items = (
        a_put(place, place.word("pk")),
        a_put(place, there, NONE_YET),
        a_check(place, place.word("pk"), "attribute_exists(pk)"),
        an_add(place, place.word("pk")),
    )
    answer = refused(lambda: transact(place, *items))
    assert reasons(answer) == ["None", "ConditionalCheckFailed", "ConditionalCheckFailed", "None"]


@truth(TRANSACT)
def one_item_cannot_stand_twice_in_a_transaction(place: Place) -> None:
    pk = place.word("pk")
    said = refusal(lambda: transact(place, a_check(place, pk, NONE_YET), an_add(place, pk)))
    assert said == "ValidationException"


@truth(TRANSACT, moto="does it twice")
def the_same_request_token_does_the_same_transaction_once(place: Place) -> None:
    pk, token = place.word("pk"), place.word("request-token-of-a-test")
    for _ in range(2):
        transact(place, an_add(place, pk), token=token)
    assert get(place, pk) == key(pk) | {"n": {"N": "1"}}


@truth(TRANSACT, moto="does it")
def the_same_request_token_with_another_transaction_is_refused(place: Place) -> None:
    pk, token = place.word("pk"), place.word("request-token-of-a-test")
    transact(place, an_add(place, pk), token=token)
    assert refusal(lambda: transact(place, an_add(place, pk, 2), token=token)) == "IdempotentParameterMismatchException"


@truth(TRANSACT)
def deleting_what_is_not_there_is_no_error(place: Place) -> None:
    transact(place, a_delete(place, place.word("pk")), a_delete(place, place.word("pk")))


@truth(TRANSACT)
def a_transaction_of_a_hundred_and_one_is_refused(place: Place) -> None:
    items = [a_delete(place, place.word("pk")) for _ in range(101)]
    assert refusal(lambda: transact(place, *items)) == "ValidationException"


# ---- reading -------------------------------------------------------------------------------------------------------------


@truth(QUERY)
def a_query_gives_one_partition_in_the_order_of_its_bytes(place: Place) -> None:
    pk = place.word("pk")
    for sk in ("b", "a#2", "a#1", "ä", "B"):
        put(place, pk, sk)
    put(place, place.word("pk"), "a#3")
    assert [one["sk"]["S"] for one in query(place, pk)["Items"]] == ["B", "a#1", "a#2", "b", "ä"]
    assert [one["sk"]["S"] for one in query(place, pk, ScanIndexForward=False)["Items"]] == ["ä", "b", "a#2", "a#1", "B"]
    begun = query(place, pk, "begins_with(sk, :a)", {":a": {"S": "a#"}})
    assert [one["sk"]["S"] for one in begun["Items"]] == ["a#1", "a#2"]
    between = query(place, pk, "sk BETWEEN :a AND :b", {":a": {"S": "a#2"}, ":b": {"S": "b"}})
    assert [one["sk"]["S"] for one in between["Items"]] == ["a#2", "b"]


@truth(QUERY)
def a_query_goes_on_from_its_last_key(place: Place) -> None:
    pk, seen = place.word("pk"), []
    for number in range(5):
        put(place, pk, f"{number}")
    page = query(place, pk, Limit=2)
    seen += [one["sk"]["S"] for one in page["Items"]]
    while "LastEvaluatedKey" in page:
        page = query(place, pk, Limit=2, ExclusiveStartKey=page["LastEvaluatedKey"])
        seen += [one["sk"]["S"] for one in page["Items"]]
    assert seen == ["0", "1", "2", "3", "4"]


@truth("Amazon DynamoDB Developer Guide: Using Global Secondary Indexes")
def an_index_of_keys_holds_keys_alone_and_only_items_that_have_them(place: Place) -> None:
    who, pk = place.word("ada"), place.word("pk")
    put(place, pk, "1", person={"S": who}, secret={"S": "x"})
    put(place, pk, "2", secret={"S": "y"})
    place.pass_time()
    asked = {"IndexName": "by_person", "KeyConditionExpression": "person = :p", "ExpressionAttributeValues": {":p": {"S": who}}}
    found = place.client("dynamodb").query(TableName=place.table(), **asked)["Items"]
    assert found == [key(pk, "1") | {"person": {"S": who}}]


@truth(QUERY)
def an_index_cannot_be_read_consistently(place: Place) -> None:
    asked = {"IndexName": "by_person", "KeyConditionExpression": "person = :p", "ExpressionAttributeValues": {":p": {"S": "x"}}}
    call = place.client("dynamodb").query
    assert refusal(lambda: call(TableName=place.table(), ConsistentRead=True, **asked)) == "ValidationException"


@truth("Amazon DynamoDB API Reference: BatchGetItem")
def a_batch_leaves_out_what_is_not_there(place: Place) -> None:
    pk = place.word("pk")
    put(place, pk, "1")
    wanted = {place.table(): {"Keys": [key(pk, "1"), key(pk, "2")]}}
    answer = place.client("dynamodb").batch_get_item(RequestItems=wanted)
    assert answer["Responses"][place.table()] == [key(pk, "1")]
