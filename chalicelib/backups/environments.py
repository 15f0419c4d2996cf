"""How do the files of teams' own packs get where they outlive their region? Beside the labs' backups, and in the second region.

    packs/<name>/<version>/<file>       under the key that they have in the artifacts bucket

Put there once, for a version never changes; kept as long as the versions themselves. Keeps true: a file that cannot be had is
named and does not stand in the way of the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from chalicelib.backups import s3
from chalicelib.backups.rules import BackupBroken
from chalicelib.packs import service as packs
from chalicelib.runtime.errors import PackBroken

FOLDER = "packs/"
Value = Mapping[str, Any]


def keep(values: Iterable[Value]) -> list[str]:
    """Bring whatever is not there yet to every place; returns the keys that could not be had."""
    wanted = {key: None for value in values for key in packs.keys(value)}
    source, wanting = s3.Place(packs.bucket()), dict[str, None]()
    for place in s3.places():
        new = wanted.keys() - {str(one["Key"]) for one in s3.listing(place, FOLDER)}
        there = [key for key in sorted(new) if s3.exists(source, key)]
        wanting |= dict.fromkeys(sorted(new - set(there)))
        s3.copy(source, place, [(key, key) for key in there], lambda: False)
        source = s3.here()
    return list(wanting)


def take_in(values: Iterable[Value], now: datetime, by: str, request: str) -> dict[str, Any]:
    """What was added, what was known, and what is not to be had, in words."""
    counted, wrong = Counter(added=0, known=0, missing=0), []
    for value in values:
        try:
            counted["added" if packs.take_in(value, _read, now, by, request) else "known"] += 1
        except (BackupBroken, PackBroken) as error:
            counted["missing"] += 1
            wrong.append(error.message)
    return {**counted, "wrong": wrong}


def _read(key: str) -> bytes:
    content: bytes = s3.read(s3.here(), key).read()
    return content
