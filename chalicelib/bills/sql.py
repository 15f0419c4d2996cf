# ruff: noqa: S608 - what is put into the text is our own words, names of columns that we know, and numbers
"""What is asked of an export's lines? One text, read alike by Athena (Trino) and by DuckDB.

Each engine lays a table `bill_lines` over the files: the columns named here, as text where the file is CSV, with `path` (which
file), `line` (which line; NULL where the engine cannot say) and `beyond` (what stands behind the last column; NULL as it should
be). All else is said once, below: which column means what in CUR 2.0 and in FOCUS, what cannot be read, and the sums.

Columns: docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html (CUR 2.0),
docs.aws.amazon.com/cur/latest/userguide/table-dictionary-focus-1-0-aws.html and …-focus-1-2-aws.html (FOCUS 1.0 and 1.2).
Tags are a map in both, in parquet as such and in CSV as JSON; a key appears in it only once it is activated for cost
allocation (docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2-resource-tags.html).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chalicelib.bills.rules import Container, Format
from chalicelib.runtime.errors import BadInput

VERSION = "1"  # of what the sums mean: raise it, and every file is read again
TABLE, BEYOND = "bill_lines", "beyond"
MONEY = "DECIMAL(18, 10)"  # ten places, as AWS writes amounts; a line above 99,999,999 is taken for a mistake
TAG = "aws-research-wizard:lab"
#: How the tag's key is written: CUR 2.0 writes user_ before it and _ for what is no letter or digit; FOCUS keeps it. The first
#: that is there counts, so a line is one lab's, however many of them it bears.
KEYS = {
    Format.CUR2: ("user_aws_research_wizard_lab", "user_aws-research-wizard:lab"),
    Format.FOCUS: ("aws-research-wizard:lab", "user:aws-research-wizard:lab"),
}


class Shape(NamedTuple):
    """How a file is to be read."""

    format: Format
    container: Container


class Columns(NamedTuple):
    """What the columns of a format are called; what is blank is not there."""

    period: str
    day: str
    charge: str
    product: str
    currency: str
    unblended: str
    tags: str
    place: str
    others: tuple[str, ...]
    optional: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        named = (self.period, self.day, self.charge, self.product, self.currency, self.unblended, self.tags, self.place)
        return tuple(dict.fromkeys((*named, *self.others)))

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(name for name in self.all if name not in self.optional)


COMMITMENTS = (  # of reservations and savings plans: an account without them may have an export without them
    "reservation_reservation_a_r_n",
    "reservation_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
)
CUR2 = Columns(
    period="bill_billing_period_start_date",
    day="line_item_usage_start_date",
    charge="line_item_line_item_type",
    product="line_item_product_code",
    currency="line_item_currency_code",
    unblended="line_item_unblended_cost",
    tags="resource_tags",
    place="identity_line_item_id",
    others=COMMITMENTS,
    optional=("resource_tags", "identity_line_item_id", *COMMITMENTS),
)
FOCUS = Columns(
    period="billingperiodstart",
    day="chargeperiodstart",
    charge="chargecategory",
    product="servicename",
    currency="billingcurrency",
    unblended="billedcost",
    tags="tags",
    place="resourceid",
    others=("effectivecost", "x_servicecode"),
    optional=("tags", "resourceid", "x_servicecode"),
)
LABELS = {Format.CUR2: "CUR 2.0", Format.FOCUS: "FOCUS"}
COLUMNS = {Format.CUR2: CUR2, Format.FOCUS: FOCUS}


def columns(format_: Format) -> Columns:
    return COLUMNS[format_]


def format_of(names: Iterable[str]) -> Format | None:
    """Which format has columns of these names; None: neither."""
    known = {name.strip().strip('"').lower() for name in names}
    return next((one for one, said in COLUMNS.items() if {said.unblended, said.day} <= known), None)


def check(format_: Format, names: Iterable[str], file: str) -> None:
    """BadInput when a column that a bill cannot do without is not there."""
    known = {name.lower() for name in names}
    missing = [name for name in columns(format_).required if name not in known]
    if missing:
        raise BadInput(
            f"{file} is no {LABELS[format_]} export: it has no column {missing[0]}",
            hint="import it with the right --format, or with all columns of the export",
            code="not_an_export",
        )


# ---- the text ------------------------------------------------------------------------------------------------------------


def sums(shape: Shape) -> str:
    """Sums by file, month, day, lab, product, charge and currency, as text; lines with a fault are counted by their fault."""
    return f"""
SELECT path, CAST(period AS VARCHAR) AS period, CAST(day AS VARCHAR) AS day, lab, product, charge, currency, fault,
  CAST(unblended AS VARCHAR) AS unblended, CAST(amortized AS VARCHAR) AS amortized, line_count
FROM (
SELECT path, period, day, lab, product, charge, currency, fault,
  SUM(unblended) AS unblended, SUM(amortized) AS amortized, COUNT(*) AS line_count
FROM ({judged(shape)}) AS judged
GROUP BY path, period, day, lab, product, charge, currency, fault
) AS summed
""".strip()


def faults(shape: Shape, limit: int) -> str:
    """The lines with a fault: where, and which."""
    return f"""
SELECT path, line, place, fault
FROM ({judged(shape)}) AS judged
WHERE fault IS NOT NULL
ORDER BY path, line, place
LIMIT {limit}
""".strip()


def judged(shape: Shape) -> str:
    """Every line by what it means, with what is wrong with it, or NULL."""
    said = columns(shape.format)
    return f"""
SELECT *, CASE
    WHEN beyond IS NOT NULL THEN 'it has more columns than the header'
    WHEN unblended IS NULL THEN '{said.unblended} is no amount'
    WHEN amortized IS NULL THEN 'the amortized cost is no amount'
    WHEN day IS NULL THEN '{said.day} is no day'
    WHEN period IS NULL THEN '{said.period} is no day'
    WHEN currency IS NULL OR LENGTH(currency) <> 3 THEN '{said.currency} is no currency'
    WHEN charge IS NULL OR charge = '' THEN '{said.charge} is blank'
  END AS fault
FROM ({told(shape)}) AS told
""".strip()


def told(shape: Shape) -> str:
    """The columns of a format by what they mean."""
    said = columns(shape.format)
    return f"""
SELECT path, line, beyond, {_text(said.place)} AS place,
  {_day(shape, said.period)} AS period,
  {_day(shape, said.day)} AS day,
  COALESCE({_lab(shape)}, '') AS lab,
  {_product(shape)} AS product,
  {said.charge} AS charge,
  {said.currency} AS currency,
  {_money(said.unblended)} AS unblended,
  {_amortized(shape)} AS amortized
FROM {TABLE}
""".strip()


def _text(column: str) -> str:
    return f"COALESCE({column}, '')"


def _money(column: str) -> str:
    return f"TRY_CAST({column} AS {MONEY})"


def _some(column: str) -> str:
    """An amount that is left blank where there is none."""
    return f"COALESCE({_money(column)}, 0)"


def _day(shape: Shape, column: str) -> str:
    """A moment's day, in UTC: parquet has timestamps, CSV has 2026-10-01T00:00:00.000Z."""
    if shape.container is Container.PARQUET:
        return f"CAST({column} AS DATE)"
    return f"TRY_CAST(SUBSTR({column}, 1, 10) AS DATE)"


def _lab(shape: Shape) -> str:
    tags = columns(shape.format).tags
    if shape.container is Container.CSV:
        tags = f"TRY(CAST(JSON_PARSE({tags}) AS MAP(VARCHAR, VARCHAR)))"
    found = ", ".join(f"ELEMENT_AT({tags}, '{key}')" for key in KEYS[shape.format])
    return f"COALESCE({found})"


def _product(shape: Shape) -> str:
    said = columns(shape.format)
    if shape.format is Format.FOCUS:
        return f"COALESCE(NULLIF(x_servicecode, ''), {said.product}, '')"
    return _text(said.product)


def _amortized(shape: Shape) -> str:
    """What a line cost once commitments are laid on the hours that used them.

    CUR 2.0 has the pieces: what is covered counts with its effective cost, a recurring fee with what of it was not used; what was
    paid ahead, and what takes covered usage back, count nothing. FOCUS says it itself.
    """
    if shape.format is Format.FOCUS:
        return _money("effectivecost")
    return f"""CASE line_item_line_item_type
    WHEN 'SavingsPlanCoveredUsage' THEN {_some("savings_plan_savings_plan_effective_cost")}
    WHEN 'SavingsPlanRecurringFee'
      THEN {_some("savings_plan_total_commitment_to_date")} - {_some("savings_plan_used_commitment")}
    WHEN 'SavingsPlanNegation' THEN 0
    WHEN 'SavingsPlanUpfrontFee' THEN 0
    WHEN 'DiscountedUsage' THEN {_some("reservation_effective_cost")}
    WHEN 'RIFee' THEN {_some("reservation_unused_amortized_upfront_fee_for_billing_period")}
      + {_some("reservation_unused_recurring_fee")}
    WHEN 'Fee' THEN CASE WHEN COALESCE(reservation_reservation_a_r_n, '') <> '' THEN 0
      ELSE {_money("line_item_unblended_cost")} END
    ELSE {_money("line_item_unblended_cost")}
  END"""
