"""The door in front of the hub and of everybody's server: configurable-http-proxy in pure Python, so Node is not needed.

Runs in the hub's environment, and counts who is heard (traffic.py). Two things the package does are done otherwise here: an
address goes on exactly as it came (it would re-encode the @ of an e-mail, which JupyterLab's server then does not know), and an
answer flows through as it comes (it would gather it whole in memory, and hold a spawn's progress back until its end).
"""

import asyncio
import functools
import json
import logging
import re
from typing import Any

from configurable_http_proxy import handlers  # type: ignore[import-not-found]  # lives in the hub's environment
from configurable_http_proxy.configproxy import PythonProxy  # type: ignore[import-not-found]
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate
from tornado.iostream import StreamClosedError
from tornado.web import Application, HTTPError

from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.traffic import Passage, Traffic

MOST_BYTES = 10 * 2**30
"""The largest body of an upload or a download."""
MOST_MESSAGE = 2**30
"""The largest WebSocket message: a cell's output."""
OWN_HEADERS = ("transfer-encoding", "connection", "keep-alive", "upgrade", "server", "date")
_SECRET = re.compile(r"((?:ticket|token)=)[^&\s]+")


class Scrub(logging.Filter):
    """Takes tickets and tokens out of the addresses that are logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; keep it."""
        record.msg, record.args = _SECRET.sub(r"\1[secret]", record.getMessage()), ()
        return True


class Through(handlers.ProxyHandler):  # type: ignore[misc]  # the package ships no types
    """Passes one request on, and its answer back as it comes."""

    def initialize(self, proxy: Any = None, traffic: Traffic | None = None, **more: Any) -> None:
        """Take what all requests share."""
        super().initialize(proxy=proxy, **more)
        self.traffic = traffic

    def open(self, *_: str) -> None:
        """Count a WebSocket."""
        if self.traffic:
            self.traffic.socket(str(self.request.uri), 1)
            self._counted = True

    def on_close(self) -> None:
        """Count it no more."""
        if self.traffic and getattr(self, "_counted", False):
            self.traffic.socket(str(self.request.uri), -1)
        super().on_close()

    def on_finish(self) -> None:
        """Note that the answer is whole."""
        self._over()
        super().on_finish()

    def on_connection_close(self) -> None:
        """Note that whoever asked has gone."""
        self._over()
        super().on_connection_close()

    def _over(self) -> None:
        passage = getattr(self.request, "passage", None)
        if self.traffic and passage:
            self.traffic.end(passage)

    async def get_target_url(self, path: str) -> str | None:
        """Return where this request goes, with its address untouched."""
        if not str(self.request.uri).startswith("/"):
            raise HTTPError(400)
        if await super().get_target_url(path) is None:
            return None
        found: Any = self.target
        return f"{found['target'].rstrip('/')}{self.request.uri}"

    async def call_proxy(self, path: str | None = None) -> None:
        """Send the request on; pass the answer back piece by piece."""
        url = await self.get_target_url(path or "")
        if url is None:
            return
        request = self._get_proxy_request(url)
        request.decompress_response = False
        request.headers.pop("Transfer-Encoding", None)  # a body that came in pieces goes on whole, with its length
        lines: list[str] = []
        request.header_callback = lambda line: lines.append(line) if line.strip() else self._begin(lines)
        request.streaming_callback = self._pass
        try:
            await AsyncHTTPClient().fetch(request, raise_error=False)
        except StreamClosedError:
            self.target = None  # whoever asked has gone, or whoever answered broke off: nothing more can be said
            if not self._headers_written:
                raise HTTPError(502) from None
        except Exception as error:
            if self._headers_written:
                return
            await self.handle_proxy_error(503, error)
            return
        if not self._finished:
            self.finish()

    def compute_etag(self) -> str | None:
        """Leave tags to whoever answers."""
        return None

    def _begin(self, lines: list[str]) -> None:
        """Take over status and headers of the answer."""
        _, code, *reason = lines[0].split(" ", 2)
        self.set_status(int(code), reason[0].strip() if reason else None)
        self._headers = HTTPHeaders()
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name.lower() not in OWN_HEADERS:
                self._headers.add(name, value.strip())

    async def _pass(self, chunk: bytes) -> None:
        if self.traffic and (passage := getattr(self.request, "passage", None)):
            self.traffic.moved(passage)
        self.write(chunk)
        await self.flush()


class Door(Application):  # type: ignore[misc]  # tornado ships no types we follow
    """The door people use: counts each request from its first line on, so that an upload counts while it comes."""

    def __init__(self, rules: list[Any], traffic: Traffic, **settings: Any) -> None:
        super().__init__(rules, **settings)
        self.traffic = traffic

    def find_handler(self, request: Any, **more: Any) -> Any:
        """Return who takes a request, with an ear to its bytes."""
        taken = super().find_handler(request, **more)
        passage = self.traffic.begin(str(request.method), str(request.uri), request.headers)
        if passage is None:
            return taken
        request.passage = passage
        return Heard(taken, self.traffic, passage)


class Heard(HTTPMessageDelegate):  # type: ignore[misc]
    """Stands before whoever takes a request, and notes its bytes."""

    def __init__(self, taken: Any, traffic: Traffic, passage: Passage) -> None:
        self._taken, self._traffic, self._passage = taken, traffic, passage

    def headers_received(self, start_line: Any, headers: Any) -> Any:
        """Pass on."""
        return self._taken.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Any:
        """Note, and pass on."""
        self._traffic.moved(self._passage)
        return self._taken.data_received(chunk)

    def finish(self) -> None:
        """Pass on: the request has come whole."""
        self._taken.finish()

    def on_connection_close(self) -> None:
        """Note, and pass on: it never came whole."""
        self._traffic.end(self._passage)
        self._taken.on_connection_close()


class Told(handlers.APIHandler):  # type: ignore[misc]
    """Says who is heard, to whoever has the proxy's token."""

    def initialize(self, traffic: Traffic, **more: Any) -> None:
        """Take what it tells of."""
        super().initialize(**more)
        self.traffic = traffic

    def get(self, *_: str) -> None:
        """Tell."""
        self.is_authorized()
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(self.traffic.told()))


def main(machine: Machine) -> int:
    """Run the proxy in this process. Its token comes from a file that only the hub may read."""
    logging.basicConfig(level=logging.WARNING, format="[%(levelname).1s %(asctime)s %(name)s] %(message)s")
    for handler in (*logging.getLogger().handlers, *logging.getLogger("configurable_http_proxy").handlers):
        handler.addFilter(Scrub())
    logging.getLogger("configurable_http_proxy").setLevel(logging.ERROR)
    asyncio.run(_serve(machine))
    return 0


async def _serve(machine: Machine) -> None:
    AsyncHTTPClient.configure(
        None, max_clients=10_000, max_body_size=MOST_BYTES, defaults={"request_timeout": 0, "connect_timeout": 20}
    )
    handlers.websocket_connect = functools.partial(handlers.websocket_connect, max_message_size=MOST_MESSAGE)
    hub = f"http://127.0.0.1:{machine.ports.hub_api}"
    options: dict[str, Any] = {"default_target": hub, "error_target": f"{hub}/hub/error", "x_forward": False}
    proxy = PythonProxy({**options, "auth_token": (machine.state / "hub/proxy_token").read_text()})
    traffic = Traffic()
    people = Door([(r"/(.*)", Through, {"proxy": proxy, "traffic": traffic})], traffic, websocket_max_message_size=MOST_MESSAGE)
    proxy.api_app.add_handlers(".*", [(r"/wizard/traffic", Told, {"proxy": proxy, "traffic": traffic})])
    HTTPServer(people, max_body_size=MOST_BYTES).listen(machine.ports.hub, "127.0.0.1")
    HTTPServer(proxy.api_app).listen(machine.ports.proxy_api, "127.0.0.1")
    await asyncio.Event().wait()
