"""What does an instance learn about itself? The metadata service, version 2 only, at ``/_imds/<instance-id>/latest/…``.

A session token is a keyed hash over instance and expiry, so tokens stay good over a restart of the endpoint. Credentials
come from the role of the instance profile, with the instance id as the session's name, exactly as EC2 does it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

MAX_TOKEN_SECONDS = 21600
RENEW_BEFORE_SECONDS = 900
CREDENTIAL_SECONDS = 6 * 3600


class Metal(Protocol):
    """What the metadata service needs to know from the EC2 endpoint."""

    @property
    def secret(self) -> bytes: ...

    def instance(self, instance_id: str) -> Any | None: ...

    def user_data(self, found: Any) -> bytes: ...

    def role_of(self, instance_id: str) -> tuple[str, str] | None: ...

    def assume(self, role_arn: str, session: str, seconds: int) -> dict[str, str]: ...


@dataclass(frozen=True)
class Answer:
    """An HTTP answer in plain text."""

    status: int
    text: str = ""


def issue_token(secret: bytes, instance_id: str, seconds: int, now: float) -> str:
    """A session token for one instance that ends ``seconds`` from ``now``."""
    expiry = int(now) + seconds
    return f"{expiry}.{_seal(secret, instance_id, expiry)}"


def token_holds(secret: bytes, instance_id: str, token: str, now: float) -> bool:
    """Is this a token of ours, for this instance, and still in time?"""
    expiry, _, seal = token.partition(".")
    return expiry.isdigit() and int(expiry) > now and hmac.compare_digest(seal, _seal(secret, instance_id, int(expiry)))


def _seal(secret: bytes, instance_id: str, expiry: int) -> str:
    return hmac.new(secret, f"{instance_id}|{expiry}".encode(), hashlib.sha256).hexdigest()


class Metadata:
    """Answers the metadata requests of all instances; keeps credentials until shortly before they end."""

    def __init__(self, metal: Metal) -> None:
        self.metal = metal
        self._credentials: dict[str, dict[str, str]] = {}

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        """``path`` is ``<instance-id>/latest/…``; header names are lower case."""
        instance_id, _, rest = path.partition("/")
        found = self.metal.instance(instance_id)
        if found is None:
            return Answer(404)
        if rest == "latest/api/token":
            return self._token(method, instance_id, headers)
        if not token_holds(self.metal.secret, instance_id, headers.get("x-aws-ec2-metadata-token", ""), time.time()):
            return Answer(401)
        text = self._look_up(found, rest.removeprefix("latest/").strip("/")) if method == "GET" else None
        return Answer(404) if text is None else Answer(200, text)

    def _token(self, method: str, instance_id: str, headers: Mapping[str, str]) -> Answer:
        wanted = headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if method != "PUT":
            return Answer(405)
        if not wanted.isdigit() or not 1 <= int(wanted) <= MAX_TOKEN_SECONDS or "x-forwarded-for" in headers:
            return Answer(400)
        return Answer(200, issue_token(self.metal.secret, instance_id, int(wanted), time.time()))

    def _look_up(self, found: Any, name: str) -> str | None:
        if name == "user-data":
            return self.metal.user_data(found).decode("utf-8", "surrogateescape") or None
        if name == "dynamic/instance-identity/document":
            return json.dumps(_document(found), indent=2)
        if name.startswith("meta-data/iam/security-credentials"):
            return self._credentials_of(found, name.removeprefix("meta-data/iam/security-credentials").strip("/"))
        return _plain(found).get(name.removeprefix("meta-data/")) if name.startswith("meta-data/") else None

    def _credentials_of(self, found: Any, asked: str) -> str | None:
        role = self.metal.role_of(found.id)
        if role is None:
            return None
        name, arn = role
        if not asked:
            return name
        return json.dumps(self._fresh(found.id, arn), indent=2) if asked == name else None

    def _fresh(self, instance_id: str, role_arn: str) -> dict[str, str]:
        kept = self._credentials.get(f"{instance_id}|{role_arn}")
        if kept is None or _seconds_left(kept) < RENEW_BEFORE_SECONDS:
            kept = self.metal.assume(role_arn, instance_id, CREDENTIAL_SECONDS)
            self._credentials[f"{instance_id}|{role_arn}"] = kept
        return kept


def _seconds_left(credentials: Mapping[str, str]) -> float:
    return (datetime.fromisoformat(credentials["Expiration"]) - datetime.now(UTC)).total_seconds()


def _plain(found: Any) -> dict[str, str]:
    return {
        "instance-id": found.id,
        "instance-type": found.instance_type,
        "ami-id": found.image_id,
        "local-ipv4": found.private_ip or "",
        "local-hostname": found.private_dns_name,
        "placement/availability-zone": found.placement.zone or "",
        "placement/region": found.region_name,
        "services/domain": "amazonaws.com",
    }


def _document(found: Any) -> dict[str, str]:
    return {
        "accountId": found.owner_id,
        "architecture": found.architecture,
        "availabilityZone": found.placement.zone or "",
        "imageId": found.image_id,
        "instanceId": found.id,
        "instanceType": found.instance_type,
        "pendingTime": found.launch_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "privateIp": found.private_ip or "",
        "region": found.region_name,
        "version": "2017-09-30",
    }
