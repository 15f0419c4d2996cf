"""What do we ask of S3? Objects of the backups bucket, and of its copy in another region, where there is one.

Keeps true: an object that is missing is said by name (BackupBroken), never passed over; copies are made by S3 itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.backups.keeping import Chunk
from chalicelib.backups.manifest import Stream
from chalicelib.backups.rules import BackupBroken, Digest
from chalicelib.runtime import aws, settings
from chalicelib.runtime.errors import Retryable

AT_ONCE = 16
MISSING = frozenset({"NoSuchKey", "404", "NotFound", "NoSuchVersion"})
DELETED_AT_ONCE = 1000


class Place(NamedTuple):
    """A bucket, in the region of this stage ("") or in another."""

    bucket: str
    region: str = ""

    def client(self) -> Any:
        return aws.client("s3", self.region) if self.region else aws.client("s3")


def here() -> Place:
    return Place(settings.current().need("backups_bucket"))


def there() -> Place | None:
    """The second region's bucket; None when none was named."""
    known = settings.current()
    return Place(known.second_bucket, known.second_region) if known.second_bucket and known.second_region else None


def places() -> list[Place]:
    second = there()
    return [here(), second] if second else [here()]


def read(place: Place, key: str) -> Stream:
    """The object as a stream. BackupBroken when there is none of this name."""
    stream: Stream = _asked(key, lambda: place.client().get_object(Bucket=place.bucket, Key=key))["Body"]
    return stream


def size(place: Place, key: str) -> int:
    return int(_asked(key, lambda: place.client().head_object(Bucket=place.bucket, Key=key))["ContentLength"])


def exists(place: Place, key: str) -> bool:
    try:
        size(place, key)
    except BackupBroken:
        return False
    return True


def write(place: Place, key: str, body: bytes) -> None:
    _asked(key, lambda: place.client().put_object(Bucket=place.bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256"))


def listing(place: Place, prefix: str) -> Iterator[dict[str, Any]]:
    """Every object under a prefix: Key, Size, LastModified."""
    asked = {"Bucket": place.bucket, "Prefix": prefix}
    while True:
        found = _asked(prefix, partial(place.client().list_objects_v2, **asked))
        yield from found.get("Contents", ())
        if not found.get("IsTruncated"):
            return
        asked["ContinuationToken"] = found["NextContinuationToken"]


def chunks(place: Place, prefix: str) -> Iterator[Chunk]:
    """The chunks under a prefix; whatever has another kind of name is not ours and is left alone."""
    for one in listing(place, prefix):
        digest = _digest(str(one["Key"]).rpartition("/")[2])
        if digest:
            yield Chunk(str(one["Key"]), digest, int(one["Size"]), one["LastModified"])


def _digest(name: str) -> Digest | None:
    try:
        digest = bytes.fromhex(name)
    except ValueError:
        return None
    return digest if len(digest) == 32 else None


def copy(source: Place, target: Place, pairs: Iterable[tuple[str, str]], is_over: Callable[[], bool]) -> int:
    """Copy objects (from key, to key), many at once, until all are copied or time `is_over`; returns how many were."""
    count = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting: list[Any] = []
        for one in pairs:
            if is_over():
                break
            waiting.append(pool.submit(_copy, source, target, *one))
            if len(waiting) >= AT_ONCE * 4:
                waiting.pop(0).result()
                count += 1
        for made in waiting:
            made.result()
            count += 1
    return count


def _copy(source: Place, target: Place, origin: str, key: str) -> None:
    where = {"Bucket": source.bucket, "Key": origin}
    client = target.client()
    _asked(origin, lambda: client.copy_object(Bucket=target.bucket, Key=key, CopySource=where, ChecksumAlgorithm="SHA256"))


def delete(place: Place, keys: Iterable[str]) -> int:
    """Delete objects (older versions stay for a while); returns how many."""
    names = list(dict.fromkeys(keys))
    for start in range(0, len(names), DELETED_AT_ONCE):
        batch = [{"Key": key} for key in names[start : start + DELETED_AT_ONCE]]
        asked = {"Objects": batch, "Quiet": True}
        answer = _asked(batch[0]["Key"], partial(place.client().delete_objects, Bucket=place.bucket, Delete=asked))
        if answer.get("Errors"):
            raise Retryable(f"S3 did not delete {answer['Errors'][0]['Key']}: {answer['Errors'][0].get('Message', '')}")
    return len(names)


def _asked(what: str, ask: Callable[[], Any]) -> Any:
    """An answer of S3; what may pass with time is Retryable, and what is missing is named."""
    try:
        return ask()
    except ClientError as error:
        code = aws.error_code(error)
        if code in MISSING:
            raise BackupBroken(f"{what} is missing in the bucket") from error
        if code in ("AccessDenied", "NoSuchBucket", "PermanentRedirect", "403"):
            raise BackupBroken(f"{what} cannot be reached: {code}", "look at the bucket and at the function's rights") from error
        raise Retryable(f"{what}: {error}") from error
    except BotoCoreError as error:
        raise Retryable(f"{what}: {error}") from error
