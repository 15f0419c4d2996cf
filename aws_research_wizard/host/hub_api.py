"""Who has a server, and what runs in it? The hub's REST API and each server's own, asked on this machine only.

Keeps true: asking is never taken for activity (servers are asked beside the proxy, with `no_track_activity`).
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
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

    def servers(self, users: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return `{user, started_at, last_activity, kernels}` of every server that runs."""
        pairs = [(user["name"], server) for user in users for server in (user.get("servers") or {}).values()]
        return [_pulse(person, server, self._kernels(person, server)) for person, server in pairs if server.get("ready")]

    def _kernels(self, person: str, server: Mapping[str, Any]) -> list[dict[str, Any]]:
        port = (server.get("state") or {}).get("port")
        if not port:
            return []
        try:
            found = self._ask("GET", f"http://127.0.0.1:{port}/user/{quote(person, safe='@~')}/api/kernels?no_track_activity=1")
        except HubAway:
            return []
        return [
            {
                "name": kernel.get("name"),
                "state": kernel.get("execution_state"),
                "last_activity": kernel.get("last_activity"),
                "connections": kernel.get("connections", 0),
            }
            for kernel in found or []
        ]

    def _ask(self, method: str, url: str) -> Any:
        request = urllib.request.Request(url, method=method, headers={"Authorization": f"token {self._token}"})  # noqa: S310 (loopback)
        try:
            with _DIRECT.open(request, timeout=self._timeout) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise HubAway(f"{error.code} from {url}") from None
        except (OSError, HTTPException) as error:
            raise HubAway(str(error)) from None
        return json.loads(body) if body.strip() else None


def _pulse(person: str, server: Mapping[str, Any], kernels: list[dict[str, Any]]) -> dict[str, Any]:
    return {"user": person, "started_at": server.get("started"), "last_activity": server.get("last_activity"), "kernels": kernels}
