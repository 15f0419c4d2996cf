"""How is production code made to live in a simulated world? By replacing what reaches outside: AWS's clients, the clock,
chance, sleep.

Everything is put back at the end. Logs and metrics are switched off, for they are most of a delivery's time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.conftest import STAGE_ENV, Context
from tests.fakes.sim.cloud import Cloud
from tests.fakes.sim.process import Ask

SETTINGS = {
    "ARTIFACTS_BUCKET": "artifacts",
    "BUNDLE_KEY": "host/bundle-1.tar.gz",
    "BACKUPS_BUCKET": "aws-research-wizard-test-backups-123456789012",
    "API_URL": "https://api.test/api",
    "IMAGE_REGIONS": "eu-west-1",
    "IMAGE_MAX_AGE_DAYS": "0",
    "IMAGE_PARAMETER": "/aws/service/debian/release/12/latest/amd64",
    "MAX_LABS_PER_TEAM": "1000",
    "LOG_LEVEL": "CRITICAL",
}
_UUIDS = iter(range(10**12))


class Numbered:
    """Facts of one delivery keep their order; their number follows from how many there are."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.shelf = cloud, cloud.shelf("sim.facts", kept=False)

    def __next__(self) -> int:
        found: int = self.cloud.processes.ask(Ask("fact", self._counted))
        return found

    def _counted(self) -> int:
        last = int(self.shelf.get("last", 0)) + 1
        self.shelf.put("last", last)
        return last


class OneAfterAnother:
    """A pool of threads in which everything is done at once, in the order in which it is asked for."""

    def __init__(self, _workers: int = 1) -> None: ...

    def __enter__(self) -> OneAfterAnother:
        return self

    def __exit__(self, *_: object) -> None: ...

    def map(self, do: Callable[[Any], Any], each: Iterable[Any]) -> list[Any]:
        return [do(one) for one in each]

    def submit(self, do: Callable[..., Any], *of: Any) -> Future[Any]:
        made: Future[Any] = Future()
        try:
            made.set_result(do(*of))
        except Exception as error:
            made.set_exception(error)
        return made


@contextlib.contextmanager
def installed(cloud: Cloud, **settings_: str) -> Iterator[None]:
    """Production code talks to `cloud` inside this block."""
    from pynamodb.connection import Connection
    from pynamodb.connection import base as pynamodb_base

    from chalicelib.backups import drilling, s3
    from chalicelib.labs import sts
    from chalicelib.runtime import aws, clock, facts, log, metrics, settings, store

    connection = Connection(region="us-east-1")
    connection._client = cloud.client("dynamodb")
    with contextlib.ExitStack() as stack:
        put = stack.enter_context
        put(patch.dict(os.environ, {**STAGE_ENV, **SETTINGS, **settings_}))
        put(patch.object(aws, "client", cloud.client))
        put(patch.object(store, "connection", lambda: connection))
        put(patch.object(store, "time", SimpleNamespace(sleep=lambda _seconds: None)))
        for threaded in (drilling, s3):
            put(patch.object(threaded, "ThreadPoolExecutor", OneAfterAnother))
        put(patch.object(drilling, "time", SimpleNamespace(perf_counter=lambda: 0.0)))
        put(patch.object(clock, "now", lambda: cloud.now))
        put(patch.object(facts, "_sequence", Numbered(cloud)))
        put(patch.object(sts, "_sent", lambda headers: _signed(cloud, headers)))
        put(patch.object(pynamodb_base, "uuid", SimpleNamespace(uuid4=lambda: next(_UUIDS))))
        for name in ("count", "seconds", "milliseconds", "flush"):
            put(patch.object(metrics, name, lambda *_: None))
        for name, draw in _chance(cloud).items():
            put(patch.object(secrets, name, draw))
        settings.forget()
        settings.seen(Context())
        _quiet(log.logger())
        fresh()
        try:
            yield
        finally:
            fresh()
            log.logger()._logger.setLevel(logging.INFO)
            stack.callback(settings.forget)


def fresh() -> None:
    """Whatever production code keeps between invocations is gone."""
    from chalicelib.labs import calling
    from chalicelib.packs import adding
    from chalicelib.people import service as people

    people.forget()
    calling._stage_secret.cache_clear()
    adding.of_version.cache_clear()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """A new process: it begins without memories, and those of another one that is under way stay as they are."""
    from chalicelib.labs import calling
    from chalicelib.packs import adding
    from chalicelib.people import service as people

    known, secret, version = people._known, calling._stage_secret, adding.of_version
    people._known, calling._stage_secret = {}, lru_cache(maxsize=1)(secret.__wrapped__)
    adding.of_version = lru_cache(maxsize=64)(version.__wrapped__)
    try:
        yield
    finally:
        people._known, calling._stage_secret, adding.of_version = known, secret, version


def _signed(cloud: Cloud, headers: Any) -> tuple[int, str]:
    answer = cloud.client("sts").identify(who=headers.get("x-amz-security-token", ""))
    return answer["status"], answer["text"]


def _chance(cloud: Cloud) -> dict[str, Any]:
    return {
        "token_urlsafe": lambda n=32: "".join(cloud.rng().choices("abcdefghijkmnpqrstuvwxyz23456789", k=n * 4 // 3)),
        "token_hex": lambda n=32: f"{cloud.rng().getrandbits(n * 8):0{n * 2}x}",
        "token_bytes": lambda n=32: cloud.rng().randbytes(n),
        "choice": lambda of: cloud.rng().choice(of),
        "randbelow": lambda below: cloud.rng().randrange(below),
    }


def _quiet(logger: Any) -> None:
    logger._logger.setLevel(logging.CRITICAL + 1)
    logging.getLogger("pynamodb").setLevel(logging.WARNING)
