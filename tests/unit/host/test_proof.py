from __future__ import annotations

from datetime import UTC, datetime
from unittest import mock

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from aws_research_wizard.host import proof
from aws_research_wizard.host.metadata import Credentials

WHEN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_proof_is_signed_as_the_aws_sdk_signs() -> None:
    made = proof.make(
        Credentials("AKIA", "secret", "token"), "base-k3x9", "eu-central-1", "https://sts.eu-central-1.amazonaws.com", WHEN
    )
    headers = made["headers"]
    assert isinstance(headers, dict)
    sent = {name: headers[name] for name in ("Content-Type", "X-Wizard-Lab")}
    request = AWSRequest("POST", "https://sts.eu-central-1.amazonaws.com/", headers=sent, data=proof.BODY)
    with mock.patch("botocore.auth.get_current_datetime", return_value=WHEN.replace(tzinfo=None)):
        auth.SigV4Auth(BotoCredentials("AKIA", "secret", "token"), "sts", "eu-central-1").add_auth(request)
    assert headers["Authorization"] == request.headers["Authorization"]
    assert "secret" not in str(made).replace("Secret", "")


def test_lab_is_under_the_signature() -> None:
    keys = Credentials("AKIA", "secret", "token")
    one, other = (
        proof.make(keys, lab, "us-east-1", "https://sts.us-east-1.amazonaws.com", WHEN)["headers"] for lab in ("a-1111", "b-2222")
    )
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    assert one["Authorization"] != other["Authorization"]


@pytest.mark.parametrize(
    ("region", "override", "endpoint"),
    [
        ("eu-central-1", None, "https://sts.eu-central-1.amazonaws.com"),
        ("cn-north-1", None, "https://sts.cn-north-1.amazonaws.com.cn"),
        ("us-east-1", "http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_sts_is_the_regions_own(region: str, override: str | None, endpoint: str) -> None:
    assert proof.sts_endpoint(region, override) == endpoint
