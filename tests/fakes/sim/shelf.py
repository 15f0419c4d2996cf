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
import marshal
import re
from collections.abc import Callable, Iterator
from typing import Any

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?(?:-[0-9a-f]{4}(?![0-9a-f]))?|\b1[789]\d{8}(?:\.\d+)?\b")
_REF = re.compile(r"ref-[0-9a-f]{16}|(?<=token_hash\": {\"S\": \")[0-9a-f]{64}")


class Moment:
    """A shelf at one moment: what it holds, and what it held before its last change; their sums once somebody asked for them."""

    __slots__ = ("before", "now", "past", "sum")

    def __init__(self, now: dict[Any, Rec], before: dict[Any, Rec]) -> None:
        self.now, self.before = now, before
        self.sum: Sum | None = None
        self.past: int | None = None


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
            self._mark, self.refs = _marked(f"{shelf.name}/{key if shelf.named else ''}/", told)
        return self._mark


def _marked(where: str, told: Any) -> tuple[int, tuple[str, ...]]:
    """Its digest and the tokens in it. What was put before, in another history, is known."""
    try:
        known = (where, marshal.dumps(told, 2))
    except ValueError:  # there is more in it than plain values
        return _read(where, told)
    found = _MARKS.get(known)
    if found is None:
        if len(_MARKS) > 50_000:
            _MARKS.clear()
        found = _MARKS[known] = _read(where, told)
    return found


def _read(where: str, told: Any) -> tuple[int, tuple[str, ...]]:
    text = _MOMENT.sub("T", json.dumps(told, sort_keys=True, default=str))
    refs = tuple(_REF.findall(text))
    return number(where + (_REF.sub("", text) if refs else text)), refs


def number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


Essence = Callable[[Any, Any], Any]
Sum = tuple[int, tuple[Any, ...]]
_SUMS: dict[int, tuple[dict[Any, Rec], Sum]] = {}  # by identity of a dict that is kept
_MARKS: dict[tuple[str, bytes], tuple[int, tuple[str, ...]]] = {}


def forget() -> None:
    """What was remembered of a town that is gone."""
    _SUMS.clear()
    _MARKS.clear()


class Shelf:
    """`named`: are the keys part of what is compared? (Not when they are times.) `kept`: does it belong to the digest at all?
    `essence(key, value)`: what of a value is compared, None for nothing."""

    __slots__ = ("_call", "_changed", "_moment", "_shared", "before", "data", "essence", "kept", "name", "named")

    def __init__(
        self,
        name: str,
        named: bool = True,
        kept: bool = True,
        essence: Essence | None = None,
        changed: Callable[[], object] = int,
    ) -> None:
        self.name, self.named, self.kept, self.essence = name, named, kept, essence
        self._changed = changed  # who is told before anything changes here
        self.data: dict[Any, Rec] = {}
        self.before: dict[Any, Rec] = self.data
        self._shared, self._call = True, -1
        self._moment: Moment | None = None  # as it stands, until it changes

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
        if self._moment is not None:
            self._moment = None
            self._changed()
        if call != self._call or call == -1:
            self.before, self._shared, self._call = self.data, True, call
        if self._shared:
            self.data, self._shared = dict(self.data), False

    def keep(self) -> Moment:
        """This moment, which must not change any more."""
        if self._moment is None:
            self._shared, self._moment = True, Moment(self.data, self.before)
        return self._moment

    def bring_back(self, moment: Moment) -> None:
        self.data, self.before, self._moment = moment.now, moment.before, moment
        self._shared, self._call = True, -2

    def digest(self) -> Sum:
        """The sum of its values' digests, and the values whose `refs` must be looked at."""
        moment = self.keep()
        if moment.sum is None:
            moment.sum = self._sum(moment.now)
        return moment.sum

    def past(self) -> int:
        moment = self.keep()
        if moment.past is None:
            moment.past = self._sum(moment.before)[0]
        return moment.past

    def _sum(self, data: dict[Any, Rec]) -> Sum:
        found = _SUMS.get(id(data))
        if found is None or found[0] is not data:
            if len(_SUMS) > 50_000:
                _SUMS.clear()
            total, odd = 0, []
            for key, rec in data.items():
                total += rec.mark(self, key)
                if rec.refs:
                    odd.append((key, rec))
            found = _SUMS[id(data)] = (data, (total & 0xFFFFFFFFFFFFFFFF, tuple(odd)))
        return found[1]
