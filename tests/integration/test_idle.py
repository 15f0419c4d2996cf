"""Idleness on the real local cloud, its minutes a second long: a cell that sleeps is kept, a forgotten tab is warned and stopped.

The lab is a real one: a hub, a server, a kernel, an agent that tells of them; the sweep is called as its timer would call it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from aws_research_wizard.local import cloud
from aws_research_wizard.local.home import ACCOUNT
from tests.integration.local import KERNEL, Cloud
from tools.hub import Person

pytestmark = [pytest.mark.by_the_clock, pytest.mark.timeout(900)]
MINUTE = 1.0  # seconds
IDLE, WARNING = 60, 10  # minutes of the pack


class Sweeper:
    """The timer of sweep_idle, in our hands."""

    def __init__(self, cloud_: Cloud) -> None:
        import boto3

        where = cloud_.home.endpoints()["emulator"]
        keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "x"}
        self.functions = boto3.client("lambda", endpoint_url=where, region_name="us-east-1", **keys)  # type: ignore[call-overload]

    def sweep(self) -> dict[str, Any]:
        event: dict[str, Any] = dict.fromkeys(("version", "id", "account", "time", "region"), "0")
        event |= {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": []}
        answer = self.functions.invoke(FunctionName="aws-research-wizard-local-sweep_idle", Payload=json.dumps(event))
        said = answer["Payload"].read()
        assert "FunctionError" not in answer, said
        return dict(json.loads(said))

    def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.sweep()
            if holds():
                return True
            time.sleep(1)
        return False


@contextmanager
def tab(person: Person, kernel: str, code: str = "") -> Iterator[None]:
    """An open page: a WebSocket to a kernel, and perhaps a cell that was started in it."""
    url = f"{person.server.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
    header = {"msg_id": uuid.uuid4().hex, "username": "", "session": "s1", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    whole = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
    with connect(url, additional_headers={"Authorization": f"token {person.token}"}, open_timeout=60, proxy=None) as socket:
        if code:
            socket.send(json.dumps(whole))
        yield


def names(here: Cloud, lab_id: str) -> list[str]:
    return [one["name"] for one in here.wizard("jupyter", "events", lab_id)]


def test_a_sleeping_cell_is_kept_and_a_forgotten_tab_is_warned_and_stopped(alone: Cloud) -> None:
    assert cloud.up(alone.home.root, alone.told.append, parameters={"MinuteSeconds": f"{MINUTE:g}"}).healthy
    lab_id = alone.wizard("jupyter", "deploy", "--domain", "base")["id"]
    sweeper = Sweeper(alone)
    person = Person.by_link(alone.wizard("jupyter", "open", lab_id, "--no-browser")["url"])
    person.start_server()
    kernel = person.start_kernel(KERNEL)

    with tab(person, kernel, "import time; time.sleep(600)"):  # says nothing, computes nothing
        assert not sweeper.until(lambda: "LabIdleWarned" in names(alone, lab_id), 1.4 * IDLE * MINUTE)
        why = alone.wizard("jupyter", "why", lab_id)
        assert (why["phase"], why["now"]["verdict"], why["now"]["action"]) == ("READY", "busy", "keep")
        assert why["now"]["rule"] == "kernel", why["now"]

    person.http.post(f"{person.server}/api/kernels/{kernel}/interrupt").raise_for_status()
    with tab(person, kernel):  # the same page, forgotten
        assert sweeper.until(lambda: alone.wizard("jupyter", "status", lab_id)["phase"] != "READY", 6 * IDLE * MINUTE), (
            alone.wizard("jupyter", "why", lab_id)["now"],
            names(alone, lab_id)[-8:],
        )
    assert sweeper.until(lambda: alone.wizard("jupyter", "status", lab_id)["phase"] == "STOPPED", 300)

    told = names(alone, lab_id)
    assert (told.count("LabIdleStopped"), told.count("LabStopping"), told.count("LabStopped")) == (1, 1, 1)
    assert told.count("LabIdleWarned") == told.count("LabIdleWithdrawn") + 1
    warned = [one for one in alone.wizard("jupyter", "events", lab_id) if one["name"] == "LabIdleWarned"]
    assert warned[-1]["data"]["deadline"] > warned[-1]["at"]
    status = alone.wizard("jupyter", "status", lab_id)
    assert status["cause"].startswith("stopped by itself")
    story = alone.wizard("jupyter", "why", lab_id)
    assert story["now"] is None
    assert (story["last_stop"]["action"], story["last_stop"]["rule"]) == ("stop", "deadline")
    assert story["last_stop"]["evidence"]["said"] is not None
    patient = Path(alone.home.root) / "patient.yaml"
    patient.write_text("idle: 600\n")
    played = alone.wizard("jupyter", "why", lab_id, "--policy", str(patient))
    assert all(one["action"] != "stop" for one in played["items"])

    assert alone.wizard("jupyter", "start", lab_id)["phase"] == "READY"
    assert alone.wizard("jupyter", "why", lab_id)["last_stop"]["action"] == "stop"
    assert alone.wizard("jupyter", "extend", lab_id, "--for", "2h")["kept_by"] == "admin@localhost"
    alone.wizard("jupyter", "delete", lab_id, "--yes")
    person.http.close()
