from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host import commands, kernels
from aws_research_wizard.host.debian import Tools
from aws_research_wizard.host.environments import Maker
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Kernel
from aws_research_wizard.host.steps import CommandFailed

KERNEL = Kernel("base-python", "Research (Python 3.11)", "python", "3.11", "packs/lock.txt", env={"PACK": "base"})


@pytest.fixture
def installed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """uv and ipykernel are played; what was run is returned."""
    ran: list[list[str]] = []

    def run(words: list[str], *_: Any, **__: Any) -> str:
        ran.append(words)
        if "ipykernel" in words:
            spec = Path(words[words.index("--prefix") + 1], "share/jupyter/kernels", words[words.index("--name") + 1])
            spec.mkdir(parents=True)
            (spec / "kernel.json").write_text(json.dumps({"argv": ["python"], "display_name": words[-1]}))
        return ""

    monkeypatch.setattr(commands, "run", run)
    monkeypatch.setattr(Maker, "make", lambda *_: "installed")
    monkeypatch.setattr(Maker, "is_of", lambda *_: True)
    (machine.bundle / "packs").mkdir()
    (machine.bundle / "packs/lock.txt").write_text("")
    return ran


def spec(machine: Machine) -> dict[str, Any]:
    return dict(json.loads((machine.jupyter / "share/jupyter/kernels/base-python/kernel.json").read_text()))


@pytest.mark.usefixtures("installed")
def test_kernel_is_registered_with_its_name_and_environment(machine: Machine) -> None:
    assert kernels.install(machine, KERNEL) == "installed"
    written = spec(machine)
    assert written["display_name"] == "Research (Python 3.11)"
    assert written["env"]["PACK"] == "base"
    assert written["env"]["PATH"] == f"{machine.opt}/kernels/base-python/bin:${{PATH}}"
    assert kernels.registered(machine) == ["base-python"]


@pytest.mark.usefixtures("installed")
def test_kernel_knows_where_shared_files_and_data_are_and_what_it_needs(machine: Machine) -> None:
    kernels.install(machine, replace(KERNEL, resources={"cpus": 2, "memory_gb": 8, "gpus": 0}))
    written = spec(machine)
    assert written["env"]["AWR_SHARED"] == str(machine.storage / "shared")
    assert Path(written["env"]["AWR_DATA"]).is_dir()
    assert written["metadata"]["resources"] == {"cpus": 2, "memory_gb": 8, "gpus": 0}


def test_registered_kernel_is_left_alone_until_it_changes(machine: Machine, installed: list[list[str]]) -> None:
    kernels.install(machine, KERNEL)
    kernels.install(machine, KERNEL)
    assert len(installed) == 1
    kernels.install(machine, replace(KERNEL, display_name="New"))
    assert spec(machine)["display_name"] == "New"


def test_the_specification_that_ipykernel_brings_is_taken_without_asking_it(machine: Machine, installed: list[list[str]]) -> None:
    place = machine.opt / "kernels/base-python"
    shipped = place / "share/jupyter/kernels/python3"
    shipped.mkdir(parents=True)
    words = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    brought = {"argv": words, "language": "python", "display_name": "Python 3", "metadata": {"debugger": True}}
    (shipped / "kernel.json").write_text(json.dumps(brought))
    (shipped / "logo-svg.svg").write_text("<svg/>")
    kernels.install(machine, KERNEL)
    written = spec(machine)
    assert written["argv"][-6:] == [str(place / "bin/python"), "-Xfrozen_modules=off", *words[1:]]
    assert (written["display_name"], written["language"], written["metadata"]["debugger"]) == (
        KERNEL.display_name,
        "python",
        True,
    )
    assert (machine.jupyter / "share/jupyter/kernels/base-python/logo-svg.svg").exists()
    assert installed == []


@pytest.mark.usefixtures("installed")
def test_kernel_nobody_wants_is_unregistered(machine: Machine) -> None:
    kernels.install(machine, KERNEL)
    assert kernels.retire(machine, set()) == ["base-python"]
    assert kernels.registered(machine) == []


def test_tools_come_after_the_kernels_own_programs() -> None:
    env = kernels.environment(KERNEL, Path("/k"), Tools(("/t/bin",), ("/t/lib",)))
    assert env["PATH"] == "/k/bin:/t/bin:${PATH}"
    assert env["LD_LIBRARY_PATH"] == "/t/lib"


@pytest.mark.parametrize(
    ("kernel", "cause"),
    [
        (replace(KERNEL, language="cobol"), "no way yet to install cobol kernels"),
        (replace(KERNEL, lock="packs/none.txt"), "the bundle has no lock packs/none.txt"),
        (replace(KERNEL, lock=""), r"the bundle has no lock \(none named\)"),
    ],
)
def test_kernel_that_cannot_be_made_says_why(machine: Machine, kernel: Kernel, cause: str) -> None:
    with pytest.raises(CommandFailed, match=cause):
        kernels.install(machine, kernel)
