"""The lock of a team's own pack: fetched with the machine's role, kept, and never used if it is another."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Reference

from aws_research_wizard.host import locks
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.metadata import Credentials, Metadata
from aws_research_wizard.host.orders import Kernel
from aws_research_wizard.host.steps import CommandFailed

BODY = b"numpy==1.0 --hash=sha256:00\n"
OWN = Credentials("ASIATEST", "secret", "token")
KERNEL = Kernel.parse(
    {
        "name": "my_group-python",
        "lock": "domain_packs/my_group/locks/python-py311-x86_64.txt",
        "lock_uri": "s3://artifacts/packs/my_group/0f/python-py311-x86_64.txt",
        "lock_sha256": hashlib.sha256(BODY).hexdigest(),
    }
)


class Bucket:
    """Answers with `statuses` in turn, then with the lock; notes who asked for what."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.body = BODY
        self.asked: list[tuple[str, str]] = []


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    made = Bucket()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers["Authorization"]))
            self.send_response(made.statuses.pop(0) if made.statuses else 200)
            self.send_header("Content-Length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setattr(Metadata, "credentials", lambda _: OWN)
    monkeypatch.setattr(locks, "WAITS", (0.001, 0.001, 0))
    yield made
    server.shutdown()
    server.server_close()


def test_a_lock_is_fetched_once_and_kept(machine: Machine, bucket: Bucket) -> None:
    place = locks.provide(machine, KERNEL)
    assert place.read_bytes() == BODY
    assert locks.provide(machine, KERNEL) == place == locks.path(machine, KERNEL)
    assert [path for path, _ in bucket.asked] == ["/artifacts/packs/my_group/0f/python-py311-x86_64.txt"]


def test_a_right_that_is_not_known_yet_is_waited_for(machine: Machine, bucket: Bucket) -> None:
    bucket.statuses = [403, 403]
    assert locks.provide(machine, KERNEL).read_bytes() == BODY


def test_a_lock_that_cannot_be_had_is_told_in_one_line(machine: Machine, bucket: Bucket) -> None:
    bucket.statuses = [403] * 9
    with pytest.raises(CommandFailed, match="could not be fetched: HTTP Error 403"):
        locks.provide(machine, KERNEL)
    assert not locks.path(machine, KERNEL).exists()


def test_another_lock_is_never_used_be_it_fetched_or_found(machine: Machine, bucket: Bucket) -> None:
    bucket.body = b"evil==1.0\n"
    with pytest.raises(CommandFailed, match="has the sum"):
        locks.provide(machine, KERNEL)
    assert not locks.path(machine, KERNEL).exists()
    locks.path(machine, KERNEL).parent.mkdir(parents=True, exist_ok=True)
    locks.path(machine, KERNEL).write_bytes(b"evil==1.0\n")
    bucket.body = BODY
    assert locks.provide(machine, KERNEL).read_bytes() == BODY


def test_a_lock_of_the_bundle_is_looked_for_there(machine: Machine, bucket: Bucket) -> None:
    shipped = replace(KERNEL, lock_uri="", lock_sha256="")
    with pytest.raises(CommandFailed, match="the bundle has no lock"):
        locks.provide(machine, shipped)
    assert bucket.asked == []


@pytest.mark.parametrize("override", [None, "http://127.0.0.1:4566"])
def test_the_signature_is_the_one_that_the_sdk_makes(override: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 29, 4, 0, tzinfo=UTC)
    ours = locks.signed(KERNEL.lock_uri, "eu-central-1", override, OWN, now)
    theirs = AWSRequest("GET", ours.full_url, headers={"x-amz-content-sha256": locks.EMPTY})
    theirs.context["timestamp"] = "20261129T040000Z"
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: now.replace(tzinfo=None))
    S3SigV4Auth(Reference(OWN.access_key, OWN.secret_key, OWN.token), "s3", "eu-central-1").add_auth(theirs)
    assert ours.headers["Authorization"] == theirs.headers["Authorization"]
