"""Is the hub's database of the schema that this release's JupyterHub speaks? Brought up, or back to the copy kept for it.

Keeps true: before a schema changes, the database as it was is kept under its schema's name; a release that is returned to finds
the copy it left. A schema that did not change is never copied back, so nothing that people did meanwhile is lost.
"""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aws_research_wizard.host.machine import Machine


class DatabaseUnknown(Exception):  # noqa: N818
    """The database is of a schema that this release neither knows nor has a copy for."""


@dataclass(frozen=True)
class Schemas:
    """The newest schema of a JupyterHub, and all that it can come from."""

    head: str
    known: frozenset[str]


def make_ready(
    machine: Machine, schemas: "Callable[[], Schemas] | None" = None, bring_up: Callable[[Path], None] | None = None
) -> str:
    """Make sure that the hub can open its database; return what was done: nothing (blank), brought up, put back."""
    database, mark = path(machine), machine.hub_env / ".hub-schema"
    has = revision(database)
    if not has or (mark.exists() and mark.read_text() == has):
        return ""
    found = (schemas or of_this_release)()
    if has == found.head:
        mark.write_text(has)
        return ""
    if has in found.known:
        copy(database, kept(machine, has))
        (bring_up or _upgrade)(database)
        return f"brought up from {has} to {found.head}"
    if not kept(machine, found.head).exists():
        raise DatabaseUnknown(f"the hub's database is of schema {has}, which this release does not know")
    copy(database, kept(machine, has))
    copy(kept(machine, found.head), database)
    return f"put back from {has} to {found.head}"


def path(machine: Machine) -> Path:
    """Where the hub's database is."""
    return machine.state / "hub/jupyterhub.sqlite"


def kept(machine: Machine, schema: str) -> Path:
    """Where the copy of the database as it last was in `schema` is."""
    return path(machine).with_name(f"jupyterhub.{schema}.sqlite")


def revision(database: Path) -> str:
    """Return the schema of a database; blank where there is none yet."""
    if not database.exists():
        return ""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        try:
            row = opened.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return ""
    return str(row[0]) if row else ""


def copy(source: Path, target: Path) -> None:
    """Replace `target` by a consistent copy of `source`, which may be in use."""
    beside = target.with_name(f".{target.name}.coming")
    beside.unlink(missing_ok=True)
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as here, closing(sqlite3.connect(beside)) as there:
        here.backup(there)
    beside.chmod(0o600)
    for rest in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + rest).unlink(missing_ok=True)
    beside.replace(target)


def of_this_release() -> Schemas:
    """Ask the JupyterHub of this environment."""
    import jupyterhub
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(jupyterhub.__file__).parent / "alembic"))
    script = ScriptDirectory.from_config(config)
    return Schemas(str(script.get_current_head()), frozenset(one.revision for one in script.walk_revisions()))


def _upgrade(database: Path) -> None:
    from jupyterhub import dbutil

    dbutil.upgrade(f"sqlite:///{database}")


def say(words: str) -> None:
    """Put a line into the hub's log."""
    print(f"[hub] database {words}", file=sys.stderr, flush=True)
