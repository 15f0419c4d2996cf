"""What does a sweep read? Each shard once, and what is due; however many labs run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest

from chalicelib.idle import service, store
from chalicelib.idle.grounds import State
from chalicelib.idle.store import Record
from chalicelib.runtime.store import commit, connection
from tests.fakes.tables import Tables
from tests.unit.idle.conftest import Watch


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """The calls to DynamoDB by name."""
    calls: Counter[str] = Counter()
    client = connection().client
    send = client._make_api_call

    def noted(name: str, *said: Any, **more: Any) -> Any:
        calls[name] += 1
        return send(name, *said, **more)

    monkeypatch.setattr(client, "_make_api_call", noted)
    yield calls
    monkeypatch.undo()


def fill(tables: Tables, watch: Watch, many: int) -> None:
    """So many labs that run and are not due: as the index knows them."""
    later = watch.now + timedelta(hours=1)
    made: list[Any] = []
    for number in range(many):
        record = Record(f"genomics-{number:04d}", 1, State(watch.now), later)
        write = store.put(record, None)
        write.apply(cast("Any", _Taking(made)))
    for item in made:
        tables.put("labs", dict(item))


class _Taking:
    """Takes the items of writes, without sending them."""

    def __init__(self, made: list[Any]) -> None:
        self.made = made

    def save(self, model: Any, condition: Any = None) -> None:
        self.made.append(model.serialize())


@pytest.mark.parametrize("running", [100, 5000])
def test_a_sweep_reads_the_shards_and_what_is_due_however_many_labs_run(
    watch: Watch, tables: Tables, monkeypatch: pytest.MonkeyPatch, running: int
) -> None:
    fill(tables, watch, running)
    record = watch.record
    watch.idle(5)
    commit(store.put(record._replace(next_check=watch.now), record))
    with counted(monkeypatch) as calls:
        done = service.sweep(watch.now)
    due = 1
    assert done.looked == due
    assert calls["Query"] == len(store.SHARDS) + due
    assert calls["GetItem"] + calls["BatchGetItem"] + calls["Scan"] == 0
    assert calls["TransactWriteItems"] <= due


def test_labs_are_spread_over_the_shards() -> None:
    counts = Counter(store.shard_of(f"genomics-{number:04d}") for number in range(2000))
    assert set(counts) == set(store.SHARDS)
    assert max(counts.values()) < 1.5 * min(counts.values())
