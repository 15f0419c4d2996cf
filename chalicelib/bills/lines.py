"""How is a CSV file read line by line, where SQL cannot say which line it means? Also: its header, and rows of sums as values.

Keeps true: a line is malformed here just when it is in the SQL text (`sql.judged`), and is named by its number in the file.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Any

from chalicelib.bills import sql
from chalicelib.bills.rules import Charge, Fault, FileSum, Format, Group, charge_of

ZERO = Decimal(0)
LARGEST = Decimal(10) ** 8
LISTED = 200  # malformed lines of a file that are listed; all are counted
WIDEST = 10_000_000  # characters of one field


def text_of(raw: IO[bytes], name: str) -> io.TextIOWrapper:
    """The lines of a CSV, packed or not; what is no UTF-8 is shown as such, not refused."""
    plain: Any = gzip.GzipFile(fileobj=raw) if name.lower().endswith(".gz") else raw
    return io.TextIOWrapper(plain, encoding="utf-8", errors="replace", newline="")


def opened(file: Path) -> Any:
    """The file's text, to be closed."""
    packed = file.name.lower().endswith(".gz")
    return (
        gzip.open(file, "rt", encoding="utf-8", errors="replace", newline="")
        if packed
        else file.open(newline="", errors="replace")
    )


def header(file: Path) -> list[str]:
    """The column names of a CSV; empty for an empty file."""
    with opened(file) as lines:
        return next(csv.reader(lines), [])


def is_closed(file: Path) -> bool:
    """Is every quote closed? Behind one that is not, all lines would be taken for one field."""
    with gzip.open(file) if file.name.lower().endswith(".gz") else file.open("rb") as raw:
        return sum(block.count(b'"') for block in iter(lambda: raw.read(1 << 20), b"")) % 2 == 0


def csv_faults(format_: Format, lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Every malformed line: its number, what names it, and why it cannot be counted."""
    csv.field_size_limit(WIDEST)
    reader = csv.reader(lines)
    names = [name.lower() for name in next(reader, [])]
    begins = reader.line_num + 1
    for values in reader:
        reason = _reason(format_, names, values) if values else ""
        if reason:
            said = dict(zip(names, values, strict=False))
            yield begins, said.get(sql.columns(format_).place, "")[:120], reason
        begins = reader.line_num + 1


def _reason(format_: Format, names: Sequence[str], values: Sequence[str]) -> str:
    said = sql.columns(format_)
    row = dict(zip(names, values, strict=False))
    if len(values) > len(names):
        return "it has more columns than the header"
    if not _is_amount(row.get(said.unblended, "")):
        return f"{said.unblended} is no amount"
    if format_ is Format.FOCUS and not _is_amount(row.get("effectivecost", "")):
        return "the amortized cost is no amount"
    for column in (said.day, said.period):
        if not _is_day(row.get(column, "")):
            return f"{column} is no day"
    if len(row.get(said.currency, "")) != 3:
        return f"{said.currency} is no currency"
    return "" if row.get(said.charge) else f"{said.charge} is blank"


def _is_amount(text: str) -> bool:
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        return False
    return amount.is_finite() and abs(amount) < LARGEST


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return len(text) >= 10


# ---- rows of sums --------------------------------------------------------------------------------------------------------


def file_sum(rows: Iterable[Sequence[Any]]) -> FileSum:
    """The rows of `sql.sums` for one file: path, period, day, lab, product, charge, currency, fault, two sums and a count."""
    found: dict[tuple[Any, ...], tuple[Decimal, Decimal, int]] = {}
    charges: dict[str, Charge] = {}
    lines = malformed = 0
    for _, period, day, lab, product, charge, currency, fault, unblended, amortized, count in rows:
        lines += int(count)
        if fault:
            malformed += int(count)
            continue
        kind = charges.get(charge) or charges.setdefault(charge, charge_of(charge))
        key = (period[:7], day[:10], lab, product, kind, currency)
        billed = Decimal(unblended)
        sums = (billed, billed if amortized == unblended else Decimal(amortized), int(count))
        known = found.get(key)
        found[key] = (known[0] + sums[0], known[1] + sums[1], known[2] + sums[2]) if known else sums
    return FileSum(tuple([Group._make((*key, *sums)) for key, sums in found.items()]), lines, malformed, ())


def with_faults(summed: FileSum, name: str, faults: Iterable[tuple[int, str, str]], rejected: int = 0) -> FileSum:
    """The sums with the malformed lines counted and listed; `rejected` are those that an engine never showed to the text."""
    count, listed = 0, []
    for line, place, reason in faults:
        count += 1
        if count <= LISTED:
            listed.append(Fault(name, line, place, reason))
    malformed = max(count, summed.malformed + rejected)
    return FileSum(summed.groups, summed.lines - summed.malformed + malformed, malformed, tuple(listed))
