"""How are an export's sums taken on AWS? By Athena, where the files are: nothing is copied, and a query is paid by what it reads.

A table is laid over the folder that the files are in (one for each folder and shape; it holds nothing), and `"$path"` names the
files that are to be read: docs.aws.amazon.com/athena/latest/ug/select.html. Parquet is read by column name; CSV by
position, as text, by OpenCSVSerDe: docs.aws.amazon.com/athena/latest/ug/csv-serde.html.

Keeps true: the files that were read are those that were listed (their ETags are compared afterwards), or it is Republished.
"""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.bills import finding, s3, sql
from chalicelib.bills.lines import csv_faults, file_sum, text_of, with_faults
from chalicelib.bills.rules import Container, DataFile, Fault, FileSum
from chalicelib.bills.sql import Shape
from chalicelib.runtime import aws, settings
from chalicelib.runtime.errors import Retryable

LISTED = 200
PAUSE = 1.0
LONGEST = 600.0
WORKGROUP = "primary"
TYPES = {  # of CUR 2.0's and FOCUS's columns in parquet, by what their names end with
    "date": "timestamp",
    "periodstart": "timestamp",
    "tags": "map<string,string>",
    "cost": "double",
    "commitment_to_date": "double",
    "used_commitment": "double",
    "recurring_fee": "double",
    "fee_for_billing_period": "double",
}


class Engine:
    """One query for many files at once."""

    at_once = 200

    def sums(self, shape: Shape, files: Sequence[DataFile]) -> dict[DataFile, FileSum]:
        found: dict[DataFile, FileSum] = {}
        for columns, same in _by_header(shape, files).items():
            table = Table(shape, columns, same)
            table.lay()
            found |= table.sums()
        for file in files:
            if s3.etag(file.bucket, file.key) != file.etag:
                raise s3.Republished(f"{file.uri} was written anew while it was read")
        return found


def _by_header(shape: Shape, files: Sequence[DataFile]) -> dict[tuple[str, ...], list[DataFile]]:
    """CSV files with the same columns go together; parquet files always do."""
    found: dict[tuple[str, ...], list[DataFile]] = defaultdict(list)
    for file in files:
        names: tuple[str, ...] = ()
        if shape.container is Container.CSV:
            names = tuple(finding.header(s3.peek(file)[0], file.name))
            sql.check(shape.format, names, file.name)
        found[names].append(file)
    return found


class Table:
    """A table over the files' folder, and what is asked of it."""

    def __init__(self, shape: Shape, names: Sequence[str], files: Sequence[DataFile]) -> None:
        self.shape, self.names, self.files = shape, tuple(name.lower() for name in names), files
        folders = [file.key.rpartition("/")[0] for file in files]
        self.location = f"s3://{files[0].bucket}/{_common(folders)}"
        mark = hashlib.sha256("\0".join((*shape, self.location, *self.names)).encode()).hexdigest()[:16]
        self.database = settings.current().prefix.replace("-", "_") + "_bills"
        self.name = f"bill_{mark}"

    def lay(self) -> None:
        run(f"CREATE DATABASE IF NOT EXISTS {self.database}")
        run(self.definition())

    def definition(self) -> str:
        """DDL, which is Hive's."""
        begin = f"CREATE EXTERNAL TABLE IF NOT EXISTS {self.database}.{self.name} "
        if self.shape.container is Container.CSV:
            columns = ", ".join(f"`{name}` string" for name in (*self.names, sql.BEYOND))
            serde = "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' WITH SERDEPROPERTIES ('escapeChar' = '\\\\')"
            return f"{begin}({columns}) {serde} LOCATION '{self.location}' TBLPROPERTIES ('skip.header.line.count' = '1')"
        columns = ", ".join(f"`{name}` {_type(name)}" for name in sql.columns(self.shape.format).all)
        return f"{begin}({columns}) STORED AS PARQUET LOCATION '{self.location}'"

    def lines(self) -> str:
        """`bill_lines`, laid over the table; what stands in the way of a query's own text is put before it."""
        parquet = self.shape.container is Container.PARQUET
        there = set(sql.columns(self.shape.format).all if parquet else self.names)
        chosen = [one if one in there else f"CAST(NULL AS VARCHAR) AS {one}" for one in sql.columns(self.shape.format).all]
        chosen += ["CAST(NULL AS VARCHAR) AS beyond" if parquet else f"NULLIF({sql.BEYOND}, '') AS {sql.BEYOND}"]
        paths = ", ".join("'" + file.uri.replace("'", "''") + "'" for file in self.files)
        source = f'FROM "{self.database}"."{self.name}" WHERE "$path" IN ({paths})'
        return f'WITH {sql.TABLE} AS (SELECT {", ".join(chosen)}, "$path" AS path, CAST(NULL AS BIGINT) AS line {source})'

    def sums(self) -> dict[DataFile, FileSum]:
        rows: dict[str, list[Sequence[Any]]] = defaultdict(list)
        for row in run(f"{self.lines()}\n{sql.sums(self.shape)}"):
            rows[row[0]].append(row)
        found = {file: file_sum(rows[file.uri]) for file in self.files}
        return {file: self._listed(file, summed) if summed.malformed else summed for file, summed in found.items()}

    def _listed(self, file: DataFile, summed: FileSum) -> FileSum:
        if self.shape.container is Container.CSV:
            with text_of(s3.body(file), file.name) as lines:
                return with_faults(summed, file.uri, csv_faults(self.shape.format, lines))
        rows = run(f"{self.lines()}\n{sql.faults(self.shape, LISTED)}")
        return summed._replace(faults=tuple(Fault(file.uri, 0, row[2], row[3]) for row in rows if row[0] == file.uri))


def _common(folders: Sequence[str]) -> str:
    """The innermost folder that all of them are in."""
    parts = [folder.split("/") for folder in folders]
    same = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        same.append(level[0])
    return "".join(f"{one}/" for one in same if one)


def _type(name: str) -> str:
    return next((kind for ending, kind in TYPES.items() if name.endswith(ending)), "string")


# ---- queries -------------------------------------------------------------------------------------------------------------


def run(query: str) -> list[list[str]]:
    """A query's rows, as text; Retryable when Athena cannot now."""
    output = {"OutputLocation": f"s3://{s3.bucket()}/athena/"}
    asked = aws.client("athena").start_query_execution(QueryString=query, WorkGroup=WORKGROUP, ResultConfiguration=output)
    done = _awaited(str(asked["QueryExecutionId"]))
    if not query.startswith("WITH"):
        return []
    place, key = finding.place_of(done["ResultConfiguration"]["OutputLocation"])
    return list(_rows(s3.text(place, key)[0]))


def _awaited(query: str) -> dict[str, Any]:
    """Until the query is over: minutes at the most, in which this function has nothing else to do and no one to call it back."""
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        found = aws.client("athena").get_query_execution(QueryExecutionId=query)["QueryExecution"]
        match found["Status"]["State"]:
            case "SUCCEEDED":
                return dict(found)
            case "FAILED" | "CANCELLED":
                raise Retryable(f"Athena: {found['Status'].get('StateChangeReason', 'the query ended')}")
        time.sleep(PAUSE)
    aws.client("athena").stop_query_execution(QueryExecutionId=query)
    raise Retryable(f"Athena did not answer within {LONGEST:.0f} s")


def _rows(content: bytes) -> Iterator[list[str]]:
    rows = csv.reader(io.StringIO(content.decode()))
    next(rows, None)
    yield from rows
