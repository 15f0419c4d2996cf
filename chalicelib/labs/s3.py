"""Of which labs are there backups? The folders under `labs/` in the stage's backups bucket."""

from __future__ import annotations

from chalicelib.runtime import aws
from chalicelib.runtime.refusals import patiently

FOLDER = "labs/"


def labs_with_backups(bucket: str) -> list[str]:
    """Nothing when there is no such bucket."""
    found: list[str] = []
    with patiently("NoSuchBucket"):
        for page in aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=FOLDER, Delimiter="/"):
            found += [one["Prefix"].removeprefix(FOLDER).rstrip("/") for one in page.get("CommonPrefixes", ())]
    return found
