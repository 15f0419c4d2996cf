"""The few HTTP calls the local cloud makes to its own servers, without an SDK: they must start fast and fail plainly."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from aws_research_wizard.client.errors import WizardError

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Unreachable(WizardError):  # noqa: N818 - named for what happened
    """The server did not answer, or refused; the text says which and why."""


def _ask(request: urllib.request.Request, timeout: float) -> bytes:
    try:
        with _opener.open(request, timeout=timeout) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise Unreachable(f"{request.full_url} answered {error.code}: {error.read().decode('utf-8', 'replace')[:500]}") from error
    except OSError as error:
        raise Unreachable(f"{request.full_url} does not answer: {error}") from error


def get_json(url: str, timeout: float = 5.0) -> dict[str, Any]:
    """The JSON object at an address of ours."""
    return dict(json.loads(_ask(urllib.request.Request(url), timeout)))  # noqa: S310 - our own loopback address


def post_json(url: str, body: dict[str, Any], timeout: float = 10.0) -> dict[str, Any]:
    """Send a JSON object to an address of ours."""
    data = json.dumps(body).encode()
    return dict(json.loads(_ask(urllib.request.Request(url, data, {"Content-Type": "application/json"}), timeout) or b"{}"))  # noqa: S310


def warm_when_idle(emulator: str, functions: list[str], event: dict[str, Any]) -> None:
    """Start the workers of functions one after the other, in the background, each when this computer is not busy."""

    def work() -> None:
        for name in functions:
            deadline = time.monotonic() + 120
            while os.getloadavg()[0] > 0.7 * (os.cpu_count() or 1) and time.monotonic() < deadline:
                time.sleep(2)
            with contextlib.suppress(Unreachable, ValueError):
                post_json(f"{emulator}/2015-03-31/functions/{name}/invocations", event, timeout=60)

    threading.Thread(target=work, daemon=True, name="warm-when-idle").start()
