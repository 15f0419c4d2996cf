"""A hub with many running servers, as jupyterhub-idle-culler sees it: the API's pages of users, in a process of its own.

python -m bench.many_servers PORT SERVERS IDLE
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

PORT, SERVERS, IDLE = (int(word) for word in sys.argv[1:4]) if len(sys.argv) == 4 else (0, 0, 0)
MOST = 200  # the hub's own bound of a page
STARTED = datetime.now(UTC)


def user(number: int) -> dict[str, Any]:
    """One person with one server, as JupyterHub 5 writes it."""
    every = max(1, SERVERS // IDLE)
    idle = number % every == 0 and number // every < IDLE
    active = (STARTED - timedelta(hours=5 if idle else -24)).isoformat().replace("+00:00", "Z")
    name = f"person-{number:07d}"
    server = {
        "name": "", "full_name": f"{name}/", "last_activity": active, "started": "2026-11-23T04:00:00.000000Z",
        "pending": None, "ready": True, "stopped": False, "url": f"/user/{name}/", "full_url": None,
        "user_options": {}, "progress_url": f"/hub/api/users/{name}/server/progress", "full_progress_url": None, "state": {},
    }  # fmt: skip
    return {
        "name": name, "admin": False, "roles": ["user"], "groups": [], "kind": "user", "pending": None,
        "server": f"/user/{name}/", "created": "2026-01-01T00:00:00.000000Z", "last_activity": active,
        "servers": {"": server}, "auth_state": None,
    }  # fmt: skip


@cache
def page(offset: int, limit: int) -> bytes:
    """One page of users, made once."""
    items = [user(number) for number in range(offset, min(offset + limit, SERVERS))]
    after = offset + limit
    query = f"offset={after}&limit={limit}&state=ready"
    following = {"offset": after, "limit": limit, "url": f"http://127.0.0.1:{PORT}/hub/api/users?{query}"}
    paging = {"offset": offset, "limit": limit, "total": SERVERS, "next": following if after < SERVERS else None}
    return json.dumps({"items": items, "_pagination": paging}).encode()


class Handler(BaseHTTPRequestHandler):
    """As much of the hub's API as the culler asks for."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece, and nobody waits for its second half
    asked: ClassVar[dict[str, int]] = {"GET": 0, "DELETE": 0}

    def do_GET(self) -> None:
        """The version, or a page."""
        address = urlsplit(self.path)
        if address.path == "/asked":
            return self._answer(200, json.dumps(self.asked).encode())
        self.asked["GET"] += 1
        if not address.path.endswith("/users"):
            return self._answer(200, b'{"version": "5.4.0"}')
        said = {name: int(values[0]) for name, values in parse_qs(address.query).items() if name in ("offset", "limit")}
        self._answer(200, page(said.get("offset", 0), min(said.get("limit", 50), MOST)))

    def do_DELETE(self) -> None:
        """A server ends at once."""
        self.asked["DELETE"] += 1
        self._answer(204, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


if __name__ == "__main__":
    for first in range(0, SERVERS, MOST):
        page(first, MOST)
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
