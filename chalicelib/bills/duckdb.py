# ruff: noqa: S608 - as in sql.py; names of files and columns are quoted
"""How are an export's sums taken on this machine? By DuckDB, from files that were fetched; it is no part of a Lambda package.

Speaks Trino where the two differ: two macros give `ELEMENT_AT` and `JSON_PARSE` the meaning they have there.
Keeps true: what cannot even be split into columns is listed with its line, like any other malformed line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from chalicelib.bills import s3, sql
from chalicelib.bills.lines import LISTED, csv_faults, file_sum, header, is_closed, opened, with_faults
from chalicelib.bills.rules import Container, DataFile, Fault, FileSum
from chalicelib.bills.sql import Shape

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_MB = 384
WORKERS = 2  # files that are read at once
T = TypeVar("T")
V = TypeVar("V")
MACROS = (
    "CREATE TEMP MACRO element_at(dictionary, word) AS dictionary[word]",
    "CREATE TEMP MACRO json_parse(text) AS CAST(text AS JSON)",
)
#: Every field is text; a short line is filled up with NULL (and so found out), a long one is rejected with its number.
CSV = "header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', auto_detect = false"
CSV += ", null_padding = true, ignore_errors = true, store_rejects = true, parallel = false, max_line_size = 10000000"


def session(folder: str = "", share: int = 1) -> DuckDBPyConnection:
    """A session that speaks our dialect, in its share of the memory and on one core of as many; it may spill into `folder`."""
    import duckdb

    made = duckdb.connect()
    made.execute(f"SET memory_limit = '{MEMORY_MB // share}MB'")
    made.execute(f"SET threads = {1 if share > 1 else WORKERS}")
    made.execute("SET enable_progress_bar = false")
    made.execute("SET TimeZone = 'UTC'")
    made.execute("SET preserve_insertion_order = false")
    if folder:
        made.execute(f"SET temp_directory = {_quoted(folder)}")
    for macro in MACROS:
        made.execute(macro)
    return made


def sums_of(shape: Shape, files: Mapping[str, Path]) -> dict[str, FileSum]:
    """What each file (by the name it goes by) sums up to."""
    return each(files, lambda using, name: _summed(using, shape, name, files[name]))


def each(items: Iterable[T], work: Callable[[DuckDBPyConnection, T], V], folder: str = "") -> dict[T, V]:
    """The work on every item, some at once, each in a session of its own: one reads while another's sums become Python's."""
    wanted = list(items)
    share = min(WORKERS, len(wanted))
    free: SimpleQueue[DuckDBPyConnection] = SimpleQueue()
    sessions = [session(folder, share) for _ in range(share)]
    for one in sessions:
        free.put(one)

    def done(item: T) -> V:
        using = free.get()
        try:
            return work(using, item)
        finally:
            free.put(using)

    try:
        with ThreadPoolExecutor(max(1, share)) as pool:
            return dict(zip(wanted, pool.map(done, wanted), strict=True))
    finally:
        for one in sessions:
            one.close()


def _summed(using: DuckDBPyConnection, shape: Shape, name: str, file: Path) -> FileSum:
    _lay(using, shape, file)
    summed = file_sum(using.execute(sql.sums(shape)).fetchall())
    if shape.container is Container.PARQUET:
        return summed._replace(faults=_in_parquet(using, shape, name)) if summed.malformed else summed
    rejected = _rejected(using)
    if not rejected and not summed.malformed and is_closed(file):
        return summed
    with opened(file) as lines:
        return with_faults(summed, name, csv_faults(shape.format, lines), rejected)


def _lay(using: DuckDBPyConnection, shape: Shape, file: Path) -> None:
    """`bill_lines` over one file: the columns that the text names; one that is not in the file is NULL."""
    csv = shape.container is Container.CSV
    names = header(file) if csv else [row[0] for row in using.execute(f"DESCRIBE FROM {_parquet(file)}").fetchall()]
    sql.check(shape.format, names, file.name)
    present = {name.lower(): name for name in names}
    said = sql.columns(shape.format)
    chosen = [f"{_named(present[one])} AS {one}" for one in said.all if one in present]
    chosen += [f"{_nothing(one, said.tags, csv)} AS {one}" for one in said.all if one not in present]
    chosen += ["CAST(NULL AS BIGINT) AS line", sql.BEYOND] if csv else ["file_row_number + 1 AS line", f"NULL AS {sql.BEYOND}"]
    source = _csv(file, names) if csv else _parquet(file)
    using.execute(f"CREATE OR REPLACE TEMP VIEW {sql.TABLE} AS SELECT {', '.join(chosen)}, '' AS path FROM {source}")


def _nothing(name: str, tags: str, csv: bool) -> str:
    return "CAST(NULL AS MAP(VARCHAR, VARCHAR))" if name == tags and not csv else "CAST(NULL AS VARCHAR)"


def _parquet(file: Path) -> str:
    return f"read_parquet({_quoted(str(file))}, file_row_number = true)"


def _csv(file: Path, names: Sequence[str]) -> str:
    columns = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in (*names, sql.BEYOND))
    return f"read_csv({_quoted(str(file))}, columns = {{{columns}}}, {CSV})"


def _rejected(using: DuckDBPyConnection) -> int:
    """How many lines could not be split into columns by the scan just made."""
    known = using.execute("SELECT COUNT(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchone()
    if not known or not known[0]:
        return 0
    count = using.execute("SELECT COUNT(DISTINCT line) FROM reject_errors").fetchone()
    using.execute("DROP TABLE reject_errors")
    using.execute("DROP TABLE reject_scans")
    return int(count[0]) if count else 0


def _in_parquet(using: DuckDBPyConnection, shape: Shape, name: str) -> tuple[Fault, ...]:
    found = using.execute(sql.faults(shape, LISTED)).fetchall()
    return tuple(Fault(name, int(line or 0), str(place), str(reason)) for _, line, place, reason in found)


def _named(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class Engine:
    """Each file is fetched, read, and removed; some at once."""

    at_once = 8

    def sums(self, shape: Shape, files: Sequence[DataFile]) -> dict[DataFile, FileSum]:
        with TemporaryDirectory(prefix="bill-") as folder:

            def summed(using: DuckDBPyConnection, file: DataFile) -> FileSum:
                own = Path(folder, hashlib.sha256(file.uri.encode()).hexdigest()[:16])
                own.mkdir()
                there, digest = s3.fetch(file, own)
                s3.same(file, digest)
                found = _summed(using, shape, file.uri, there)
                there.unlink()
                return found

            return each(files, summed, folder)
