"""Where are the files of teams' own packs? In the artifacts bucket, beside the machines' bundle.

incoming/<sha256>/<name>            put there by whoever adds a pack; forgotten after a day
packs/<name>/<version>/<file>       a version's files, for ever
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from chalicelib.packs.own import MOST_BYTES, key_of
from chalicelib.runtime import aws, settings
from chalicelib.runtime.errors import BadInput, Conflict

VALID = 3600  # seconds in which an upload may begin
MISSING = frozenset({"NoSuchKey", "404", "NotFound"})


class Offer(NamedTuple):
    """Where a file is to be put, and the headers to send; S3 refuses one whose SHA-256 is another."""

    name: str
    url: str
    headers: dict[str, str]


def bucket() -> str:
    return settings.current().need("artifacts_bucket")


def offer(name: str, sha256: str) -> Offer:
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    asked = {"Bucket": bucket(), "Key": _incoming(name, sha256), "ChecksumSHA256": checksum}
    url = str(_s3().generate_presigned_url("put_object", Params=asked, ExpiresIn=VALID))
    return Offer(name, url, {"x-amz-checksum-sha256": checksum})


def received(name: str, sha256: str) -> bytes:
    """What somebody put. Conflict: it is not there (yet); BadInput: it is too large, or not what was said."""
    try:
        answer = _s3().get_object(Bucket=bucket(), Key=_incoming(name, sha256))
    except ClientError as error:
        if aws.error_code(error) in MISSING:
            raise Conflict(f"{name} has not been uploaded", "ask for its address at /packs/uploads, and put it there") from error
        raise
    if int(answer["ContentLength"]) > MOST_BYTES:
        raise BadInput(f"{name} has more than {MOST_BYTES // 1024 // 1024} MB", "a pack has some hundreds of packages")
    content: bytes = answer["Body"].read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BadInput(f"{name} did not arrive whole", "upload it again", code="bad_checksum")
    return content


def keep(name: str, version: str, file: str, content: bytes) -> None:
    """A version's file; writing it again writes the same."""
    _s3().put_object(Bucket=bucket(), Key=key_of(name, version, file), Body=content, ChecksumAlgorithm="SHA256")


def _incoming(name: str, sha256: str) -> str:
    return f"incoming/{sha256}/{name}"


def _s3() -> Any:
    return aws.client("s3")
