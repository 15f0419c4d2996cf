"""Every put that grows the log carries its condition: each of them alone keeps a second writer out."""

from __future__ import annotations

import pytest
from pynamodb.transactions import TransactWrite

from chalicelib.audit import rules, store
from chalicelib.runtime.store import connection
from tests.conftest import NOW
from tests.unit.audit.conftest import a_fact

pytestmark = pytest.mark.usefixtures("tables")


@pytest.mark.parametrize("before", [rules.genesis("test"), rules.Head(7, "0" * 64, "2026-11-23T09:00:00.000000Z")])
def test_no_put_of_the_log_is_without_its_condition(before: rules.Head) -> None:
    entries = rules.follow(before, iter([a_fact(1)]), NOW.isoformat())
    transaction = TransactWrite(connection=connection())
    for write in store.append(entries, before):
        write.apply(transaction)
    assert len(transaction._put_items) == 3  # the entry, the mark of its fact, the head
    assert all("ConditionExpression" in asked for asked in transaction._put_items)
