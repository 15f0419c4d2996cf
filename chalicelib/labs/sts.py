"""Which machine is calling? It signs a GetCallerIdentity that we send to our own STS, and STS says who signed it.

Keeps true: the request goes nowhere but to this region's STS; its signature covers the lab's id, so a proof made for one
lab is worthless for another; no secret of the machine's ever leaves it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from chalicelib.runtime import aws
from chalicelib.runtime.errors import Unauthenticated, Unavailable

BODY = "Action=GetCallerIdentity&Version=2011-06-15"
PASSED = ("authorization", "content-type", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "x-wizard-lab")
_ARN = re.compile(r"<Arn>([^<]{1,300})</Arn>")
_SIGNED = re.compile(r"SignedHeaders=([a-z0-9;-]+)", re.IGNORECASE)


def caller(lab_id: str, headers: Mapping[str, str], body: str) -> str:
    """The ARN of whoever signed this for this lab. Unauthenticated when nobody can have."""
    lower = {name.lower(): value for name, value in headers.items()}
    signed = _SIGNED.search(lower.get("authorization", ""))
    names = signed[1].lower().split(";") if signed else []
    if body != BODY or lower.get("x-wizard-lab") != lab_id or "x-wizard-lab" not in names:
        raise refused("the proof is not one for this lab")
    status, text = _sent({name: value for name, value in lower.items() if name in PASSED})
    if status >= 500 or status == 429:
        raise Unavailable("STS is busy", "try again in a moment")
    found = _ARN.search(text) if status == 200 else None
    if found is None:
        raise refused(f"STS did not accept the signature ({status})")
    return found[1]


def refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"this machine could not be identified: {why}", "only a lab's own machine may claim it")


def _sent(headers: Mapping[str, str]) -> tuple[int, str]:
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import HTTPClientError
    from botocore.httpsession import URLLib3Session

    url = aws.client("sts").meta.endpoint_url.rstrip("/") + "/"
    request = AWSRequest(method="POST", url=url, headers=dict(headers), data=BODY.encode()).prepare()
    try:
        answer = URLLib3Session(timeout=5).send(request)
    except HTTPClientError as error:
        raise Unavailable("STS could not be reached", "try again in a moment") from error
    return int(answer.status_code), answer.content.decode("utf-8", "replace")
