"""What has been published? Months of an export, each with its data files, as AWS Data Exports lays them out in a bucket:

    <prefix>/<export>/data/BILLING_PERIOD=2026-10/[<execution>/]<export>-00001.snappy.parquet | .csv.gz
    <prefix>/<export>/metadata/BILLING_PERIOD=2026-10/[<execution>/]<export>-Manifest.json

`<execution>` is there when the export makes new files instead of writing over the old. The manifest names every data file, and is
delivered only after all of them: docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html.

Keeps true: a month is taken as one whole. A data file that is not there, or is younger than the manifest that names it, means
that the export is being published: the month stays as it was, and the next run looks again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from chalicelib.bills import s3, sql
from chalicelib.bills.rules import Container, DataFile, Format, container_of
from chalicelib.bills.s3 import Found
from chalicelib.runtime.errors import BadInput

MANIFEST = re.compile(r"(?:.*/)?metadata/BILLING_PERIOD=(\d{4}-\d{2})/(?:([^/]+)/)?[^/]+-Manifest\.json")
S3_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")


class Publication(NamedTuple):
    """What is to be taken in as one whole. A blank period: the lines say which months they are of."""

    period: str
    token: str  # another one means that it was published again
    at: datetime  # when it was published
    files: tuple[DataFile, ...]
    columns: tuple[str, ...] = ()
    manifest: tuple[str, str, str] = ("", "", "")  # bucket, key and ETag
    trouble: str = ""  # why it cannot be taken now


def place_of(uri: str) -> tuple[str, str]:
    """Bucket and prefix; BadInput for what is no s3:// address."""
    found = S3_URI.fullmatch(uri.strip())
    if not found:
        raise BadInput(f"'{uri[:80]}' is no address in S3", hint="write it like s3://my-bills/exports")
    return found[1], (found[2] or "").strip("/")


def publications(uri: str) -> Iterator[Publication]:
    """The newest publication of each month under an address, the oldest month first."""
    bucket, prefix = place_of(uri)
    objects = {one.key: one for one in s3.listing(bucket, f"{prefix}/" if prefix else "")}
    newest: dict[str, Found] = {}
    for one in objects.values():
        found = MANIFEST.fullmatch(one.key)
        if found and (found[1] not in newest or one.modified >= newest[found[1]].modified):
            newest[found[1]] = one
    for period, manifest in sorted(newest.items()):
        yield _publication(bucket, period, manifest, objects)


def _publication(bucket: str, period: str, manifest: Found, objects: dict[str, Found]) -> Publication:
    content, etag = s3.text(bucket, manifest.key)
    place = (bucket, manifest.key, etag)
    try:
        said = json.loads(content)
        keys = [_key(str(one), bucket) for one in said["dataFiles"]]
    except (ValueError, KeyError, TypeError):
        return Publication(
            period, etag, manifest.modified, (), manifest=place, trouble=f"{manifest.key} is no manifest of an export"
        )
    files = tuple(DataFile(bucket, key, objects[key].etag, objects[key].size) for key in keys if key in objects)
    token = hashlib.sha256("\0".join((etag, *(f"{one.key} {one.etag}" for one in files))).encode()).hexdigest()
    return Publication(period, token, manifest.modified, files, _columns(said), place, _trouble(keys, manifest, objects))


def _key(text: str, bucket: str) -> str:
    return text.removeprefix(f"s3://{bucket}/").lstrip("/")


def _columns(said: dict[str, Any]) -> tuple[str, ...]:
    """Their names; a manifest lists them as names or as objects with a name."""
    known = said.get("columns") or ()
    return tuple(str(one.get("name", "")) if isinstance(one, dict) else str(one) for one in known)


def _trouble(keys: Iterable[str], manifest: Found, objects: dict[str, Found]) -> str:
    for key in keys:
        if key not in objects:
            return f"{key} is named by the manifest and is not there (yet)"
        if objects[key].modified > manifest.modified:
            return f"{key} is younger than its manifest: the export is being published"
        if container_of(key) is None:
            return f"{key} is neither csv, csv.gz nor parquet"
    return ""


def unchanged(publication: Publication) -> bool:
    """Is the manifest still the one that was read? Asked once all files are."""
    bucket, key, etag = publication.manifest
    return not key or s3.etag(bucket, key) == etag


# ---- which format is a file in? ------------------------------------------------------------------------------------------


def format_of(file: DataFile, columns: Iterable[str], wanted: str) -> Format:
    """As somebody said it, as the manifest's columns have it, or as the file itself shows. BadInput when nobody can tell."""
    if wanted in set(Format):
        return Format(wanted)
    found = sql.format_of(columns) or (sql.format_of(_names(file)))
    if found is None:
        raise BadInput(
            f"{file.name} is neither a CUR 2.0 nor a FOCUS export",
            hint="it needs the columns line_item_unblended_cost or BilledCost; say --format if you know better",
            code="not_an_export",
        )
    return found


def _names(file: DataFile) -> list[str]:
    """Column names: of a CSV its first line; of parquet those words of its footer that are column names we know."""
    first, last = s3.peek(file)
    if container_of(file.key) is Container.PARQUET:
        known = {name for columns in sql.COLUMNS.values() for name in columns.all}
        return [name for name in known if name.encode() in last.lower()]
    return header(first, file.name)


def header(first: bytes, name: str) -> list[str]:
    """The column names at the beginning of a CSV, packed or not."""
    plain = first
    if name.lower().endswith(".gz"):
        try:
            plain = zlib.decompressobj(wbits=31).decompress(first)
        except zlib.error:
            return []
    text = plain.decode("utf-8", errors="replace")
    return next(csv.reader(io.StringIO(text)), [])
