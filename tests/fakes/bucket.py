"""A bucket as a lab's machine sees it: four verbs, true to conditions and checksums, with a hook before and after each call.

`strike(verb, key, moment)` may raise at the moments `before` (nothing happened) and `after` (it happened, nobody heard).
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError


def refusal(code: str, verb: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, verb)


class Bucket:
    """One bucket; `lists` says whether its user may list it (S3 answers 403, not 404, to those who may not)."""

    def __init__(self, lists: bool = True) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []
        self.sent = 0
        self.lists = lists
        self.page = 1000
        self.strike: Callable[[str, str, str], None] = lambda *_: None
        self._lock = Lock()

    def put_object(self, **asked: Any) -> dict[str, Any]:
        return self._do("PutObject", asked, self._put)

    def get_object(self, **asked: Any) -> dict[str, Any]:
        return self._do("GetObject", asked, self._get)

    def head_object(self, **asked: Any) -> dict[str, Any]:
        return self._do("HeadObject", asked, self._head)

    def list_objects_v2(self, **asked: Any) -> dict[str, Any]:
        return self._do("ListObjectsV2", {**asked, "Key": asked["Prefix"]}, self._list)

    def of(self, verb: str) -> list[str]:
        return [key for said, key in self.calls if said == verb]

    def chunks(self) -> set[str]:
        return {key.rsplit("/", 1)[1] for key in self.objects if "/chunks/" in key}

    def _do(self, verb: str, asked: dict[str, Any], act: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        key = asked["Key"]
        with self._lock:
            self.calls.append((verb, key))
            self.strike(verb, key, "before")
            try:
                return act(asked)
            finally:
                self.strike(verb, key, "after")

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not self.lists:
            raise refusal("AccessDenied", "ListObjectsV2", 403)
        after = asked.get("ContinuationToken", "")
        keys = sorted(key for key in self.objects if key.startswith(asked["Prefix"]) and key > after)
        page = [{"Key": key, "Size": len(self.objects[key])} for key in keys[: self.page]]
        more = len(keys) > self.page
        return {"Contents": page, "IsTruncated": more, **({"NextContinuationToken": page[-1]["Key"]} if more else {})}

    def _put(self, asked: dict[str, Any]) -> dict[str, Any]:
        body = asked["Body"] if isinstance(asked["Body"], bytes) else asked["Body"].read()
        self.sent += len(body)
        if base64.b64decode(asked["ChecksumSHA256"]) != hashlib.sha256(body).digest():
            raise refusal("BadDigest", "PutObject", 400)
        if asked.get("IfNoneMatch") == "*" and asked["Key"] in self.objects:
            raise refusal("PreconditionFailed", "PutObject", 412)
        self.objects[asked["Key"]] = body
        return {}

    def _get(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["Key"] not in self.objects:
            raise refusal("NoSuchKey" if self.lists else "AccessDenied", "GetObject", 404 if self.lists else 403)
        body = self.objects[asked["Key"]]
        return {"Body": io.BytesIO(body), "ContentLength": len(body)}

    def _head(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["Key"] not in self.objects:
            raise refusal("404" if self.lists else "403", "HeadObject", 404 if self.lists else 403)
        body = self.objects[asked["Key"]]
        found: dict[str, Any] = {"ContentLength": len(body)}
        if asked.get("ChecksumMode") == "ENABLED":
            found["ChecksumSHA256"] = base64.b64encode(hashlib.sha256(body).digest()).decode()
        return found
