"""What does a builder read, and what does it leave? Its order and its report, under its bake's prefix in the artifacts bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.runtime import aws, settings
from chalicelib.runtime.aws import error_code
from chalicelib.runtime.errors import Unavailable
from chalicelib.runtime.refusals import patiently

LARGEST = 1 << 20  # a report of a megabyte is none of ours


def key(bake_id: str, name: str) -> str:
    return f"bakes/{bake_id}/{name}.json"


def put_order(bake_id: str, order: Mapping[str, Any]) -> str:
    """Where it lies."""
    place = key(bake_id, "order")
    with patiently():
        aws.client("s3").put_object(Bucket=_bucket(), Key=place, Body=json.dumps(order).encode(), ContentType="application/json")
    return place


def report(bake_id: str) -> Mapping[str, Any] | None:
    """What the builder said when it was done; None when it said nothing that can be read."""
    try:
        with patiently():
            body = aws.client("s3").get_object(Bucket=_bucket(), Key=key(bake_id, "report"))["Body"].read(LARGEST)
    except ClientError as error:
        if error_code(error) in ("NoSuchKey", "404"):
            return None
        raise Unavailable(f"the report of {bake_id} could not be read: {error}") from error
    try:
        said = json.loads(body)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def remove(bake_id: str) -> None:
    """Order and report are gone; the bucket keeps what was replaced for its thirty days."""
    for name in ("order", "report"):
        with patiently():
            aws.client("s3").delete_object(Bucket=_bucket(), Key=key(bake_id, name))


def _bucket() -> str:
    return settings.current().need("artifacts_bucket")
