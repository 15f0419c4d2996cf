"""What do requests and answers about the bill look like? Amounts are text, exact or rounded for the eye."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from chalicelib.bills import rules, sql
from chalicelib.bills.rules import Charge, Cost, Fault, Group, Part, Reconciliation, Row
from chalicelib.bills.seen import Seen, Upload
from chalicelib.bills.store import Import, Month
from chalicelib.runtime.shapes import Asked, Field, Told

FORMATS = "^(auto|cur2|focus)$"
BY = "^(lab|day|lab-day)$"


class BillFileWish(Asked):
    name: str = Field(max_length=200, description="The file's own name: it ends with .csv, .csv.gz or .parquet")
    size: int = Field(ge=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the file's content, in hexadecimal")


class BillUploadRequest(Asked):
    files: list[BillFileWish] = Field(min_length=1, max_length=200)


class BillUploadView(Told):
    name: str
    url: str | None = Field(description="Put the file there within an hour; null: it is there already")
    headers: dict[str, str] = Field(description="Headers to send with it, its checksum among them")

    @classmethod
    def of(cls, one: Upload) -> BillUploadView:
        return cls(name=one.name, url=one.url or None, headers=one.headers)


class BillUploadList(Told):
    items: list[BillUploadView]


class BillUploaded(Asked):
    name: str = Field(max_length=200)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class BillImportRequest(Asked):
    """Either files that were uploaded, or an export in S3."""

    files: list[BillUploaded] = Field(default_factory=list, max_length=500, description="The whole of each month they tell of")
    uri: str = Field(default="", max_length=1024, description="s3://bucket/prefix of an export; it is looked at every night")
    format: str = Field(default="auto", pattern=FORMATS)


class BillImportView(Told):
    id: str
    state: str = Field(description="RUNNING, FINISHED or FAILED")
    cause: str
    hint: str
    months: list[str]
    files_read: int
    files_unchanged: int = Field(description="They were known, and were not read again")
    lines: int
    malformed: int = Field(description="Lines that could not be counted; the month's bill lists them")
    at: datetime
    by: str

    @classmethod
    def of(cls, one: Import) -> BillImportView:
        return cls(
            id=one.id,
            state=one.state,
            cause=one.cause,
            hint=one.hint,
            months=list(one.months),
            files_read=one.read,
            files_unchanged=one.unchanged,
            lines=one.lines,
            malformed=one.malformed,
            at=one.at,
            by=one.by,
        )


class BillTotal(Told):
    currency: str
    amount: Decimal = Field(description="As billed (unblended), rounded to the currency's smallest coin")


class BillMonthView(Told):
    month: str
    source: str
    as_of: datetime = Field(description="When it was taken in")
    published_at: datetime
    totals: list[BillTotal]
    files: int
    lines: int
    malformed: int

    @classmethod
    def of(cls, one: Month) -> BillMonthView:
        return cls(
            month=one.period,
            source=one.source,
            as_of=one.as_of,
            published_at=one.published_at,
            totals=totals(one.totals.items()),
            files=one.files,
            lines=one.lines,
            malformed=one.malformed,
        )


def totals(amounts: Iterable[tuple[str, str]]) -> list[BillTotal]:
    """Each currency for itself."""
    rounded = [(one, rules.rounded({"": Decimal(amount)}, rules.digits_of(one))[""]) for one, amount in amounts]
    return [BillTotal(currency=currency, amount=amount) for currency, amount in rounded]


class BillList(Told):
    items: list[BillMonthView]
    troubles: list[str] = Field(description="What stood in the way of the last nightly run")


class BillGroupView(Told):
    lab: str | None = Field(description="null: no lab's tag is on these lines")
    product: str
    charge: Charge
    currency: str
    unblended: Decimal = Field(description="As billed: what the invoice says")
    amortized: Decimal = Field(description="As used: what was paid ahead is laid on the hours that used it")
    lines: int

    @classmethod
    def of(cls, one: Group) -> BillGroupView:
        return cls(
            lab=one.lab or None,
            product=one.product,
            charge=one.charge,
            currency=one.currency,
            unblended=one.unblended,
            amortized=one.amortized,
            lines=one.lines,
        )


class BillFaultView(Told):
    file: str
    line: int | None = Field(description="Counted from 1, the header included; null: the file's format has no lines")
    place: str = Field(description="What else names the line, where something does")
    reason: str

    @classmethod
    def of(cls, one: Fault) -> BillFaultView:
        return cls(file=one.file, line=one.line or None, place=one.place, reason=one.reason)


class BillNote(Told):
    message: str
    hint: str


class BillView(Told):
    month: BillMonthView
    groups: list[BillGroupView] = Field(description="Lab, product and charge, over the month's days")
    faults: list[BillFaultView] = Field(description="Malformed lines, the first 200; none of them is in the sums")
    notes: list[BillNote]
    not_counted: list[str] = Field(description="Other sources that tell of this month; the youngest publication counts")
    tag: str = Field(default=sql.TAG, description="The tag by which lines are a lab's")

    @classmethod
    def of(cls, seen: Seen) -> BillView:
        over_days = rules.merged(one._replace(day="") for one in seen.bill.groups.values())
        return cls(
            month=BillMonthView.of(seen.month),
            groups=[BillGroupView.of(one) for one in over_days],
            faults=[BillFaultView.of(one) for one in seen.bill.faults],
            notes=notes(seen),
            not_counted=list(seen.others),
        )


def notes(seen: Seen) -> list[BillNote]:
    return [BillNote(message=message, hint=hint) for message, hint in seen.notes]


class ReconcileQuery(Asked):
    cost: Cost = Field(default=Cost.UNBLENDED, description="unblended: as billed; amortized: as used")
    by: str = Field(default="lab", pattern=BY)


class DriftView(Told):
    lab: str | None = Field(description="null: no lab's tag, or the row is a day's")
    day: str | None
    estimate: Decimal | None = Field(description="null: nothing was estimated in this currency")
    bill: Decimal
    drift: Decimal | None = Field(description="Bill less estimate")
    percent: Decimal | None
    users: Decimal
    idle: Decimal
    overhead: Decimal
    unattributed: Decimal

    @classmethod
    def of(cls, row: Row) -> DriftView:
        parts = {part.value: row.parts.get(part, rules.ZERO).quantize(row.bill) for part in Part}
        return cls(
            lab=row.lab or None,
            day=row.day or None,
            estimate=row.estimate,
            bill=row.bill,
            drift=row.drift,
            percent=row.percent,
            **parts,
        )


class ReconciliationView(Told):
    currency: str
    rows: list[DriftView] = Field(description="They sum up to the totals, to the last coin")
    estimate: Decimal
    bill: Decimal
    users: Decimal
    idle: Decimal
    overhead: Decimal
    unattributed: Decimal
    missing: list[str] = Field(description="Lab and day that were estimated, and of which the bill says nothing (yet)")

    @classmethod
    def of(cls, one: Reconciliation) -> ReconciliationView:
        return cls(
            currency=one.currency,
            rows=[DriftView.of(row) for row in one.rows],
            estimate=one.estimate,
            bill=one.bill,
            missing=[f"{lab} {day}" for lab, day in one.missing],
            **{part.value: one.parts.get(part, rules.ZERO).quantize(one.bill) for part in Part},
        )


class ReconcileView(Told):
    month: BillMonthView
    cost: Cost = Field(description="Which amounts of the bill these are")
    currencies: list[ReconciliationView]
    notes: list[BillNote]

    @classmethod
    def of(cls, seen: Seen, found: list[Reconciliation], cost: Cost) -> ReconcileView:
        told = [ReconciliationView.of(one) for one in found]
        return cls(month=BillMonthView.of(seen.month), cost=cost, currencies=told, notes=notes(seen))
