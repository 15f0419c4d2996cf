"""Does a GetCallerIdentity request carry a true signature of the session it names?

A machine proves who it is by a signed GetCallerIdentity that the control plane sends on. The emulating library believes any
access key; here the signature is computed again from the request with the session's secret, so that a forged proof fails as
on AWS.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Any

from aws_research_wizard.local.power import Refusal

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8}/[^/]+/[^/]+/aws4_request), ?SignedHeaders=([^,]+), ?Signature=(\w+)"
)


def identity_refusal(environ: dict[str, Any], body: bytes, secret_of: Callable[[str], str | None]) -> Refusal | None:
    """None when the signature holds, or when the key is not a session of ours (an operator's own key)."""
    parts = _AUTHORIZATION.match(environ.get("HTTP_AUTHORIZATION", ""))
    if parts is None:
        return Refusal("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    access_key, scope, signed, signature = parts.groups()
    secret = secret_of(access_key)
    if secret is None:
        if access_key.startswith("ASIA"):
            return Refusal("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        return None
    if hmac.compare_digest(_signature(environ, body, access_key, secret, scope, signed.split(";")), signature):
        return None
    return Refusal("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.", 403)


def _signature(environ: dict[str, Any], body: bytes, key: str, secret: str, scope: str, signed: list[str]) -> str:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    _, region, service, _ = scope.split("/")
    headers = {name: _header(environ, name) for name in signed}
    request = AWSRequest(
        method=environ["REQUEST_METHOD"], url=f"http://{environ.get('HTTP_HOST', '')}/", data=body, headers=headers
    )
    request.context["timestamp"] = _header(environ, "x-amz-date")
    auth = SigV4Auth(Credentials(key, secret), service, region)
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


def _header(environ: dict[str, Any], name: str) -> str:
    plain = name.upper().replace("-", "_")
    return str(environ.get(plain if plain in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{plain}", ""))
