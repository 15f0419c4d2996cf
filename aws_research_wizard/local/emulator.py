"""The process of the control plane's cloud: ``python -m aws_research_wizard.local.emulator --home DIR --port N --infra URL``.

It runs the emulator in this process, on the loopback interface only, and makes it keep what it has answered: item writes and
starts of executions are in the journal before their answer leaves, all other state follows within about a second, and
running workflows go on after a restart. Lambda workers inherit this environment, which is how EC2, IAM, STS and EFS calls
reach the other endpoint.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aws_research_wizard.local import pruning
from aws_research_wizard.local.calls import warm_when_idle
from aws_research_wizard.local.home import ACCOUNT, IMAGE_ID, IMAGE_PARAMETER, LOOPBACK, REGION, Home
from aws_research_wizard.local.regions import Regions, body_of

log = logging.getLogger(__name__)
Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
TICK_SECONDS = 1.0
RESTING_TICKS = 3
JOURNAL_LIMIT = 4_000_000


def prepare(home: Home, port: int, infra: str) -> None:
    """Set what the emulator and its Lambda workers read from the environment; must run before the emulator is imported."""
    scratch = home.root / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        {
            "BIND_HOST": LOOPBACK,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": "localhost",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(home.services),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(home.root / "s3"),
            "LAMBDA_WARM_TTL_SECONDS": "3600",
            "TMPDIR": str(scratch),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{port}",
            **{f"AWS_ENDPOINT_URL_{service}": infra for service in ("EC2", "IAM", "STS", "EFS")},
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DOCKER_HOST"):
        os.environ.pop(name, None)


def holds_anything(state: Any) -> bool:
    """Is there more in a saved state than empty containers?"""
    inner = getattr(state, "_data", state)
    if isinstance(inner, dict):
        return any(map(holds_anything, inner.values()))
    return any(map(holds_anything, inner)) if isinstance(inner, list | tuple) else bool(inner)


class Emulator:
    """The emulator's ASGI application with its state kept on disk."""

    def __init__(self, home: Home) -> None:
        from ministack import app as ministack
        from ministack.core import persistence
        from ministack.services import ssm

        from aws_research_wizard.local.gateway import keep_api_id
        from aws_research_wizard.local.journal import Journal
        from aws_research_wizard.local.resume import Resumption
        from aws_research_wizard.local.tables import Tables
        from aws_research_wizard.local.workers import hash_code_once, name_errors, share_code

        self.ministack, self.persistence = ministack, persistence
        self.journal = Journal(home.services / "journal")
        self.resumption = Resumption()
        self.tables = Tables(self.journal)
        ssm._PUBLIC_AMI_PARAMETERS[IMAGE_PARAMETER] = IMAGE_ID
        keep_api_id()
        share_code(home.cache / "lambda")
        hash_code_once()
        name_errors()
        self._load, self._read = ministack._load_persisted_state, ministack.load_state
        ministack._load_persisted_state, ministack.load_state = self.restore, self.read
        self._add_event = self.tables.sfn._add_event
        self.tables.sfn._add_event = self.add_event
        self._written: dict[str, str] = {}
        self._due: dict[str, float] = {}
        self._shape = ""
        self._busy = RESTING_TICKS
        self._pruned = time.monotonic()
        self._ticker: asyncio.Task[None] | None = None
        self._saving = asyncio.Lock()
        self.booted = time.time()
        self.regions = Regions(home, REGION, ministack.app)

    def read(self, name: str) -> Any:
        """A service's saved state, or None when it holds nothing: the service is then not even loaded."""
        state = self._read(name)
        return state if holds_anything(state) else None

    def restore(self) -> None:
        """Load the saved services, then the journal."""
        self._load()
        if lines := self.tables.replay():
            log.info("replayed %d journalled requests", lines)

    def add_event(self, *args: Any, **kwargs: Any) -> Any:
        """A workflow moved: there is something to save."""
        self._busy = RESTING_TICKS
        return self._add_event(*args, **kwargs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.ministack.app(scope, receive, self._lifespan(send))
        elif scope["type"] == "http" and scope["path"].startswith("/_local/"):
            await self._control(scope["path"], receive, send)
        else:
            if scope["type"] == "http" and not scope["path"].startswith("/_ministack/"):
                self._busy = RESTING_TICKS
            app = self.regions if scope["type"] == "http" else self.ministack.app
            await app(scope, receive, self._journalled(send))

    def _lifespan(self, send: Send) -> Send:
        async def watched(message: dict[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._ticker = asyncio.create_task(self._tick())
            await send(message)

        return watched

    def _journalled(self, send: Send) -> Send:
        async def after_writing(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.journal.flush()
            await send(message)

        return after_writing

    async def _control(self, path: str, receive: Receive, send: Send) -> None:
        answer: dict[str, Any] = {"ok": True, "booted": self.booted}
        if path == "/_local/save":
            await self.save()
        if path == "/_local/warm":
            warm_when_idle(f"http://{LOOPBACK}:{os.environ['GATEWAY_PORT']}", **json.loads(await body_of(receive)))
        if path == "/_local/events":
            answer = self._put_events(json.loads(await body_of(receive)))
        body = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _put_events(self, events: dict[str, Any]) -> dict[str, Any]:
        """Events in the name of AWS itself, which PutEvents rightly refuses: the hypervisor's door to the bus."""
        from ministack.core.responses import set_request_account_id, set_request_region
        from ministack.services import eventbridge

        set_request_account_id(ACCOUNT)
        set_request_region(REGION)
        eventbridge._ensure_default_bus()
        return dict(json.loads(eventbridge._put_events(events, allow_aws_source=True)[2]))

    async def _tick(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            if resumed := self.resumption.go_on():
                log.info("%d workflows go on", resumed)
            if left := self.tables.deliveries.go_on():
                log.info("%d events are brought to their functions", left)
            while True:
                await asyncio.sleep(TICK_SECONDS)
                await self._save_if_busy()
                await self._prune_if_due()

    async def _save_if_busy(self) -> None:
        try:
            self.journal.flush()
            if self._busy > 0:
                self._busy -= 1
                await self.save(full=self.journal.size > JOURNAL_LIMIT)
        except Exception:
            log.exception("the state could not be saved; the next tick tries again")
            self._busy = RESTING_TICKS

    async def _prune_if_due(self) -> None:
        """Forget what may be forgotten. All is saved first: a start that only the journal knows would come back as running."""
        if time.monotonic() - self._pruned < pruning.EVERY_SECONDS:
            return
        self._pruned = time.monotonic()
        try:
            await self.save()
            if gone := pruning.prune_emulator(datetime.now(UTC)):
                log.info("%d old executions and log lines are forgotten", gone)
                self._busy = RESTING_TICKS
        except Exception:
            log.exception("nothing was pruned; the next time tries again")

    async def save(self, full: bool = True) -> None:
        """Write what changed; ``full`` also folds the journal into the saved tables."""
        async with self._saving:
            complete = await asyncio.to_thread(self._save_services, full)
            shape = self.tables.shape()
            if complete and (full or shape != self._shape):
                self.journal.flush()
                number = self.journal.turn()
                state = self.tables.get_state()
                await asyncio.to_thread(self.persistence.save_state, "dynamodb", state)
                self.journal.drop(number)
                self._shape = shape

    def _save_services(self, every: bool) -> bool:
        """Save each service that changed; a large one not at every tick, so that saving never takes more than a twentieth."""
        complete = True
        for name, get_state in self.ministack._build_persistence_save_dict().items():
            if name == "dynamodb":
                continue
            began = time.monotonic()
            if (not every and began < self._due.get(name, 0.0)) or not self._save_service(name, get_state):
                complete, self._busy = False, RESTING_TICKS
            else:
                self._due[name] = time.monotonic() + 20 * (time.monotonic() - began)
        return complete

    def _save_service(self, name: str, get_state: Callable[[], Any]) -> bool:
        try:
            state = get_state()
            text = json.dumps(state, default=self.persistence._json_default)
        except RuntimeError:  # changed while it was read: the next tick writes it
            return False
        if state is not None and self._written.get(name) != text:
            self.persistence.save_state(name, state)
            self._written[name] = text
        return True


async def serve(home: Home, port: int) -> None:
    """Answer until SIGTERM, then save and end."""
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"{LOOPBACK}:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 3
    config.accesslog = None
    logging.getLogger("persistence").setLevel(logging.WARNING)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await hypercorn_serve(Emulator(home), config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--infra", required=True)
    asked = parser.parse_args()
    home = Home.at(asked.home)
    prepare(home, asked.port, asked.infra)
    asyncio.run(serve(home, asked.port))


if __name__ == "__main__":
    main()
