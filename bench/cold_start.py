"""How long does a function's first answer take? Each entry in a fresh process, by turns with a hello-world Chalice app.

Both start from an unpacked package with compiled modules and find the AWS SDK beside it, as on Lambda; neither sees this
project's virtualenv. Ours imports the entry and answers its first event: `{"warm": true}` for a task (settings, database
connection and the clients it needs), `GET /health` and the database connection for the API. The peer imports Chalice and
boto3, makes the same clients with boto3, and answers. X-Ray samples neither: the first sampled request costs its SDK's import.

    python -m bench cold_start
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import by_turns, seconds_of
from bench.package_size import built

BOUND = 1.25
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six")
SANDBOX = [sys.executable, "-I", "-S", "-c"]

START = """
import importlib, json, sys
sys.path[:0] = {path!r}
module, _, name = {handler!r}.rpartition(".")
class Context:
    function_name = "bench"; memory_limit_in_mb = 1024; aws_request_id = "bench"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    def get_remaining_time_in_millis(self): return 30000
answer = getattr(importlib.import_module(module), name)(json.loads({event!r}), Context())
{then}
"""
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
    """One function of the package, and the event it answers first."""

    name: str
    handler: str
    event: dict[str, Any]
    then: str = ""


def entries(folder: Path) -> Iterator[Entry]:
    """Every function of the built template."""
    resources = json.loads((folder / "template.json").read_text())["Resources"]
    for one in resources.values():
        if one["Type"] == "AWS::Serverless::Function":
            handler = one["Properties"]["Handler"]
            name = "api_handler" if handler == "app.app" else handler.rpartition(".")[2]
            then = CONNECTED if name == "api_handler" else ""
            yield Entry(name, handler, _first_event(name, one["Properties"]), then)


def _first_event(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    if name == "api_handler":
        return HEALTH
    if "Events" in properties:
        return {
            "source": "bench",
            "detail-type": "bench",
            "resources": [],
            "region": "us-east-1",
            "detail": {"warm": True},
        } | EMPTY
    return {"warm": True}


#: `GET /health` needs no database; the requests that people make do.
CONNECTED = 'importlib.import_module("chalicelib.runtime.store").connection().client'
EMPTY = {"version": "0", "id": "bench", "account": "000000000000", "time": "2026-01-01T00:00:00Z"}
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
    from tools import package

    lambda_sets = {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    own = {name: value for name, value in package.Job("local", Path()).environment().items() if value}
    return {"PATH": os.environ["PATH"], **own, **lambda_sets}


def lay_out(folder: Path, package_zip: Path) -> tuple[Path, Path]:
    """The unpacked package, and a folder with nothing but the AWS SDK."""
    package, sdk = folder / "task", folder / "runtime"
    with zipfile.ZipFile(package_zip) as packed:
        packed.extractall(package)
    sdk.mkdir()
    for name in SDK:
        found = importlib.util.find_spec(name)
        if found and found.origin:
            origin = Path(found.origin)
            (sdk / (origin.name if name == "six" else name)).symlink_to(origin if name == "six" else origin.parent)
    return package, sdk


def clients_of(program: str, env: dict[str, str]) -> list[str]:
    """Which AWS services an entry speaks to by its first answer."""
    head, _, body = program.partition("module, _, name")
    watched = f"{head}{WATCHED}\nmodule, _, name{body}\nprint(json.dumps(sorted(set(made))))"
    done = subprocess.run([*SANDBOX, watched], env=env, check=True, capture_output=True, text=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def measure(entry: Entry, package: Path, sdk: Path, env: dict[str, str], turns: int) -> dict[str, Any]:
    """One entry beside its hello-world."""
    ours = START.format(path=[str(package), str(sdk)], handler=entry.handler, event=json.dumps(entry.event), then=entry.then)
    services = clients_of(ours, env) or ["dynamodb"]
    hello = _hello(package, services)
    peer = START.format(path=[str(hello), str(sdk)], handler="app.entry", event="{}", then="")
    commands = [*SANDBOX, ours], [*SANDBOX, peer]
    for command in commands:
        seconds_of(command, env)
    figures = by_turns(lambda: seconds_of(commands[0], env), lambda: seconds_of(commands[1], env), turns).as_json(BOUND)
    return {**figures, "clients": services}


def _hello(package: Path, services: Sequence[str]) -> Path:
    """A hello-world app with the very Chalice of our package, compiled like ours by its first start."""
    folder = package.parent / f"hello-{'-'.join(services)}"
    folder.mkdir(exist_ok=True)
    if not (folder / "chalice").exists():
        (folder / "chalice").symlink_to(package / "chalice")
    (folder / "app.py").write_text(HELLO.format(services=list(services)))
    return folder


def run(turns: int = 9) -> dict[str, Any]:
    """Seconds and ratios of every entry."""
    folder = built()
    with tempfile.TemporaryDirectory(prefix="wizard-cold-") as place:
        package, sdk = lay_out(Path(place), folder / "deployment.zip")
        report = {entry.name: measure(entry, package, sdk, environment(), turns) for entry in entries(folder)}
    return report
