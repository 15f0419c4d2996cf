"""A machine is its user data run as processes."""

from __future__ import annotations

import base64
import gzip
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aws_research_wizard.local import machine as machines
from aws_research_wizard.local import processes
from aws_research_wizard.local.home import Home
from aws_research_wizard.local.machine import Machine, Surroundings

MULTIPART = b"""MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=="

--==
Content-Type: text/cloud-config; charset="us-ascii"

cloud_final_modules: [[scripts-user, always]]

--==
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/sh
echo one
--==
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/sh
echo two
--==--
"""
SCRIPT = """#!/bin/sh
echo booted >> "$AWR_MACHINE_ROOT/boots"
env > "$AWR_MACHINE_ROOT/env"
trap 'echo asked >> "$AWR_MACHINE_ROOT/boots"; exit 0' TERM
(setsid sleep 60 &)
while :; do sleep 0.1; done
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    around = Surroundings(Home.at(tmp_path), "http://127.0.0.1:1", "http://127.0.0.1:2")
    made = Machine(f"i-{uuid.uuid4().hex[:17]}", around)
    yield made
    made.stop(0.5)


def boot(machine: Machine, script: str = SCRIPT, storage: str = "") -> Path:
    machine.boot(base64.b64encode(script.encode()).decode(), storage)
    return machine.folder / "root"


def wait_for(path: Path, text: str = "", seconds: float = 10.0) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.exists() and text in path.read_text():
            return path.read_text()
        time.sleep(0.02)
    raise AssertionError(f"{path} never said {text!r}")


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_shell_script_part_runs_and_nothing_else() -> None:
    found = machines.scripts(MULTIPART)
    assert [text.splitlines()[1] for text in found] == ["echo one", "echo two"]


def test_a_bare_script_and_a_zipped_one_are_read() -> None:
    assert machines.scripts(b"#!/bin/sh\necho") == ["#!/bin/sh\necho"]
    assert machines.scripts(gzip.compress(b"#!/bin/sh\necho")) == ["#!/bin/sh\necho"]


def test_user_data_that_is_no_script_runs_nothing() -> None:
    assert machines.scripts(b"#cloud-config\nx: y") == []
    assert machines.scripts(b"") == []


def test_a_machine_boots_stops_and_boots_again_with_its_disk_and_ports(machine: Machine) -> None:
    root = boot(machine)
    wait_for(root / "boots", "booted")
    wait_for(root / "env", "AWR_PORTS")
    assert machine.alive()
    ports = machine.ports()
    machine.stop(5.0)
    assert not machine.alive()
    assert (root / "boots").read_text().split() == ["booted", "asked"]
    boot(machine)
    wait_for(root / "boots", "booted\nasked\nbooted")
    assert machine.ports() == ports


def test_stop_reaches_processes_that_left_the_session(machine: Machine) -> None:
    wait_for(boot(machine) / "env", "AWR_PORTS")
    wait_until(lambda: len(machine.processes()) >= 3)  # the script goes on behind the line that was waited for
    machine.stop(5.0)
    assert machine.processes() == []


def test_a_machine_gets_no_credentials_but_a_metadata_service(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("SECRET_OF_MINE", "x")
    text = wait_for(boot(machine) / "env", "AWS_EC2_METADATA_SERVICE_ENDPOINT")
    env = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert not {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "SECRET_OF_MINE", "AWR_HOME"} & set(env)
    assert env["AWS_EC2_METADATA_SERVICE_ENDPOINT"].endswith(f"/_imds/{machine.instance_id}")
    assert env["HOME"].startswith(str(machine.folder))
    assert set(json.loads(env["AWR_PORTS"])) == {"hub", "hub_api", "proxy_api"}


@pytest.mark.parametrize(("said", "shared"), [("off", False), ("", True)])
def test_finished_environments_are_shared_unless_a_person_wants_each_machine_to_install(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, said: str, shared: bool
) -> None:
    monkeypatch.setenv("AWR_CACHE", said)
    env = machine.around.environment(machine.instance_id, machine.folder / "root", {})
    assert ("AWR_CACHE" in env) is shared


def test_a_machine_sees_its_own_file_system_only(machine: Machine) -> None:
    text = wait_for(boot(machine, storage="fs-1") / "env", "AWR_EFS_ROOT")
    assert f"AWR_EFS_ROOT={machine.around.home.efs / 'fs-1'}\n" in text


def test_two_machines_never_share_a_port(machine: Machine) -> None:
    other = Machine("i-other", machine.around)
    boot(machine)
    assert not set(machine.ports().values()) & set(other.ports().values())


def test_a_script_that_fails_is_told_on_the_console(machine: Machine) -> None:
    boot(machine, "#!/bin/sh\necho before\nexit 3\n")
    assert "before" in wait_for(machine.folder / "console.log", "user data part 1 ended with 3")
    deadline = time.monotonic() + 5
    while machine.alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not machine.alive()


def test_a_boot_that_was_killed_begins_again_as_systemd_would_begin_it(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "RESTART_SECONDS", 0.1)
    begun = machine.around.home.root / "begun"
    boot(machine, f"#!/bin/sh\necho once >> {begun}\n[ $(wc -l < {begun}) -gt 1 ] || kill -9 $$\nsleep 30\n")
    assert "ended with 137" in wait_for(machine.folder / "console.log", "ended with 137")
    deadline = time.monotonic() + 5
    while begun.read_text().count("once") < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert begun.read_text().count("once") == 2
    machine.stop(5.0)


def test_a_machine_whose_first_process_is_killed_is_down_whatever_is_left_of_it(machine: Machine) -> None:
    boot(machine, "#!/bin/sh\nsetsid sleep 60 &\nsleep 60\n")
    wait_for(machine.record)
    wait_until(lambda: len(machine.processes()) >= 3)
    processes.Known(*read_first(machine)).alive().kill()  # type: ignore[union-attr]
    wait_until(lambda: not machine.alive())
    assert machine.processes()
    boot(machine, "#!/bin/sh\nsetsid sleep 61 &\n")
    wait_for(machine.folder / "console.log", "user data has run")
    wait_until(lambda: [one.cmdline() for one in machine.processes()] == [["sleep", "61"]])  # the shell has ended, too
    assert machine.alive(), "what its user data left running is the machine"
    machine.stop(0.5)


def read_first(machine: Machine) -> tuple[int, float]:
    noted = json.loads(machine.record.read_text())
    return noted["pid"], noted["started"]


def test_a_forgotten_machine_leaves_shared_storage(machine: Machine) -> None:
    kept = machine.around.home.efs / "fs-1" / "homes"
    kept.mkdir(parents=True)
    wait_for(boot(machine, storage="fs-1") / "env")
    machine.stop(5.0)
    machine.forget()
    assert not machine.folder.exists()
    assert kept.exists()
