"""API Gateway as the app sees it: finds the route, makes the proxy event, and hands back status, headers and JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from chalice.app import Chalice

from tests.conftest import Context


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Gateway:
    def __init__(self, app: Chalice, token: str = "") -> None:
        self.app, self.token = app, token

    def as_(self, token: str) -> Gateway:
        return Gateway(self.app, token)

    def get(self, url: str, **more: Any) -> Answer:
        return self.send("GET", url, **more)

    def post(self, url: str, body: Any = None, **more: Any) -> Answer:
        return self.send("POST", url, body, **more)

    def put(self, url: str, body: Any = None, **more: Any) -> Answer:
        return self.send("PUT", url, body, **more)

    def delete(self, url: str, **more: Any) -> Answer:
        return self.send("DELETE", url, **more)

    def send(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        raw: str | None = None,
        key: str = "",
    ) -> Answer:
        sent = {"Content-Type": "application/json"} if body is not None or raw is not None else {}
        sent |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent |= {"Idempotency-Key": key} if key else {}
        text = raw if raw is not None else json.dumps(body) if body is not None else None
        reply = self.app(self._event(method, url, text, sent | (headers or {})), Context())
        return Answer(reply["statusCode"], reply["headers"], reply["body"])

    def _event(self, method: str, url: str, text: str | None, headers: dict[str, str]) -> dict[str, Any]:
        parts = urlsplit(url)
        resource, params = self._matched(parts.path)
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query):
            query.setdefault(name, []).append(value)
        return {
            "resource": resource,
            "path": parts.path,
            "httpMethod": method,
            "headers": headers,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": {name: quote(value, safe="%@") for name, value in params.items()} or None,
            "requestContext": {
                "httpMethod": method,
                "resourcePath": resource,
                "requestId": "req-1",
                "identity": {"sourceIp": "127.0.0.1"},
            },
            "stageVariables": None,
            "body": text,
            "isBase64Encoded": False,
        }

    def _matched(self, path: str) -> tuple[str, dict[str, str]]:
        for resource in sorted(self.app.routes, key=lambda known: known.count("{")):
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(resource))
            if found := re.fullmatch(pattern, path):
                return resource, found.groupdict()
        raise LookupError(f"no route for {path}")
