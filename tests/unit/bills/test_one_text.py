"""One SQL text for Athena and DuckDB: it parses in both dialects, and means the same in both."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from chalicelib.bills import athena, duckdb, finding, s3, service, sql
from chalicelib.bills.rules import Container, Format
from chalicelib.bills.sql import Shape
from chalicelib.runtime import aws, settings
from tests.unit.bills.conftest import BILLS, LABS, Books
from tools import exports

SHAPES = [Shape(format_, container) for format_ in Format for container in Container]
TEXTS = [pytest.param(text, id=f"{name} {shape.format} {shape.container}") for shape in SHAPES for name, text in (
    ("sums", sql.sums(shape)), ("faults", sql.faults(shape, 200)))]  # fmt: skip
OCTOBER = exports.month(1, 2026, 10, LABS, days=4)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("dialect", ["athena", "trino", "duckdb"])
def test_it_parses_in_every_dialect_and_names_only_what_both_know(text: str, dialect: str) -> None:
    [parsed] = sqlglot.parse(text, read=dialect)
    assert isinstance(parsed, exp.Select)
    ours = {"ELEMENT_AT", "JSON_PARSE"} if dialect == "duckdb" else set()  # macros there
    assert {one.name.upper() for one in parsed.find_all(exp.Command, exp.Anonymous)} <= ours


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_one_text_with_one_table_and_no_words_of_a_dialect(text: str) -> None:
    [parsed] = sqlglot.parse(text, read="trino")
    assert {table.name for table in parsed.find_all(exp.Table)} == {sql.TABLE}
    assert not re.search(r"::|\bQUALIFY\b|\bEXCLUDE\b|GROUP BY ALL|`|\bSTRFTIME\b|\bDATE_FORMAT\b", text)


class Athena:
    """Athena, played by DuckDB: what it is asked is read as Trino's SQL, and only its tables are ours."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.tables: dict[str, tuple[str, bool]] = {}
        self.answers: dict[str, str] = {}

    def start_query_execution(self, QueryString: str, WorkGroup: str, ResultConfiguration: dict[str, str]) -> dict[str, str]:  # noqa: N803
        assert WorkGroup == "primary"
        self.asked.append(QueryString)
        number = str(len(self.asked))
        place, key = finding.place_of(ResultConfiguration["OutputLocation"])
        self.answers[number] = f"s3://{place}/{key}/{number}.csv"
        if QueryString.startswith("WITH"):
            aws.client("s3").put_object(Bucket=place, Key=f"{key}/{number}.csv", Body=self.answer(QueryString).encode())
        elif "TABLE" in QueryString:
            self.create(QueryString)
        return {"QueryExecutionId": number}

    def get_query_execution(self, QueryExecutionId: str) -> dict[str, Any]:  # noqa: N803
        place = {"OutputLocation": self.answers[QueryExecutionId]}
        return {"QueryExecution": {"Status": {"State": "SUCCEEDED"}, "ResultConfiguration": place}}

    def create(self, definition: str) -> None:
        [parsed] = sqlglot.parse(definition, read="hive" if "SERDE" not in definition else "athena")
        assert isinstance(parsed, exp.Create)
        name = re.search(r"EXISTS (\S+)", definition)
        place = re.search(r"LOCATION '([^']+)'", definition)
        assert name
        assert place
        self.tables[name[1]] = (place[1], "PARQUET" in definition)

    def answer(self, query: str) -> str:
        """The rows as Athena writes them: a CSV with its header, NULL as nothing."""
        found = re.search(r'FROM "([^"]+)"\."([^"]+)" WHERE "\$path" IN \(([^)]*)\)', query)
        assert found
        location, parquet = self.tables[f"{found[1]}.{found[2]}"]
        paths = re.findall(r"'([^']+)'", found[3])
        assert all(path.startswith(location) for path in paths)
        translated = sqlglot.transpile(query, read="trino", write="duckdb")[0]
        with duckdb.session() as using:
            source = " UNION ALL BY NAME ".join(self.file(path, parquet) for path in paths)
            using.execute(f"CREATE SCHEMA {found[1]}")
            using.execute(f"CREATE VIEW {found[1]}.{found[2]} AS {source}")
            done = using.execute(translated)
            names = [one[0] for one in done.description or ()]
            out = io.StringIO()
            csv.writer(out).writerows([names, *done.fetchall()])
        return out.getvalue()

    def file(self, uri: str, parquet: bool) -> str:
        place, key = finding.place_of(uri)
        local = f"{self.folder}/{key.rpartition('/')[2]}"
        aws.client("s3").download_file(place, key, local) if hasattr(aws.client("s3"), "download_file") else self.save(
            place, key, local
        )
        if parquet:
            return f"SELECT *, '{uri}' AS \"$path\" FROM read_parquet('{local}')"
        names = finding.header(s3.text(place, key)[0], key)
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in (*names, sql.BEYOND))
        return f"SELECT *, '{uri}' AS \"$path\" FROM read_csv('{local}', columns = {{{columns}}}, {duckdb.CSV})"

    def save(self, place: str, key: str, local: str) -> None:
        from pathlib import Path

        Path(local).write_bytes(s3.text(place, key)[0])

    folder = ""


@pytest.fixture
def played(books: Books, monkeypatch: pytest.MonkeyPatch) -> Athena:
    made, real = Athena(), aws.client
    made.folder = str(books.folder)
    monkeypatch.setattr(aws, "client", lambda name, region="": made if name == "athena" else real(name, region))
    monkeypatch.setattr(athena, "PAUSE", 0.0)
    return made


@pytest.mark.parametrize("format_", ["cur2", "focus"])
@pytest.mark.parametrize("container", ["csv", "parquet"])
def test_athena_and_duckdb_say_the_same(
    books: Books, played: Athena, monkeypatch: pytest.MonkeyPatch, format_: str, container: str
) -> None:
    from chalicelib.bills import ingesting

    books.publish(OCTOBER, format_, container)
    books.connect()
    books.night()
    by_duckdb = service.seen("2026-10", books.now).bill
    for found in [*s3.listing(BILLS, "files/"), *s3.listing(BILLS, "months/")]:
        aws.client("s3").delete_object(Bucket=BILLS, Key=found.key)
    monkeypatch.setattr(ingesting, "engine", athena.Engine)
    books.publish(OCTOBER, format_, container)
    assert books.night()["troubles"] == []
    by_athena = service.seen("2026-10", books.now).bill
    assert dict(by_athena.groups) == dict(by_duckdb.groups)
    assert sum(query.startswith("WITH") for query in played.asked) == 1, "one query for all files"


def test_athena_lists_malformed_lines_too(books: Books, played: Athena, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.bills import ingesting

    monkeypatch.setattr(ingesting, "engine", athena.Engine)
    file = books.folder / "spoilt.csv.gz"
    file.write_bytes(exports.as_csv(exports.rows(OCTOBER, "cur2"), ["x,y", ",".join(["1"] * 23)]))
    done = books.upload(file)
    assert (done.state, done.malformed, done.lines) == ("FINISHED", 2, len(OCTOBER) + 2)
    faults = service.seen("2026-10", books.now).bill.faults
    assert [one.line for one in faults] == [len(OCTOBER) + 2, len(OCTOBER) + 3]


def test_the_engine_is_what_the_stage_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.bills import ingesting

    for name, kind in (("athena", athena.Engine), ("duckdb", duckdb.Engine)):
        monkeypatch.setenv("BILL_ENGINE", name)
        settings.forget()
        assert isinstance(ingesting.engine(), kind)
    settings.forget()
