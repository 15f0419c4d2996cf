"""How does one file get into S3 so that it is there whole, or not at all?

Small files in one request; large ones in parts, and what broke off goes on with the parts that are there. Each request carries
the SHA-256 of what it sends, which S3 verifies; what is there with the same checksum is not sent again. The account, the region
and the endpoint are whatever the person's own AWS settings say.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Any

from aws_research_wizard.uploads.tree import File, UploadRefused

MIB = 1024 * 1024
PART = 16 * MIB
MOST_PARTS = 9000
Sent = Callable[[int], None]


class State(StrEnum):
    """What became of a file."""

    UPLOADED = "uploaded"
    THERE = "there already"
    OTHER = "another is there"
    FAILED = "failed"
    PLANNED = "would be uploaded"


@dataclass(frozen=True)
class Sums:
    """SHA-256 of each part, and of the whole as S3 names it (of several parts: over theirs, and how many).

    The MD5s are the tags that a store gives which keeps no checksums.
    """

    parts: tuple[bytes, ...]
    tags: tuple[bytes, ...]
    size: int

    @property
    def whole(self) -> str:
        if len(self.parts) == 1:
            return _text(self.parts[0])
        return f"{_text(hashlib.sha256(b''.join(self.parts)).digest())}-{len(self.parts)}"

    @property
    def tag(self) -> str:
        """The tag of the whole."""
        if len(self.tags) == 1:
            return self.tags[0].hex()
        return f"{_md5(b''.join(self.tags)).hexdigest()}-{len(self.tags)}"

    def is_part(self, number: int, part: Mapping[str, Any]) -> bool:
        """Whether a part that is there is ours."""
        if not 1 <= number <= len(self.parts):
            return False
        if "ChecksumSHA256" in part:
            return bool(part["ChecksumSHA256"] == _text(self.parts[number - 1]))
        return str(part["ETag"]).strip('"') == self.tags[number - 1].hex()

    def is_whole(self, found: Mapping[str, Any]) -> bool:
        """Whether the object that is there is ours."""
        if found["ContentLength"] != self.size:
            return False
        if "ChecksumSHA256" in found:
            return (
                str(found["ChecksumSHA256"]).partition("-")[0] == self.whole.partition("-")[0]
            )  # some stores leave the count out
        return str(found["ETag"]).strip('"') == self.tag


class Bucket:
    """A bucket, reached with the person's own credentials."""

    def __init__(self, name: str, client: Any, part: int = PART) -> None:
        self.name, self.client, self.part = name, client, part

    @classmethod
    def open(cls, name: str) -> "Bucket":
        """UploadRefused when the SDK is missing, nobody is signed in, or the bucket is not there for us."""
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise UploadRefused(
                "uploads need boto3, which is not installed", "pip install 'aws-research-wizard[notebooks]'"
            ) from None
        patient = Config(retries={"mode": "standard", "max_attempts": 6}, max_pool_connections=32)
        made = cls(name, said("s3", lambda: boto3.client("s3", config=patient)))
        said(f"bucket {name}", lambda: made.client.list_objects_v2(Bucket=name, MaxKeys=1))
        return made

    # ---- looking

    def sums(self, file: File) -> Sums:
        """Read the file once."""
        size = self._part_size(file.size)
        parts: list[bytes] = []
        tags: list[bytes] = []
        with file.path.open("rb") as content:
            for length in _lengths(file.size, size):
                digest, tag = _digests(content, length)
                parts.append(digest)
                tags.append(tag)
            if content.read(1):
                raise UploadRefused(f"{file.name} grew while it was read", "run the same command again")
        return Sums(tuple(parts), tuple(tags), file.size)

    def state(self, key: str, sums: Sums) -> State | None:
        """What is there under a name: the same, another, or nothing (None)."""
        from botocore.exceptions import ClientError

        try:
            found = self.client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
                return None
            raise
        return State.THERE if sums.is_whole(found) else State.OTHER

    # ---- sending

    def put(self, file: File, key: str, sums: Sums, sent: Sent, replace: bool = False) -> None:
        """The file under this name. S3 refuses content that is not what was read before."""
        if len(sums.parts) == 1:
            body, extra = file.path.read_bytes(), {} if replace else {"IfNoneMatch": "*"}
            checked = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": sums.whole}
            self.client.put_object(Bucket=self.name, Key=key, Body=body, ContentType=_type(file.path), **checked, **extra)
            sent(file.size)
            return
        self._in_parts(file, key, sums, sent, replace)

    def _in_parts(self, file: File, key: str, sums: Sums, sent: Sent, replace: bool) -> None:
        upload, there = self._begun(key, sums)
        if not upload:
            asked = {"ChecksumAlgorithm": "SHA256", "ChecksumType": "COMPOSITE", "ContentType": _type(file.path)}
            upload = self.client.create_multipart_upload(Bucket=self.name, Key=key, **asked)["UploadId"]
        size, done = self._part_size(file.size), []
        with file.path.open("rb") as content:
            for number, (digest, length) in enumerate(zip(sums.parts, _lengths(file.size, size), strict=True), 1):
                tag = there.get(number)
                if tag is None:
                    content.seek((number - 1) * size)
                    tag = self._part(key, upload, number, content.read(length), digest)
                sent(length)
                done.append({"PartNumber": number, "ETag": tag, "ChecksumSHA256": _text(digest)})
        extra = {} if replace else {"IfNoneMatch": "*"}
        self.client.complete_multipart_upload(
            Bucket=self.name, Key=key, UploadId=upload, MultipartUpload={"Parts": done}, **extra
        )

    def _part(self, key: str, upload: str, number: int, body: bytes, digest: bytes) -> str:
        where = {"Bucket": self.name, "Key": key, "UploadId": upload, "PartNumber": number}
        answer = self.client.upload_part(**where, Body=body, ChecksumAlgorithm="SHA256", ChecksumSHA256=_text(digest))
        return str(answer["ETag"])

    def _begun(self, key: str, sums: Sums) -> tuple[str, dict[int, str]]:
        """An upload of this file that broke off, and its parts that are good: number → tag."""
        best: tuple[str, dict[int, str]] = ("", {})
        for one in self._uploads(key):
            parts = dict(self._good_parts(key, one, sums))
            if len(parts) > len(best[1]):
                best = one, parts
        return best

    def _uploads(self, key: str) -> Iterator[str]:
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=key)
        return (one["UploadId"] for page in pages for one in page.get("Uploads", ()) if one["Key"] == key)

    def _good_parts(self, key: str, upload: str, sums: Sums) -> Iterator[tuple[int, str]]:
        pages = self.client.get_paginator("list_parts").paginate(Bucket=self.name, Key=key, UploadId=upload)
        for page in pages:
            for part in page.get("Parts", ()):
                number = int(part["PartNumber"])
                if sums.is_part(number, part):
                    yield number, str(part["ETag"])

    def _part_size(self, size: int) -> int:
        """One size for one length of file, so that what broke off is cut alike."""
        return max(self.part, ceil(size / MOST_PARTS / MIB) * MIB)


def said(what: str, ask: Callable[[], Any]) -> Any:
    """S3's answer; what stands in the way is told in one line."""
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

    try:
        return ask()
    except NoCredentialsError:
        raise UploadRefused("nobody is signed in to AWS here", "aws configure, aws sso login, or AWS_PROFILE=…") from None
    except EndpointConnectionError as error:
        raise UploadRefused(f"{what} cannot be reached: {error}", "look at the network, and at AWS_ENDPOINT_URL") from None
    except ClientError as error:
        raise UploadRefused(*_refusal(what, error.response.get("Error", {}))) from None
    except BotoCoreError as error:
        raise UploadRefused(f"{what}: {error}", "look at your AWS settings: aws configure list") from None


def _refusal(what: str, error: Mapping[str, Any]) -> tuple[str, str]:
    code = str(error.get("Code") or "")
    if code in ("NoSuchBucket", "404"):
        return f"{what} does not exist", "look at its name: aws s3 ls"
    if code in ("AccessDenied", "403", "AllAccessDisabled"):
        return f"{what} refuses you ({code})", "you need s3:ListBucket, s3:GetObject and s3:PutObject there"
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"):
        return f"AWS does not know who you are ({code})", "sign in again: aws sso login"
    return f"{what}: {error.get('Message') or code}", "run the same command again; what is there is not sent again"


def _lengths(size: int, part: int) -> Iterator[int]:
    yield min(size, part)
    for start in range(part, size, part):
        yield min(part, size - start)


def _digests(content: Any, length: int) -> tuple[bytes, bytes]:
    """SHA-256 and MD5 of the next bytes."""
    seen, tag, left = hashlib.sha256(), _md5(), length
    while left:
        block = content.read(min(left, MIB))
        if not block:
            raise UploadRefused("a file shrank while it was read", "run the same command again")
        seen.update(block)
        tag.update(block)
        left -= len(block)
    return seen.digest(), tag.digest()


def _md5(content: bytes = b"") -> Any:
    return hashlib.md5(content, usedforsecurity=False)


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _type(path: Path) -> str:
    import mimetypes

    return (
        "application/x-ipynb+json"
        if path.suffix == ".ipynb"
        else mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )
