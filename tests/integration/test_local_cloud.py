"""The cloud on this machine, for real: killed, updated, raced, and nothing that was answered is lost.

A small package stands for the control plane (``toy``), so that these tests are about the cloud and not about labs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.local import cloud, processes
from aws_research_wizard.local.home import ACCOUNT, IMAGE_ID, Home, any_free_port
from tests.integration import toy

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(240)]
TABLE = f"{toy.PREFIX}-things"
STORY = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:{toy.PREFIX}-story"
SCRIPT = """#!/bin/sh
echo booted >> "$AWR_MACHINE_ROOT/boots"
trap 'echo asked >> "$AWR_MACHINE_ROOT/boots"; exit 0' TERM
while :; do sleep 0.1; done
"""


def until(holds: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
    return found


class Toy:
    """A local cloud with the toy in it."""

    def __init__(self, folder: Path) -> None:
        self.home, self.package = Home.at(folder / "home"), folder / "package"
        ports = {"emulator": any_free_port(set())}
        self.home.remember(ports={**ports, "infra": any_free_port(set(ports.values()))})
        toy.write(self.package)
        self.told: list[str] = []

    def up(self) -> cloud.Status:
        self.told = []
        return cloud.up(self.home.root, self.told.append)

    def client(self, service: str) -> Any:
        import boto3

        where = self.home.endpoints()["infra" if service in {"ec2", "efs", "iam", "sts"} else "emulator"]
        return boto3.client(  # type: ignore[call-overload]
            service, endpoint_url=where, region_name="us-east-1", aws_access_key_id=ACCOUNT, aws_secret_access_key="x"
        )

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        url = self.home.state()["api_url"] + path
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.loads(answer.read()))

    def rows(self, pk: str) -> list[str]:
        found = self.client("dynamodb").query(
            TableName=TABLE, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}}
        )
        return [item["sk"]["S"] for item in found["Items"]]

    def run_state(self, name: str) -> str:
        return str(self.client("stepfunctions").describe_execution(executionArn=f"{STORY}:{name}")["status"])

    def kill(self, name: str) -> None:
        known = processes.recall(self.home, name)
        assert known
        os.kill(known.pid, signal.SIGKILL)
        until(lambda: known.alive() is None)

    def launch(self) -> str:
        asked = {"ImageId": IMAGE_ID, "MinCount": 1, "MaxCount": 1, "InstanceType": "r6i.large", "UserData": SCRIPT}
        return str(self.client("ec2").run_instances(**asked)["Instances"][0]["InstanceId"])

    def state(self, instance_id: str) -> str:
        found = self.client("ec2").describe_instances(InstanceIds=[instance_id])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])

    def boots(self, instance_id: str) -> list[str]:
        notes = self.home.machine(instance_id) / "root" / "boots"
        return notes.read_text().split() if notes.exists() else []

    def heard(self, instance_id: str) -> set[str]:
        """The states of an instance of which the bus told the control plane."""
        return {row.split("#")[1] for row in self.rows("machine") if row.startswith(instance_id)}


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    folder = tmp_path_factory.mktemp("cloud")
    with pytest.MonkeyPatch.context() as patch:
        made = Toy(folder)
        patch.setenv("AWR_PACKAGE", str(made.package))
        patch.setenv("AWR_CONFIG", str(folder / "config.json"))
        assert made.up().healthy
        yield made
        cloud.reset(made.home.root)
        assert processes.marked(processes.CLOUD_MARK, str(made.home.root)) == []


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex[:12]


def test_a_write_goes_over_the_stream_and_the_bus_to_a_reaction(toys: Toy, name: str) -> None:
    toys.ask("/things", name=name)
    until(lambda: name in toys.rows("heard"))


def test_the_servers_listen_on_the_loopback_interface_only(toys: Toy) -> None:
    import psutil

    ours = processes.marked(processes.CLOUD_MARK, str(toys.home.root))
    listening = {one.laddr.ip for process in ours for one in process.net_connections() if one.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_everything_answered_survives_kill_9_of_the_emulator(toys: Toy, name: str) -> None:
    toys.ask("/runs", name=name)
    until(lambda: name in toys.rows("token"))
    before = toys.home.state()["api_url"]
    for number in range(5):
        toys.ask("/things", name=f"{name}-{number}")
    toys.kill("emulator")
    assert "the emulator is dead" in cloud.status(toys.home.root).problems
    assert toys.up().healthy
    wanted = {f"{name}-{number}" for number in range(5)}
    assert wanted <= set(toys.rows("thing"))
    until(lambda: wanted <= set(toys.rows("heard")))
    assert toys.home.state()["api_url"] == before
    assert toys.rows("reconciled")


def test_a_workflow_goes_on_after_kill_9(toys: Toy, name: str) -> None:
    toys.ask("/runs", name=name)
    until(lambda: name in toys.rows("token"))
    toys.kill("emulator")
    toys.up()
    assert toys.run_state(name) == "RUNNING"
    until(lambda: _done(toys, name))
    until(lambda: toys.run_state(name) == "SUCCEEDED")


def _done(toys: Toy, name: str) -> bool:
    """Complete the workflow's task. Its token is a new one after a restart: the old one is refused until the task ran again."""
    with contextlib.suppress(urllib.error.HTTPError):
        toys.ask("/done", name=name)
    time.sleep(0.3)
    return toys.run_state(name) != "RUNNING"


def test_a_start_answered_just_before_kill_9_is_not_lost(toys: Toy, name: str) -> None:
    toys.ask("/runs", name=name)
    toys.kill("emulator")
    toys.up()
    until(lambda: name in toys.rows("token"))
    until(lambda: _done(toys, name))


def test_a_failed_function_is_caught_by_its_errors_name(toys: Toy, name: str) -> None:
    toys.ask("/runs", name=name, fail=True)
    until(lambda: toys.run_state(name) == "SUCCEEDED")


def test_a_worker_that_is_killed_has_exited_and_its_step_is_tried_again(toys: Toy, name: str) -> None:
    toys.ask("/runs", name=name, seconds=3)
    until(lambda: name in toys.rows("first"))
    ours = processes.marked(processes.CLOUD_MARK, str(toys.home.root))
    workers = [one for one in ours if f"{toy.PREFIX}-first-" in " ".join(one.cmdline())]
    assert workers
    processes.send(workers, signal.SIGKILL)
    until(lambda: name in toys.rows("token"))
    until(lambda: _done(toys, name))


def test_down_and_up_lose_nothing_and_warn_of_nothing(toys: Toy, name: str) -> None:
    toys.ask("/things", name=name)
    ports = toys.home.ports()
    found = cloud.down(toys.home.root)
    assert (found.healthy, found.problems) == (False, ())
    assert processes.marked(processes.CLOUD_MARK, str(toys.home.root)) == []
    assert toys.up().healthy
    assert toys.home.ports() == ports
    assert name in toys.rows("thing")
    assert not [words for words in toys.told if "mending" in words or "deploying" in words]


def test_a_new_package_replaces_the_code_and_keeps_data_and_address(toys: Toy, name: str) -> None:
    toys.ask("/things", name=name)
    before = toys.home.state()["api_url"]
    toy.write(toys.package, note=name)
    toys.up()
    assert "deploying the control plane" in toys.told
    assert toys.ask("/version") == {"note": name}
    assert toys.ask("/new") == {"path": "/new"}
    assert toys.home.state()["api_url"] == before
    assert name in toys.rows("thing")
    until(lambda: name in toys.rows("heard"))


def test_an_up_that_has_nothing_to_do_is_quick(toys: Toy) -> None:
    began = time.monotonic()
    toys.up()
    assert time.monotonic() - began < 5
    assert toys.told == ["building the package"]


def test_two_ups_at_once_make_one_cloud(toys: Toy) -> None:
    toys.kill("emulator")
    toys.kill("runner")
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: cloud.up(toys.home.root), range(2)))
    assert all(one.healthy for one in found)
    names = [" ".join(one.cmdline()) for one in processes.marked(processes.CLOUD_MARK, str(toys.home.root))]
    for part in ("emulator", "infra_server", "runner"):
        assert len([words for words in names if f"aws_research_wizard.local.{part}" in words]) == 1


def test_a_port_that_was_taken_meanwhile_is_given_up(toys: Toy, name: str) -> None:
    toys.ask("/things", name=name)
    cloud.down(toys.home.root)
    taken = toys.home.ports()["emulator"]
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", taken))
        other.listen()
        assert toys.up().healthy
        assert toys.home.ports()["emulator"] != taken
        assert name in toys.rows("thing")
        toys.ask("/things", name=f"{name}-again")


def test_a_machine_lives_stops_starts_and_ends(toys: Toy) -> None:
    machine = toys.launch()
    until(lambda: toys.state(machine) == "running" and toys.boots(machine))
    ec2 = toys.client("ec2")
    ec2.stop_instances(InstanceIds=[machine])
    until(lambda: toys.state(machine) == "stopped")
    assert processes.marked(processes.MACHINE_MARK, machine) == []
    ec2.start_instances(InstanceIds=[machine])
    until(lambda: toys.boots(machine) == ["booted", "asked", "booted"])
    ec2.terminate_instances(InstanceIds=[machine])
    until(lambda: toys.state(machine) == "terminated")
    assert not toys.home.machine(machine).exists()
    states = {"pending", "running", "stopping", "stopped", "shutting-down", "terminated"}
    until(lambda: toys.heard(machine) == states)


def test_machines_outlive_the_runner_and_are_taken_over(toys: Toy) -> None:
    machine = toys.launch()
    until(lambda: toys.boots(machine))
    before = {one.pid for one in processes.marked(processes.MACHINE_MARK, machine)}
    for part in ("runner", "emulator", "infra"):
        toys.kill(part)
    toys.up()
    time.sleep(2.5)
    assert before & {one.pid for one in processes.marked(processes.MACHINE_MARK, machine)}
    assert toys.boots(machine) == ["booted"]
    toys.client("ec2").terminate_instances(InstanceIds=[machine])
    until(lambda: toys.state(machine) == "terminated")
    until(lambda: "terminated" in toys.heard(machine))


def test_a_machine_stopped_while_the_runner_was_away_is_stopped_after(toys: Toy) -> None:
    machine = toys.launch()
    until(lambda: toys.boots(machine))
    toys.kill("runner")
    toys.client("ec2").stop_instances(InstanceIds=[machine])
    time.sleep(0.5)
    assert toys.state(machine) == "stopping"
    toys.up()
    until(lambda: toys.state(machine) == "stopped")
    until(lambda: "stopped" in toys.heard(machine))
    toys.client("ec2").terminate_instances(InstanceIds=[machine])
    until(lambda: toys.state(machine) == "terminated")


def test_a_machine_that_dies_is_news(toys: Toy) -> None:
    machine = toys.launch()
    until(lambda: toys.boots(machine))
    until(lambda: toys.state(machine) == "running")
    processes.send(processes.marked(processes.MACHINE_MARK, machine), signal.SIGKILL)
    until(lambda: toys.state(machine) == "stopped")
    until(lambda: "stopped" in toys.heard(machine))
    toys.client("ec2").terminate_instances(InstanceIds=[machine])


def test_machines_rest_while_the_cloud_is_down_and_boot_after(toys: Toy) -> None:
    machine = toys.launch()
    until(lambda: toys.boots(machine))
    cloud.down(toys.home.root)
    assert processes.marked(processes.MACHINE_MARK, machine) == []
    assert toys.boots(machine) == ["booted", "asked"]
    toys.up()
    until(lambda: toys.boots(machine) == ["booted", "asked", "booted"])
    assert toys.state(machine) == "running"
    toys.client("ec2").terminate_instances(InstanceIds=[machine])
    until(lambda: toys.state(machine) == "terminated")


def test_a_profile_is_written_for_its_owner_only(toys: Toy) -> None:
    config = Path(os.environ["AWR_CONFIG"])
    assert config.stat().st_mode & 0o777 == 0o600
    profile = json.loads(config.read_text())["profiles"]["local"]
    assert profile["url"] == toys.home.state()["api_url"]
    assert profile["token"].startswith("awr_")
