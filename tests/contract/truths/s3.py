"""S3: checksums, conditional puts, versions, copies and lists."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from tests.contract.truths.core import Json, Place, refusal, truth

PUT = "Amazon S3 API Reference: PutObject"
CHECKSUM = "Amazon S3 User Guide: Checking object integrity"
CONDITIONAL = "Amazon S3 User Guide: Conditional requests"
VERSIONS = "Amazon S3 User Guide: Retaining multiple versions of objects with S3 Versioning"


def sum_of(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def put(place: Place, key: str, body: bytes = b"one", **more: Any) -> Json:
    return dict(place.client("s3").put_object(Bucket=place.bucket(), Key=key, Body=body, **more))


def get(place: Place, key: str, **more: Any) -> bytes:
    return bytes(place.client("s3").get_object(Bucket=place.bucket(), Key=key, **more)["Body"].read())


@truth(CHECKSUM, moto="keeps it")
def an_object_whose_sum_is_another_is_refused_and_not_kept(place: Place) -> None:
    key = place.word("key")
    assert refusal(lambda: put(place, key, b"one", ChecksumSHA256=sum_of(b"two"))) == "BadDigest"
    assert refusal(lambda: get(place, key)) == "NoSuchKey"


@truth(CHECKSUM, moto="does not repeat it in its answer to the put", ministack="does not repeat it in its answer to the put")
def an_object_gives_its_sum_when_asked(place: Place) -> None:
    key = place.word("key")
    assert put(place, key, b"one", ChecksumSHA256=sum_of(b"one"))["ChecksumSHA256"] == sum_of(b"one")
    head = place.client("s3").head_object(Bucket=place.bucket(), Key=key, ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == sum_of(b"one")
    assert head["ContentLength"] == 3


@truth(CONDITIONAL)
def a_put_that_wants_nothing_there_is_refused_when_something_is(place: Place) -> None:
    key = place.word("key")
    put(place, key, b"one", IfNoneMatch="*")
    assert refusal(lambda: put(place, key, b"two", IfNoneMatch="*")) == "PreconditionFailed"
    assert get(place, key) == b"one"


@truth(CONDITIONAL)
def a_put_that_wants_another_etag_is_refused(place: Place) -> None:
    key = place.word("key")
    first = put(place, key, b"one")["ETag"]
    put(place, key, b"two", IfMatch=first)
    assert refusal(lambda: put(place, key, b"three", IfMatch=first)) == "PreconditionFailed"
    assert get(place, key) == b"two"


@truth(VERSIONS)
def what_is_overwritten_can_still_be_read_by_its_version(place: Place) -> None:
    key = place.word("key")
    first, second = (put(place, key, body)["VersionId"] for body in (b"one", b"two"))
    assert first != second
    assert get(place, key) == b"two"
    assert get(place, key, VersionId=first) == b"one"


@truth(VERSIONS)
def a_delete_hides_an_object_and_keeps_its_versions(place: Place) -> None:
    key = place.word("key")
    first = put(place, key)["VersionId"]
    assert place.client("s3").delete_object(Bucket=place.bucket(), Key=key)["DeleteMarker"] is True
    assert refusal(lambda: get(place, key)) == "NoSuchKey"
    assert get(place, key, VersionId=first) == b"one"


@truth("Amazon S3 API Reference: GetObject, HeadObject")
def an_object_that_never_was_is_NoSuchKey_and_its_head_404(place: Place) -> None:  # noqa: N802
    key = place.word("nobody")
    assert refusal(lambda: get(place, key)) == "NoSuchKey"
    assert refusal(lambda: place.client("s3").head_object(Bucket=place.bucket(), Key=key)) == "404"


@truth("Amazon S3 API Reference: DeleteObject")
def deleting_what_is_not_there_is_no_error(place: Place) -> None:
    assert refusal(lambda: place.client("s3").delete_object(Bucket=place.bucket(), Key=place.word("nobody"))) == ""


@truth("Amazon S3 API Reference: CopyObject")
def a_copy_has_the_same_bytes_and_of_nothing_there_is_no_copy(place: Place) -> None:
    key, other = place.word("key"), place.word("key")
    put(place, key, b"one")
    source = {"Bucket": place.bucket(), "Key": key}
    place.client("s3").copy_object(Bucket=place.bucket(), Key=other, CopySource=source)
    assert get(place, other) == b"one"
    nobody = {"Bucket": place.bucket(), "Key": place.word("nobody")}
    assert refusal(lambda: place.client("s3").copy_object(Bucket=place.bucket(), Key=other, CopySource=nobody)) == "NoSuchKey"


@truth("Amazon S3 API Reference: ListObjectsV2")
def a_list_is_in_the_order_of_bytes_a_page_at_a_time(place: Place) -> None:
    folder, seen = place.word("folder"), []
    more: Json = {}
    for name in ("b", "a/2", "a/1", "B"):
        put(place, f"{folder}/{name}")
    while True:
        page = place.client("s3").list_objects_v2(Bucket=place.bucket(), Prefix=f"{folder}/", MaxKeys=3, **more)
        seen += [one["Key"].removeprefix(f"{folder}/") for one in page["Contents"]]
        if not page["IsTruncated"]:
            break
        more = {"ContinuationToken": page["NextContinuationToken"]}
    assert seen == ["B", "a/1", "a/2", "b"]


@truth("Amazon S3 API Reference: ListObjectsV2")
def a_list_can_stop_at_folders(place: Place) -> None:
    folder = place.word("folder")
    for name in ("a/1", "a/2", "b"):
        put(place, f"{folder}/{name}")
    page = place.client("s3").list_objects_v2(Bucket=place.bucket(), Prefix=f"{folder}/", Delimiter="/")
    assert [one["Prefix"] for one in page["CommonPrefixes"]] == [f"{folder}/a/"]
    assert [one["Key"] for one in page["Contents"]] == [f"{folder}/b"]
