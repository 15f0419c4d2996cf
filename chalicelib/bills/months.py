"""How does a month's bill change when one of its files does? What the file said is taken out, and what it says is put in.

Amounts are exact decimals, so that what is left is just what all files, read anew, would sum up to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from chalicelib.bills.rules import Charge, Fault, FileSum, Group

Document = dict[str, Any]
LISTED = 200


class Piece(NamedTuple):
    """A data file as a month's document names it: where its sums are kept, and how many lines of it were read."""

    uri: str
    etag: str
    sums: str
    lines: int
    malformed: int


def as_document(summed: FileSum) -> Document:
    """What one file sums up to, to be kept."""
    return {
        "lines": summed.lines,
        "malformed": summed.malformed,
        "faults": [list(one) for one in summed.faults],
        "groups": [_row(one) for one in summed.groups],
    }


def file_sum(document: Document) -> FileSum:
    groups = tuple([_group(one) for one in document["groups"]])
    return FileSum(groups, document["lines"], document["malformed"], tuple([Fault(*one) for one in document["faults"]]))


def _row(one: Group) -> list[Any]:
    return [*one[:6], str(one.unblended), str(one.amortized), one.lines]


def _group(row: Sequence[Any]) -> Group:
    period, day, lab, product, charge, currency, unblended, amortized, lines = row
    return Group(period, day, lab, product, Charge(charge), currency, Decimal(unblended), Decimal(amortized), lines)


# ---- a month -------------------------------------------------------------------------------------------------------------


class Bill(NamedTuple):
    """A month: its sums, the files they are of, and the lines that could not be counted."""

    period: str
    groups: Mapping[tuple[Any, ...], Group]
    pieces: tuple[Piece, ...]
    faults: tuple[Fault, ...]

    @property
    def lines(self) -> int:
        return sum(one.lines for one in self.pieces)

    @property
    def malformed(self) -> int:
        return sum(one.malformed for one in self.pieces)

    def totals(self) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for one in self.groups.values():
            found[one.currency] = found.get(one.currency, Decimal(0)) + one.unblended
        return found

    def document(self) -> Document:
        return {
            "period": self.period,
            "pieces": [list(one) for one in self.pieces],
            "faults": [list(one) for one in self.faults],
            "groups": [_row(self.groups[key]) for key in sorted(self.groups)],
        }


def bill(document: Document) -> Bill:
    groups = [_group(one) for one in document["groups"]]
    pieces = tuple(Piece(*one) for one in document["pieces"])
    return Bill(document["period"], {one.key: one for one in groups}, pieces, tuple(Fault(*one) for one in document["faults"]))


def empty(period: str) -> Bill:
    return Bill(period, {}, (), ())


def changed(before: Bill, gone: Iterable[tuple[Piece, FileSum]], come: Iterable[tuple[Piece, FileSum]]) -> Bill:
    """The month without some files and with others."""
    groups, pieces, faults = dict(before.groups), list(before.pieces), list(before.faults)
    for piece, summed in gone:
        pieces.remove(piece)
        faults = [one for one in faults if one.file != piece.uri]
        _add(groups, before.period, summed.groups, -1)
    for piece, summed in come:
        pieces.append(piece)
        faults += summed.faults
        _add(groups, before.period, summed.groups, 1)
    return Bill(before.period, groups, tuple(sorted(pieces)), tuple(sorted(faults)[:LISTED]))


def _add(groups: dict[tuple[Any, ...], Group], period: str, more: Iterable[Group], sign: int) -> None:
    for one in more:
        key = one[:6]
        if key[0] != period:
            continue
        known = groups.get(key)
        if known is None:
            groups[key] = one if sign > 0 else Group(*key, -one.unblended, -one.amortized, -one.lines)
            continue
        lines = known.lines + sign * one.lines
        if not lines:
            del groups[key]
        elif sign > 0:
            groups[key] = Group._make((*key, known.unblended + one.unblended, known.amortized + one.amortized, lines))
        else:
            groups[key] = Group._make((*key, known.unblended - one.unblended, known.amortized - one.amortized, lines))
