"""What does an AWS billing export look like? Seeded ones, of both formats and both containers, as AWS Data Exports lays them out.

    python -m tools.exports --format focus --container parquet --month 2026-10 --labs 4 --out build/export

writes OUT/<name>/data/BILLING_PERIOD=2026-10/<name>-0000N.<csv.gz|snappy.parquet> and OUT/<name>/metadata/…/<name>-Manifest.json
(docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html). Equal seeds give equal files.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import random
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

ACCOUNT = "111122223333"
NAME = "wizard-bill"
TAG_CUR2, TAG_FOCUS = "user_aws_research_wizard_lab", "aws-research-wizard:lab"
ZERO = Decimal(0)
SERVICES = {
    "AmazonEC2": "Amazon Elastic Compute Cloud",
    "AmazonEFS": "Amazon Elastic File System",
    "AmazonS3": "Amazon Simple Storage Service",
    "AWSLambda": "AWS Lambda",
    "ComputeSavingsPlans": "Savings Plans for AWS Compute usage",
    "AWSDataTransfer": "AWS Data Transfer",
}
FOCUS_CATEGORY = {
    "Usage": "Usage",
    "DiscountedUsage": "Usage",
    "SavingsPlanCoveredUsage": "Usage",
    "SavingsPlanRecurringFee": "Purchase",
    "SavingsPlanNegation": "Usage",
    "RIFee": "Purchase",
    "Credit": "Credit",
    "Refund": "Adjustment",
    "Tax": "Tax",
    "EdpDiscount": "Credit",
    "Fee": "Purchase",
}


class Line(NamedTuple):
    """One line of a bill, before it is written in somebody's columns."""

    start: datetime
    lab: str
    product: str
    kind: str  # CUR's line item type
    usage: str
    resource: str
    unblended: Decimal
    amortized: Decimal
    currency: str = "USD"

    @property
    def period(self) -> str:
        return f"{self.start:%Y-%m}"


def month(seed: int, year: int, number: int, labs: Sequence[str], currency: str = "USD", days: int = 31) -> list[Line]:
    """A month of some labs and of what else an account pays, credits, refunds, tax and commitments included."""
    chance = random.Random(seed)
    first = datetime(year, number, 1, tzinfo=UTC)
    found: list[Line] = []
    for offset in range(days):
        start = first + timedelta(days=offset)
        if start.month != number:
            break
        for lab in labs:
            found += _lab_day(chance, start, lab, currency)
        found += _account_day(chance, start, currency)
    return found + _monthly(chance, first, found, currency)


def _lab_day(chance: random.Random, start: datetime, lab: str, currency: str) -> list[Line]:
    """Some hours of a machine, some of them covered by a savings plan; its disk and its files all day; what it sent out."""
    found, instance, volume = [], f"i-{lab}", f"vol-{lab}"
    price = Decimal("0.504") if chance.random() < 0.7 else Decimal("1.008")
    began = chance.randrange(7, 11)
    for hour in range(began, began + chance.randrange(0, 11)):
        at, covered = start + timedelta(hours=hour), chance.random() < 0.25
        kind = "SavingsPlanCoveredUsage" if covered else "DiscountedUsage" if chance.random() < 0.05 else "Usage"
        paid = price * Decimal("0.66") if covered else price * Decimal("0.6") if kind == "DiscountedUsage" else price
        unblended = ZERO if kind == "DiscountedUsage" else price
        found.append(Line(at, lab, "AmazonEC2", kind, "BoxUsage:r6i.2xlarge", instance, unblended, _ten(paid), currency))
        if covered:
            back = Line(at, "", "AmazonEC2", "SavingsPlanNegation", "BoxUsage:r6i.2xlarge", "", -price, ZERO, currency)
            found.append(back)
    disk = _ten(Decimal(100) * Decimal("0.08") / 31)
    files = _ten(Decimal(chance.randrange(1, 400)) * Decimal("0.30") / 31)
    found.append(Line(start, lab, "AmazonEC2", "Usage", "EBS:VolumeUsage.gp3", volume, disk, disk, currency))
    found.append(Line(start, lab, "AmazonEFS", "Usage", "TimedStorage-ByteHrs", f"fs-{lab}", files, files, currency))
    sent = _ten(Decimal(chance.randrange(0, 90)) / 1000 * Decimal("0.09"))
    found.append(Line(start, lab, "AWSDataTransfer", "Usage", "DataTransfer-Out-Bytes", instance, sent, sent, currency))
    return found


def _account_day(chance: random.Random, start: datetime, currency: str) -> list[Line]:
    """What no lab is tagged with: buckets, functions, and the hours of the savings plan."""
    lake, calls = _ten(Decimal(chance.randrange(1, 9000)) / 7000), _ten(Decimal(chance.randrange(1, 999)) / 1_000_000)
    unused = _ten(Decimal(chance.randrange(0, 24)) / 10)
    paid, plan = Decimal("2.4"), ("ComputeSavingsPlans", "SavingsPlanRecurringFee", "ComputeSP:1yrNoUpfront")
    return [
        Line(start, "", "AmazonS3", "Usage", "TimedStorage-ByteHrs", "backups", lake, lake, currency),
        Line(start, "", "AWSLambda", "Usage", "Lambda-GB-Second", "api", calls, calls, currency),
        Line(start, "", *plan, "", paid, unused, currency),
    ]


def _monthly(chance: random.Random, first: datetime, found: Iterable[Line], currency: str) -> list[Line]:
    """Once a month: a reservation's fee, a credit, a refund, a discount and the tax on all of it."""
    whole = sum((one.unblended for one in found), ZERO)
    amounts = {
        "RIFee": Decimal("10.8"),
        "Credit": -_ten(Decimal(chance.randrange(100, 4000)) / 333),
        "Refund": -_ten(Decimal(chance.randrange(1, 500)) / 700),
        "EdpDiscount": -_ten(whole * Decimal("0.03")),
        "Tax": _ten(whole * Decimal("0.19")),
    }
    lines = [Line(first, "", "AmazonEC2", kind, kind, "", amount, amount, currency) for kind, amount in amounts.items()]
    return [one._replace(amortized=Decimal("0.7")) if one.kind == "RIFee" else one for one in lines]


def _ten(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0000000001"))


# ---- as files ------------------------------------------------------------------------------------------------------------


def rows(lines: Iterable[Line], format_: str, tagged: bool = True) -> list[dict[str, str]]:
    """The lines in a format's columns, as text. Not `tagged`: an account in which the tag is not activated."""
    return [(_cur2 if format_ == "cur2" else _focus)(number, one, tagged) for number, one in enumerate(lines)]


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _bounds(moment: datetime) -> tuple[str, str]:
    first = moment.replace(day=1, hour=0)
    return _stamp(first), _stamp((first + timedelta(days=32)).replace(day=1))


def _cur2(number: int, one: Line, tagged: bool) -> dict[str, str]:
    begins, ends = _bounds(one.start)
    plan, held = one.kind.startswith("SavingsPlan"), one.kind in ("DiscountedUsage", "RIFee")
    tags = {TAG_CUR2: one.lab, "aws_created_by": "Root"} if one.lab and tagged else {}
    hour = one.start + timedelta(hours=1)
    fee = one.kind == "SavingsPlanRecurringFee"
    return {
        "identity_line_item_id": f"{number:08x}{one.resource}",
        "bill_payer_account_id": ACCOUNT,
        "bill_billing_period_start_date": begins,
        "bill_billing_period_end_date": ends,
        "line_item_usage_account_id": ACCOUNT,
        "line_item_line_item_type": one.kind,
        "line_item_usage_start_date": _stamp(one.start),
        "line_item_usage_end_date": _stamp(hour),
        "line_item_product_code": one.product,
        "line_item_usage_type": one.usage,
        "line_item_resource_id": one.resource,
        "line_item_currency_code": one.currency,
        "line_item_unblended_cost": str(one.unblended),
        "line_item_line_item_description": f'{one.usage}, "{one.kind}"',
        "reservation_reservation_a_r_n": f"arn:aws:ec2:us-east-1:{ACCOUNT}:reserved-instances/r-1" if held else "",
        "reservation_effective_cost": str(one.amortized) if one.kind == "DiscountedUsage" else "",
        "reservation_unused_amortized_upfront_fee_for_billing_period": "0" if one.kind == "RIFee" else "",
        "reservation_unused_recurring_fee": str(one.amortized) if one.kind == "RIFee" else "",
        "savings_plan_savings_plan_effective_cost": str(one.amortized) if plan and not fee else "",
        "savings_plan_total_commitment_to_date": str(one.unblended) if fee else "",
        "savings_plan_used_commitment": str(one.unblended - one.amortized) if fee else "",
        "resource_tags": json.dumps(tags, separators=(",", ":")),
    }


def _focus(number: int, one: Line, tagged: bool) -> dict[str, str]:
    begins, ends = _bounds(one.start)
    tags = {TAG_FOCUS: one.lab} if one.lab and tagged else {}
    return {
        "BilledCost": str(one.unblended),
        "BillingAccountId": ACCOUNT,
        "BillingCurrency": one.currency,
        "BillingPeriodEnd": ends,
        "BillingPeriodStart": begins,
        "ChargeCategory": FOCUS_CATEGORY[one.kind],
        "ChargeClass": "Correction" if one.kind == "Refund" else "",
        "ChargeDescription": f'{one.usage}, "{one.kind}"',
        "ChargePeriodEnd": _stamp(one.start + timedelta(hours=1)),
        "ChargePeriodStart": _stamp(one.start),
        "EffectiveCost": str(one.amortized),
        "ListCost": str(abs(one.unblended)),
        "ResourceId": one.resource or f"none-{number}",
        "ServiceName": SERVICES[one.product],
        "SubAccountId": ACCOUNT,
        "Tags": json.dumps(tags, separators=(",", ":")),
        "x_Operation": "",
        "x_ServiceCode": one.product,
        "x_UsageType": one.usage,
    }


def as_csv(found: Sequence[dict[str, str]], spoil: Iterable[str] = ()) -> bytes:
    """A csv.gz with the same bytes for the same rows; `spoil` are raw lines that are put behind them."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    out.write("".join(f"{line}\n" for line in spoil))
    return gzip.compress(out.getvalue().encode(), mtime=0)


MOMENTS = ("start_date", "end_date", "periodstart", "periodend")
MONEY = ("cost", "commitment_to_date", "used_commitment", "recurring_fee", "fee_for_billing_period")
MAPS = ("resource_tags", "tags")


def as_parquet(found: Sequence[dict[str, str]], file: Path) -> None:
    """Typed as AWS types it: moments, doubles, and a map of the tags."""
    import duckdb

    raw = file.with_suffix(".raw.csv")
    raw.write_bytes(gzip.decompress(as_csv(found)))
    chosen = ", ".join(_typed(name) for name in found[0])
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        source = f"read_csv('{raw}', header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"
        session.execute(f"COPY (SELECT {chosen} FROM {source}) TO '{file}' (FORMAT parquet, COMPRESSION snappy)")
    raw.unlink()


def _typed(name: str) -> str:
    lowered = name.lower()
    if lowered in MAPS:
        return f'CAST(CAST("{name}" AS JSON) AS MAP(VARCHAR, VARCHAR)) AS "{name}"'
    if lowered.endswith(MOMENTS):
        return f'CAST(CAST("{name}" AS TIMESTAMPTZ) AS TIMESTAMP) AS "{name}"'
    if lowered.endswith(MONEY):
        return f'TRY_CAST("{name}" AS DOUBLE) AS "{name}"'
    return f'"{name}"'


def write(found: Sequence[dict[str, str]], file: Path) -> Path:
    """By the file's name."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.name.endswith(".parquet"):
        as_parquet(found, file)
    else:
        file.write_bytes(as_csv(found))
    return file


class Export(NamedTuple):
    """An export in a folder, laid out as in a bucket."""

    root: Path
    period: str
    name: str = NAME

    def data(self, number: int, container: str) -> Path:
        ending = "snappy.parquet" if container == "parquet" else "csv.gz"
        return self.root / self.name / "data" / f"BILLING_PERIOD={self.period}" / f"{self.name}-{number:05d}.{ending}"

    @property
    def manifest(self) -> Path:
        return self.root / self.name / "metadata" / f"BILLING_PERIOD={self.period}" / f"{self.name}-Manifest.json"

    def tell(self, files: Iterable[Path], columns: Iterable[str], bucket: str = "exports", execution: str = "") -> Path:
        """The manifest, which AWS delivers after the last data file."""
        said: dict[str, Any] = {
            "exportName": self.name,
            "executionId": execution or f"execution-{self.period}",
            "billingPeriod": self.period,
            "columns": [{"name": name} for name in columns],
            "dataFiles": [f"s3://{bucket}/{file.relative_to(self.root)}" for file in files],
        }
        self.manifest.parent.mkdir(parents=True, exist_ok=True)
        self.manifest.write_text(json.dumps(said, indent=1) + "\n")
        return self.manifest


def export(lines: Sequence[Line], root: Path, format_: str, container: str, parts: int = 2, execution: str = "") -> Export:
    """A month's lines in so many data files, with their manifest."""
    made = Export(root, lines[0].period)
    found = rows(lines, format_)
    size = -(-len(found) // parts)
    files = [write(found[at : at + size], made.data(at // size + 1, container)) for at in range(0, len(found), size)]
    made.tell(files, found[0], execution=execution)
    return made


def main() -> int:
    """Write one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", choices=("cur2", "focus"), default="cur2")
    parser.add_argument("--container", choices=("csv", "parquet"), default="parquet")
    parser.add_argument("--month", default="2026-10")
    parser.add_argument("--labs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/export"))
    asked = parser.parse_args()
    year, number = map(int, asked.month.split("-"))
    lines = month(asked.seed, year, number, [f"genomics-{letter * 4}" for letter in "abcdefghjkmnp"[: asked.labs]])
    made = export(lines, asked.out, asked.format, asked.container)
    print(f"{len(lines)} lines: {made.manifest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
