"""Who has a server, and where does it listen? The hub's REST API and each server's own, asked on this machine only.

Keeps true: asking is never taken for activity (servers are asked beside the proxy, with `no_track_activity`).
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from aws_research_wizard.host.machine import Machine

PAGE = 200
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class HubAway(Exception):  # noqa: N818
    """The hub does not answer."""


class HubApi:
    """The hub of this machine, asked as its agent service."""

    def __init__(self, machine: Machine, timeout: float = 10) -> None:
        self._base = f"http://127.0.0.1:{machine.ports.hub_api}/hub/api"
        self._token = (machine.state / "hub/agent_token").read_text()
        self._timeout = timeout

    def users(self) -> list[dict[str, Any]]:
        """Return the hub's users with their servers and these servers' states."""
        found: list[dict[str, Any]] = []
        while page := self._ask("GET", f"{self._base}/users?limit={PAGE}&offset={len(found)}"):
            found += page
            if len(page) < PAGE:
                break
        return found

    def forget(self, person: str) -> None:
        """Take a person off the hub: their server is stopped, their sessions and tokens end, their files stay."""
        self._ask("DELETE", f"{self._base}/users/{quote(person, safe='')}")

    def server(self, person: str, port: int, method: str, path: str, body: Any = None, timeout: float | None = None) -> Any:
        """Ask a person's server, beside the proxy; None for what is not there."""
        mark = "" if "?" in path else "?no_track_activity=1"
        return self._ask(method, f"http://127.0.0.1:{port}/user/{quote(person, safe='@~')}{path}{mark}", body, timeout)

    def _ask(self, method: str, url: str, body: Any = None, timeout: float | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self._token}", **({"Content-Type": "application/json"} if data else {})}
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 (loopback)
        try:
            with _DIRECT.open(request, timeout=timeout or self._timeout) as answer:
                said = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise HubAway(f"{error.code} from {url}") from None
        except (OSError, HTTPException) as error:
            raise HubAway(str(error)) from None
        return json.loads(said) if said.strip() else None


@dataclass(frozen=True)
class Server:
    """A person's server that runs: its process, where it listens, and how long it does."""

    person: str
    port: int
    pid: int
    started_s: float


def running(users: Iterable[Mapping[str, Any]], now: float) -> list[Server]:
    """Return the servers that are ready, of the hub's users; `now` is the hub's clock, in seconds since 1970."""
    pairs = [(user["name"], server) for user in users for server in (user.get("servers") or {}).values()]
    return [_server(person, server, now) for person, server in pairs if server.get("ready")]


def _server(person: str, server: Mapping[str, Any], now: float) -> Server:
    state = server.get("state") or {}
    return Server(person, int(state.get("port") or 0), int(state.get("pid") or 0), age(server.get("started"), now) or 0.0)


def age(moment: Any, now: float) -> float | None:
    """Return how long ago an ISO moment of this machine was; None when it is none."""
    try:
        then = datetime.fromisoformat(str(moment))
    except ValueError:
        return None
    return max(0.0, now - (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp())
