"""How is a request to AWS signed with nothing but the standard library? Signature Version 4, for requests without a query.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from aws_research_wizard.host.metadata import Credentials


def stamp(now: datetime) -> str:
    """The moment as `X-Amz-Date` writes it."""
    return now.strftime("%Y%m%dT%H%M%SZ")


def authorization(
    credentials: Credentials, request: tuple[str, str], headers: Mapping[str, str], body: bytes, region: str, service: str
) -> str:
    """Return the `Authorization` of `request` (method, quoted path). Every header given is signed; `X-Amz-Date` is one."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    moment, names = lower["x-amz-date"], ";".join(sorted(lower))
    lines = "".join(f"{name}:{lower[name]}\n" for name in sorted(lower))
    canonical = f"{request[0]}\n{request[1]}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
