"""What a person's browser does with a lab: follow the link, start the server, run a cell over REST and WebSocket."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any
from urllib.parse import quote

import httpx
from websockets.sync.client import connect


class Browser:
    """One person's session."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = httpx.Client(base_url=address, follow_redirects=False, timeout=60, trust_env=False)
        self.person = self.token = ""

    def close(self) -> None:
        self.http.close()

    def login(self, ticket: str) -> httpx.Response:
        return self.http.get("/hub/login", params={"ticket": ticket})

    def hub(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the hub's API with the session's cookies."""
        xsrf = next((cookie.value for cookie in self.http.cookies.jar if cookie.name == "_xsrf" and cookie.path == "/hub/"), "")
        headers = {"X-XSRFToken": xsrf or "", "Content-Type": "application/json"}  # a POST without a type is taken for a form
        return self.http.request(method, f"/hub/api{path}", headers=headers, **more)

    def start(self, person: str, seconds: float = 60) -> None:
        """Start the person's server and wait until it is ready; take a token for it."""
        self.person = person
        running = self.hub("GET", f"/users/{quote(person)}").json()["servers"].get("")
        if not running:
            self.hub("POST", f"/users/{quote(person)}/server").raise_for_status()
        end = time.monotonic() + seconds
        while not self.hub("GET", f"/users/{quote(person)}").json()["servers"].get("", {}).get("ready"):
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.05)
        self.token = self.hub("POST", f"/users/{quote(person)}/tokens", json={"note": "test"}).json()["token"]

    def server(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the person's own server."""
        url = f"/user/{self.person}{path}"
        return httpx.request(
            method, f"{self.address}{url}", headers={"Authorization": f"token {self.token}"}, timeout=60, trust_env=False, **more
        )

    def kernel(self, name: str) -> str:
        answer = self.server("POST", "/api/kernels", json={"name": name})
        answer.raise_for_status()
        return str(answer.json()["id"])

    def run(self, kernel: str, code: str, seconds: float = 60) -> str:
        """Run code in a kernel; return what it printed (or its error)."""
        url = f"{self.address.replace('http', 'ws', 1)}/user/{self.person}/api/kernels/{kernel}/channels"
        header = {
            "msg_id": uuid.uuid4().hex,
            "username": "",
            "session": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "version": "5.3",
        }
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
        printed = ""
        with connect(url, additional_headers={"Authorization": f"token {self.token}"}, open_timeout=30, proxy=None) as socket:
            socket.send(json.dumps(message))
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                seen = json.loads(socket.recv(timeout=seconds))
                if seen["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                match seen["msg_type"]:
                    case "stream":
                        printed += seen["content"]["text"]
                    case "error":
                        printed += "\n".join(seen["content"]["traceback"])
                    case "status" if seen["content"]["execution_state"] == "idle":
                        return printed
        raise AssertionError("the cell did not end")
