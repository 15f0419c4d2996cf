"""A person at a JupyterHub, without the person: log in by link, start a server, run a cell over REST and WebSocket.

Used by the smoke run, the benchmarks and the tests of a real hub. It does what a browser does: the login link gives a session
cookie, the session mints a token for the hub's API, and the token opens the single-user server.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from websockets.sync.client import connect

T = TypeVar("T")

#: Seconds a server, a kernel or a cell may take before the run is called failed.
PATIENCE = 120.0


class HubError(RuntimeError):
    """The hub, its server or a kernel did not do what was asked; the message says which and how it answered."""


@dataclass(frozen=True)
class Cell:
    """What one executed cell printed, and how it ended."""

    text: str
    error: str | None
    seconds: float


def wait_for(what: str, look: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """The first answer of `look` that is not None; HubError when it never comes."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(0.1)
    raise HubError(f"{what} did not come within {patience:.0f} s")


class Person:
    """One signed-in person at one hub."""

    def __init__(self, base: str, user: str, token: str) -> None:
        self.user = user
        self.server = f"{base}/user/{quote(user, safe='@~')}"
        self.hub = f"{base}/hub/api"
        self.token = token
        self.http = httpx.Client(headers={"Authorization": f"token {token}"}, timeout=60)

    @classmethod
    def by_link(cls, link: str) -> Person:
        """Follow a login link as a browser would, and mint a token for the API.  Raises HubError when the link is refused."""
        parts = urlsplit(link)
        base = f"{parts.scheme}://{parts.netloc}"
        with httpx.Client(follow_redirects=False, timeout=60) as browser:
            answer = browser.get(link)
            if answer.status_code not in (302, 303):
                raise HubError(f"the login link answered {answer.status_code}: {answer.text[:200]}")
            me = browser.get(f"{base}/hub/home")
            xsrf = browser.cookies.get("_xsrf", path="/hub/") or browser.cookies.get("_xsrf")
            if me.status_code >= 400:
                raise HubError(f"the hub's home answered {me.status_code}")
            headers = {"X-XSRFToken": xsrf or "", "Referer": f"{base}/hub/home"}
            user = browser.get(f"{base}/hub/api/user", headers=headers).raise_for_status().json()["name"]
            minted = browser.post(
                f"{base}/hub/api/users/{quote(user, safe='')}/tokens", headers=headers, json={"note": "smoke", "expires_in": 3600}
            )
            if minted.status_code >= 400:
                raise HubError(f"no API token: {minted.status_code} {minted.text[:200]}")
        return cls(base, user, minted.json()["token"])

    def start_server(self) -> None:
        """Start the person's server and wait until it answers; a running one is taken as it is."""
        answer = self.http.post(f"{self.hub}/users/{quote(self.user, safe='')}/server")
        if answer.status_code not in (201, 202, 400):
            raise HubError(f"the server was not started: {answer.status_code} {answer.text[:200]}")
        wait_for("the single-user server", self._server_answers)

    def _server_answers(self) -> bool | None:
        try:
            return True if self.http.get(f"{self.server}/api/status").status_code == 200 else None
        except httpx.TransportError:
            return None

    def kernels(self) -> dict[str, str]:
        """Kernel name → display name, as JupyterLab's launcher lists them."""
        specs = self.http.get(f"{self.server}/api/kernelspecs").raise_for_status().json()["kernelspecs"]
        return {name: spec["spec"]["display_name"] for name, spec in specs.items()}

    def start_kernel(self, name: str) -> str:
        """A new kernel's id."""
        answer = self.http.post(f"{self.server}/api/kernels", json={"name": name})
        if answer.status_code != 201:
            raise HubError(f"kernel {name} did not start: {answer.status_code} {answer.text[:200]}")
        return str(answer.json()["id"])

    def run(self, kernel_id: str, code: str, patience: float = PATIENCE) -> Cell:
        """Execute one cell and collect what it prints, over the kernel's WebSocket."""
        url = f"{self.server.replace('http', 'ws', 1)}/api/kernels/{kernel_id}/channels"
        began = time.monotonic()
        message_id = uuid.uuid4().hex
        with connect(url, additional_headers={"Authorization": f"token {self.token}"}, max_size=None) as socket:
            socket.send(json.dumps(execute_request(message_id, code)))
            texts: list[str] = []
            error: str | None = None
            while True:
                message = json.loads(socket.recv(timeout=patience))
                if message.get("parent_header", {}).get("msg_id") != message_id:
                    continue
                kind, content = message["msg_type"], message["content"]
                if kind == "stream":
                    texts.append(content["text"])
                elif kind in ("execute_result", "display_data"):
                    texts.append(content["data"].get("text/plain", ""))
                elif kind == "error":
                    error = f"{content['ename']}: {content['evalue']}"
                elif kind == "status" and content["execution_state"] == "idle":
                    return Cell("".join(texts), error, time.monotonic() - began)

    def write(self, path: str, text: str) -> None:
        """Save a text file in the person's home."""
        body = {"type": "file", "format": "text", "content": text}
        self.http.put(f"{self.server}/api/contents/{quote(path)}", json=body).raise_for_status()

    def read(self, path: str) -> Any:
        """A file's content: text, or a notebook's JSON."""
        return self.http.get(f"{self.server}/api/contents/{quote(path)}").raise_for_status().json()["content"]

    def listing(self, path: str) -> list[str]:
        """The names in a folder of the person's home."""
        return sorted(entry["name"] for entry in self.read(path))

    def run_notebook(self, path: str, kernel_id: str) -> list[Cell]:
        """Run every code cell of a notebook in order, stopping at the first error."""
        done: list[Cell] = []
        for cell in self.read(path)["cells"]:
            if cell["cell_type"] != "code":
                continue
            source = cell["source"]
            done.append(self.run(kernel_id, source if isinstance(source, str) else "".join(source)))
            if done[-1].error:
                break
        return done


def execute_request(message_id: str, code: str) -> dict[str, Any]:
    """A Jupyter `execute_request` on the shell channel (Jupyter messaging protocol 5)."""
    header = {
        "msg_id": message_id,
        "msg_type": "execute_request",
        "username": "",
        "session": uuid.uuid4().hex,
        "version": "5.3",
        "date": "",
    }
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
