"""`bill` as a person meets it: what is sent, what is shown, and what is said when something is in the way."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from aws_research_wizard.cli.session import session
from tests.unit.cli.conftest import Arw

MONTH = {
    "month": "2026-10",
    "source": "uploads",
    "as_of": "2026-11-23T09:00:00Z",
    "published_at": "2026-11-23T09:00:00Z",
    "totals": [{"currency": "USD", "amount": "13.33"}, {"currency": "EUR", "amount": "2.00"}],
    "files": 2,
    "lines": 20,
    "malformed": 1,
}
NOTE = {"message": "no line of this bill bears the tag", "hint": "aws ce update-cost-allocation-tags-status"}


def group(lab: str | None, product: str, charge: str, amount: str, currency: str = "USD") -> dict[str, Any]:
    sums = {"unblended": amount, "amortized": "1.0000000000", "lines": 3}
    return {"lab": lab, "product": product, "charge": charge, "currency": currency, **sums}


BILL = {
    "month": MONTH,
    "groups": [group("genomics-aaaa", "AmazonEC2", "usage", "10.0000000001"), group(None, "AmazonEC2", "tax", "3.3300000000")],
    "faults": [{"file": "s3://b/uploads/x/hurt.csv.gz", "line": 7, "place": "", "reason": "billedcost is no amount"}],
    "notes": [NOTE],
    "not_counted": [],
    "tag": "aws-research-wizard:lab",
}
PARTS = {"users": "8.80", "idle": "1.10", "overhead": "0.10", "unattributed": "3.33"}
ROW = {"lab": "genomics-aaaa", "day": None, "estimate": "9.00", "bill": "10.00", "drift": "1.00", "percent": "11.1"}
RECONCILED = {
    "month": MONTH,
    "cost": "unblended",
    "currencies": [
        {
            "currency": "USD",
            "rows": [{**ROW, **PARTS, "unattributed": "0.00"}],
            "estimate": "9.00",
            "bill": "13.33",
            "missing": ["climate-bbbb 2026-10-02"],
            **PARTS,
        }
    ],
    "notes": [],
}


class Plane:
    """A control plane and its bucket, as far as bills are concerned."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.put: dict[str, bytes] = {}
        self.asked: list[dict[str, Any]] = []
        self.refusals = 0
        self.looks = 0
        self.failed = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "bucket.test":
            assert "Authorization" not in request.headers, "the address alone is the right"
            if self.refusals:
                self.refusals -= 1
                return httpx.Response(503)
            self.put[request.url.path] = request.read()
            return httpx.Response(200)
        path, body = request.url.path.removeprefix("/api"), json.loads(request.read() or b"{}")
        if path == "/bills/uploads":
            return httpx.Response(200, json={"items": [self.offer(one) for one in body["files"]]})
        if request.method == "POST":
            self.asked.append(body)
        if path.startswith("/bills/imports"):
            self.looks += 1
            return httpx.Response(202, json=self.import_())
        if path.endswith("/reconciliation"):
            return httpx.Response(200, json={**RECONCILED, "cost": request.url.params["cost"]})
        return httpx.Response(
            200, json=BILL if path.startswith("/bills/") else {"items": [MONTH], "troubles": ["s3://x: closed"]}
        )

    def offer(self, wish: dict[str, Any]) -> dict[str, Any]:
        url = None if wish["sha256"] in self.there else f"https://bucket.test/{wish['name']}"
        return {"name": wish["name"], "url": url, "headers": {"x-amz-checksum-sha256": "c"}}

    def import_(self) -> dict[str, Any]:
        state = "RUNNING" if self.looks < 2 else "FAILED" if self.failed else "FINISHED"
        counts = {"files_read": 1, "files_unchanged": 1, "lines": 20, "malformed": 1}
        told = {"id": "i-1", "state": state, "cause": self.failed, "hint": "do this", "months": ["2026-10"]}
        return {**told, **counts, "at": "2026-11-23T09:00:00Z", "by": "ada@uni.edu"}


@pytest.fixture
def plane(arw: Arw, monkeypatch: pytest.MonkeyPatch) -> Plane:
    made = Plane()
    monkeypatch.setattr(session, "transport", httpx.MockTransport(made))
    return made


def test_a_folder_is_imported_and_what_is_there_is_not_sent_again(arw: Arw, plane: Plane, tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(b"one")
    (tmp_path / "b.snappy.parquet").write_bytes(b"two")
    (tmp_path / "x-Manifest.json").write_text("{}")
    plane.there.add(hashlib.sha256(b"one").hexdigest())
    plane.refusals = 1
    done = arw(f"bill import {tmp_path}")
    assert done.code == 0, done.err
    assert plane.put == {"/b.snappy.parquet": b"two"}
    assert [one["name"] for one in plane.asked[0]["files"]] == ["a.csv.gz", "b.snappy.parquet"]
    assert "2026-10: 1 files read, 1 known before, 20 lines" in done.out
    assert "1 lines are malformed" in done.out
    assert "a.csv.gz was there already" in done.err


def test_an_address_in_s3_is_named_not_sent(arw: Arw, plane: Plane) -> None:
    assert arw("bill import s3://university/exports --format focus").code == 0
    assert plane.asked == [{"uri": "s3://university/exports", "format": "focus"}]


def test_an_import_that_fails_says_why_and_what_to_do(arw: Arw, plane: Plane) -> None:
    plane.failed = "s3://university/exports may not be read by this stage"
    done = arw("bill import s3://university/exports")
    assert (done.code, plane.failed in done.err, "do this" in done.err) == (1, True, True)


@pytest.mark.parametrize(("name", "said"), [("nothing.csv", "there is no"), ("bill.xlsx", "there is no export in")])
def test_what_is_no_export_is_not_sent(arw: Arw, plane: Plane, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "bill.xlsx").write_bytes(b"x")
    done = arw(f"bill import {tmp_path / name}")
    assert (done.code, said in done.err, plane.asked) == (1, True, [])


def test_a_bucket_that_refuses_is_asked_three_times(arw: Arw, plane: Plane, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"one")
    plane.refusals = 3
    done = arw(f"bill import {tmp_path / 'a.csv'}")
    assert (done.code, "could not be uploaded" in done.err, plane.asked) == (1, True, [])


def test_a_month_is_shown_by_lab_and_product_with_its_notes(arw: Arw, plane: Plane) -> None:
    out = arw("bill show --month 2026-10").out
    assert "genomics-aaaa" in out
    assert "$10.00" in out
    assert "Bill of 2026-10: $13.33 + 2.00 EUR" in out
    assert NOTE["message"] in out
    assert NOTE["hint"] in out
    assert "hurt.csv.gz" in arw("bill show --month 2026-10 --malformed").out
    every = arw("bill show --all").out
    assert "2026-10" in every
    assert "s3://x: closed" in every


def test_estimate_and_bill_stand_side_by_side(arw: Arw, plane: Plane) -> None:
    out = arw("bill reconcile --month 2026-10 --cost amortized").out
    assert "genomics-aaaa" in out
    assert "11.1" in out
    assert "4.33" in out, "the whole drift"
    assert "climate-bbbb 2026-10-02" in out
    assert "2026-10, amortized" in out


def test_a_month_that_is_none_is_misuse(arw: Arw, plane: Plane) -> None:
    assert arw("bill reconcile --month october").code == 2
