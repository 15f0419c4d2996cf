"""What an instance learns about itself, and only with a token."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from aws_research_wizard.local import imds

TTL = "x-aws-ec2-metadata-token-ttl-seconds"


class Metal:
    """One instance ``i-1`` with a role, and a count of the credentials it was given."""

    secret = b"s" * 32

    def __init__(self, seconds: int = 3600) -> None:
        self.assumed, self.seconds = 0, seconds

    def instance(self, instance_id: str) -> Any | None:
        known = {"id": "i-1", "instance_type": "r6i.large", "image_id": "ami-1", "private_ip": "10.0.0.1", "owner_id": "0"}
        more = {"private_dns_name": "ip", "region_name": "us-east-1", "architecture": "x86_64", "launch_time": datetime.now(UTC)}
        zone = SimpleNamespace(zone="us-east-1a")
        return SimpleNamespace(**known, **more, placement=zone) if instance_id == "i-1" else None

    def user_data(self, found: Any) -> bytes:
        return b"#!/bin/sh\n\xff"

    def role_of(self, instance_id: str) -> tuple[str, str] | None:
        return "lab", "arn:aws:iam::000000000000:role/lab"

    def assume(self, role_arn: str, session: str, seconds: int) -> dict[str, str]:
        self.assumed += 1
        end = datetime.now(UTC) + timedelta(seconds=self.seconds)
        return {"AccessKeyId": session, "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}


def token(service: imds.Metadata, instance_id: str = "i-1") -> dict[str, str]:
    return {"x-aws-ec2-metadata-token": service.answer("PUT", f"{instance_id}/latest/api/token", {TTL: "60"}).text}


@pytest.mark.parametrize("path", ["user-data", "meta-data/instance-id", "dynamic/instance-identity/document"])
def test_nothing_is_told_without_a_token(path: str) -> None:
    assert imds.Metadata(Metal()).answer("GET", f"i-1/latest/{path}", {}).status == 401


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("PUT", {TTL: "60"}, 200),
        ("PUT", {}, 400),
        ("PUT", {TTL: "0"}, 400),
        ("PUT", {TTL: "21601"}, 400),
        ("PUT", {TTL: "60", "x-forwarded-for": "1.2.3.4"}, 400),
        ("GET", {TTL: "60"}, 405),
    ],
)
def test_a_token_is_asked_for_as_on_aws(method: str, headers: dict[str, str], status: int) -> None:
    assert imds.Metadata(Metal()).answer(method, "i-1/latest/api/token", headers).status == status


def test_a_token_opens_one_instance_for_a_while() -> None:
    secret, now = b"k", time.time()
    issued = imds.issue_token(secret, "i-1", 10, now)
    assert imds.token_holds(secret, "i-1", issued, now + 9)
    assert not imds.token_holds(secret, "i-1", issued, now + 11)
    assert not imds.token_holds(secret, "i-2", issued, now)
    assert not imds.token_holds(b"other", "i-1", issued, now)
    assert not imds.token_holds(secret, "i-1", "", now)


def test_an_instance_learns_its_name_place_and_user_data() -> None:
    service = imds.Metadata(Metal())
    ask = lambda path: service.answer("GET", f"i-1/latest/{path}", token(service))  # noqa: E731
    assert ask("meta-data/instance-id").text == "i-1"
    assert ask("meta-data/placement/region").text == "us-east-1"
    assert ask("user-data").text.encode("utf-8", "surrogateescape") == b"#!/bin/sh\n\xff"
    assert json.loads(ask("dynamic/instance-identity/document").text)["instanceId"] == "i-1"
    assert ask("meta-data/nothing").status == 404
    assert service.answer("GET", "i-9/latest/user-data", token(service)).status == 404


def test_credentials_are_kept_until_shortly_before_they_end() -> None:
    lasting, ending = Metal(seconds=3600), Metal(seconds=60)
    for metal, times in ((lasting, 1), (ending, 3)):
        service = imds.Metadata(metal)
        for _ in range(3):
            answer = service.answer("GET", "i-1/latest/meta-data/iam/security-credentials/lab", token(service))
            assert json.loads(answer.text)["AccessKeyId"] == "i-1"
        assert metal.assumed == times
