"""How does a machine read and write an object before anything is installed on it? S3 by the standard library alone.

Keeps true: the instance role's credentials stay in memory; what may pass with time (a role that is not yet known everywhere, a
service that is away) is tried again, anything else is told at once.
"""

import hashlib
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPException
from urllib.parse import quote, urlsplit

from aws_research_wizard.host import signing
from aws_research_wizard.host.control_plane import Away, Refused, insist
from aws_research_wizard.host.metadata import Credentials, Metadata

PATIENCE_SECONDS = 90.0


class Bucket:
    """One bucket of this machine's region."""

    def __init__(
        self, name: str, region: str, credentials: Callable[[], Credentials] | None = None, patience: float = PATIENCE_SECONDS
    ) -> None:
        override = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        self._base = f"{override.rstrip('/')}/{name}" if override else f"https://{name}.s3.{region}.{suffix}"
        self._region, self._patience = region, patience
        self._credentials = credentials or Metadata().credentials
        self._opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if override else []))

    def get(self, key: str) -> bytes:
        """Return an object. Refused (404 among others) when it cannot be had."""
        return self._insist("GET", key)

    def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        self._insist("PUT", key, body)

    def _insist(self, method: str, key: str, body: bytes = b"") -> bytes:
        enough = threading.Event()
        timer = threading.Timer(self._patience, enough.set)
        timer.daemon = True
        timer.start()
        try:
            return insist(lambda: self._ask(method, key, body), enough, again=lambda refused: refused.status == 403)
        finally:
            timer.cancel()

    def _ask(self, method: str, key: str, body: bytes) -> bytes:
        url = f"{self._base}/{quote(key)}"
        place = urlsplit(url)
        try:
            found = self._credentials()
            headers = {
                "Host": place.netloc,
                "X-Amz-Content-Sha256": hashlib.sha256(body).hexdigest(),
                "X-Amz-Date": signing.stamp(datetime.now(UTC)),
                "X-Amz-Security-Token": found.token,
            }
            headers["Authorization"] = signing.authorization(found, (method, place.path), headers, body, self._region, "s3")
            data = body if method == "PUT" else None
            request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 (our own bucket)
            with self._opener.open(request, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            if error.code >= 500 or error.code == 429:
                raise Away(f"{method} {key} was answered {error.code}") from None
            raise Refused(error.code, "", f"{method} {key} was answered {error.code}") from None
        except (OSError, HTTPException, KeyError, ValueError) as error:
            raise Away(f"{method} {key} was not answered: {error}") from None
