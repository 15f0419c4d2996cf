"""All that a lab's machine meets when it boots, on one loopback port: metadata, the bundle's bucket, the machine door.

A real HTTP server and a real machine (the boot script itself); only AWS and the control plane are played. `World.away`
makes the control plane vanish; `World.refuse` makes one verb answer with a problem.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt

ROOT = Path(__file__).resolve().parents[2]
KEY = b"k" * 32
CREDENTIALS = {
    "Code": "Success", "AccessKeyId": "ASIATEST", "SecretAccessKey": "secret", "Token": "token",
    "LastUpdated": "2026-11-23T00:00:00Z", "Expiration": "2099-01-01T00:00:00Z",
}  # fmt: skip


def free_port() -> int:
    """One below those that the system hands out, so that nobody is given it while what listens there begins anew."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class World:
    """Plays what is around a machine, and remembers what the machine said."""

    def __init__(self, orders: dict[str, Any], bundle: Path | None = None) -> None:
        self.orders, self.bundle = orders, bundle
        self.more: dict[str, Path] = {}  # bundles of other releases, by name
        self.objects: dict[str, bytes] = {}  # what else is in the bucket, by key
        self.said: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.logged: dict[tuple[str, str], list[str]] = {}
        self.away = False
        self.refuse: dict[str, tuple[int, dict[str, str]]] = {}
        self.token = f"awm_{secrets.token_urlsafe(16)}"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def of(self, verb: str) -> list[dict[str, Any]]:
        """What the machine said under one verb."""
        return [body for said, body, _ in list(self.said) if said == verb]

    def wait(self, verb: str, seconds: float = 120, when: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The first body of a verb for which `when` holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for body in self.of(verb):
                if when(body):
                    return body
            time.sleep(0.05)
        raise AssertionError(f"no {verb} within {seconds} s; said: {[verb for verb, _, _ in self.said]}")

    def ticket(self, email: str, role: str = "member", lab: str | None = None, **other: Any) -> str:
        now = int(time.time())
        claims = {
            "sub": email,
            "role": role,
            "lab": lab or self.orders["lab_id"],
            "iat": now,
            "exp": now + 120,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode({**claims, **other}, KEY, algorithm="HS256")

    def answer(self, verb: str, body: dict[str, Any], headers: Mapping[str, str]) -> tuple[int, dict[str, Any] | None]:
        self.said.append((verb, body, {name.lower(): value for name, value in headers.items()}))
        if self.away:
            return 503, {"code": "unavailable", "message": "away"}
        if verb in self.refuse:
            return self.refuse[verb]
        if verb == "claim":
            return 200, {"token": self.token, "login_key": base64.b64encode(KEY).decode(), "orders": self.orders}
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"code": "unauthenticated", "message": "no such machine"}
        return (200, self.orders) if verb == "heartbeat" else (204, None)


class Box:
    """A machine of this world: the boot script, run as the machine runner of the local cloud runs it."""

    def __init__(self, world: World, home: Path, cache: Path | None = None) -> None:
        self.world, self.home = world, home
        home.mkdir(parents=True, exist_ok=True)
        self.root = home / "machine"
        self.instance_id = f"i-{uuid.uuid4().hex[:17]}"
        self.ports = {name: free_port() for name in ("hub", "hub_api", "proxy_api")}
        self.cache = cache or home / "cache"
        self.address = f"http://127.0.0.1:{self.ports['hub']}"
        self.process: subprocess.Popen[bytes] | None = None
        self.within: list[str] = []
        self.bake = ""

    def script(self) -> Path:
        values = {
            "LAB_ID": self.world.orders["lab_id"], "STAGE": "local", "REGION": "us-east-1", "ACCESS_MODE": "local",
            "API_URL": "https://abcd1234.execute-api.us-east-1.amazonaws.com/api",
            "BUNDLE": f"s3://artifacts/host/{self.world.bundle.name if self.world.bundle else 'none.tar.gz'}",
            "FILE_SYSTEM_ID": "fs-1", "BAKE": self.bake,
        }  # fmt: skip
        script = (ROOT / "chalicelib/runtime/boot.sh").read_text()
        text = re.sub(r"__([A-Z_]+?)__", lambda m: values[m[1]] if m[1] in values else m[0], script)
        path = self.home / "user-data.sh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def env(self) -> dict[str, str]:
        base = sys.base_prefix
        system = Path("/usr/bin/python3.11")
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "AWR_"))},
            "AWR_MACHINE_ROOT": str(self.root), "AWR_PORTS": json.dumps(self.ports), "AWR_EFS_ROOT": str(self.home / "efs"),
            "AWR_EXECUTE_API_ENDPOINT": self.world.url, "AWS_ENDPOINT_URL": self.world.url, "AWR_CACHE": str(self.cache),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self.world.url}/_imds/{self.instance_id}",
            "AWR_INSTANCE_ID": self.instance_id,
            "AWR_PYTHON": str(system) if system.exists() else f"{base}/bin/python3",
        }  # fmt: skip

    def start(self) -> None:
        with (self.home / "console.log").open("ab") as console:
            words = [*self.within, "bash", str(self.script())]
            self.process = subprocess.Popen(words, env=self.env(), stdout=console, stderr=console, start_new_session=True)

    def keep(self) -> None:
        """What systemd and the machine runner do: a boot that ended badly begins anew (3: it has said why it cannot)."""
        if self.process and self.process.poll() not in (None, 0, 3):
            self.start()

    def stop(self, seconds: float = 30) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(seconds)

    def console(self) -> str:
        return (self.home / "console.log").read_text(errors="replace")

    def processes(self) -> list[int]:
        """The live processes that carry this machine's marker."""
        from aws_research_wizard.host import processes

        return [process.pid for process in processes.ours(self.instance_id)]


def _handler(world: World) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            return

        def do_PUT(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.startswith("/artifacts/"):
                world.objects[self.path.removeprefix("/artifacts/")] = sent
            self._send(200, b"session" if self.path.endswith("/api/token") else b"")

        def do_GET(self) -> None:
            if "/security-credentials/" in self.path:
                asked = self.path.rsplit("/", 1)[1]
                self._send(200, json.dumps(CREDENTIALS).encode() if asked else b"lab-role")
            elif found := world.objects.get(self.path.removeprefix("/artifacts/")):
                self._send(200, found)
            elif self.path.startswith("/artifacts/") and world.bundle:
                signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=ASIATEST/")
                file = world.more.get(self.path.rsplit("/", 1)[1], world.bundle)
                self._send(200 if signed else 403, file.read_bytes() if signed else b"")
            else:
                self._send(404, b"")

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("X-Amz-Target", "").startswith("Logs_20140328."):
                self._log(self.headers["X-Amz-Target"].split(".")[1], json.loads(raw))
                return
            verb, *rest = self.path.partition("/machine/")[2].split("/")
            said = json.loads(raw)
            status, body = world.answer(verb, {**said, "id": rest[0]} if rest else said, self.headers)
            self._send(status, b"" if body is None else json.dumps(body).encode())

        def _log(self, action: str, body: dict[str, Any]) -> None:
            """Play CloudWatch Logs: a stream must be made before it takes events."""
            stream = (body["logGroupName"], body["logStreamName"])
            if action == "CreateLogStream":
                world.logged[stream] = []
            if stream not in world.logged:
                self._send(400, b'{"__type": "ResourceNotFoundException", "message": "no such stream"}')
                return
            world.logged[stream] += [event["message"] for event in body.get("logEvents", ())]
            self._send(200, b"{}")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
