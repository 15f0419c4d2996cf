"""Two emulated regions: who is asked, and what a copy from elsewhere becomes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.local import cloud
from aws_research_wizard.local.home import Home
from aws_research_wizard.local.regions import Message, Receive, Regions, Scope, Send, signed_for

SIGNED = "AWS4-HMAC-SHA256 Credential=AKIA/20261123/{}/s3/aws4_request, SignedHeaders=host, Signature=0"


class Elsewhere(BaseHTTPRequestHandler):
    """The other region: it has one object, and notes what it is asked."""

    asked: list[tuple[str, str, bytes]]

    def do_GET(self) -> None:
        self.asked.append(("GET", self.path, b""))
        self._answer(200 if self.path == "/away/thing" else 404, b"from away")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(("PUT", self.path, body))
        self._answer(200, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"abc"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return None


@pytest.fixture
def west() -> Iterator[str]:
    Elsewhere.asked = []
    server = HTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Here:
    """The application of this region: it takes what is put and knows no bucket but its own."""

    def __init__(self) -> None:
        self.put: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        missing = any(name == b"x-amz-copy-source" for name, _ in scope["headers"])
        if not missing:
            self.put[scope["path"]] = body
        await send({"type": "http.response.start", "status": 404 if missing else 200, "headers": [(b"etag", b'"here"')]})
        await send({"type": "http.response.body", "body": b""})


def asked(regions: Regions, method: str, path: str, region: str = "", body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """One request; the answer's status and body."""
    told: list[Message] = []
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if region:
        lines.append((b"authorization", SIGNED.format(region).encode()))
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": lines}

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    asyncio.run(regions(scope, receive, send))
    return told[0]["status"], told[1]["body"]


@pytest.fixture
def regions(tmp_path: Path, west: str) -> Regions:
    (tmp_path / "regions.json").write_text(json.dumps({"us-west-2": west}))
    return Regions(Home.at(tmp_path), "us-east-1", Here())


def test_what_is_signed_for_another_region_is_asked_there(regions: Regions) -> None:
    assert asked(regions, "PUT", "/bucket/key", "us-west-2", b"content")[0] == 200
    assert Elsewhere.asked == [("PUT", "/bucket/key", b"content")]
    assert regions.app.put == {}  # type: ignore[attr-defined]


@pytest.mark.parametrize("region", ["us-east-1", "eu-north-1", ""])
def test_everything_else_is_answered_here(regions: Regions, region: str) -> None:
    assert asked(regions, "PUT", "/bucket/key", region, b"content")[0] == 200
    assert regions.app.put == {"/bucket/key": b"content"}  # type: ignore[attr-defined]
    assert Elsewhere.asked == []


def test_a_copy_whose_source_is_elsewhere_is_fetched_from_there(regions: Regions) -> None:
    status, body = asked(regions, "PUT", "/mine/copy", "us-east-1", x_amz_copy_source="/away/thing")
    assert (status, b'<ETag>"here"</ETag>' in body) == (200, True)
    assert regions.app.put == {"/mine/copy": b"from away"}  # type: ignore[attr-defined]


def test_a_copy_whose_source_is_nowhere_is_not_found(regions: Regions) -> None:
    assert asked(regions, "PUT", "/mine/copy", "us-east-1", x_amz_copy_source="/away/nothing")[0] == 404


def test_a_region_that_is_gone_answers_as_an_endpoint_that_is_down(tmp_path: Path) -> None:
    (tmp_path / "regions.json").write_text('{"us-west-2": "http://127.0.0.1:9"}')
    assert asked(Regions(Home.at(tmp_path), "us-east-1", Here()), "GET", "/b/k", "us-west-2")[0] == 503


def test_the_region_is_read_from_the_signature() -> None:
    assert signed_for({"headers": [(b"authorization", SIGNED.format("eu-west-1").encode())]}) == "eu-west-1"
    assert signed_for({"headers": [(b"authorization", b"Bearer awr_x")]}) == ""


def test_a_cloud_stays_in_the_region_where_it_began(tmp_path: Path) -> None:
    Home.at(tmp_path).remember(region="eu-west-1")
    with pytest.raises(cloud.WizardError, match="is in eu-west-1") as caught:
        cloud.up(tmp_path)
    assert caught.value.hint == "export AWR_REGION=eu-west-1"
