"""How is an export taken in? File by file, of which none is read twice, and month by month, of which each changes in one step.

What a file sums up to is kept by its place and its ETag. Once all files of a month are known, and its manifest is still the one
that was read, the month's pointer moves to its new document; until then everybody sees the old one. A run that ends half-way
(time, a fault) leaves what it read, and the next one goes on from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from chalicelib.bills import finding, months, s3, sql, store
from chalicelib.bills.finding import Publication
from chalicelib.bills.months import Bill, Piece
from chalicelib.bills.rules import Container, DataFile, FileSum, Format, container_of
from chalicelib.bills.sql import Shape
from chalicelib.bills.store import Month
from chalicelib.runtime import settings
from chalicelib.runtime.errors import BadInput, Retryable
from chalicelib.runtime.store import Write, commit

Over = Callable[[], bool]


class Engine(Protocol):
    """What reads lines: Athena, or DuckDB."""

    def sums(self, shape: Shape, files: Sequence[DataFile]) -> Mapping[DataFile, FileSum]: ...


class OutOfTime(Retryable):
    """This run's time is over; what was read is kept, and the next run goes on."""


class Taken(NamedTuple):
    """What became of a publication."""

    months: tuple[str, ...]
    read: int
    unchanged: int
    lines: int
    malformed: int


def engine() -> Engine:
    """The one that this stage uses; DuckDB is only where it is installed."""
    if settings.current().bill_engine == "duckdb":
        from chalicelib.bills import duckdb

        return duckdb.Engine()
    from chalicelib.bills import athena

    return athena.Engine()


def take(source: str, found: Publication, wanted: str, now: datetime, using: Engine, over: Over = lambda: False) -> Taken:
    """Take a publication in; Republished when it changed meanwhile, BadInput for a file that is no export."""
    pieces, read = _read(found, wanted, using, over)
    if not finding.unchanged(found):
        raise s3.Republished("the export was published anew while it was read")
    periods = _periods(found, pieces.values())
    writes = [_month(source, found, period, pieces, now) for period in periods]
    commit(*[one for one in writes if one])
    sums = pieces.values()
    return Taken(periods, read, len(pieces) - read, sum(one.lines for _, one in sums), sum(one.malformed for _, one in sums))


# ---- files ---------------------------------------------------------------------------------------------------------------


def _read(found: Publication, wanted: str, using: Engine, over: Over) -> tuple[dict[DataFile, tuple[Piece, FileSum]], int]:
    """What each file sums up to; only those that were never read are."""
    pieces: dict[DataFile, tuple[Piece, FileSum]] = {}
    unread: dict[Shape, list[DataFile]] = {}
    format_ = finding.format_of(found.files[0], found.columns, wanted) if found.files else Format.CUR2
    for file in found.files:
        key = _sums_key(file, format_, found.period)
        known = s3.kept(key)
        if known:
            pieces[file] = _piece(file, key, months.file_sum(known))
        else:
            unread.setdefault(Shape(format_, _container(file)), []).append(file)
    for shape, files in unread.items():
        for batch in _batches(files, using):
            if over():
                raise OutOfTime("there was no time for every file")
            for file, summed in using.sums(shape, batch).items():
                pieces[file] = _keep(file, _sums_key(file, format_, found.period), found.period, summed)
    return pieces, sum(map(len, unread.values()))


def _batches(files: Sequence[DataFile], using: Engine) -> Iterable[Sequence[DataFile]]:
    size = int(getattr(using, "at_once", 1))
    return (files[start : start + size] for start in range(0, len(files), size))


def _container(file: DataFile) -> Container:
    found = container_of(file.key)
    if found is None:
        raise BadInput(f"{file.name} is neither csv, csv.gz nor parquet", hint="import the files as AWS delivers them")
    return found


def _sums_key(file: DataFile, format_: Format, period: str) -> str:
    said = "\0".join((sql.VERSION, format_, period, file.bucket, file.key, file.etag))
    return f"files/{hashlib.sha256(said.encode()).hexdigest()[:40]}.json.gz"


def _keep(file: DataFile, key: str, period: str, summed: FileSum) -> tuple[Piece, FileSum]:
    """A file in a month's folder is of that month, whatever its lines say."""
    if period:
        summed = summed._replace(groups=tuple([one._replace(period=period) for one in summed.groups]))
    summed = summed._replace(faults=tuple(one._replace(file=file.uri) for one in summed.faults))
    s3.keep(key, months.as_document(summed))
    return _piece(file, key, summed)


def _piece(file: DataFile, key: str, summed: FileSum) -> tuple[Piece, FileSum]:
    return Piece(file.uri, file.etag, key, summed.lines, summed.malformed), summed


# ---- months --------------------------------------------------------------------------------------------------------------


def _periods(found: Publication, pieces: Iterable[tuple[Piece, FileSum]]) -> tuple[str, ...]:
    if found.period:
        return (found.period,)
    said = {group.period for _, summed in pieces for group in summed.groups}
    return tuple(sorted(said))


def _month(
    source: str, found: Publication, period: str, pieces: Mapping[DataFile, tuple[Piece, FileSum]], now: datetime
) -> Write | None:
    """The write that makes a month what its files say; None when it says that already."""
    before = store.month_of(period, source)
    if before and before.token == found.token:
        return None
    made = _bill(period, before, [one for one in pieces.values() if found.period or _is_of(one[1], period)])
    document = made.document()
    key = f"months/{period}/{_hash(source, found.token)}.json.gz"
    s3.keep(key, document)
    totals = {currency: str(amount) for currency, amount in sorted(made.totals().items())}
    version = before.version + 1 if before else 1
    counts = (made.lines, made.malformed, len(made.pieces), version)
    return store.put_month(Month(period, source, found.token, key, found.at, now, totals, *counts), before)


def _is_of(summed: FileSum, period: str) -> bool:
    return any(one.period == period for one in summed.groups)


def _bill(period: str, before: Month | None, wanted: Sequence[tuple[Piece, FileSum]]) -> Bill:
    """From what the month was, if that is known in every part; else from all of its files."""
    known = s3.kept(before.document) if before else None
    old = months.bill(known) if known else months.empty(period)
    there = {piece for piece, _ in wanted}
    gone = [(piece, s3.kept(piece.sums)) for piece in old.pieces if piece not in there]
    if any(summed is None for _, summed in gone):
        old, gone = months.empty(period), []
    had = set(old.pieces)
    out = [(piece, months.file_sum(summed)) for piece, summed in gone if summed is not None]
    return months.changed(old, out, [one for one in wanted if one[0] not in had])


def _hash(*said: Any) -> str:
    return hashlib.sha256("\0".join(map(str, said)).encode()).hexdigest()[:24]
