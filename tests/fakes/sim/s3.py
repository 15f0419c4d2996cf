"""S3, as far as backups and the audit's anchors need it: versions, checksums, writing only what is new, holding what may not
go."""

from __future__ import annotations

import base64
import hashlib
import io
from datetime import datetime
from typing import Any

from tests.fakes.sim.cloud import Json, Service, token
from tests.fakes.sim.faults import refusal

Version = dict[str, Any]


class S3(Service):
    def _versions(self, bucket: str, key: str) -> tuple[Version, ...]:
        found: tuple[Version, ...] = self.at("objects").get((bucket, key), ())
        return found

    def _put_object(self, Bucket: str, Key: str, Body: Any = b"", **more: Any) -> Json:  # noqa: N803
        body = Body.read() if hasattr(Body, "read") else Body.encode() if isinstance(Body, str) else bytes(Body)
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        before = self._versions(Bucket, Key)
        if more.get("IfNoneMatch") == "*" and before and not before[-1].get("gone"):
            raise refusal("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        if "IfMatch" in more and (not before or before[-1].get("gone") or more["IfMatch"] != _etag(before[-1])):
            raise refusal("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        if more.get("ChecksumSHA256", digest) != digest:
            raise refusal("BadDigest", "The SHA256 you specified did not match the calculated checksum.")
        return self._add(Bucket, Key, body, digest, more)

    def _add(self, bucket: str, key: str, body: bytes, digest: str, more: Json) -> Json:
        before = self._versions(bucket, key)
        made = token(bucket, key, len(before), digest, length=32)
        kept: Json = {
            name: more[name]
            for name in ("Metadata", "ObjectLockMode", "ObjectLockRetainUntilDate", "ContentType", "Tagging")
            if name in more
        }
        version: Version = {
            "VersionId": made,
            "Body": body.decode("latin-1"),
            "ChecksumSHA256": digest,
            "At": self.cloud.now.isoformat(),
            **kept,
        }
        self.put("objects", (bucket, key), (*before, version))
        return {"VersionId": made, "ETag": _etag(version), "ChecksumSHA256": digest}

    def _found(self, bucket: str, key: str, version: str, code: str = "NoSuchKey") -> Version:
        seen: tuple[Version, ...] = self.at("objects").get((bucket, key), ())
        wanted = [one for one in seen if one["VersionId"] == version] if version else list(seen[-1:])
        if not wanted or wanted[-1].get("gone"):
            raise refusal(code, "The specified key does not exist.")
        return wanted[-1]

    def _get_object(self, Bucket: str, Key: str, VersionId: str = "", Range: str = "", **_: Any) -> Json:  # noqa: N803
        one = self._found(Bucket, Key, VersionId)
        body = one["Body"].encode("latin-1")
        if Range:
            first, last = Range.removeprefix("bytes=").split("-")
            body = body[int(first) : int(last) + 1 if last else None]
        return self._headers(one) | {"Body": io.BytesIO(body), "ContentLength": len(body)}

    def _head_object(self, Bucket: str, Key: str, VersionId: str = "", **_: Any) -> Json:  # noqa: N803
        return self._headers(self._found(Bucket, Key, VersionId, "404"))

    def _headers(self, one: Version) -> Json:
        shown = {name: one[name] for name in one if name not in ("Body", "At")}
        return shown | {
            "ContentLength": len(one["Body"]),
            "ETag": _etag(one),
            "LastModified": datetime.fromisoformat(one["At"]),
        }

    def _copy_object(self, Bucket: str, Key: str, CopySource: Any, **more: Any) -> Json:  # noqa: N803
        source = (
            CopySource
            if isinstance(CopySource, dict)
            else dict(zip(("Bucket", "Key"), CopySource.lstrip("/").split("/", 1), strict=True))
        )
        one = self._found(source["Bucket"], source["Key"], source.get("VersionId", ""))
        made = self._add(Bucket, Key, one["Body"].encode("latin-1"), one["ChecksumSHA256"], more)
        return {
            "CopyObjectResult": {"ETag": made["ETag"], "ChecksumSHA256": one["ChecksumSHA256"]},
            "VersionId": made["VersionId"],
        }

    def _delete_object(self, Bucket: str, Key: str, VersionId: str = "", **_: Any) -> Json:  # noqa: N803
        before = self._versions(Bucket, Key)
        if VersionId:
            held = [one for one in before if one["VersionId"] == VersionId and one.get("ObjectLockMode") == "COMPLIANCE"]
            if held:
                raise refusal("AccessDenied", "Access Denied because object protected by object lock.")
            self.put("objects", (Bucket, Key), tuple(one for one in before if one["VersionId"] != VersionId))
            return {"VersionId": VersionId}
        made = token(Bucket, Key, len(before), "gone", length=32)
        if before and not before[-1].get("gone"):
            marker = {"VersionId": made, "gone": True, "Body": "", "ChecksumSHA256": "", "At": self.cloud.now.isoformat()}
            self.put("objects", (Bucket, Key), (*before, marker))
        return {"DeleteMarker": True, "VersionId": made}

    def _delete_objects(self, Bucket: str, Delete: Json) -> Json:  # noqa: N803
        for one in Delete["Objects"]:
            self._delete_object(Bucket, one["Key"], one.get("VersionId", ""))
        return {"Deleted": [{"Key": one["Key"]} for one in Delete["Objects"]]}

    def _list_objects_v2(self, Bucket: str, Prefix: str = "", StartAfter: str = "", **more: Any) -> Json:  # noqa: N803
        start = more.get("ContinuationToken") or StartAfter
        rows = [
            (key, versions[-1])
            for (bucket, key), versions in sorted(self.at("objects").items())
            if bucket == Bucket and key.startswith(Prefix) and key > start and versions and not versions[-1].get("gone")
        ]
        if more.get("Delimiter"):
            return _folders(rows, Prefix, more["Delimiter"])
        most = int(more.get("MaxKeys", 1000))
        shown = [{"Key": key, "Size": len(one["Body"]), "LastModified": self.cloud.now} for key, one in rows[:most]]
        on = {"IsTruncated": True, "NextContinuationToken": shown[-1]["Key"]} if len(rows) > most else {"IsTruncated": False}
        return {"Contents": shown, "KeyCount": len(shown), **on}

    def _list_object_versions(self, Bucket: str, Prefix: str = "", KeyMarker: str = "", **_: Any) -> Json:  # noqa: N803
        rows = [
            (key, one)
            for (bucket, key), all_ in sorted(self.at("objects").items())
            if bucket == Bucket and key.startswith(Prefix) and key > KeyMarker
            for one in all_
        ]
        shown = [(bool(one.get("gone")), {"Key": key, **_version(one)}) for key, one in rows]
        versions, markers = ([row for gone, row in shown if gone is wanted] for wanted in (False, True))
        return {"Versions": versions, "DeleteMarkers": [{k: v for k, v in one.items() if k != "Size"} for one in markers]}

    def _generate_presigned_url(self, **_: Any) -> str:
        return "https://s3.test/signed"


def _etag(version: Version) -> str:
    return f'"{version["ChecksumSHA256"][:32]}"'


def _version(one: Version) -> Json:
    return {"VersionId": one["VersionId"], "Size": len(one["Body"]), "LastModified": datetime.fromisoformat(one["At"])}


def _folders(rows: list[tuple[str, Version]], prefix: str, delimiter: str) -> Json:
    """A list that stops at the next delimiter."""
    cut = [(key, key.removeprefix(prefix).partition(delimiter)) for key, _ in rows]
    folders = dict.fromkeys(f"{prefix}{first}{delimiter}" for _, (first, found, _rest) in cut if found)
    files = [{"Key": key} for key, (_, found, _rest) in cut if not found]
    return {
        "CommonPrefixes": [{"Prefix": one} for one in folders],
        "Contents": files,
        "KeyCount": len(files),
        "IsTruncated": False,
    }
