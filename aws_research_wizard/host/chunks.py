"""Where are the bytes of a backup? In S3, cut into chunks, each named by its own SHA-256.

Keeps true: S3 itself checks every upload against its name; what is there is not sent again; what comes back is checked before
it is used. A chunk whose bytes in S3 are no longer those of its name is put anew (the bucket keeps the other version).
"""

import base64
import hashlib
import os
import threading
from collections.abc import Mapping
from typing import IO, Any

from aws_research_wizard.host.work import WorkFailed

SIZE = 16 << 20
"""Bytes of a chunk; the last one of a file is shorter. The format allows up to MOST."""
MOST = 64 << 20
ASK_FIRST = 1 << 20
"""From this size on it is asked whether a chunk is there before it is sent; a smaller one is sent on condition that it is not."""
REMEMBERED = 200_000
ABSENT = ("404", "NoSuchKey", "NotFound", "403", "AccessDenied", "Forbidden")
"""Without the right to list, S3 says 403 of a key that does not exist."""
THERE = ("PreconditionFailed", "412")


class ChunkLost(Exception):  # noqa: N818
    """A chunk is gone from S3, or its bytes are not those of its name."""


def client(region: str) -> Any:
    """Return an S3 client that is patient, as the machine's own role."""
    import boto3
    from botocore.config import Config

    elsewhere = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    patient = Config(
        retries={"mode": "standard", "max_attempts": 8},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=16,
        s3={"addressing_style": "path" if elsewhere else "auto"},
    )
    return boto3.client("s3", region_name=region, config=patient)


class Chunks:
    """The chunks of one lab. May be used by several threads at once."""

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:
        self._s3, self._bucket, self._prefix = s3, bucket, prefix.strip("/")
        self._known: dict[str, None] = {}
        self._there: dict[bytes, int] | None = None
        self._lock = threading.Lock()
        self.new_chunks = self.new_bytes = 0

    def look(self) -> None:
        """See which chunks S3 has, and how long they are. Without the right to list, what manifests say is taken for true."""
        found: dict[bytes, int] = {}
        asked = {"Bucket": self._bucket, "Prefix": f"{self._prefix}/chunks/"}
        try:
            while True:
                page = self._s3.list_objects_v2(**asked)
                for one in page.get("Contents", ()):
                    found[bytes.fromhex(one["Key"].rsplit("/", 1)[1])] = one["Size"]
                if not page.get("IsTruncated"):
                    break
                asked["ContinuationToken"] = page["NextContinuationToken"]
        except Exception as error:
            if code_of(error) in ABSENT:
                return
            raise unreachable(self._bucket, error) from error
        self._there = found

    def whole(self, digests: tuple[str, ...], size: int) -> bool:
        """Say whether chunks that a manifest names are there, and together as long as they should be."""
        if self._there is None:
            return True
        return sum(self._there.get(bytes.fromhex(one), -1 - MOST * len(digests)) for one in digests) == size

    def know(self, digests: tuple[str, ...]) -> None:
        """Take chunks for there, of which a manifest says so."""
        with self._lock:
            self._known.update(dict.fromkeys(digests))
            for old in list(self._known)[: max(0, len(self._known) - REMEMBERED)]:
                del self._known[old]

    def put(self, data: bytes) -> str:
        """Make sure that a chunk is in S3; return its name."""
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._known and (self._there or {}).get(bytes.fromhex(digest)) != len(data):
            try:
                self._upload(digest, data)
            except Exception as error:
                raise unreachable(self._bucket, error) from error
            self.know((digest,))
        return digest

    def get(self, digest: str) -> bytes:
        """Return a chunk's bytes, checked; raise ChunkLost when they are not to be had."""
        for last in (False, True):  # what was damaged on its way comes right the second time
            data = self._fetch(digest)
            if hashlib.sha256(data).hexdigest() == digest:
                return data
            if last:
                break
        raise ChunkLost(f"chunk {digest[:12]}… is damaged in the backup")

    def _upload(self, digest: str, data: bytes) -> None:
        if len(data) >= ASK_FIRST and self._sound(digest, len(data)):
            return
        try:
            self._put(digest, data, {"IfNoneMatch": "*"})
        except Exception as error:
            if code_of(error) not in THERE:
                raise
            if self._sound(digest, len(data)):
                return
            self._put(digest, data, {})
        with self._lock:
            self.new_chunks, self.new_bytes = self.new_chunks + 1, self.new_bytes + len(data)

    def _put(self, digest: str, data: bytes, condition: Mapping[str, str]) -> None:
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        self._s3.put_object(Bucket=self._bucket, Key=self.key(digest), Body=data, ChecksumSHA256=checksum, **condition)

    def _sound(self, digest: str, size: int) -> bool:
        """Say whether S3 has the chunk as it should be, by its size and the checksum it kept."""
        try:
            found = self._s3.head_object(Bucket=self._bucket, Key=self.key(digest), ChecksumMode="ENABLED")
        except Exception as error:
            if code_of(error) in ABSENT:
                return False
            raise
        checksum = found.get("ChecksumSHA256") or base64.b64encode(bytes.fromhex(digest)).decode()
        return bool(found["ContentLength"] == size and base64.b64decode(checksum) == bytes.fromhex(digest))

    def _fetch(self, digest: str) -> bytes:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ChunkLost("the manifest names a chunk that cannot exist")
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=self.key(digest))
            return bytes(found["Body"].read()) if found["ContentLength"] <= MOST else b""
        except Exception as error:
            if code_of(error) in ABSENT:
                raise ChunkLost(f"chunk {digest[:12]}… is not in the backup any more") from None
            raise unreachable(self._bucket, error) from error

    def key(self, digest: str) -> str:
        """Return where a chunk is."""
        return f"{self._prefix}/chunks/{digest[:2]}/{digest}"


def fetch(s3: Any, bucket: str, key: str, into: IO[bytes]) -> None:
    """Copy an object into a file; raise ChunkLost when it does not exist."""
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        while piece := body.read(1 << 20):
            into.write(piece)
    except Exception as error:
        if code_of(error) in ABSENT:
            raise ChunkLost(f"{key} is not in the backup bucket") from None
        raise unreachable(bucket, error) from error


def code_of(error: BaseException) -> str:
    """Return the code of S3's refusal; blank when it is something else."""
    answer = getattr(error, "response", None)
    return str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, Mapping) else ""


def unreachable(bucket: str, error: Exception) -> WorkFailed:
    """Return the failure in words."""
    return WorkFailed(f"the backup bucket {bucket} did not do as asked: {str(error)[:300]}")
