"""The door in front of the hub and of everybody's server: configurable-http-proxy in pure Python, so Node is not needed.

Runs in the hub's environment. Two things the package does are done otherwise here: an address goes on exactly as it came
(it would re-encode the @ of an e-mail, which JupyterLab's server then does not know), and an answer flows through as it
comes (it would gather it whole in memory, and hold a spawn's progress back until its end).
"""

import asyncio
import functools
import logging
import re
from typing import Any

from configurable_http_proxy import handlers  # type: ignore[import-not-found]  # lives in the hub's environment
from configurable_http_proxy.configproxy import PythonProxy  # type: ignore[import-not-found]
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import Application, HTTPError

from aws_research_wizard.host.machine import Machine

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
        self.write(chunk)
        await self.flush()


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
    people = Application([(r"/(.*)", Through, {"proxy": proxy})], websocket_max_message_size=MOST_MESSAGE)
    HTTPServer(people, max_body_size=MOST_BYTES).listen(machine.ports.hub, "127.0.0.1")
    HTTPServer(proxy.api_app).listen(machine.ports.proxy_api, "127.0.0.1")
    await asyncio.Event().wait()
