"""DynamoDB, as far as it can be asked by chalicelib: items, conditions, indexes of keys, transactions, and the stream of what
changed.

True: a condition sees the item as it is; a transaction happens whole or not at all, and says of each of its operations why not;
one sent again with its token happens once; a read that does not ask for consistency, and any read of an index, may be from
before the last change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.fakes.sim.cloud import Cloud, Json, Service, token
from tests.fakes.sim.expressions import Item, condition, update, value_of
from tests.fakes.sim.faults import Call, refusal

RESOURCES = Path(__file__).resolve().parents[3] / ".chalice" / "resources.json"
FAILED = "ConditionalCheckFailed"
Key = tuple[str, str]
Outcome = tuple[str, Key, Item | None]  # table, key, the item after (None: deleted)


@lru_cache(maxsize=1)
def tables() -> dict[str, Json]:
    """The stage's tables as the stack describes them: name → {indexes: {name: (hash, range)}, stream}."""
    found: dict[str, Json] = {}
    for resource in json.loads(RESOURCES.read_text())["Resources"].values():
        if resource.get("Type") == "AWS::DynamoDB::Table":
            properties = resource["Properties"]
            indexes = {one["IndexName"]: _keys(one["KeySchema"]) for one in properties.get("GlobalSecondaryIndexes", [])}
            name = str(properties["TableName"]["Fn::Sub"]).removeprefix("aws-research-wizard-${Stage}-")
            whole = {one["IndexName"] for one in properties.get("GlobalSecondaryIndexes", []) if _whole(one)}
            found[name] = {"indexes": indexes, "whole": whole, "stream": "StreamSpecification" in properties}
    return found


def _whole(index: Json) -> bool:
    """Does the index carry whole items?"""
    return bool(index["Projection"]["ProjectionType"] == "ALL")


def _keys(schema: list[Json]) -> tuple[str, str]:
    by = {one["KeyType"]: one["AttributeName"] for one in schema}
    return by["HASH"], by.get("RANGE", "")


class DynamoDB(Service):
    def __init__(self, cloud: Cloud, name: str) -> None:
        super().__init__(cloud, name)
        self._request_signer = None  # pynamodb looks whether there are credentials
        self._sent: tuple[str, Json] = ("", {})
        for table in tables():
            cloud.shelf(f"table.{table}")
        self._pending = cloud.shelf("stream")

    def _make_api_call(self, operation: str, asked: Json) -> Any:
        """What pynamodb calls."""
        act, verb = OPERATIONS[operation]
        return self.cloud.call(Call("dynamodb", verb, asked), lambda: act(self, asked))

    def __getattr__(self, verb: str) -> Any:
        operation = "".join(part.capitalize() for part in verb.split("_"))
        if verb.startswith("_") or operation not in OPERATIONS:
            raise AttributeError(verb)
        return lambda **asked: self._make_api_call(operation, asked)

    # ---- reading

    def _table(self, name: str) -> Any:
        short = name.removeprefix(f"{_prefix()}-")
        if short not in tables():
            raise refusal("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")
        return self.cloud.shelf(f"table.{short}")

    def get(self, asked: Json) -> Json:
        stale = self.cloud.stale and not asked.get("ConsistentRead")
        found = self._table(asked["TableName"]).get(_key(asked["Key"]), None, stale)
        return {"Item": dict(found)} if found is not None else {}

    def batch_get(self, asked: Json) -> Json:
        answers: Json = {}
        for table, wanted in asked["RequestItems"].items():
            each = {"TableName": table, "ConsistentRead": wanted.get("ConsistentRead")}
            found = [self.get(each | {"Key": key}).get("Item") for key in wanted["Keys"]]
            answers[table] = [item for item in found if item]
        return {"Responses": answers, "UnprocessedKeys": {}}

    def _query(self, asked: Json) -> Json:
        names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
        text = asked["KeyConditionExpression"]
        matches, (name, wanted) = condition(text), partition(text)
        name, wanted = names.get(name, name), values[wanted]
        return self._page(asked, lambda item: item.get(name) == wanted and matches(item, names, values))

    def _scan(self, asked: Json) -> Json:
        return self._page(asked, lambda _: True)

    def _page(self, asked: Json, wanted: Callable[[Item], bool]) -> Json:
        table, index = self._table(asked["TableName"]), asked.get("IndexName")
        if index and asked.get("ConsistentRead"):
            raise refusal("ValidationException", "Consistent reads are not supported on global secondary indexes")
        stale = self.cloud.stale and (bool(index) or not asked.get("ConsistentRead"))
        order: tuple[str, ...] = ("pk", "sk")
        if index:
            order = tables()[table.name.removeprefix("table.")]["indexes"][index]
        keys = [name for name in order if name]
        there = (item for item in table.values(stale) if keys[-1] in item and keys[0] in item) if index else table.values(stale)
        rows = [item for item in there if wanted(item)]
        if len(rows) > 1:
            rows.sort(
                key=lambda item: [item[key]["S"] for key in (keys[-1], "pk", "sk")],
                reverse=not asked.get("ScanIndexForward", True),
            )
        rows, more = _after(rows, asked.get("ExclusiveStartKey")), {}
        if asked.get("Limit") and len(rows) > asked["Limit"]:
            rows = rows[: asked["Limit"]]
            more = {"LastEvaluatedKey": {name: rows[-1][name] for name in {*keys, "pk", "sk"}}}
        if asked.get("FilterExpression"):
            test = condition(asked["FilterExpression"])
            names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
            rows = [item for item in rows if test(item, names, values)]
        part = index and index not in tables()[table.name.removeprefix("table.")]["whole"]
        shown = [{name: item[name] for name in {*keys, "pk", "sk"}} if part else dict(item) for item in rows]
        return {"Items": shown, "Count": len(shown), "ScannedCount": len(shown), **more}

    # ---- writing

    def _put_item(self, asked: Json) -> Json:
        return self._alone("Put", asked)

    def _update_item(self, asked: Json) -> Json:
        return self._alone("Update", asked)

    def _delete_item(self, asked: Json) -> Json:
        return self._alone("Delete", asked)

    def _alone(self, kind: str, asked: Json) -> Json:
        before = self._item(kind, asked)
        reason, outcome = self._judged(kind, asked)
        if reason == FAILED:
            wanted = asked.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and before is not None
            more: Json = {"Item": before} if wanted else {}
            raise refusal("ConditionalCheckFailedException", "The conditional request failed", **more)
        if reason:
            raise refusal("ValidationException", reason)
        self._happen([outcome])
        wanted = asked.get("ReturnValues", "NONE")
        shown = {"ALL_OLD": before, "ALL_NEW": outcome[2]}.get(wanted)
        return {"Attributes": dict(shown)} if shown else {}

    def _item(self, kind: str, asked: Json) -> Item | None:
        found: Item | None = self._table(asked["TableName"]).get(_key(asked["Item"] if kind == "Put" else asked["Key"]))
        return found

    def transact_write(self, asked: Json) -> Json:
        given = asked.get("ClientRequestToken") or f"sdk-{self.cloud.number}"  # botocore's own, which it repeats
        said = {name: value for name, value in asked.items() if name not in ("ReturnConsumedCapacity",)}
        known = self._sent[1] if self._sent[0] == given else self.cloud.shelf("tokens").get(given)
        if known:
            if known["TransactItems"] != said["TransactItems"]:
                raise refusal("IdempotentParameterMismatchException", "another request had this token")
            return {}
        operations = [next(iter(one.items())) for one in asked["TransactItems"]]
        places = [(one["TableName"], _key(one["Item"] if kind == "Put" else one["Key"])) for kind, one in operations]
        if len(set(places)) != len(places):
            raise refusal("ValidationException", "Transaction request cannot include multiple operations on one item")
        if len(places) > 100:
            raise refusal("ValidationException", "Member must have length less than or equal to 100")
        judged = [self._judged(kind, one) for kind, one in operations]
        if any(reason for reason, _ in judged):
            reasons = [{"Code": reason or "None", "Message": "The conditional request failed"} for reason, _ in judged]
            raise refusal(
                "TransactionCanceledException", "Transaction cancelled", "TransactWriteItems", CancellationReasons=reasons
            )
        self._happen([outcome for (kind, _), (_, outcome) in zip(operations, judged, strict=True) if kind != "ConditionCheck"])
        self._sent = given, said
        if not given.startswith("sdk-"):
            self.cloud.shelf("tokens").put(given, said)
        return {}

    def batch_write(self, asked: Json) -> Json:
        for table, requests in asked["RequestItems"].items():
            for request in requests:
                ((kind, body),) = request.items()
                self._alone(kind.removesuffix("Request"), {"TableName": table, **body})
        return {"UnprocessedItems": {}}

    def _judged(self, kind: str, asked: Json) -> tuple[str, Outcome]:
        """Why it cannot be ("" when it can), and what it would make of the item."""
        table, before = self._table(asked["TableName"]).name.removeprefix("table."), self._item(kind, asked)
        names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
        key = _key(asked["Item"] if kind == "Put" else asked["Key"])
        if not all(key):
            return "One or more parameter values are not valid: a key attribute is empty", (table, key, before)
        text = asked.get("ConditionExpression")
        if text and not condition(text)(before or {}, names, values):
            return FAILED, (table, key, before)
        match kind:
            case "Put":
                return "", (table, key, _checked(asked["Item"]))
            case "Delete":
                return "", (table, key, None)
            case "Update":
                after = update(asked.get("UpdateExpression", ""))(before or dict(asked["Key"]), names, values)
                return "", (table, key, after)
            case _:
                return "", (table, key, before)

    def _happen(self, outcomes: list[Outcome]) -> None:
        for table, key, after in outcomes:
            shelf = self.cloud.shelf(f"table.{table}")
            before = shelf.get(key)
            if after is None:
                shelf.drop(key, self.cloud.number)
            elif after != before:
                shelf.put(key, after, self.cloud.number)
            if tables()[table]["stream"] and after != before:
                self._tell(table, key, before, after)

    def _tell(self, table: str, key: Key, before: Item | None, after: Item | None) -> None:
        """A record for the table's stream, until it was taken."""
        name = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
        body: Json = {"Keys": {"pk": {"S": key[0]}, "sk": {"S": key[1]}}, "SequenceNumber": token(*key, length=20)}
        body |= {"NewImage": after} if after is not None else {}
        record = {"eventName": name, "eventSource": "aws:dynamodb", "eventID": token(*key, name), "dynamodb": body}
        self._pending.put(table, (*self._pending.get(table, ()), record), self.cloud.number)


@lru_cache(maxsize=1000)
def partition(text: str) -> tuple[str, str]:
    """The attribute and the value that a key condition begins with: `#0 = :0 AND …`."""
    found = re.match(r"[\s(]*([#\w]+)\s*=\s*(:\w+)", text)
    if found is None:
        raise refusal("ValidationException", "Query condition missed key schema element")
    return found[1], found[2]


@lru_cache(maxsize=1)
def _prefix() -> str:
    from tests.conftest import STAGE_ENV

    return STAGE_ENV["PREFIX"]


def _key(item: Mapping[str, Any]) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _checked(item: Item) -> Item:
    for name, typed in item.items():
        if typed.get("SS") == [] or typed.get("NS") == []:
            raise refusal("ValidationException", f"An string set may not be empty: {name}")
    return dict(item)


def _after(rows: list[Item], start: Item | None) -> list[Item]:
    if not start:
        return rows
    for place, item in enumerate(rows):
        if all(value_of(item[name]) == value_of(value) for name, value in start.items() if name in ("pk", "sk")):
            return rows[place + 1 :]
    return rows


OPERATIONS: dict[str, tuple[Callable[[DynamoDB, Json], Json], str]] = {
    "GetItem": (DynamoDB.get, "get_item"),
    "BatchGetItem": (DynamoDB.batch_get, "batch_get_item"),
    "Query": (DynamoDB._query, "query"),
    "Scan": (DynamoDB._scan, "scan"),
    "PutItem": (DynamoDB._put_item, "put_item"),
    "UpdateItem": (DynamoDB._update_item, "update_item"),
    "DeleteItem": (DynamoDB._delete_item, "delete_item"),
    "TransactWriteItems": (DynamoDB.transact_write, "transact_write_items"),
    "BatchWriteItem": (DynamoDB.batch_write, "batch_write_item"),
}
