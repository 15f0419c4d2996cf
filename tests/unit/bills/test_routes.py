"""The bill over the API: for whoever looks after the account, and nobody else."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.bills import s3, service
from chalicelib.people import service as people
from chalicelib.people.rules import Role
from chalicelib.runtime import aws
from tests.conftest import NOW
from tests.fakes.gateway import Gateway
from tests.unit.bills.conftest import BILLS, LABS, URI, Books
from tools import exports

OCTOBER = exports.month(1, 2026, 10, LABS, days=5)
WHOLE = sum((one.unblended for one in OCTOBER), Decimal(0))


@pytest.fixture
def as_(books: Books) -> dict[str, Gateway]:
    import app
    from tests.unit.labs.conftest import mint

    people.forget()
    roles = (("root@uni.edu", Role.ADMIN), ("lead@uni.edu", Role.LEAD))
    return {
        who: Gateway(app.app, mint(people, people.put_person(who, role, ("default",), NOW, who, "setup"))) for who, role in roles
    }


def imported(books: Books, door: Gateway, lines: Any = OCTOBER) -> dict[str, Any]:
    """What the command line does, but for the upload itself, which is S3's."""
    file = books.write(lines, "october.csv.gz")
    wish = {"name": file.name, "size": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    [offer] = door.post("/bills/uploads", {"files": [wish]}).json["items"]
    if offer["url"]:
        assert BILLS in offer["url"]
        assert "x-amz-checksum-sha256" in offer["headers"]
        aws.client("s3").put_object(Bucket=BILLS, Key=s3.upload_key(wish["sha256"], file.name), Body=file.read_bytes())
    answer = door.post("/bills/imports", {"files": [{"name": wish["name"], "sha256": wish["sha256"]}]}, key=books.folder.name)
    assert answer.status == 202, answer.text
    service.ingest(books.now, lambda: False, answer.json["id"])
    return dict(door.get(answer.headers["Location"]).json)


def test_an_import_is_uploaded_taken_in_shown_and_reconciled(books: Books, as_: dict[str, Gateway]) -> None:
    books.estimated(OCTOBER, "0.9")
    done = imported(books, as_["root@uni.edu"])
    assert (done["state"], done["months"], done["malformed"]) == ("FINISHED", ["2026-10"], 0)
    [month] = as_["root@uni.edu"].get("/bills").json["items"]
    assert month["totals"] == [{"currency": "USD", "amount": str(round(WHOLE, 2))}]
    bill = as_["root@uni.edu"].get("/bills/2026-10").json
    assert sum(Decimal(one["unblended"]) for one in bill["groups"]) == WHOLE
    assert {one["charge"] for one in bill["groups"]} >= {"credit", "refund", "tax", "commitment", "usage"}
    for by in ("lab", "day", "lab-day"):
        found = as_["root@uni.edu"].get(f"/bills/2026-10/reconciliation?by={by}").json["currencies"][0]
        parts = [Decimal(found[name]) for name in ("users", "idle", "overhead", "unattributed")]
        assert sum(parts) == Decimal(found["bill"]) == round(WHOLE, 2)
        assert all(parts[:3])
    amortized = as_["root@uni.edu"].get("/bills/2026-10/reconciliation?cost=amortized").json
    assert amortized["cost"] == "amortized"
    assert Decimal(amortized["currencies"][0]["bill"]) == round(sum((one.amortized for one in OCTOBER), Decimal(0)), 2)


def test_what_was_uploaded_before_need_not_be_again_and_a_repeated_request_is_one_import(
    books: Books, as_: dict[str, Gateway]
) -> None:
    first = imported(books, as_["root@uni.edu"])
    assert imported(books, as_["root@uni.edu"])["id"] == first["id"]


def test_a_bill_is_for_admins(books: Books, as_: dict[str, Gateway]) -> None:
    for path in ("/bills", "/bills/2026-10", "/bills/2026-10/reconciliation", "/bills/imports/x"):
        assert as_["lead@uni.edu"].get(path).status == 403
    assert as_["lead@uni.edu"].post("/bills/imports", {"uri": URI}).status == 403
    assert as_["lead@uni.edu"].post("/bills/uploads", {"files": [{"name": "a.csv", "size": 1, "sha256": "0" * 64}]}).status == 403


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "name either files or a uri"),
        ({"uri": "https://example.org/bill"}, 400, "is no address in S3"),
        ({"uri": URI, "format": "excel"}, 422, "format"),
        ({"files": [{"name": "bill.xlsx", "sha256": "0" * 64}]}, 400, "is no file of an export"),
        ({"files": [{"name": "a.csv", "sha256": "0" * 64}]}, 409, "has not been uploaded"),
        ({"files": [{"name": "a.csv", "sha256": "00"}]}, 422, "sha256"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(books: Books, as_: dict[str, Gateway], body: Any, status: int, said: str) -> None:
    answer = as_["root@uni.edu"].post("/bills/imports", body)
    assert (answer.status, said in answer.json["message"]) == (status, True), answer.text
    assert answer.json["hint"]


def test_a_month_that_is_not_known_or_none_says_so(books: Books, as_: dict[str, Gateway]) -> None:
    unknown = as_["root@uni.edu"].get("/bills/2025-01")
    assert (unknown.status, "no bill of 2025-01" in unknown.json["message"]) == (404, True)
    assert as_["root@uni.edu"].get("/bills/october").status == 400


def test_an_export_in_s3_is_a_source_from_then_on(books: Books, as_: dict[str, Gateway]) -> None:
    books.publish(OCTOBER)
    asked = as_["root@uni.edu"].post("/bills/imports", {"uri": URI})
    assert asked.status == 202
    service.ingest(books.now, lambda: False, asked.json["id"])
    assert as_["root@uni.edu"].get(f"/bills/imports/{asked.json['id']}").json["state"] == "FINISHED"
    assert books.night()["troubles"] == []
    assert as_["root@uni.edu"].get("/bills").json["items"][0]["files"] == 2
