"""Where is a kernel's lock? In the bundle; that of a team's own pack is fetched once, with the machine's own role.

Needs nothing but Debian's Python (the hub's environment may not be there yet). Keeps true: a lock whose content is not what the
orders say is never used, be it fetched or found; what was half fetched is not there.
"""

import hashlib
import os
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from aws_research_wizard.host import files, signing
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.metadata import Credentials, Metadata
from aws_research_wizard.host.orders import Kernel
from aws_research_wizard.host.steps import CommandFailed

WAITS: Sequence[float] = (1, 2, 4, 8, 15, 0)
"""A right that was just given takes some seconds to be known everywhere."""
MOST_BYTES = 16 * 1024 * 1024
EMPTY = hashlib.sha256(b"").hexdigest()


def path(machine: Machine, kernel: Kernel) -> Path:
    """Where the lock is, or will be once it was fetched."""
    return machine.opt / "locks" / f"{kernel.lock_sha256}.txt" if kernel.lock_uri else machine.bundle / kernel.lock


def provide(machine: Machine, kernel: Kernel) -> Path:
    """The lock as a file that is there. CommandFailed, in one line, when there is none."""
    place = path(machine, kernel)
    if not kernel.lock_uri:
        if not kernel.lock or not place.is_file():
            raise CommandFailed(f"{kernel.display_name}: the bundle has no lock {kernel.lock or '(none named)'}", [])
        return place
    if not (place.is_file() and _sum(place.read_bytes()) == kernel.lock_sha256):
        files.write(place, _fetched(machine, kernel).decode())
    return place


def _fetched(machine: Machine, kernel: Kernel) -> bytes:
    content = _download(machine, kernel)
    seen = _sum(content)
    if seen != kernel.lock_sha256:
        raise CommandFailed(f"{kernel.display_name}: its lock has the sum {seen[:12]}, not {kernel.lock_sha256[:12]}", [])
    return content


def _download(machine: Machine, kernel: Kernel) -> bytes:
    override = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if override else []))
    for wait in WAITS:
        try:
            request = signed(kernel.lock_uri, machine.region, override, Metadata().credentials(), datetime.now(UTC))
            with opener.open(request, timeout=60) as answer:
                content: bytes = answer.read(MOST_BYTES + 1)
                return content
        except (OSError, KeyError, ValueError) as error:
            if not wait:
                raise CommandFailed(
                    f"{kernel.display_name}: its lock {kernel.lock_uri} could not be fetched: {error}", []
                ) from None
            time.sleep(wait)
    raise AssertionError("unreachable")


def signed(uri: str, region: str, override: str | None, credentials: Credentials, now: datetime) -> urllib.request.Request:
    """A GET of s3://bucket/key, signed with Signature Version 4."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    base = f"{override.rstrip('/')}/{bucket}" if override else f"https://{bucket}.s3.{region}.{suffix}"
    url = f"{base}/{quote(key)}"
    place = urlsplit(url)
    headers = {
        "host": place.netloc,
        "x-amz-content-sha256": EMPTY,
        "x-amz-date": signing.stamp(now),
        "x-amz-security-token": credentials.token,
    }
    headers["Authorization"] = signing.authorization(credentials, ("GET", place.path), headers, b"", region, "s3")
    return urllib.request.Request(url, headers=headers)  # noqa: S310 (https, or the emulator on this machine)


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
