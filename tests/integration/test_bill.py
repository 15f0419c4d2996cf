"""The account's bill in the real control plane on this machine: imported from files, changed, and laid beside the estimate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.cli import main
from aws_research_wizard.local.deploy import Deployer, timer_event
from aws_research_wizard.local.home import ACCOUNT
from tests.conftest import STAGE_ENV
from tests.integration.local import Cloud
from tools import exports

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(300)]
PREFIX = "aws-research-wizard-local"
BUCKET = f"{PREFIX}-bills-{ACCOUNT}"
LAB, OTHER = "genomics-aaaa", "climate-bbbb"
OCTOBER = exports.month(5, 2026, 10, [LAB, OTHER])
WHOLE = sum((one.unblended for one in OCTOBER), Decimal(0))
Arw = Callable[..., Any]


@pytest.fixture(scope="module")
def stage(here: Cloud) -> Deployer:
    return Deployer(here.home.endpoints()["emulator"], here.home.endpoints()["infra"], lambda _: None)


@pytest.fixture
def arw(capsys: pytest.CaptureFixture[str]) -> Arw:
    def run(*words: str, fails: bool = False) -> Any:
        code = main.run([*words, "--output", "json"])
        said = capsys.readouterr()
        assert (code != 0) is fails, said.err
        return said.err if fails else json.loads(said.out)

    return run


def written(folder: Path, extra: str = "0") -> Path:
    """The month in two files, one of each kind; the second may have another amount in it."""
    exports.write(exports.rows(OCTOBER[:300], "focus"), folder / "bill-00001.csv.gz")
    last = OCTOBER[-1]._replace(unblended=OCTOBER[-1].unblended + Decimal(extra))
    exports.write(exports.rows([*OCTOBER[300:-1], last], "focus"), folder / "bill-00002.snappy.parquet")
    return folder


def test_two_files_are_imported_one_is_changed_and_the_month_is_reconciled(stage: Deployer, arw: Arw, tmp_path: Path) -> None:
    made = arw("bill", "import", str(written(tmp_path)))
    assert (made["state"], made["months"], made["files_read"], made["lines"]) == ("FINISHED", ["2026-10"], 2, len(OCTOBER))
    again = arw("bill", "import", str(written(tmp_path, "7.5")))
    assert (again["files_read"], again["files_unchanged"]) == (1, 1)
    bill = arw("bill", "show", "--month", "2026-10")
    assert bill["month"]["totals"] == [{"currency": "USD", "amount": str(round(WHOLE + Decimal("7.5"), 2))}]
    estimated(stage)
    [found] = arw("bill", "reconcile", "--month", "2026-10")["currencies"]
    parts = [Decimal(found[name]) for name in ("users", "idle", "overhead", "unattributed")]
    assert sum(parts) == Decimal(found["bill"]) == round(WHOLE + Decimal("7.5"), 2)
    row = next(one for one in found["rows"] if one["lab"] == LAB)
    assert Decimal(row["estimate"]) == Decimal("10.00")
    assert Decimal(row["drift"]) == Decimal(row["bill"]) - 10
    assert Decimal(row["users"]) > Decimal(row["idle"]) > 0


def test_an_export_in_a_bucket_is_looked_at_every_night(stage: Deployer, arw: Arw, tmp_path: Path) -> None:
    november = exports.month(6, 2026, 11, [LAB], days=3)
    made = exports.export(november, tmp_path / "exports", "cur2", "parquet")
    s3 = stage.client("s3")
    s3.create_bucket(Bucket="university-exports")
    for file in [*sorted(tmp_path.rglob("*.parquet")), made.manifest]:
        body = file.read_bytes().replace(b"s3://exports/", b"s3://university-exports/exports/")
        s3.put_object(Bucket="university-exports", Key=str(file.relative_to(tmp_path)), Body=body)
    done = arw("bill", "import", "s3://university-exports/exports")
    assert (done["state"], done["months"], done["files_read"]) == ("FINISHED", ["2026-11"], 2)
    said = stage.invoke(f"{PREFIX}-ingest_bill", timer_event())
    assert (said["read"], said["troubles"]) == (0, [])
    assert [one["month"] for one in arw("bill", "show", "--all")["items"]] == ["2026-11", "2026-10"]


def test_what_is_malformed_is_listed_and_what_is_no_export_is_refused(stage: Deployer, arw: Arw, tmp_path: Path) -> None:
    september = exports.month(7, 2026, 9, [LAB], days=2)
    (tmp_path / "hurt.csv.gz").write_bytes(exports.as_csv(exports.rows(september, "focus"), ["this is no line"]))
    assert arw("bill", "import", str(tmp_path / "hurt.csv.gz"))["malformed"] == 1
    [fault] = arw("bill", "show", "--month", "2026-09", "--malformed")
    assert (fault["line"], fault["reason"]) == (len(september) + 2, "billedcost is no amount")
    (tmp_path / "people.csv").write_text("name,age\nada,36\n")
    assert "neither a CUR 2.0 nor a FOCUS export" in arw("bill", "import", str(tmp_path / "people.csv"), fails=True)
    assert "there is no" in arw("bill", "import", str(tmp_path / "nothing.csv"), fails=True)


def estimated(stage: Deployer) -> None:
    """As if a lab had been metered on the second of October: eight dollars of Ada's, one idle, one of overhead."""
    from chalicelib.cost import store
    from chalicelib.cost.rules import IDLE, OVERHEAD, Cell, Part, State
    from chalicelib.runtime import aws, settings
    from chalicelib.runtime import store as runtime

    cells = {(Part.MACHINE, who): Cell(1, Decimal(amount)) for who, amount in (("ada@uni.edu", 8), (IDLE, 1), (OVERHEAD, 1))}
    now = datetime(2026, 10, 3, tzinfo=UTC)
    with pytest.MonkeyPatch.context() as patch:
        named = {"AWS_ENDPOINT_URL": stage.emulator, "PREFIX": PREFIX, "STAGE": "local", "AWS_ACCESS_KEY_ID": ACCOUNT}
        for name, value in (STAGE_ENV | named).items():
            patch.setenv(name, value)
        for module in (aws, settings, runtime):
            module.forget()
        head, state = store.head(LAB), State(LAB, team="biology")
        day = store.Day(LAB, date(2026, 10, 2), state, cells, now, as_of="2026-10-01", sources=(), currency="USD", at=state)
        after = replace(head, version=1, lines=1, until=now, stale=day.day, day=day.day)
        runtime.commit(*store.append(head, after, day, cells, now, "metered"))
    for module in (aws, settings, runtime):
        module.forget()
