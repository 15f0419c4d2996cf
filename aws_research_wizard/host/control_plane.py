"""How does the machine call home? The control plane's machine door, spoken with the standard library alone.

Errors form two kinds and no more:
    Away      nobody answered, or the answer was "later" (5xx, 429): try again, and meanwhile serve on
    Refused   the control plane understood and said no (4xx): trying again as is would not help
"""

import json
import random
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

Result = TypeVar("Result")


class Away(Exception):  # noqa: N818
    """The control plane gave no answer that counts."""


class Refused(Exception):  # noqa: N818
    """The control plane said no; `status` is HTTP's, `code` and `message` the problem's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.status, self.code, self.message = status, code, message


class ControlPlane:
    """The machine door of one stage's API."""

    def __init__(self, api_url: str, execute_api: str | None = None, token: str = "", timeout: float = 20) -> None:
        self._url, self._host = _address(api_url, execute_api)
        self._timeout = timeout
        self.token = token
        direct = urlsplit(self._url).hostname in ("127.0.0.1", "localhost")
        self._opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if direct else []))

    def claim(self, lab_id: str, instance_id: str, proof: Mapping[str, object]) -> dict[str, Any]:
        """Return `{token, login_key, orders}` for a signed proof of who we are."""
        return self._post("claim", {"lab_id": lab_id, "instance_id": instance_id, "proof": proof})

    def step(self, name: str, state: str, seconds: float, detail: str = "") -> None:
        """Tell how one step of the boot goes."""
        self._post("steps", {"step": name, "state": state, "seconds": round(seconds, 3), "detail": detail[:500]})

    def ready(self, boot_id: str, address: str, steps: list[dict[str, Any]], kernels: list[str]) -> None:
        """Tell that people can work."""
        self._post("ready", {"boot_id": boot_id, "address": address, "steps": steps, "kernels": kernels})

    def failed(self, step: str, cause: str, log_tail: list[str]) -> None:
        """Tell that this machine will not become a lab, and why."""
        self._post("failed", {"step": step, "cause": cause[:500], "log_tail": [line[:500] for line in log_tail[-30:]]})

    def heartbeat(self, pulse: Mapping[str, Any]) -> dict[str, Any]:
        """Tell how the machine is; return its orders."""
        return self._post("heartbeat", pulse)

    def work(self, work_id: str, state: str, report: Mapping[str, Any], cause: str) -> None:
        """Tell how a piece of ordered work goes: running, done or failed."""
        self._post(f"work/{quote(work_id, safe='')}", {"state": state, "report": dict(report), "cause": cause[:500]})

    def _post(self, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._host:
            headers["Host"] = self._host
        if self.token and verb != "claim":
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(  # noqa: S310 (the address is our own API's)
            f"{self._url}/machine/{verb}", data=json.dumps(body).encode(), headers=headers, method="POST"
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return _object(answer.read())
        except urllib.error.HTTPError as error:
            raise _told(error) from None
        except (OSError, HTTPException) as error:
            raise Away(str(getattr(error, "reason", error))) from None


def delays(first: float = 0.5, most: float = 30.0) -> Iterator[float]:
    """Yield waiting times that double up to `most` seconds, each with full jitter over its upper half."""
    wait = first
    while True:
        yield wait * random.uniform(0.5, 1.0)  # noqa: S311 (spreads load, guards nothing)
        wait = min(most, wait * 2)


def insist(action: Callable[[], Result], stop: threading.Event, again: Callable[[Refused], bool] = lambda _: False) -> Result:
    """Do `action` until it is answered. `again` says which refusals may pass with time; `stop` ends the patience."""
    for wait in delays():
        try:
            return action()
        except Away as error:
            last: Exception = error
        except Refused as error:
            if not again(error):
                raise
            last = error
        if stop.wait(wait):
            raise Away(f"gave up: {last}") from last
    raise AssertionError("delays never end")


def _address(api_url: str, execute_api: str | None) -> tuple[str, str]:
    """Return where to connect and, when that differs from the API's own name, the Host to ask for."""
    if not execute_api:
        return api_url, ""
    api, place = urlsplit(api_url), urlsplit(execute_api)
    name = (api.hostname or "").split(".")[0]
    return f"{execute_api.rstrip('/')}{api.path}", f"{name}.execute-api.localhost:{place.port or 80}"


def _object(body: bytes) -> dict[str, Any]:
    value = json.loads(body) if body.strip() else {}
    return value if isinstance(value, dict) else {}


def _told(error: urllib.error.HTTPError) -> Exception:
    try:
        problem = _object(error.read())
    except (ValueError, OSError):
        problem = {}
    code, message = str(problem.get("code", "")), str(problem.get("message") or error.reason)
    if error.code >= 500 or error.code == 429:
        return Away(f"{error.code} {code or message}")
    return Refused(error.code, code, message)
