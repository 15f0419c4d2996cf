"""How long does a function's first answer take? Each entry in a fresh process, by turns with a hello-world Chalice app.

Both start from an unpacked package with compiled modules and find the AWS SDK beside it, as on Lambda; neither sees this
project's virtualenv. Ours imports the entry and answers its first event: `{"warm": true}` for a task (settings, database
connection and the clients it needs), `GET /health` and the database connection for the API. The peer imports Chalice and
boto3, makes the same clients with boto3, and answers. X-Ray samples neither: the first sampled request costs its SDK's import.

    python -m bench cold_start
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import by_turns, seconds_of
from bench.package_size import STAGE, built
from tools import package
from tools.unpacked import Unpacked, handlers, lay_out

BOUND = 1.25

START = """
import importlib, json, os
module, _, name = {handler!r}.rpartition(".")
class Context:
    function_name = "bench"; memory_limit_in_mb = 1024; aws_request_id = "bench"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    def get_remaining_time_in_millis(self): return 30000
answer = getattr(importlib.import_module(module), name)(json.loads({event!r}), Context())
{then}
{last}
"""
#: The clock stops at the answer: taking a process down is no part of a start.
END = "os._exit(0)"
WATCHED = """
import botocore.session
made, plain = [], botocore.session.Session.create_client
def create_client(self, service, *args, **kwargs):
    made.append(service)
    return plain(self, service, *args, **kwargs)
botocore.session.Session.create_client = create_client
"""
HELLO = """
from chalice import Chalice
import boto3
app = Chalice(app_name="hello")
clients = [boto3.client(service) for service in {services!r}]
@app.lambda_function()
def entry(event, context):
    return {{"hello": "world"}}
"""


@dataclass(frozen=True)
class Entry:
    """One function of the package, the event it answers first, and what else its first real answer needs."""

    name: str
    handler: str
    event: dict[str, Any]
    then: str = ""


def entry_of(name: str, handler: str) -> Entry:
    """The API is asked for its health; a reaction or a timer is warmed through `detail`, a task directly."""
    if name == "api_handler":
        return Entry(name, handler, HEALTH, CONNECTED)
    if handler.split(".")[-2] in ("events", "schedules") and name != "publish_facts":
        return Entry(name, handler, EMPTY | {"detail": {"warm": True}})
    return Entry(name, handler, {"warm": True})


#: `GET /health` needs no database; the requests that people make do.
CONNECTED = 'importlib.import_module("chalicelib.runtime.store").connection().client'
EMPTY = {
    "version": "0",
    "id": "bench",
    "account": "000000000000",
    "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1",
    "source": "bench",
    "detail-type": "bench",
    "resources": [],
}
HEALTH = {
    "requestContext": {
        "httpMethod": "GET",
        "resourcePath": "/health",
        "identity": {"sourceIp": "127.0.0.1"},
        "requestId": "bench",
    },
    "headers": {},
    "multiValueQueryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
    "body": None,
    "isBase64Encoded": False,
}


def environment() -> dict[str, str]:
    """What Lambda sets, and the stage's own variables; credentials that open nothing."""
    lambda_sets = {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    own = {name: value for name, value in package.Job(STAGE, package.ROOT).environment().items() if value}
    return {"PATH": os.environ["PATH"], **own, **lambda_sets}


def clients_of(unpacked: Unpacked, program: str, env: dict[str, str]) -> list[str]:
    """Which AWS services an entry speaks to by its first answer."""
    watched = f"{WATCHED}\n{program}\nprint(json.dumps(sorted(set(made))))"
    done = subprocess.run(unpacked.python(watched), env=env, check=True, capture_output=True, text=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def measure(entry: Entry, unpacked: Unpacked, env: dict[str, str], turns: int) -> dict[str, Any]:
    """One entry beside its hello-world."""
    words = {"handler": entry.handler, "event": json.dumps(entry.event), "then": entry.then}
    services = clients_of(unpacked, START.format(**words, last=""), env) or ["dynamodb"]
    program = START.format(**words, last=END)
    hello = START.format(handler="app.entry", event="{}", then="", last=END)
    ours, peer = unpacked.python(program), hello_world(unpacked, services).python(hello)
    for command in (ours, peer):
        seconds_of(command, env)
    figures = by_turns(lambda: seconds_of(ours, env), lambda: seconds_of(peer, env), turns).as_json(BOUND)
    return {**figures, "clients": services}


def hello_world(unpacked: Unpacked, services: Sequence[str]) -> Unpacked:
    """A hello-world app with the very Chalice of our package, compiled by its first start."""
    folder = unpacked.task.parent / f"hello-{'-'.join(services)}"
    folder.mkdir(exist_ok=True)
    if not (folder / "chalice").exists():
        (folder / "chalice").symlink_to(unpacked.task / "chalice")
    (folder / "app.py").write_text(HELLO.format(services=list(services)))
    return Unpacked(folder, unpacked.runtime)


def run(turns: int = 9) -> dict[str, Any]:
    """Seconds and ratios of every entry."""
    folder = built()
    with tempfile.TemporaryDirectory(prefix="wizard-cold-") as place:
        unpacked = lay_out(Path(place), folder / "deployment.zip")
        found = [entry_of(*one) for one in handlers(folder / "template.json").items()]
        return {entry.name: measure(entry, unpacked, environment(), turns) for entry in found}
