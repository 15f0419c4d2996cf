"""How is state written so that two racing requests cannot both win?

Every change is a `Write`: what to do, and the error to raise when its condition does not hold. `commit` makes all
writes happen, or none. When some were refused it raises the `refused` of the first of them; a replayed request goes before
all others, because whatever else failed, the true answer is the one that was given the first time.

A transaction is safe to send twice (botocore gives it a token), which a lone conditional write is not: its retry would
be refused by its own first success. So only a write without a condition is sent outside a transaction.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import CancellationReason, PynamoDBException, TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.runtime import aws, settings
from chalicelib.runtime.errors import AppError, Conflict, RequestReplayed, Unavailable

if TYPE_CHECKING:
    from pynamodb.connection.table import TableConnection
    from pynamodb.expressions.condition import Condition
    from pynamodb.expressions.update import Action

ATTEMPTS = 4  # the first and three more
LISTS = ("_condition_check_items", "_delete_items", "_put_items", "_update_items")  # the order TransactWrite sends them in
OPERATIONS = {"_delete_items": "DeleteItem", "_put_items": "PutItem", "_update_items": "UpdateItem"}
REFUSED = "ConditionalCheckFailed"
BUSY = frozenset(
    {
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
    }
)


@lru_cache(maxsize=1)
def connection() -> Connection:
    """One connection, and so one client, for every table of this process."""
    made = Connection(region=settings.current().region)
    made._local.session = aws.session()
    return made


def forget() -> None:
    """Drop the connection (tests)."""
    connection.cache_clear()


class Item(Model):
    """What every stored thing has: a partition and a sort key. `bind` says which table it lives in."""

    class Meta:
        table_name = "unbound"

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    table: ClassVar[str] = ""
    bound: ClassVar[tuple[Connection, TableConnection] | None] = None

    @classmethod
    def _get_connection(cls) -> TableConnection:
        if cls.bound is None or cls.bound[0] is not connection():
            cls.Meta = type("Meta", (Item.Meta,), {"table_name": settings.current().table(cls.table)})  # type: ignore[assignment,misc]
            cls._connection = None
            made = super()._get_connection()
            made.connection._client = connection().client  # pynamodb would make one client per model
            cls.bound = (connection(), made)
        return cls.bound[1]


M = TypeVar("M", bound=Item)


def bind(model: type[M], table: str) -> type[M]:
    """Say which of the stage's tables (`labs`, `people`, …) a model lives in."""
    model.table = table
    model.bound = None
    return model


def fetch(model: type[M], pk: str, sk: str, consistent: bool = False) -> M | None:
    """One item, or None. An eventual read costs half of a consistent one."""
    try:
        return model.get(pk, sk, consistent_read=consistent)
    except model.DoesNotExist:
        return None


class Write(NamedTuple):
    apply: Callable[[TransactWrite], None]
    refused: AppError | None = None


def save(model: Item, condition: Condition | None = None, refused: AppError | None = None) -> Write:
    return Write(lambda transaction: transaction.save(model, condition=condition), refused)


def update(model: Item, actions: Sequence[Action], condition: Condition | None = None, refused: AppError | None = None) -> Write:
    return Write(lambda transaction: transaction.update(model, actions=list(actions), condition=condition), refused)


def delete(model: Item, condition: Condition | None = None, refused: AppError | None = None) -> Write:
    return Write(lambda transaction: transaction.delete(model, condition=condition), refused)


def check(model: type[Item], pk: str, sk: str, condition: Condition, refused: AppError | None = None) -> Write:
    return Write(lambda transaction: transaction.condition_check(model, pk, sk, condition=condition), refused)


def commit(*writes: Write) -> None:
    """All of the writes or none; raises the first refused write's error, or Unavailable when DynamoDB stays busy."""
    if not writes:
        return
    for attempt in range(ATTEMPTS):
        transaction, owners = _planned(writes)
        try:
            return _send(transaction)
        except PynamoDBException as error:
            reasons = _reasons(error, len(owners))
            refused = [owner for owner, reason in zip(owners, reasons, strict=False) if reason == REFUSED]
            if refused:
                raise _first_refusal(writes, refused) from error
            if not BUSY.intersection(reasons):
                raise
        pause(attempt, 0.05)
    raise Unavailable("the same record is being changed by many requests", hint="try again in a moment", code="busy")


def pause(attempt: int, seconds: float = 0.02) -> None:
    """Let whoever writes the same records go first: twice as long after each attempt (64 times at most), and never in step."""
    time.sleep(random.uniform(0.2, 1.0) * seconds * 2 ** min(attempt, 6))  # noqa: S311 - jitter, not a secret


def _planned(writes: tuple[Write, ...]) -> tuple[TransactWrite, list[Write]]:
    """The transaction, and for each of its operations, in the order sent, the write it belongs to."""
    transaction = TransactWrite(connection=connection())
    owners: dict[str, list[Write]] = {name: [] for name in LISTS}
    for write in writes:
        write.apply(transaction)
        for name, owned in owners.items():
            owned.extend([write] * (len(getattr(transaction, name)) - len(owned)))
    return transaction, [write for owned in owners.values() for write in owned]


def _send(transaction: TransactWrite) -> None:
    operations = [(name, kwargs) for name in LISTS for kwargs in getattr(transaction, name)]
    if len(operations) == 1 and operations[0][0] in OPERATIONS and "ConditionExpression" not in operations[0][1]:
        connection().dispatch(OPERATIONS[operations[0][0]], operations[0][1])
    elif operations:
        transaction._commit()


def _reasons(error: PynamoDBException, count: int) -> list[str]:
    """Why each operation failed, in the order sent ("" where it did not)."""
    reasons: list[CancellationReason | None] = list(error.cancellation_reasons) if isinstance(error, TransactWriteError) else []
    if reasons:
        return [reason.code if reason else "" for reason in reasons]
    return [aws.error_code(error.cause) if error.cause else ""] * count


def _first_refusal(writes: tuple[Write, ...], refused: list[Write]) -> AppError:
    errors = [write.refused for write in writes if any(write is other for other in refused)]
    replayed = next((error for error in errors if isinstance(error, RequestReplayed)), None)
    first = replayed or errors[0]
    return first or Conflict("the record was changed by another request", hint="look at it again, then repeat the request")
