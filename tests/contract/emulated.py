"""An emulated AWS account of a test's own, and a person who calls the API that was deployed into it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@contextmanager
def started(folder: Path, **more: str) -> Iterator[str]:
    """An emulator on a free port of this machine, gone afterwards; its log is in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "MINISTACK_HOST": "localhost", **more}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([Path(sys.executable).parent / "ministack"], env=os.environ | own, stdout=log, stderr=log)
        try:
            health = f"http://127.0.0.1:{port}/_ministack/health"
            eventually(lambda: urllib.request.urlopen(health, timeout=2).status == 200)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def eventually(holds: Callable[[], Any], seconds: float = 40) -> Any:
    """What `holds` answers once it is true; AssertionError when it never is."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if answer := holds():
                return answer
        except OSError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds} s")


@dataclass(frozen=True)
class Caller:
    """Somebody with a token."""

    emulator: str
    host: str
    token: str

    @classmethod
    def first_administrator(cls, session: Any, outputs: Mapping[str, str], emulator: str) -> Caller:
        event = json.dumps({"email": "ada@example.org"})
        answer = json.load(session.client("lambda").invoke(FunctionName=outputs["BootstrapFunction"], Payload=event)["Payload"])
        host = f"{outputs['RestAPIId']}.execute-api.localhost:{emulator.rpartition(':')[2]}"
        return cls(emulator, host, answer["token"])

    def get(self, path: str) -> dict[str, Any]:
        return self.call("GET", path)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer's JSON; HTTPError for anything but a success."""
        headers = {"Host": self.host, "Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        asked = urllib.request.Request(f"{self.emulator}/api{path}", data=data, method=method, headers=headers)
        with urllib.request.urlopen(asked, timeout=40) as answer:
            return dict(json.loads(answer.read() or b"{}"))
