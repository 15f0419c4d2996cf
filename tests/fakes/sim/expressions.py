"""What does a DynamoDB expression say of an item? Conditions and updates, compiled once for each text.

Follows the DynamoDB Developer Guide: comparison needs equal types, a missing attribute makes every comparison false, `ADD` and
`DELETE` work on numbers and sets, an update sees the item as it was before for every action of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from tests.fakes.sim.faults import refusal

Item = dict[str, Any]
Names = dict[str, str]
Test = Callable[[Item, Names, Item], bool]
Operand = Callable[[Item, Names, Item], Any]
Change = Callable[[Item, Item, Names, Item], None]
_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+\-]|[#:A-Za-z_][\w.#\[\]]*)")
_SECTION = re.compile(r"\b(SET|REMOVE|ADD|DELETE)\b")
SETS = ("SS", "NS", "BS")


def value_of(typed: Any) -> Any:
    """A typed value as something that compares: (type, value)."""
    ((kind, value),) = typed.items()
    if kind == "N":
        return "N", Decimal(value)
    return (kind, frozenset(value)) if kind in SETS else (kind, value)


class Reader:
    """The words of one expression, read from left to right."""

    def __init__(self, text: str) -> None:
        self.words, place = [], 0
        text = text.strip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if not found:
                raise refusal("ValidationException", f"Invalid expression: {text}")
            self.words.append(found[1])
            place = found.end()
        self.place = 0

    def peek(self) -> str:
        return self.words[self.place] if self.place < len(self.words) else ""

    def next(self) -> str:
        self.place += 1
        return self.words[self.place - 1]

    def take(self, word: str) -> bool:
        if self.peek().upper() != word:
            return False
        self.place += 1
        return True

    def need(self, word: str) -> None:
        if not self.take(word):
            raise refusal("ValidationException", f"Invalid expression: {word} expected before {self.peek()!r}")


@lru_cache(maxsize=4096)
def condition(text: str) -> Test:
    """A condition, as a function of item, names and values."""
    reader = Reader(text)
    made = _either(reader)
    if reader.peek():
        raise refusal("ValidationException", f"Invalid expression at {reader.peek()}: {text}")
    return made


def _either(reader: Reader) -> Test:
    parts = [_both(reader)]
    while reader.take("OR"):
        parts.append(_both(reader))
    return parts[0] if len(parts) == 1 else lambda i, n, v: any(part(i, n, v) for part in parts)


def _both(reader: Reader) -> Test:
    parts = [_not(reader)]
    while reader.take("AND"):
        parts.append(_not(reader))
    if len(parts) == 2:
        one, two = parts
        return lambda i, n, v: one(i, n, v) and two(i, n, v)
    return parts[0] if len(parts) == 1 else lambda i, n, v: all(part(i, n, v) for part in parts)


def _not(reader: Reader) -> Test:
    if reader.take("NOT"):
        inner = _not(reader)
        return lambda i, n, v: not inner(i, n, v)
    if reader.peek() == "(":
        reader.next()
        inner = _either(reader)
        reader.need(")")
        return inner
    return _plain(reader)


def _plain(reader: Reader) -> Test:
    word = reader.peek().lower()
    if word in FUNCTIONS:
        reader.next()
        return FUNCTIONS[word](*_arguments(reader))
    left = _operand(reader)
    if reader.take("BETWEEN"):
        low = _operand(reader)
        reader.need("AND")
        high = _operand(reader)
        return lambda i, n, v: _compared(left(i, n, v), low(i, n, v), ">=") and _compared(left(i, n, v), high(i, n, v), "<=")
    if reader.take("IN"):
        choices = _arguments(reader)
        return lambda i, n, v: any(_compared(left(i, n, v), one(i, n, v), "=") for one in choices)
    sign = reader.next()
    right = _operand(reader)
    if sign == "=":
        return lambda i, n, v: _equal(left(i, n, v), right(i, n, v))
    return lambda i, n, v: _compared(left(i, n, v), right(i, n, v), sign)


def _arguments(reader: Reader) -> list[Operand]:
    reader.need("(")
    found = [_operand(reader)]
    while reader.take(","):
        found.append(_operand(reader))
    reader.need(")")
    return found


def _operand(reader: Reader) -> Operand:
    word = reader.next()
    if word.lower() == "size" and reader.peek() == "(":
        (inner,) = _arguments(reader)
        return lambda i, n, v: _size(inner(i, n, v))
    if word.startswith(":"):
        return lambda _i, _n, v: v[word]
    if "." not in word:
        return lambda i, n, _v: i.get(n.get(word, word))
    path = word.split(".")
    return lambda i, n, _v: _found(i, [n.get(part, part) for part in path])


def _found(item: Item, path: list[str]) -> Any:
    at: Any = item.get(path[0])
    for part in path[1:]:
        at = at["M"].get(part) if at and "M" in at else None
    return at


def _size(typed: Any) -> Any:
    if typed is None:
        return None
    ((_, value),) = typed.items()
    return {"N": str(len(value))}


def _equal(left: Any, right: Any) -> bool:
    """Most often two texts, or nothing at all."""
    if left is None or right is None:
        return False
    return bool(left == right or value_of(left) == value_of(right))


def _compared(left: Any, right: Any, sign: str) -> bool:
    if left is None or right is None:
        return sign == "<>" and left is not right
    (one_kind, one), (two_kind, two) = value_of(left), value_of(right)
    if one_kind != two_kind:
        return sign == "<>"
    return bool(SIGNS[sign](one, two))


SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _begins(path: Operand, start: Operand) -> Test:
    def test(i: Item, n: Names, v: Item) -> bool:
        has, want = path(i, n, v), start(i, n, v)
        return bool(has and "S" in has and has["S"].startswith(want["S"]))

    return test


def _contains(path: Operand, part: Operand) -> Test:
    def test(i: Item, n: Names, v: Item) -> bool:
        has, want = path(i, n, v), part(i, n, v)
        if not has:
            return False
        ((kind, value),) = has.items()
        return bool(next(iter(want.values())) in value if kind in (*SETS, "S") else want in value)

    return test


FUNCTIONS: dict[str, Callable[..., Test]] = {
    "attribute_exists": lambda path: lambda i, n, v: path(i, n, v) is not None,
    "attribute_not_exists": lambda path: lambda i, n, v: path(i, n, v) is None,
    "attribute_type": lambda path, kind: lambda i, n, v: next(iter(path(i, n, v) or {"": 0})) == kind(i, n, v)["S"],
    "begins_with": _begins,
    "contains": _contains,
}


# ---- updates -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def update(text: str) -> Callable[[Item, Names, Item], Item]:
    """An update, as a function of item, names and values that gives the new item."""
    parts = _SECTION.split(text)[1:]
    changes = [change for word, body in zip(parts[::2], parts[1::2], strict=True) for change in _changes(word, body)]

    def apply(item: Item, names: Names, values: Item) -> Item:
        after = dict(item)
        for change in changes:
            change(item, after, names, values)
        return after

    return apply


def _changes(word: str, body: str) -> list[Change]:
    reader, found = Reader(body), []
    while reader.peek():
        path = reader.next()
        match word:
            case "SET":
                reader.need("=")
                found.append(_set(path, _sum(reader)))
            case "REMOVE":
                found.append(_remove(path))
            case _:
                found.append(_to_set(path, _operand(reader), 1 if word == "ADD" else -1))
        reader.take(",")
    return found


def _sum(reader: Reader) -> Operand:
    left = _value(reader)
    for sign, by in (("+", 1), ("-", -1)):
        if reader.take(sign):
            right = _value(reader)
            return lambda i, n, v, by=by: _added(left(i, n, v), right(i, n, v), by)  # type: ignore[misc]
    return left


def _value(reader: Reader) -> Operand:
    word = reader.peek().lower()
    if word == "if_not_exists":
        reader.next()
        path, other = _arguments(reader)
        return lambda i, n, v: path(i, n, v) or other(i, n, v)
    if word == "list_append":
        reader.next()
        one, two = _arguments(reader)
        return lambda i, n, v: {"L": [*one(i, n, v)["L"], *two(i, n, v)["L"]]}
    return _operand(reader)


def _added(left: Any, right: Any, by: int) -> Any:
    if left is None or right is None or "N" not in left or "N" not in right:
        raise refusal("ValidationException", "An operand in the update expression has an incorrect data type or does not exist")
    return {"N": _plain_number(Decimal(left["N"]) + by * Decimal(right["N"]))}


def _plain_number(amount: Decimal) -> str:
    return format(amount.normalize(), "f") if amount else "0"


def _set(path: str, value: Operand) -> Change:
    def change(before: Item, after: Item, names: Names, values: Item) -> None:
        new = value(before, names, values)
        if new is None:
            raise refusal("ValidationException", "The provided expression refers to an attribute that does not exist in the item")
        _put(after, [names.get(part, part) for part in path.split(".")], new)

    return change


def _put(item: Item, path: list[str], new: Any) -> None:
    if len(path) == 1:
        item[path[0]] = new
        return
    inner = item.get(path[0])
    if not inner or "M" not in inner:
        raise refusal("ValidationException", "The document path provided in the update expression is invalid for update")
    copy = dict(inner["M"])
    _put(copy, path[1:], new)
    item[path[0]] = {"M": copy}


def _remove(path: str) -> Change:
    def change(_before: Item, after: Item, names: Names, _values: Item) -> None:
        after.pop(names.get(path, path), None)

    return change


def _to_set(path: str, value: Operand, by: int) -> Change:
    def change(before: Item, after: Item, names: Names, values: Item) -> None:
        name, given = names.get(path, path), value(before, names, values)
        ((kind, amount),) = given.items()
        has = before.get(name)
        if kind == "N":
            after[name] = _added(has or {"N": "0"}, given, by)
            return
        has_all = set(has[kind]) if has else set()
        left = has_all | set(amount) if by > 0 else has_all - set(amount)
        if left:
            after[name] = {kind: sorted(left)}
        else:
            after.pop(name, None)

    return change
