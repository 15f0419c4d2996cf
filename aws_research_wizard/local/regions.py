"""How do two emulated regions reach each other, as on AWS every region reaches the others?

Each local cloud stands for one region (``AWR_REGION``); ``regions.json`` in its home says where the others answer. A request
signed for another region is passed on there, so the same code that speaks to two regions of AWS speaks to two clouds on this
machine. S3's bucket names are one name space for all regions: a copy whose source is not here is fetched from where it is.
"""

from __future__ import annotations

import asyncio
import http.client
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aws_research_wizard.local.home import Home, read_json

Scope = dict[str, Any]
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
CREDENTIAL = re.compile(rb"Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
HOP = frozenset({b"connection", b"transfer-encoding", b"keep-alive", b"content-length", b"date", b"server"})
COPY = b"x-amz-copy-source"
SECONDS = 60.0


class Answer(NamedTuple):
    """A whole answer of an ASGI application or of another region."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def signed_for(scope: Scope) -> str:
    """The region in the signature's scope; blank for a request without one."""
    for name, value in scope["headers"]:
        if name == b"authorization" and (found := CREDENTIAL.search(value)):
            return found.group(1).decode()
    return ""


def of(home: Home) -> dict[str, str]:
    """The other regions of this machine: name → address of its services."""
    return {str(name): str(url) for name, url in read_json(home.root / "regions.json").items()}


class Regions:
    """Stands before the emulator's application."""

    def __init__(self, home: Home, here: str, app: App) -> None:
        self.home, self.here, self.app = home, here, app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer here, pass on to another region, or bring over what a copy needs from there."""
        region = signed_for(scope)
        peer = of(self.home).get(region) if region not in ("", self.here) else None
        if peer:
            await _tell(send, await asyncio.to_thread(ask, peer, scope, await body_of(receive)))
        elif scope["method"] == "PUT" and any(name == COPY for name, _ in scope["headers"]):
            await _tell(send, await self._copied(scope, await body_of(receive)))
        else:
            await self.app(scope, receive, send)

    async def _copied(self, scope: Scope, body: bytes) -> Answer:
        answer = await self._asked(scope, body)
        source = next(value for name, value in scope["headers"] if name == COPY).decode().lstrip("/")
        if answer.status != 404:
            return answer
        for peer in of(self.home).values():
            asked = {"method": "GET", "raw_path": f"/{source}".encode(), "query_string": b"", "headers": []}
            found = await asyncio.to_thread(ask, peer, asked, b"")
            if found.status == 200:
                return await self._put(scope, found.body)
        return answer

    async def _put(self, scope: Scope, content: bytes) -> Answer:
        """The copy as a plain upload of what was fetched, answered as a copy is."""
        kept = [(name, value) for name, value in scope["headers"] if name != COPY and not name.startswith(b"x-amz-checksum")]
        headers = [(name, value) for name, value in kept if name != b"content-length"]
        made = await self._asked({**scope, "headers": [*headers, (b"content-length", str(len(content)).encode())]}, content)
        if made.status != 200:
            return made
        etag = next((value.decode() for name, value in made.headers if name.lower() == b"etag"), '""')
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        text = f"<CopyObjectResult><LastModified>{moment}</LastModified><ETag>{etag}</ETag></CopyObjectResult>"
        return Answer(200, [(b"content-type", b"application/xml")], text.encode())

    async def _asked(self, scope: Scope, body: bytes) -> Answer:
        """The application's whole answer to a request whose body is at hand."""
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        return Answer(messages[0]["status"], list(messages[0]["headers"]), b"".join(one.get("body", b"") for one in messages[1:]))


def ask(peer: str, scope: Scope, body: bytes) -> Answer:
    """The same request, asked of another region; one that is gone answers as an endpoint that is down: 503."""
    place = urlsplit(peer)
    connection = http.client.HTTPConnection(str(place.hostname), place.port or 80, timeout=SECONDS)
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    if scope.get("query_string"):
        path += "?" + scope["query_string"].decode("latin-1")
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name not in HOP and name != b"host"}
    try:
        connection.request(scope["method"], path, body, headers)
        got = connection.getresponse()
        kept = [(name.lower().encode(), value.encode("latin-1")) for name, value in got.getheaders()]
        return Answer(got.status, [(name, value) for name, value in kept if name not in HOP], got.read())
    except (OSError, http.client.HTTPException) as error:
        return Answer(503, [(b"content-type", b"text/plain")], f"{peer} does not answer: {error}".encode())
    finally:
        connection.close()


async def body_of(receive: Receive) -> bytes:
    """A request's whole body."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _tell(send: Send, answer: Answer) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    headers = [(name, value) for name, value in answer.headers if name.lower() != b"content-length"]
    await send({"type": "http.response.start", "status": answer.status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": answer.body})
