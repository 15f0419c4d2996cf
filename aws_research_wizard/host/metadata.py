"""Who does EC2 say I am? The instance metadata service, version 2 only.

Keeps true: no proxy is ever asked, and credentials stay in memory.
"""

import json
import os
import urllib.request
from dataclasses import dataclass

_ENDPOINT = "http://169.254.169.254"


@dataclass(frozen=True)
class Credentials:
    """The instance role's credentials of the hour."""

    access_key: str
    secret_key: str
    token: str


class Metadata:
    """The metadata service of this instance; `AWS_EC2_METADATA_SERVICE_ENDPOINT` may name another place, as in the AWS SDKs."""

    def __init__(self, endpoint: str | None = None, timeout: float = 5) -> None:
        self._base = (endpoint or os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _ENDPOINT).rstrip("/")
        self._timeout = timeout
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._session = ""

    def instance_id(self) -> str:
        """Return `i-…`."""
        return self._get("instance-id")

    def credentials(self) -> Credentials:
        """Return the instance role's current credentials."""
        role = self._get("iam/security-credentials/").split("\n")[0].strip()
        found = json.loads(self._get(f"iam/security-credentials/{role}"))
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])

    def _get(self, path: str) -> str:
        if not self._session:
            self._session = self._ask("PUT", "api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "300"})
        return self._ask("GET", f"meta-data/{path}", {"X-aws-ec2-metadata-token": self._session})

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> str:
        request = urllib.request.Request(f"{self._base}/latest/{path}", method=method, headers=headers)  # noqa: S310 (link-local)
        with self._direct.open(request, timeout=self._timeout) as answer:
            return str(answer.read().decode()).strip()
