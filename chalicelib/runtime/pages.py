"""How is a long list read in parts? By opaque cursors that only fit the list they came from.

A cursor carries DynamoDB's last key and the name of its list; one that was edited, is of another version, or was taken
from another list is refused as stale or foreign, so it can never be used to look into somebody else's partition.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from chalicelib.runtime.errors import BadInput

VERSION = 1
T = TypeVar("T")
R = TypeVar("R", covariant=True)


class Page(NamedTuple, Generic[T]):
    items: tuple[T, ...]
    cursor: str | None = None


class Results(Protocol[R]):
    """What pynamodb's queries return: items, and after them the key to go on from."""

    def __iter__(self) -> Any: ...

    @property
    def last_evaluated_key(self) -> dict[str, Any] | None: ...


def encode(key: dict[str, Any] | None, of: str) -> str | None:
    """The cursor that continues the list named `of` after `key`; None at its end."""
    if not key:
        return None
    text = json.dumps({"v": VERSION, "of": _mark(of), "key": key}, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str | None, of: str) -> dict[str, Any] | None:
    """The key a cursor carries; BadInput when it is not one of ours for this list."""
    if not cursor:
        return None
    try:
        content = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if content["v"] == VERSION and content["of"] == _mark(of) and isinstance(content["key"], dict):
            return dict(content["key"])
    except (ValueError, KeyError, TypeError):
        pass
    raise BadInput("stale or foreign cursor", hint="start again without a cursor", code="bad_cursor")


def page_of(results: Results[Any], of: str, convert: Callable[[Any], T]) -> Page[T]:
    """Everything a limited query returned, with the cursor to go on from."""
    rows: Iterable[Any] = results
    items = tuple(convert(item) for item in rows)
    return Page(items, encode(results.last_evaluated_key, of))


def _mark(of: str) -> str:
    return hashlib.sha256(of.encode()).hexdigest()[:16]
