from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host import boot, commands, control_plane, debian, fitting, guard, identity, storage
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.boot import Boot
from aws_research_wizard.host.control_plane import ControlPlane
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.metadata import Credentials, Metadata
from aws_research_wizard.host.orders import Kernel, Orders
from aws_research_wizard.host.steps import CommandFailed, LeftOut, StepFailed
from tests.fakes.world import KEY, World
from tests.unit.host.conftest import order_sheet

SCRIPT = Path(__file__).resolve().parents[3] / "chalicelib/runtime/boot.sh"


@pytest.fixture
def world() -> Iterator[World]:
    played = World(order_sheet())
    yield played
    played.close()


@pytest.fixture
def booting(machine: Machine, world: World, monkeypatch: pytest.MonkeyPatch) -> Boot:
    """A boot that has got as far as claiming."""
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{world.url}/_imds/i-1")
    found = Boot(machine)
    found.door = ControlPlane("https://abcd1234.execute-api.x/api", world.url)
    return found


def test_script_has_no_words_of_its_own_left_to_fill() -> None:
    text = SCRIPT.read_text()
    names = {"LAB_ID", "STAGE", "REGION", "API_URL", "BUNDLE", "FILE_SYSTEM_ID", "ACCESS_MODE", "BAKE"}
    assert set(re.findall(r"__([A-Z_]+?)__", text)) == names
    assert subprocess.run(["bash", "-n", str(SCRIPT)], check=True).returncode == 0
    assert len(text.encode()) < 12_000, "user data takes 16 KB, and base64 and MIME their share"


@pytest.mark.parametrize(("code", "ends"), [(-9, boot.Again), (1, StepFailed)])
def test_a_supervisor_that_is_killed_is_begun_again_and_one_that_fails_is_told(
    booting: Boot, monkeypatch: pytest.MonkeyPatch, code: int, ends: type[BaseException]
) -> None:
    class Supervisor:
        def poll(self) -> int:
            return code

    monkeypatch.setattr(boot.hub, "wait", lambda *_: False)
    with pytest.raises(ends):
        booting._wait_for_hub(Supervisor())  # type: ignore[arg-type]


def test_kernel_that_cannot_be_had_is_left_out_and_the_lab_goes_on(booting: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(*_: object) -> str:
        raise LeftOut("Julia could not be fetched: no route to host", [])

    monkeypatch.setattr(boot.kernels, "install", install)
    booting._install_kernel(Kernel("g-julia", "Genomics (Julia 1.11)", "julia", "1.11", ""))
    told = fitting.made(booting.machine, "g-julia")
    assert told
    assert (told.state, told.cause) == ("failed", "Julia could not be fetched: no route to host"), "tried again at the next boot"


def test_credentials_that_come_late_are_waited_for(booting: Boot, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tries, credentials = list[int](), Metadata.credentials

    def late(self: Metadata) -> Credentials:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("404: not yet")
        return credentials(self)

    monkeypatch.setattr(Metadata, "credentials", late)
    monkeypatch.setattr(control_plane, "delays", lambda: iter([0.01] * 9))
    booting._claim()
    assert len(tries) == 3
    assert len(world.of("claim")) == 1


def test_identity_is_claimed_with_a_signed_proof_and_kept_private(booting: Boot, world: World) -> None:
    orders = booting._claim()
    [claim] = world.of("claim")
    assert claim["instance_id"] == booting.machine.instance_id
    assert claim["proof"]["headers"]["X-Wizard-Lab"] == "base-k3x9"
    assert claim["proof"]["headers"]["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=ASIATEST/")
    assert orders.people == {"ada@example.org": "lead"}
    known = identity.load(booting.machine.state)
    assert known == identity.Identity(world.token, KEY)
    assert identity.path(booting.machine.state).stat().st_mode & 0o777 == 0o600


def test_second_boot_claims_nothing_and_takes_fresh_orders(booting: Boot, world: World) -> None:
    booting._claim()
    world.orders = order_sheet(capacity=50)
    again = Boot(booting.machine)
    again.door = ControlPlane("https://abcd1234.execute-api.x/api", world.url)
    assert again._claim().capacity == 50
    assert len(world.of("claim")) == 1
    assert again.boot_id != booting.boot_id


def test_machine_that_knew_its_orders_boots_without_the_control_plane(booting: Boot, world: World) -> None:
    booting._claim()
    world.away = True
    again = Boot(booting.machine)
    again.door = ControlPlane("https://abcd1234.execute-api.x/api", world.url)
    assert again._claim().capacity == 5


def test_claim_waits_while_the_launch_is_not_yet_known(booting: Boot, world: World) -> None:
    world.refuse["claim"] = (401, {"code": "unauthenticated", "message": "not yet"})
    threading.Timer(0.3, world.refuse.clear).start()
    booting._claim()
    assert len(world.of("claim")) >= 2


def test_claim_that_somebody_else_made_is_final(booting: Boot, world: World) -> None:
    world.refuse["claim"] = (409, {"code": "conflict", "message": "this machine has been ready"})
    with pytest.raises(StepFailed, match="this machine has been ready"):
        booting._claim()
    assert len(world.of("claim")) == 1


def test_ready_that_comes_too_late_ends_quietly(booting: Boot, world: World) -> None:
    orders = booting._claim()
    world.refuse["ready"] = (409, {"code": "superseded", "message": "the lab moved on"})
    booting._ready(orders)
    assert len(world.of("ready")) == 1


def test_failure_is_told_with_its_step(booting: Boot, world: World) -> None:
    booting._claim()
    assert booting._fail(StepFailed("start hub", "port taken", ["a", "b"])) == boot.FAILED
    assert world.of("failed") == [{"step": "start hub", "cause": "port taken", "log_tail": ["a", "b"]}]


def test_unclaimed_machine_has_nobody_to_tell(booting: Boot, world: World) -> None:
    assert booting._fail(StepFailed("claim identity", "refused")) == boot.FAILED
    assert world.said == []


def test_unknown_words_in_orders_are_carried(machine: Machine) -> None:
    wanted.save(machine.state, Orders.parse(order_sheet(weather="fine")))
    kept = wanted.load(machine.state)
    assert kept
    assert kept.raw["weather"] == "fine"
    assert kept.owner == "ada@example.org"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been run as root."""
    lines: list[str] = []

    def run(words: list[str], *_: Any, **__: Any) -> str:
        lines.append(" ".join(words))
        if "-C" in words:
            raise CommandFailed("Bad rule", [])
        return ""

    monkeypatch.setattr(commands, "run", run)
    monkeypatch.setattr(debian.shutil, "which", lambda *_, **__: "/sbin/it")
    return lines


def test_metadata_is_for_root_only_on_aws_and_untouched_on_a_laptop(machine: Machine, ran: list[str]) -> None:
    guard.block_metadata(machine)
    assert ran == []
    guard.block_metadata(replace(machine, local=False))
    assert ran[-1] == "iptables -w -I OUTPUT -d 169.254.169.254 -m owner ! --uid-owner 0 -j REJECT"


def test_file_system_is_mounted_on_aws(machine: Machine, ran: list[str]) -> None:
    on_aws = replace(machine, local=False, efs_root=None, file_system_id="fs-1", region="eu-central-1")
    assert storage.prepare(on_aws) == "mounted fs-1"
    assert "fs-1.efs.eu-central-1.amazonaws.com:/" in ran[0]
    assert (on_aws.storage / "shared").stat().st_mode & 0o7777 == 0o1777


def test_laptop_mounts_nothing(machine: Machine, ran: list[str]) -> None:
    assert storage.prepare(machine) == "directory"
    assert ran == []
    assert (machine.storage / "homes").is_dir()
