"""Where does the simulated world keep what it has, so that a moment of it can be kept, brought back and compared at next to no
cost?

A `Shelf` maps names to values that are never changed in place. Keeping a moment is keeping the dict; the next write copies it.
A shelf also remembers what it held before its last change, which is what a stale read sees.

Two moments are equal when their digests are: what happened is compared, not at which second nor under which random name. So
clock times and random tokens are left out of the digest; `times` and `refs` of a value are looked at by whoever knows what they
mean.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?(?:-[0-9a-f]{4}(?![0-9a-f]))?|\b1[789]\d{8}(?:\.\d+)?\b")
_REF = re.compile(r"ref-[0-9a-f]{16}|(?<=token_hash\": {\"S\": \")[0-9a-f]{64}")


class Moment(NamedTuple):
    """A shelf at one moment: what it holds, and what it held before its last change."""

    now: dict[Any, Rec]
    before: dict[Any, Rec]


class Rec:
    """One value on a shelf, with its digest once somebody asked for it."""

    __slots__ = ("_mark", "refs", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._mark: int | None = None
        self.refs: tuple[str, ...] = ()

    def mark(self, shelf: Shelf, key: Any) -> int:
        if self._mark is None:
            told = self.value if shelf.essence is None else shelf.essence(key, self.value)
            if told is None:
                self._mark = 0
                return 0
            text = json.dumps(told, sort_keys=True, default=str)
            self.refs = tuple(_REF.findall(text))
            text = _REF.sub("", _MOMENT.sub("T", text))
            self._mark = number(f"{shelf.name}/{key if shelf.named else ''}/{text}")
        return self._mark


def number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


Essence = Callable[[Any, Any], Any]
_SUMS: dict[int, tuple[dict[Any, Rec], int, tuple[Any, ...]]] = {}  # by identity of a dict that is kept


class Shelf:
    """`named`: are the keys part of what is compared? (Not when they are times.) `kept`: does it belong to the digest at all?
    `essence(key, value)`: what of a value is compared, None for nothing."""

    __slots__ = ("_call", "_shared", "before", "data", "essence", "kept", "name", "named")

    def __init__(self, name: str, named: bool = True, kept: bool = True, essence: Essence | None = None) -> None:
        self.name, self.named, self.kept, self.essence = name, named, kept, essence
        self.data: dict[Any, Rec] = {}
        self.before: dict[Any, Rec] = self.data
        self._shared, self._call = True, -1

    def get(self, key: Any, default: Any = None, stale: bool = False) -> Any:
        found = (self.before if stale else self.data).get(key)
        return default if found is None else found.value

    def items(self, stale: bool = False) -> Iterator[tuple[Any, Any]]:
        return ((key, rec.value) for key, rec in list((self.before if stale else self.data).items()))

    def values(self, stale: bool = False) -> list[Any]:
        return [rec.value for rec in (self.before if stale else self.data).values()]

    def __contains__(self, key: Any) -> bool:
        return key in self.data

    def __len__(self) -> int:
        return len(self.data)

    def put(self, key: Any, value: Any, call: int = -1) -> None:
        self._own(call)
        self.data[key] = Rec(value)

    def drop(self, key: Any, call: int = -1) -> None:
        if key in self.data:
            self._own(call)
            del self.data[key]

    def _own(self, call: int) -> None:
        if call != self._call or call == -1:
            self.before, self._shared, self._call = self.data, True, call
        if self._shared:
            self.data, self._shared = dict(self.data), False

    def keep(self) -> Moment:
        self._shared = True
        return Moment(self.data, self.before)

    def bring_back(self, moment: Moment) -> None:
        self.data, self.before = moment
        self._shared, self._call = True, -2

    def digest(self) -> tuple[int, tuple[Any, ...]]:
        """The sum of its values' digests, and the values whose `refs` must be looked at."""
        self._shared = True  # what has been looked at must not change under its digest
        return self._sum(self.data)

    def past(self) -> int:
        return self._sum(self.before)[0]

    def _sum(self, data: dict[Any, Rec]) -> tuple[int, tuple[Any, ...]]:
        found = _SUMS.get(id(data))
        if found is None or found[0] is not data:
            if len(_SUMS) > 50_000:
                _SUMS.clear()
            total, odd = 0, []
            for key, rec in data.items():
                total += rec.mark(self, key)
                if rec.refs:
                    odd.append((key, rec))
            found = _SUMS[id(data)] = (data, total & 0xFFFFFFFFFFFFFFFF, tuple(odd))
        return found[1], found[2]
