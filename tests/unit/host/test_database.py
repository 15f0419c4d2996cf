"""The hub's database on its way through releases, and back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aws_research_wizard.host import database, prove
from aws_research_wizard.host.database import DatabaseUnknown, Schemas
from aws_research_wizard.host.machine import Machine

OLD, NEW = Schemas("aaa", frozenset({"aaa"})), Schemas("bbb", frozenset({"aaa", "bbb"}))


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as opened, opened:
        for statement in statements:
            opened.execute(statement)


def users(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as opened:
        return [row[0] for row in opened.execute("SELECT name FROM users ORDER BY name")]


@pytest.fixture
def hub(machine: Machine) -> Path:
    """A database of the old schema with one person in it."""
    path = database.path(machine)
    path.parent.mkdir(parents=True)
    machine.hub_env.mkdir(parents=True)
    run(path, "CREATE TABLE alembic_version (version_num)", "INSERT INTO alembic_version VALUES ('aaa')")
    run(path, "CREATE TABLE users (name)", "INSERT INTO users VALUES ('ada')")
    return path


def bring_up(path: Path) -> None:
    run(path, "UPDATE alembic_version SET version_num = 'bbb'", "INSERT INTO users VALUES ('made by the new schema')")


def test_a_hub_that_has_none_yet_needs_nothing(machine: Machine) -> None:
    assert database.make_ready(machine, lambda: NEW) == ""


def test_the_same_schema_is_left_alone_and_not_asked_about_again(machine: Machine, hub: Path) -> None:
    assert database.make_ready(machine, lambda: OLD) == ""
    assert database.make_ready(machine, lambda: (_ for _ in ()).throw(AssertionError)) == ""
    assert users(hub) == ["ada"]


def test_an_older_schema_is_kept_and_brought_up(machine: Machine, hub: Path) -> None:
    assert database.make_ready(machine, lambda: NEW, bring_up) == "brought up from aaa to bbb"
    assert database.revision(hub) == "bbb"
    assert users(database.kept(machine, "aaa")) == ["ada"]
    assert database.kept(machine, "aaa").stat().st_mode & 0o777 == 0o600


def test_going_back_finds_the_copy_and_keeps_what_it_replaces(machine: Machine, hub: Path) -> None:
    database.make_ready(machine, lambda: NEW, bring_up)
    assert database.make_ready(machine, lambda: OLD) == "put back from bbb to aaa"
    assert (database.revision(hub), users(hub)) == ("aaa", ["ada"])
    assert "made by the new schema" in users(database.kept(machine, "bbb"))


def test_a_schema_nobody_knows_is_said(machine: Machine, hub: Path) -> None:
    bring_up(hub)
    with pytest.raises(DatabaseUnknown, match="of schema bbb"):
        database.make_ready(machine, lambda: OLD)


def test_a_copy_is_whole_while_somebody_writes(machine: Machine, hub: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(hub)) as writing:
        writing.execute("INSERT INTO users VALUES ('half')")
        database.copy(hub, tmp_path / "copy.sqlite")
    assert users(tmp_path / "copy.sqlite") == ["ada"]


def test_the_private_copy_knows_no_servers(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite"
    run(path, "CREATE TABLE servers (id)", "INSERT INTO servers VALUES (1), (2)")
    run(path, "CREATE TABLE spawners (server_id, state)", "INSERT INTO spawners VALUES (1, 'pid'), (NULL, NULL)")
    prove._without_servers(path)
    with closing(sqlite3.connect(path)) as opened:
        assert opened.execute("SELECT id FROM servers").fetchall() == [(2,)]
        assert opened.execute("SELECT count(*) FROM spawners WHERE state IS NOT NULL OR server_id IS NOT NULL").fetchone() == (0,)
