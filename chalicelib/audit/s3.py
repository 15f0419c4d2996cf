"""Where is remembered which hash stood where, out of reach of whoever can write to the table? In a bucket with Object Lock.

An anchor is an object whose key says it all: `anchors/<seq>-<hash>.json`. The bucket locks each object as it arrives, so for
the time of its retention nobody can change or remove it; a delete marker only hides it, and that shows in the versions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from chalicelib.audit.rules import Anchor, Head
from chalicelib.runtime import aws, settings
from chalicelib.runtime.clock import iso

FOLDER = "anchors/"
KEY = re.compile(r"anchors/(\d{12})-([0-9a-f]{64})\.json")


def bucket() -> str:
    known = settings.current()
    return f"{known.prefix}-audit-{known.need('account')}"


def key(head: Head) -> str:
    return f"{FOLDER}{head.seq:012d}-{head.hash}.json"


def anchor(head: Head, chain: str) -> None:
    """Remember this head. Twice does no harm: the second version says the same."""
    said = {"format": 1, "chain": chain, "seq": head.seq, "hash": head.hash, "recorded_at": head.recorded_at}
    aws.client("s3").put_object(
        Bucket=bucket(),
        Key=key(head),
        Body=json.dumps(said, sort_keys=True).encode(),
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",  # Object Lock asks for a checksum
    )


def anchors(after: int = 0, limit: int = 1000) -> tuple[Anchor, ...]:
    """The anchors behind number `after`, in order, hidden ones too; about `limit`, and all of the last place's."""
    found: dict[str, Anchor] = {}
    for version in _versions(after):
        place = KEY.fullmatch(version["Key"])
        if place is None or int(place[1]) <= after:
            continue
        seq, hash_ = int(place[1]), place[2]
        if len(found) >= limit and seq not in {one.seq for one in found.values()}:
            break
        known = found.get(version["Key"], Anchor(seq, hash_))
        standing = known.standing and not version["Marker"]
        found[version["Key"]] = Anchor(seq, hash_, min(filter(None, (known.at, version["At"])), default=""), standing)
    return tuple(sorted(found.values()))


def _versions(after: int) -> Iterator[dict[str, str]]:
    """Every version and delete marker, by key."""
    start = {"KeyMarker": f"{FOLDER}{after:012d}"} if after else {}  # before every hash of that number
    pages = aws.client("s3").get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket(), Prefix=FOLDER, **start):
        rows = [{"Key": one["Key"], "At": iso(one["LastModified"]), "Marker": ""} for one in page.get("Versions", ())]
        rows += [{"Key": one["Key"], "At": "", "Marker": "yes"} for one in page.get("DeleteMarkers", ())]
        yield from sorted(rows, key=lambda row: row["Key"])
