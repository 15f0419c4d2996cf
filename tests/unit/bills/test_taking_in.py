"""An export is taken in once, file by file; a month changes as a whole, or not at all."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chalicelib.bills import s3, service, store
from chalicelib.runtime import aws
from chalicelib.runtime.errors import NotFound
from tests.unit.bills.conftest import FOREIGN, LABS, URI, Books
from tools import exports

OCTOBER = exports.month(1, 2026, 10, LABS)
NOVEMBER = exports.month(2, 2026, 11, LABS, days=9)
WHOLE = sum((one.unblended for one in OCTOBER), Decimal(0))


def changed(lines: list[exports.Line], extra: str = "7.5") -> list[exports.Line]:
    """The same lines, but for one in the last part."""
    last = lines[-1]
    return [*lines[:-1], last._replace(unblended=last.unblended + Decimal(extra))]


@pytest.mark.parametrize("format_", ["cur2", "focus"])
@pytest.mark.parametrize("container", ["csv", "parquet"])
def test_every_format_and_container_says_the_same(books: Books, format_: str, container: str) -> None:
    books.publish(OCTOBER, format_, container)
    books.connect()
    assert books.night()["troubles"] == []
    assert books.total() == WHOLE
    bill = service.seen("2026-10", books.now).bill
    assert sum(one.amortized for one in bill.groups.values()) == sum(one.amortized for one in OCTOBER)
    assert sum(one.lines for one in bill.groups.values()) == len(OCTOBER)
    assert {one.lab for one in bill.groups.values()} == {*LABS, ""}


def test_what_is_unchanged_is_never_read_again(books: Books) -> None:
    books.publish(OCTOBER, parts=4)
    books.connect()
    assert books.night()["read"] == 4
    assert books.night()["read"] == 0
    books.publish(changed(OCTOBER), parts=4)
    said = books.night()
    assert (said["read"], said["unchanged"], len(books.reader.read)) == (1, 3, 1)
    assert books.total() == WHOLE + Decimal("7.5")


def test_a_month_that_changed_is_what_all_of_its_files_say(books: Books) -> None:
    """Taking a file out and putting another in is the same as reading everything anew."""
    books.publish(OCTOBER, parts=4)
    books.connect()
    books.night()
    books.publish(changed(OCTOBER[:-200]), parts=3)
    books.night()
    little = service.seen("2026-10", books.now).bill
    for found in s3.listing(s3.bucket(), "files/"):
        aws.client("s3").delete_object(Bucket=s3.bucket(), Key=found.key)
    books.publish(changed(OCTOBER[:-200], "7.25"), parts=3)
    books.night()
    books.publish(changed(OCTOBER[:-200]), parts=3)
    books.night()
    anew = service.seen("2026-10", books.now).bill
    assert dict(anew.groups) == dict(little.groups)
    assert anew.lines == len(OCTOBER) - 200


def test_a_new_month_leaves_the_old_one_alone(books: Books) -> None:
    books.publish(OCTOBER)
    books.connect()
    books.night()
    books.publish(NOVEMBER)
    books.night()
    assert [one.period for one in service.overview()] == ["2026-11", "2026-10"]
    assert books.total() == WHOLE


def test_an_export_that_is_being_published_is_not_seen(books: Books) -> None:
    books.publish(OCTOBER)
    books.connect()
    books.night()
    made = exports.export(changed(OCTOBER), books.folder / "exports", "cur2", "parquet")
    books.put(made.data(2, "parquet"))
    hours_later = s3_moment_later(str(made.data(2, "parquet").relative_to(books.folder)))
    said = books.night()
    assert hours_later
    assert "is being published" in said["troubles"][0]
    assert books.total() == WHOLE
    aws.client("s3").delete_object(Bucket=FOREIGN, Key=str(made.manifest.relative_to(books.folder)))
    books.put(made.manifest)
    later(str(made.manifest.relative_to(books.folder)), 2)
    assert books.night()["troubles"] == []
    assert books.total() == WHOLE + Decimal("7.5")


def s3_moment_later(key: str) -> bool:
    later(key, 1)
    return True


def later(key: str, hours: int) -> None:
    """As if the object had been put so many hours later."""
    from datetime import timedelta

    from moto.s3.models import s3_backends

    from tests.conftest import ACCOUNT

    found = s3_backends[ACCOUNT]["aws"].buckets[FOREIGN].keys[key]
    found.last_modified = found.last_modified + timedelta(hours=hours)


def test_a_file_that_is_not_there_yet_is_waited_for(books: Books) -> None:
    books.publish(OCTOBER)
    gone = next(one.key for one in s3.listing(FOREIGN, "exports/") if "/data/" in one.key)
    aws.client("s3").delete_object(Bucket=FOREIGN, Key=gone)
    books.connect()
    assert "is not there (yet)" in books.night()["troubles"][0]
    with pytest.raises(NotFound, match="no bill of 2026-10"):
        books.total()


def test_a_file_written_anew_while_it_is_read_changes_nothing(books: Books) -> None:
    books.publish(OCTOBER)
    books.connect()
    books.night()
    books.publish(changed(OCTOBER))

    def strike(file: object) -> None:
        aws.client("s3").put_object(Bucket=FOREIGN, Key=file.key, Body=b"anew")  # type: ignore[attr-defined]

    books.reader.before = strike
    assert "anew" in books.night()["troubles"][0]
    assert books.total() == WHOLE


def test_a_manifest_written_anew_while_its_files_are_read_changes_nothing(books: Books) -> None:
    books.publish(OCTOBER)
    books.connect()
    books.night()
    books.publish(changed(OCTOBER))
    manifest = next(one.key for one in s3.listing(FOREIGN, "exports/") if "metadata" in one.key)
    body = aws.client("s3").get_object(Bucket=FOREIGN, Key=manifest)["Body"].read()
    books.reader.before = lambda _file: aws.client("s3").put_object(Bucket=FOREIGN, Key=manifest, Body=body + b"\n")
    assert "published anew" in books.night()["troubles"][0]
    assert books.total() == WHOLE


def test_a_run_whose_time_is_over_goes_on_where_it_was(books: Books) -> None:
    books.publish(OCTOBER, parts=4)
    service.import_export(URI, "auto", "ada@university.edu", books.now)
    turns = iter([False, False, True])
    [asked] = books.asked
    service.ingest(books.now, lambda: next(turns), asked["import"])
    assert len(books.reader.read) == 2
    assert books.asked[-1] == asked
    assert service.import_of(asked["import"]).state == "RUNNING"
    service.ingest(books.now, lambda: False, asked["import"])
    assert len(books.reader.read) == 4
    assert service.import_of(asked["import"]).state == "FINISHED"
    assert books.total() == WHOLE


def test_a_source_that_cannot_be_read_keeps_no_other_waiting(books: Books) -> None:
    service.import_export("s3://nobodys-bucket/exports", "auto", "ada@university.edu", books.now)
    books.publish(OCTOBER)
    books.connect()
    assert any("nobodys-bucket" in one for one in books.night()["troubles"])
    assert books.total() == WHOLE


def test_two_runs_at_once_leave_one_whole_month(books: Books) -> None:
    books.publish(OCTOBER)
    books.connect()
    books.night()
    books.publish(changed(OCTOBER))
    once = []

    def meanwhile(_file: object) -> None:
        if not once:
            once.append(1)
            books.reader.before = lambda _file: None
            service.ingest(books.now, lambda: False)

    books.reader.before = meanwhile
    books.night()
    assert books.total() == WHOLE + Decimal("7.5")
    assert len(store.months("2026-10")) == 1


def test_files_that_are_imported_tell_the_whole_of_their_months(books: Books) -> None:
    first = books.write(OCTOBER[:400], "first.csv.gz")
    second = books.write(OCTOBER[400:], "second.parquet")
    done = books.upload(first, second)
    assert (done.state, done.read, done.months, done.lines) == ("FINISHED", 2, ("2026-10",), len(OCTOBER))
    assert books.total() == WHOLE
    books.write(changed(OCTOBER[400:]), "second.parquet")
    again = books.upload(first, second)
    assert (again.read, again.unchanged) == (1, 1)
    assert books.total() == WHOLE + Decimal("7.5")
    books.upload(books.write(NOVEMBER, "november.parquet"))
    assert books.total() == WHOLE + Decimal("7.5")


def test_a_month_is_told_by_its_youngest_publication_and_never_twice(books: Books) -> None:
    books.publish(OCTOBER)
    books.connect()
    books.night()
    books.now = max(one.published_at for one in store.months()) + (books.now - books.now.replace(day=1))
    books.upload(books.write(OCTOBER[:100], "part.csv.gz"))
    found = service.seen("2026-10", books.now)
    assert found.month.source == "uploads"
    assert len(found.others) == 1
    assert books.total() == sum(one.unblended for one in OCTOBER[:100])


def test_what_arrived_damaged_is_not_taken_in(books: Books) -> None:
    file = books.write(OCTOBER, "whole.csv.gz")
    real = s3.upload_key("0" * 64, "whole.csv.gz")
    aws.client("s3").put_object(Bucket=s3.bucket(), Key=real, Body=file.read_bytes())
    made = service.import_files([("whole.csv.gz", "0" * 64)], "auto", "ada@university.edu", books.now)
    service.ingest(books.now, lambda: False, made.id)
    done = service.import_of(made.id)
    assert (done.state, done.cause) == ("FAILED", "whole.csv.gz did not arrive whole")


def test_what_is_no_export_says_so(books: Books) -> None:
    (books.folder / "people.csv").write_text("name,age\nAda,36\n")
    done = books.upload(books.folder / "people.csv")
    assert done.cause == "people.csv is neither a CUR 2.0 nor a FOCUS export"
    done = books.upload(books.folder / "people.csv", format_="cur2")
    assert done.cause.startswith("people.csv is no CUR 2.0 export: it has no column")
