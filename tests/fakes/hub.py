"""A hub with one person's home in it, as far as whoever brings files meets it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import httpx

BASE = "http://lab.test"
PERSON = "ada@example.org"


class FakeHub:
    """Answers as JupyterHub and Jupyter Server do; `files` is the home, folders are None."""

    def __init__(self, kernels: tuple[str, ...] = ("genomics-python",)) -> None:
        self.files: dict[str, str | None] = {}
        self.kernels = kernels
        self.tokens: set[str] = set()
        self.revoked = 0
        self.starting = 2
        self.transport = httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = unquote(request.url.path)
        if path == "/hub/login":
            counts = request.url.params.get("ticket") == "mock"
            headers = {"Set-Cookie": "_xsrf=x; Path=/hub/", "Location": "/hub/home"}
            return httpx.Response(302, headers=headers) if counts else httpx.Response(403)
        if path.startswith("/hub/home") or path == "/hub/api/user":
            return httpx.Response(200, json={"name": PERSON})
        if path == f"/hub/api/users/{PERSON}/tokens":
            self.tokens.add("t")
            return httpx.Response(201, json={"token": "t", "id": "1"})
        if request.headers.get("Authorization") != "token t" or "t" not in self.tokens:
            return httpx.Response(403)
        return self._with_token(request, path)

    def _with_token(self, request: httpx.Request, path: str) -> httpx.Response:
        server = f"/user/{PERSON}"
        if path == f"/hub/api/users/{PERSON}/tokens/1":
            self.tokens.clear()
            self.revoked += 1
            return httpx.Response(204)
        if path == f"/hub/api/users/{PERSON}/server":
            return httpx.Response(202)
        if path == f"{server}/api/status":
            self.starting -= 1
            return httpx.Response(200 if self.starting < 0 else 503, json={})
        if path == f"{server}/api/kernelspecs":
            return httpx.Response(200, json={"kernelspecs": {name: {} for name in self.kernels}})
        return self._contents(request, path.removeprefix(f"{server}/api/contents/"))

    def _contents(self, request: httpx.Request, path: str) -> httpx.Response:
        if request.method == "PUT":
            body: dict[str, Any] = json.loads(request.content)
            self.files[path] = None if body["type"] == "directory" else body["content"]
            return httpx.Response(201, json={"path": path})
        if path not in self.files:
            return httpx.Response(404, json={})
        if self.files[path] is None and request.url.params.get("type") == "file":
            return httpx.Response(400, json={})
        return httpx.Response(200, json={"content": self.files[path]})
