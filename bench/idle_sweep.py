"""The idle sweep over 50,000 running labs of which 100 are due, beside jupyterhub-idle-culler over a hub with as many servers.

Both run their real code, each in a process of its own, interpreter and clients ready: both are long-lived where they run. Counted
is processor time from the first question to the last act. What is due is acted on by both: 100 labs are warned, each in one
transaction; 100 servers are deleted. The culler speaks HTTP to a hub's API in another process. Of the sweep are two figures:

    cpu             the table stands in the same process (its own time is taken off): our code, without the SDK's signing and HTTP
    cpu_over_http   the whole of it, the SDK included, speaking to a table in another process as the culler does to its hub

    python -m bench.idle_sweep own PATTERN.json LABS | wire PORT | peer PORT        one sweep; prints its figures
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.lab_start import free_port
from bench.measure import by_turns

ROOT = Path(__file__).resolve().parent.parent
LABS, DUE, SIZES = 50_000, 100, (1_000, 200_000)
AT_LEAST, AT_LEAST_OVER_HTTP, FLAT = 50, 10, 1.5
NOW = datetime.fromisoformat("2026-11-23T09:00:00+00:00")


# ---- one sweep, in a process of its own ----------------------------------------------------------------------------------


def sweep_once(table: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The production sweep; its clients are made, and its pack is read, by a sweep that finds nothing."""
    from chalicelib.idle import service
    from chalicelib.packs import service as packs

    packs.resolve("genomics")
    service.sweep(NOW - timedelta(days=1))
    before, began = table(), time.process_time()
    done = service.sweep(NOW)
    took, after = time.process_time() - began, table()
    reads = sum(after["calls"].get(name, 0) - before["calls"].get(name, 0) for name in ("Query", "GetItem", "BatchGetItem"))
    units = after["read_units"] - before["read_units"]
    return {"cpu": took - (after["spent"] - before["spent"]), "acted": done.warned, "reads": reads, "read_units": units}


def sweep_in_process(file: str, labs: str) -> dict[str, Any]:
    """With the table where the SDK would be."""
    environment("1")
    from botocore.client import BaseClient

    from bench.sparse_table import Table

    table, spent = Table(json.loads(Path(file).read_text())), [0.0]
    table.fill(int(labs), DUE)

    def answered(_: BaseClient, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        began = time.process_time()
        answer = table(operation, asked)
        spent[0] += time.process_time() - began
        return answer

    BaseClient._make_api_call = answered  # type: ignore[method-assign]
    return sweep_once(lambda: {"calls": dict(table.calls), "read_units": table.read_units, "spent": spent[0]})


def sweep_over_http(port: str) -> dict[str, Any]:
    """With the SDK, and the table in another process."""
    environment(port)
    return sweep_once(lambda: asked(int(port)) | {"spent": 0.0})


def cull_once(port: str) -> dict[str, Any]:
    """The culler's own coroutine, as its command calls it; log lines that nobody reads are left out."""
    import asyncio
    import logging

    from jupyterhub_idle_culler import cull_idle

    logger = logging.getLogger("culler")
    logger.setLevel(logging.ERROR)
    before, began = asked(int(port)), time.process_time()
    asyncio.run(cull_idle(f"http://127.0.0.1:{port}/hub/api", "token", 3600, logger, api_page_size=200))
    took = time.process_time() - began
    return {"cpu": took, "acted": asked(int(port))["DELETE"] - before["DELETE"]}


def environment(port: str) -> None:
    """As a function of the stage has it."""
    config = json.loads((ROOT / ".chalice/config.json").read_text())
    os.environ |= config.get("environment_variables", {}) | config["stages"]["local"]["environment_variables"]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LOG_LEVEL": "ERROR",
    }


# ---- the pattern of a lab ------------------------------------------------------------------------------------------------


def pattern() -> dict[str, Any]:
    """The items of a lab that runs and has been idle for two hours, as the stores write them."""
    from bench.sparse_table import DUE as DUE_AT
    from bench.sparse_table import MARK
    from chalicelib.idle import store as idle
    from chalicelib.idle.grounds import State
    from chalicelib.labs import evidence, shapes
    from chalicelib.labs.machines import Evidence, Heartbeat, Running

    since, heard = NOW - timedelta(hours=6), NOW - timedelta(minutes=2)
    kernel = {"id": "k1", "name": "python3", "state": "idle", "for_s": 7200.0, "connections": 1, "notebook": "analysis.ipynb"}
    server = {"user": "ada@university.edu", "started_s": 20000.0, "requests_s": 7200.0, "cpu": 0.4, "kernels": [kernel]}
    said = evidence.kept({"servers": [server], "cpu": 2.0, "memory": 20.0, "disk": 30.0, "uptime_s": 21600.0})
    name, pk = MARK, f"LAB#{MARK}"
    lab = shapes.LabItem(
        pk, "LAB", lab_id=name, name=name, domain="genomics", phase="READY", owner="ada@university.edu", team="bench", users=5,
        instance_type="r6i.2xlarge", shared_storage_gb=100, generation=1, created_at=since, changed_at=since, ready_at=since,
        correlation_id="bench", examples=False, reserved=True, keep_data=False, instance_id="i-0bench",
        candidates=("r6i.2xlarge",),
    )  # fmt: skip
    machine = shapes.MachineItem(
        pk, "MACHINE", instance_id="i-0bench", generation=1, token_hash="x", ready_boot="b", beat_boot="b", beat_seq=700,
        heartbeat=Heartbeat(heard, 21600.0, 10**10, 2.0, 20.0, 30.0, 1, (NOW - timedelta(hours=2)).isoformat()),
        evidence=Evidence(heard, "b", 700, said), running=Running(1, ("ada@university.edu",)),
    )  # fmt: skip
    record = idle.Record(name, 1, State(since), datetime.fromisoformat(DUE_AT), version=3)
    row = idle.IdleRow(pk, "IDLE", version=3, generation=1, said=idle._text(record), idle_shard="0", idle_at=DUE_AT)
    return {item.sk: item.serialize() for item in (lab, machine, row)}


# ---- stand-ins, and the figures ------------------------------------------------------------------------------------------


@contextmanager
def serving(*words: str) -> Iterator[int]:
    """A stand-in in its own process, until the block ends."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", words[0], str(port), *words[1:]], cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            try:
                asked(port)
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def asked(port: int) -> dict[str, Any]:
    """What was asked of a stand-in so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/asked", timeout=5) as answer:
        return dict(json.loads(answer.read()))


def fill(port: int, labs: int) -> None:
    """So many labs run from now on."""
    body = json.dumps({"labs": labs, "due": DUE}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/fill", body), timeout=60):
        pass


def once(who: str, *words: object) -> dict[str, Any]:
    """One sweep of either."""
    command = [sys.executable, "-m", "bench.idle_sweep", who, *map(str, words)]
    told = dict(json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout))
    if told["acted"] != DUE:
        raise RuntimeError(f"{who} acted on {told['acted']} of {DUE}")
    return told


def run(turns: int = 5, labs: int = LABS, sizes: tuple[int, int] = SIZES) -> dict[str, Any]:
    """Processor seconds by turns; reads; and how they stand at other sizes."""
    seen: list[dict[str, Any]] = []

    def cpu(who: str, *words: object) -> float:
        seen.append(once(who, *words))
        return float(seen[-1]["cpu"])

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pattern.json"
        environment("1")
        file.write_text(json.dumps(pattern()))

        def wire() -> float:
            fill(table, labs)
            return cpu("wire", table)

        with serving("bench.sparse_table", str(file)) as table, serving("bench.many_servers", str(labs), str(DUE)) as hub:
            own = by_turns(lambda: cpu("own", file, labs), lambda: cpu("peer", hub), turns).as_json(1 / AT_LEAST)
            over_http = by_turns(wire, lambda: cpu("peer", hub), max(1, turns // 2)).as_json(1 / AT_LEAST_OVER_HTTP)
        small, large = sizes
        flat = by_turns(lambda: cpu("own", file, large), lambda: cpu("own", file, small), turns).as_json(FLAT)
    return {
        "cpu": own | {"times": round(1 / own["ratio"], 1)},
        "cpu_over_http": over_http | {"times": round(1 / over_http["ratio"], 1)},
        "reads": _most(seen, "reads", 10 + DUE),
        "read_units": _most(seen, "read_units", 10 + DUE),
        f"flat_from_{small}_to_{large}": flat,
    }


def _most(seen: list[dict[str, Any]], name: str, bound: int) -> dict[str, Any]:
    """The most that any sweep of ours read, at any size."""
    value = max(one[name] for one in seen if name in one)
    return {"value": value, "bound": bound, "held": value <= bound}


if __name__ == "__main__":
    print(json.dumps({"own": sweep_in_process, "wire": sweep_over_http, "peer": cull_once}[sys.argv[1]](*sys.argv[2:])))
