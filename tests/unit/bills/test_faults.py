"""Whatever call of AWS fails, the month is the old one or the new one, and the next night makes it right."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from pynamodb.exceptions import PynamoDBException

from chalicelib.bills import service
from chalicelib.runtime.errors import AppError
from tests.unit.bills.conftest import LABS, Books
from tools import exports

BEFORE = exports.month(1, 2026, 10, LABS[:1], days=2)
AFTER = [*BEFORE[:-1], BEFORE[-1]._replace(unblended=BEFORE[-1].unblended + Decimal("7.5"))]
OLD, NEW = (sum((one.unblended for one in lines), Decimal(0)) for lines in (BEFORE, AFTER))
MOST = 60


class Strike:
    """Fails the n-th call of AWS, before it is made or after it was; 0 fails none, and counts."""

    def __init__(self, number: int, late: bool) -> None:
        self.number, self.late, self.calls = number, late, 0

    def __call__(self, plain: Any, client: BaseClient, operation: str, params: dict[str, Any]) -> Any:
        self.calls += 1
        struck = self.calls == self.number
        if struck and not self.late:
            raise ClientError({"Error": {"Code": "InternalFailure", "Message": "struck"}}, operation)
        answer = plain(client, operation, params)
        if struck:
            raise ClientError({"Error": {"Code": "InternalFailure", "Message": "struck"}}, operation)
        return answer


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_every_call_that_fails_is_made_good_the_next_night(books: Books, monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    plain = BaseClient._make_api_call
    books.publish(BEFORE)
    books.connect()
    books.night()
    for number in range(1, MOST):
        books.publish(AFTER if number % 2 else BEFORE)
        old, new = (OLD, NEW) if number % 2 else (NEW, OLD)
        strike = Strike(number, late)
        monkeypatch.setattr(BaseClient, "_make_api_call", lambda client, *asked, strike=strike: strike(plain, client, *asked))
        with suppress(ClientError, AppError, PynamoDBException):  # Lambda tries again; and then there is the night after
            books.night()
        monkeypatch.setattr(BaseClient, "_make_api_call", plain)
        assert books.total() in (old, new)
        assert books.night()["troubles"] == []
        assert books.total() == new
        if strike.calls < number:
            return
    raise AssertionError(f"a night makes more than {MOST} calls")


def test_the_month_that_is_shown_is_one_whole_document(books: Books) -> None:
    books.publish(BEFORE)
    books.connect()
    books.night()
    assert service.seen("2026-10", books.now).bill.lines == len(BEFORE)
