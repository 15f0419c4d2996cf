"""How does the machine prove which instance it is, with no secret in its user data?

It signs an STS GetCallerIdentity request (AWS Signature Version 4) with its instance role and hands the signed request over. The
control plane sends it to STS itself and reads from the answer which role and which instance signed. The lab's id is signed too,
so a proof made for one lab is worth nothing for another.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlsplit

from aws_research_wizard.host.metadata import Credentials

BODY = "Action=GetCallerIdentity&Version=2011-06-15"
LAB_HEADER = "X-Wizard-Lab"


def sts_endpoint(region: str, override: str | None) -> str:
    """Return the regional STS endpoint (`override` is the SDKs' endpoint setting)."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return override or f"https://sts.{region}.{suffix}"


def make(credentials: Credentials, lab_id: str, region: str, endpoint: str, now: datetime) -> dict[str, object]:
    """Return `{"headers": …, "body": …}`: a signed POST to `endpoint`/ that names the lab."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "Host": urlsplit(endpoint).netloc,
        "X-Amz-Date": stamp,
        "X-Amz-Security-Token": credentials.token,
        LAB_HEADER: lab_id,
    }
    names = ";".join(sorted(name.lower() for name in headers))
    canonical = _canonical(headers, names)
    scope = f"{stamp[:8]}/{region}/sts/aws4_request"
    signature = hmac.new(key(credentials.secret_key, stamp[:8], region, "sts"), to_sign(stamp, scope, canonical), hashlib.sha256)
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature.hexdigest()}"
    )
    return {"headers": headers, "body": BODY}


def _canonical(headers: dict[str, str], names: str) -> str:
    lines = "".join(f"{name}:{value.strip()}\n" for name, value in sorted((key.lower(), text) for key, text in headers.items()))
    return f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(BODY.encode()).hexdigest()}"


def to_sign(stamp: str, scope: str, canonical: str) -> bytes:
    """What a signature is over: a request in its canonical form, at a moment, within a scope."""
    return f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}".encode()


def key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key that signs requests to one service, in one region, for one day."""
    made = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        made = hmac.new(made, part.encode(), hashlib.sha256).digest()
    return made
