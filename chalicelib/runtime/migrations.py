"""How does what an earlier release stored become what this release stores? By migrations, repeatable, beside running traffic.

A slice's `migrations.py` holds `MIGRATIONS`, oldest first, and may hold `after(now)`: what is done after every deployment.
A migration looks at one item as DynamoDB holds it and says what to set; it is pure, and has nothing to say of an item it changed.

    page: read → decide → write what differs, if the item is still what was read (else read it anew) → note the cursor

Keeps true: a run that is cut off goes on from its cursor, a run that is repeated changes nothing; an item that a request changes
meanwhile is never overwritten; of each release a migration only adds, so that the code of the one before can read on (what it
would take away goes with the next release). Which migrations are done is recorded in the facts table, under `SCHEMA`.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import chalicelib
from chalicelib.runtime import aws, settings
from chalicelib.runtime.clock import iso
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.store import commit

Raw = Mapping[str, Any]  # an item as DynamoDB holds it: {"phase": {"S": "READY"}, …}
Change = dict[str, Any]  # attribute → its new typed value; empty: nothing to do
PAGE = 100
ENOUGH_MS = 15_000  # with less time left, a run stops at the next page and says so
TRIES = 5
RECORDS = "facts"


class Migration(NamedTuple):
    """`id` is its number and name for ever, such as `labs-0001-release`; `change` decides for one item of `table`."""

    id: str
    table: str
    says: str
    change: Callable[[Raw], Change]


class Step(NamedTuple):
    """How far one migration has got; `cursor` is where to go on, "" at the start."""

    id: str
    done: bool = False
    seen: int = 0
    changed: int = 0
    cursor: str = ""


class Outcome(NamedTuple):
    """What a run did. Not `finished`: call again, it goes on."""

    finished: bool
    version: str
    steps: list[Step]
    after: dict[str, int]


def known() -> list[Migration]:
    """Every slice's migrations, a slice's own in their order."""
    return [one for module in _modules() for one in module.MIGRATIONS]


def _modules() -> list[Any]:
    names = sorted(one.name for one in pkgutil.iter_modules(chalicelib.__path__) if one.ispkg and one.name != "runtime")
    return [import_module(f"chalicelib.{name}.migrations") for name in names if find_spec(f"chalicelib.{name}.migrations")]


def run(now: datetime, time_left: Callable[[], float], *, dry_run: bool = False) -> Outcome:
    """Do what is not done yet, as far as time allows; a dry run counts from the start and writes nothing."""
    steps: list[Step] = []
    for migration in known():
        before = Step(migration.id) if dry_run else _recorded(migration.id)
        if not before.done:
            steps.append(_migrate(migration, before, now, time_left, dry_run))
            if not steps[-1].done:
                return Outcome(False, migration.id, steps, {})
    version = known()[-1].id if known() else ""
    if dry_run:
        return Outcome(True, version, steps, {})
    if steps:
        data = {"version": version, "changed": {one.id: one.changed for one in steps}}
        commit(record(Fact("TablesMigrated", "schema", data, now, "deployment", f"migrations-{iso(now)}")))
    return Outcome(True, version, steps, {module.__name__.split(".")[1]: module.after(now) for module in _with_after()})


def _with_after() -> list[Any]:
    return [module for module in _modules() if hasattr(module, "after")]


def _migrate(migration: Migration, step: Step, now: datetime, time_left: Callable[[], float], dry_run: bool) -> Step:
    table = settings.current().table(migration.table)
    while not step.done:
        asked: dict[str, Any] = {"TableName": table, "Limit": PAGE, "ConsistentRead": True}
        page = aws.client("dynamodb").scan(**asked, **({"ExclusiveStartKey": json.loads(step.cursor)} if step.cursor else {}))
        changed = sum(_apply(table, migration, item, dry_run) for item in page["Items"])
        following = page.get("LastEvaluatedKey")
        cursor = json.dumps(following) if following else ""
        step = Step(step.id, following is None, step.seen + len(page["Items"]), step.changed + changed, cursor)
        if not dry_run:
            _note(migration, step, now)
        if time_left() < ENOUGH_MS:
            break
    return step


def _apply(table: str, migration: Migration, item: Raw, dry_run: bool) -> bool:
    """Bring one item up; say whether there was anything to do."""
    current: Raw | None = item
    for _ in range(TRIES):
        change = migration.change(current) if current else {}
        if not change or current is None:
            return False
        if dry_run or _written(table, current, change):
            return True
        key = {name: item[name] for name in ("pk", "sk")}
        current = aws.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    raise RuntimeError(f"{migration.id}: {item['pk']['S']} {item['sk']['S']} is changed too often by others; run it again")


def _written(table: str, item: Raw, change: Change) -> bool:
    """Set what differs, provided each of these attributes still is what it was read as; False when one is not."""
    from botocore.exceptions import ClientError

    names = {f"#{number}": name for number, name in enumerate(change)}
    new = {f":n{number}": value for number, value in enumerate(change.values())}
    old = {f":o{number}": item[name] for number, name in enumerate(change) if name in item}
    same = [f"#{n} = :o{n}" if name in item else f"attribute_not_exists(#{n})" for n, name in enumerate(change)]
    try:
        aws.client("dynamodb").update_item(
            TableName=table,
            Key={name: item[name] for name in ("pk", "sk")},
            UpdateExpression="SET " + ", ".join(f"#{number} = :n{number}" for number in range(len(change))),
            ConditionExpression=" AND ".join(["attribute_exists(pk)", *same]),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=new | old,
        )
    except ClientError as error:
        if aws.error_code(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True


# ---- what is recorded ----------------------------------------------------------------------------------------------------


def _key(migration_id: str) -> dict[str, Any]:
    return {"pk": {"S": "SCHEMA"}, "sk": {"S": f"MIGRATION#{migration_id}"}}


def _recorded(migration_id: str) -> Step:
    table = settings.current().table(RECORDS)
    item = aws.client("dynamodb").get_item(TableName=table, Key=_key(migration_id), ConsistentRead=True).get("Item")
    if not item:
        return Step(migration_id)
    done = item["done"]["BOOL"]
    return Step(migration_id, done, int(item["seen"]["N"]), int(item["changed"]["N"]), "" if done else item["cursor"]["S"])


def _note(migration: Migration, step: Step, now: datetime) -> None:
    said = {"done": {"BOOL": step.done}, "seen": {"N": str(step.seen)}, "changed": {"N": str(step.changed)}}
    words = {"cursor": {"S": step.cursor}, "says": {"S": migration.says}, "at": {"S": iso(now)}}
    aws.client("dynamodb").put_item(TableName=settings.current().table(RECORDS), Item={**_key(step.id), **said, **words})
