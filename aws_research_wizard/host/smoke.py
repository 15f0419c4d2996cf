"""Does a hub really serve? A throw-away person gets a server, opens JupyterLab, and runs the smoke notebook in each kernel.

Runs in the environment of the release it tries, against the ports it is given. Keeps true: when what a cell printed differs from
what stands in the notebook, or does not come in time, the release has failed, with the cell and the kernel named.
"""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from http.client import HTTPException
from importlib.resources import files as resources
from typing import Any
from urllib.parse import quote

from aws_research_wizard.host import hub, kernels
from aws_research_wizard.host.machine import Machine

PERSON = "smoke@wizard"
WHO = quote(PERSON, safe="@")
SERVER_SECONDS, CELL_SECONDS, HUB_SECONDS = 180.0, 120.0, 120.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SmokeFailed(Exception):  # noqa: N818
    """The release does not serve; the words say what did not work."""


@dataclass(frozen=True)
class Cell:
    """A cell of the smoke notebook: for kernels of which languages, and what it must print."""

    name: str
    languages: tuple[str, ...]
    source: str
    prints: str


def main(machine: Machine) -> int:
    """Try the hub of `machine`; the answer is a line of JSON: `{"report": …}` or `{"failed": why}`."""
    begun = time.monotonic()
    try:
        tried = Visit(machine).whole()
        answer: dict[str, Any] = {"report": {**tried, "seconds": round(time.monotonic() - begun, 1)}}
    except SmokeFailed as failure:
        answer = {"failed": str(failure)}
    except Exception as error:
        answer = {"failed": f"the smoke itself failed: {type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
    return 0 if "report" in answer else 1


def cells(text: str) -> list[Cell]:
    """Return the code cells of a notebook with the text that stands below each."""
    return [
        Cell(
            cell["id"],
            tuple(cell["metadata"].get("kernels", ("python",))),
            "".join(cell["source"]),
            "".join("".join(output.get("text", "")) for output in cell["outputs"]).strip(),
        )
        for cell in json.loads(text)["cells"]
        if cell["cell_type"] == "code"
    ]


def notebook() -> str:
    """Return the smoke notebook's text."""
    return resources("aws_research_wizard.host").joinpath("templates", "smoke.ipynb").read_text()


class Visit:
    """One person's visit, through the proxy as people come."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.base = f"http://127.0.0.1:{machine.ports.hub}"
        self.token = (machine.state / "hub/agent_token").read_text()

    def whole(self) -> dict[str, Any]:
        """Come, work, go; return what was seen."""
        if not hub.wait(self.machine, HUB_SECONDS, lambda: True):
            raise SmokeFailed("the hub did not answer in time")
        self._ask("POST", f"/hub/api/users/{WHO}")
        try:
            self._server()
            self._lab()
            return {"cells": self._kernels()}
        finally:
            self._leave()

    def _server(self) -> None:
        self._ask("POST", f"/hub/api/users/{WHO}/server")
        end = time.monotonic() + SERVER_SECONDS
        while not self._ask("GET", f"/hub/api/users/{WHO}")["servers"].get("", {}).get("ready"):
            if time.monotonic() > end:
                raise SmokeFailed("a person's server did not start in time")
            time.sleep(0.1)

    def _lab(self) -> None:
        page = self._read("GET", f"/user/{WHO}/lab")
        if b"<title>JupyterLab</title>" not in page:
            raise SmokeFailed("the person's server shows no JupyterLab")

    def _kernels(self) -> dict[str, int]:
        wanted = kernels.registered(self.machine)
        if not wanted:
            raise SmokeFailed("no kernel is registered")
        offered = self._ask("GET", f"/user/{WHO}/api/kernelspecs")["kernelspecs"]
        missing = sorted(set(wanted) - set(offered))
        if missing:
            raise SmokeFailed(f"the kernel {missing[0]} is not offered")
        todo = cells(notebook())
        return {name: self._run(name, str(offered[name]["spec"]["language"]).lower(), todo) for name in wanted}

    def _run(self, kernel: str, language: str, todo: list[Cell]) -> int:
        path = f"/user/{WHO}/api/kernels"
        started = self._ask("POST", path, {"name": kernel})["id"]
        mine = [cell for cell in todo if language in cell.languages]
        try:
            asyncio.run(self._cells(kernel, f"{path}/{started}/channels", mine))
        finally:
            self._ask("DELETE", f"{path}/{started}")
        return len(mine)

    async def _cells(self, kernel: str, path: str, todo: list[Cell]) -> None:
        from tornado.httpclient import HTTPRequest
        from tornado.websocket import websocket_connect

        url = f"{self.base.replace('http', 'ws', 1)}{path}"
        request = HTTPRequest(url, headers={"Authorization": f"token {self.token}"}, connect_timeout=30)
        socket = await websocket_connect(request)
        try:
            for cell in todo:
                printed = await asyncio.wait_for(_printed(socket, cell.source), CELL_SECONDS)
                if cell.prints not in printed or (not cell.prints and printed.strip()):
                    raise SmokeFailed(f"the smoke notebook failed in {kernel}, cell {cell.name}: {_short(printed)}")
        except TimeoutError:
            raise SmokeFailed(f"the smoke notebook failed in {kernel}: a cell did not end in {CELL_SECONDS:.0f} s") from None
        finally:
            socket.close()

    def _leave(self) -> None:
        try:
            self._ask("DELETE", f"/hub/api/users/{WHO}")
        except SmokeFailed as failure:
            print(f"[smoke] {failure}", file=sys.stderr, flush=True)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._read(method, path, body)
        return json.loads(answer) if answer.strip() else None

    def _read(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        data = json.dumps(body or {}).encode() if method == "POST" else None
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.base}{path}", data, headers, method=method)  # noqa: S310 (loopback)
        try:
            with _DIRECT.open(request, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise SmokeFailed(
                f"{method} {path} was answered {error.code}: {error.read()[:200].decode(errors='replace')}"
            ) from None
        except (OSError, HTTPException) as error:
            raise SmokeFailed(f"{method} {path} was not answered: {error}") from None


async def _printed(socket: Any, code: str) -> str:
    """Run code in the kernel behind `socket`; return what it printed, or its error."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "session": uuid.uuid4().hex,
        "username": "",
        "msg_type": "execute_request",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
    await socket.write_message(json.dumps(message))
    printed = ""
    while True:
        raw = await socket.read_message()
        if raw is None:
            return f"{printed}\nthe kernel's connection ended"
        seen = json.loads(raw)
        if seen["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        if seen["msg_type"] == "stream":
            printed += seen["content"]["text"]
        elif seen["msg_type"] == "error":
            printed += f"{seen['content']['ename']}: {seen['content']['evalue']}"
        elif seen["msg_type"] == "status" and seen["content"]["execution_state"] == "idle":
            return printed


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words[:200] or "nothing was printed"
