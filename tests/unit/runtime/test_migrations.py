"""Migrations: cut off anywhere, repeated, beside traffic, they end in the same place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.runtime import aws, migrations
from chalicelib.runtime.migrations import Change, Migration, Raw
from tests.conftest import NOW, STAGE_ENV, Context
from tests.fakes.tables import Tables

TABLE = f"{STAGE_ENV['PREFIX']}-limits"
Table = Callable[[], dict[str, dict[str, Any]]]


def colour(item: Raw) -> Change:
    return {} if "colour" in item else {"colour": {"S": f"{item['sk']['S']}'s"}}


def forever() -> float:
    return 900_000.0


@pytest.fixture
def table(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """Seven items that know no colour, in pages of two; one migration gives them one."""

    own = (Migration("limits-0001-colour", "limits", "everything has a colour", colour),)
    module = SimpleNamespace(__name__="chalicelib.limits.migrations", MIGRATIONS=own, after=lambda _now: 3)
    monkeypatch.setattr(migrations, "_modules", lambda: [module])
    monkeypatch.setattr(migrations, "PAGE", 2)
    for number in range(7):
        put(f"{number}", size={"N": "1"})
    yield lambda: {one["sk"]["S"]: one for one in tables("limits")}
    for name in ("limits", "facts"):
        for one in tables(name):
            aws.client("dynamodb").delete_item(
                TableName=f"{STAGE_ENV['PREFIX']}-{name}", Key={key: one[key] for key in ("pk", "sk")}
            )


def put(name: str, **more: Any) -> None:
    aws.client("dynamodb").put_item(TableName=TABLE, Item={"pk": {"S": "X"}, "sk": {"S": name}, **more})


def colours(table: Table) -> dict[str, str]:
    return {name: item.get("colour", {}).get("S", "") for name, item in table().items()}


ALL = {str(number): f"{number}'s" for number in range(7)}


def test_every_item_is_brought_up_once_and_the_fact_says_how_many(table: Table, tables: Any) -> None:
    done = migrations.run(NOW, forever)
    assert (done.finished, done.version, done.after) == (True, "limits-0001-colour", {"limits": 3})
    assert (done.steps[0].seen, done.steps[0].changed) == (7, 7)
    assert colours(table) == ALL
    told = [one for one in tables("facts") if one.get("name", {}).get("S") == "TablesMigrated"]
    assert '"limits-0001-colour":7' in told[0]["data"]["S"]
    assert migrations.run(NOW, forever).steps == []
    assert len([one for one in tables("facts") if one.get("name", {}).get("S") == "TablesMigrated"]) == 1


def test_what_an_item_has_besides_is_left_alone(table: Table) -> None:
    migrations.run(NOW, forever)
    assert {one["size"]["N"] for one in table().values()} == {"1"}


def test_a_run_that_is_cut_off_goes_on_where_it_was(table: Table) -> None:
    short = migrations.run(NOW, lambda: 0.0)
    assert (short.finished, short.steps[0].seen) == (False, 2)
    runs = 1
    while not (last := migrations.run(NOW, lambda: 0.0)).finished:
        runs += 1
    assert runs >= 3
    assert (last.steps[0].seen, last.steps[0].changed) == (7, 7)
    assert colours(table) == ALL


def test_a_run_that_dies_anywhere_is_finished_by_the_next(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    written = migrations._written

    for calls in range(1, 8):

        def dies(*words: Any, left: list[int] = [calls]) -> bool:  # noqa: B006 - a counter of this run
            left[0] -= 1
            if left[0] < 0:
                raise SystemExit("died")
            return written(*words)

        with monkeypatch.context() as patch:
            patch.setattr(migrations, "_written", dies)
            try:
                migrations.run(NOW, forever)
            except SystemExit:
                continue
    assert migrations.run(NOW, forever).finished
    assert colours(table) == ALL


def test_a_request_that_comes_between_reading_and_writing_wins(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    written = migrations._written

    def between(name: str, item: Raw, change: Change) -> bool:
        if item["sk"]["S"] == "3" and item["size"]["N"] == "1":
            put("3", size={"N": "2"}, colour={"S": "red"})
        return written(name, item, change)

    monkeypatch.setattr(migrations, "_written", between)
    migrations.run(NOW, forever)
    assert colours(table) == ALL | {"3": "red"}


def test_an_item_that_is_deleted_meanwhile_is_not_made_again(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    written = migrations._written

    def between(name: str, item: Raw, change: Change) -> bool:
        if item["sk"]["S"] == "3":
            aws.client("dynamodb").delete_item(TableName=TABLE, Key={key: item[key] for key in ("pk", "sk")})
        return written(name, item, change)

    monkeypatch.setattr(migrations, "_written", between)
    migrations.run(NOW, forever)
    assert set(table()) == set(ALL) - {"3"}


def test_a_dry_run_counts_and_writes_nothing(table: Table, tables: Any) -> None:
    seen = migrations.run(NOW, forever, dry_run=True)
    assert (seen.finished, seen.steps[0].changed, seen.after) == (True, 7, {})
    assert set(colours(table).values()) == {""}
    assert tables("facts") == []


@pytest.mark.usefixtures("table")
def test_the_operators_tool_says_what_it_did() -> None:
    from chalicelib.runtime import tasks

    said = tasks.migrate_tables({"dry_run": True}, Context())
    assert (said["finished"], said["steps"][0]["changed"]) == (True, 7)


def test_migrations_are_found_by_their_slice_and_have_names_of_their_own() -> None:
    names = [one.id for one in migrations.known()]
    assert "labs-0001-release" in names
    assert len(names) == len(set(names))
