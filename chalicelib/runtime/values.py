"""How do the fields of a frozen dataclass become text, and text a field again? By their types; for stores whose items keep text.

Words stand as they are, moments as ISO text, everything else as compact JSON; a tuple of dataclasses as rows of their values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, get_args, get_type_hints

from chalicelib.runtime.clock import iso, parse_iso


def written(value: Any) -> str | None:
    """A field's value as text; None for what is not there."""
    if value in (None, "", ()):
        return None
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, str) else json.dumps(_plain(value), separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [list(vars(one).values()) if is_dataclass(one) else one for one in value]
    return value


def read(kind: Callable[..., Any], said: Mapping[str, str | None]) -> dict[str, Any]:
    """The fields of this dataclass that are there, from their texts."""
    hints = hints_of(kind)
    return {name: _read(hints[name], text) for name, text in said.items() if text is not None and name in hints}


@lru_cache
def hints_of(kind: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(hint: Any, text: str) -> Any:
    inner = get_args(hint)
    if hint is datetime or datetime in inner:
        return parse_iso(text)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(text)
    if hint is str:
        return text
    value = json.loads(text)
    if inner and isinstance(value, list):
        of: Any = inner[0]
        return tuple(of(*one) if is_dataclass(inner[0]) else one for one in value)
    return value
