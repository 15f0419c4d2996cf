"""How does one request reach the control plane, whatever the network does meanwhile?

Every write carries an Idempotency-Key, and a retry carries the same one, so that a lost answer never means a second lab.
Retried: no connection, a broken one, 429, 502, 503, 504. Anything else is the answer, and is raised as it is.
"""

import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from aws_research_wizard import __version__
from aws_research_wizard.client.errors import CannotReach, from_answer

Answer = TypeVar("Answer")
AGAIN = frozenset({429, 502, 503, 504})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
LONGEST_PAUSE = 8.0
UPLOAD = 600.0  # seconds for a step of an upload
NOT_JSON = object()


class Wire:
    """One connection to one control plane, as one person."""

    def __init__(
        self,
        url: str,
        token: str = "",
        transport: httpx.BaseTransport | None = None,
        *,
        attempts: int = 4,
        timeout: float = 35.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._attempts = attempts
        self._sleep = sleep
        self._transport = transport
        headers = {"User-Agent": f"aws-research-wizard/{__version__}", "Accept": "application/json"}
        self._http = _connection(self.url, transport, timeout, headers | ({"Authorization": f"Bearer {token}"} if token else {}))

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Read; returns the decoded JSON."""
        return self._ask("GET", path, query=query)

    def send(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None, key: str = "") -> Any:
        """Write, once in effect however often it is sent; `key` continues an earlier request. None when there is no body."""
        return self._ask(method, path, body=body, query=query, headers={"Idempotency-Key": key or os.urandom(16).hex()})

    def put(self, url: str, headers: Mapping[str, str], file: Path) -> int:
        """Put a file where the control plane said; its address is its right, so no token goes with it. The status, 0 for none."""
        sent = {**headers, "Content-Length": str(file.stat().st_size)}
        with _connection(url, self._transport, UPLOAD, {}) as bare, file.open("rb") as content:
            try:
                return bare.put(url, content=content, headers=sent).status_code
            except httpx.TransportError:
                return 0

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        params = {name: value for name, value in (query or {}).items() if value is not None}
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts
            try:
                answer = self._http.request(method, self.url + path, json=body, params=params, headers=headers)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise CannotReach(f"'{self.url}' is not an address of a control plane", "it looks like https://…/api") from error
            except httpx.TransportError as error:
                if last:
                    raise self._unreachable(error) from error
                self._sleep(_pause(attempt, None))
                continue
            if answer.status_code not in AGAIN or last:
                return _read(answer)
            self._sleep(_pause(attempt, answer.headers.get("Retry-After")))
        raise AssertionError("unreachable")

    def _unreachable(self, error: httpx.TransportError) -> CannotReach:
        local = (urlsplit(self.url).hostname or "") in LOOPBACK
        hint = (
            "is the local cloud running? aws-research-wizard local up"
            if local
            else "check the network and the address (aws-research-wizard doctor)"
        )
        return CannotReach(f"cannot reach {self.url} ({str(error) or type(error).__name__})", hint)


def _connection(url: str, transport: httpx.BaseTransport | None, timeout: float, headers: Mapping[str, str]) -> httpx.Client:
    """Plain http needs no certificates loaded (20 ms), and a proxy has no business with this very machine."""
    address = urlsplit(url)
    return httpx.Client(
        transport=transport,
        headers=headers,
        timeout=httpx.Timeout(timeout, connect=5.0),
        verify=address.scheme != "http",
        trust_env=address.hostname not in LOOPBACK,
    )


def _pause(attempt: int, asked: str | None) -> float:
    """Seconds before the next try: what the service asks for, else doubling with jitter."""
    if asked and asked.isdigit():
        return min(float(asked), LONGEST_PAUSE)
    return float(min(0.2 * 2 ** (attempt - 1), LONGEST_PAUSE) * random.uniform(0.7, 1.3))  # noqa: S311 (spreads load, guards nothing)


def _read(answer: httpx.Response) -> Any:
    try:
        body = answer.json() if answer.content else None
    except ValueError:
        body = NOT_JSON
    if not answer.is_success:
        raise from_answer(answer.status_code, body, answer.headers.get("X-Correlation-Id", ""))
    if body is NOT_JSON:
        raise CannotReach(
            f"{answer.url} answers, but not like a control plane", "is the address right, and is no sign-in page in between?"
        )
    return body
