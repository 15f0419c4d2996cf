"""What do we ask of S3? Exports in anybody's bucket are listed and read; our own documents are in the stage's bills bucket.

    exports/…                      what AWS Data Exports delivers, where this stack asked for it
    uploads/<sha256>/<name>        files that somebody imported
    files/<hash>.json.gz           what one data file sums up to, by its place, its ETag and the version of the sums
    months/<month>/<hash>.json.gz  a month's bill; which one holds, DynamoDB says

Keeps true: a data file is read as it was listed (If-Match), or the reading fails with Republished.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from chalicelib.bills.rules import DataFile
from chalicelib.runtime import aws, settings
from chalicelib.runtime.errors import BadInput, NotFound, Retryable

MISSING = frozenset({"NoSuchKey", "404", "NotFound", "NoSuchBucket"})
CLOSED = frozenset({"AccessDenied", "403", "AllAccessDisabled"})
ELSEWHERE = frozenset({"PermanentRedirect", "301", "AuthorizationHeaderMalformed"})
BLOCK = 1 << 20
PEEK = 256 * 1024
VALID = 3600  # seconds in which an upload may begin


class Republished(Retryable):
    """The export was written anew while it was read: the next run sees it whole."""


class Found(NamedTuple):
    """An object as it is listed."""

    key: str
    etag: str
    size: int
    modified: datetime


def bucket() -> str:
    return settings.current().need("bills_bucket")


# ---- exports -------------------------------------------------------------------------------------------------------------


def listing(place: str, prefix: str) -> Iterator[Found]:
    """Every object under a prefix."""
    asked = {"Bucket": place, "Prefix": prefix}
    while True:
        answer = _asked(f"s3://{place}/{prefix}", partial(_s3().list_objects_v2, **asked))
        for one in answer.get("Contents", ()):
            yield Found(str(one["Key"]), str(one["ETag"]).strip('"'), int(one["Size"]), one["LastModified"])
        if not answer.get("IsTruncated"):
            return
        asked["ContinuationToken"] = answer["NextContinuationToken"]


def text(place: str, key: str) -> tuple[bytes, str]:
    """A small object and its ETag."""
    answer = _asked(f"s3://{place}/{key}", lambda: _s3().get_object(Bucket=place, Key=key))
    return answer["Body"].read(), str(answer["ETag"]).strip('"')


def etag(place: str, key: str) -> str:
    """The ETag an object has now; "" when it is not there."""
    try:
        answer = _asked(f"s3://{place}/{key}", lambda: _s3().head_object(Bucket=place, Key=key))
    except NotFound:
        return ""
    return str(answer["ETag"]).strip('"')


def looked_up(place: str, key: str) -> DataFile:
    """An object as it is now; NotFound when there is none."""
    answer = _asked(f"s3://{place}/{key}", lambda: _s3().head_object(Bucket=place, Key=key))
    return DataFile(place, key, str(answer["ETag"]).strip('"'), int(answer["ContentLength"]))


def body(file: DataFile) -> Any:
    """The file as a stream, as it was listed."""
    return _asked(file.uri, lambda: _s3().get_object(Bucket=file.bucket, Key=file.key, IfMatch=f'"{file.etag}"'))["Body"]


def peek(file: DataFile) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file."""
    ask = partial(_s3().get_object, Bucket=file.bucket, Key=file.key, IfMatch=f'"{file.etag}"')
    first = _asked(file.uri, partial(ask, Range=f"bytes=0-{PEEK - 1}"))["Body"].read()
    if file.size <= PEEK:
        return first, first
    return first, _asked(file.uri, partial(ask, Range=f"bytes={file.size - PEEK}-{file.size - 1}"))["Body"].read()


def fetch(file: DataFile, folder: Path) -> tuple[Path, str]:
    """The file on this machine, and the SHA-256 of what came."""
    to, digest, stream = folder / file.name, hashlib.sha256(), body(file)
    with to.open("wb") as out:
        while block := stream.read(BLOCK):
            digest.update(block)
            out.write(block)
    return to, digest.hexdigest()


def same(file: DataFile, digest: str) -> None:
    """What somebody uploaded must be what they said it was; its key names its SHA-256."""
    if file.bucket == bucket() and file.key.startswith("uploads/") and file.key.split("/")[1] != digest:
        raise BadInput(f"{file.name} did not arrive whole", hint="import it again", code="bad_checksum")


# ---- our own documents ---------------------------------------------------------------------------------------------------


def keep(key: str, document: dict[str, Any]) -> None:
    content = gzip.compress(json.dumps(document, separators=(",", ":"), default=str).encode(), mtime=0)
    put = partial(
        _s3().put_object, Bucket=bucket(), Key=key, Body=content, ContentType="application/json", ContentEncoding="gzip"
    )
    _asked(key, put)


def kept(key: str) -> dict[str, Any] | None:
    """A document of ours; None when it is not there."""
    try:
        content, _ = text(bucket(), key)
    except NotFound:
        return None
    return dict(json.loads(gzip.decompress(content)))


def upload_key(sha256: str, name: str) -> str:
    return f"uploads/{sha256}/{name}"


def upload_url(key: str, checksum: str) -> tuple[str, dict[str, str]]:
    """Where a file may be put for an hour, and the headers to send; S3 refuses one whose SHA-256 (base64) is another."""
    asked = {"Bucket": bucket(), "Key": key, "ChecksumSHA256": checksum}
    url = str(_s3().generate_presigned_url("put_object", Params=asked, ExpiresIn=VALID))
    return url, {"x-amz-checksum-sha256": checksum}


def _s3() -> Any:
    return aws.client("s3")


def _asked(what: str, ask: Callable[[], Any]) -> Any:
    """S3's answer; what stands in the way is said in the words of whoever asked for it."""
    try:
        return ask()
    except ClientError as error:
        code = aws.error_code(error)
        if code in ("PreconditionFailed", "412"):
            raise Republished(f"{what} is being published anew") from error
        if code in MISSING:
            raise NotFound(f"{what} is not there") from error
        if code in CLOSED:
            raise BadInput(
                f"{what} may not be read by this stage",
                hint="name its bucket in the stage's parameter BillBucket: docs/howto/connect-the-bill.md",
                code="bill_closed",
            ) from error
        if code in ELSEWHERE:
            hint = "export to a bucket in the stage's region"
            raise BadInput(f"{what} is in another region", hint=hint, code="bill_elsewhere") from error
        raise
