"""An image, for real: a builder bakes the base pack, its disk becomes a snapshot, and a lab's machine boots from that.

The builder and the lab are real machines (boot script, uv, kernels, JupyterHub); what is around them is played.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.local import snapshots
from aws_research_wizard.local.home import Home
from tests.fakes.world import Box, World
from tests.integration.test_host_hub import KERNEL, orders

pytestmark = pytest.mark.local_cloud

BAKE = "bake-k3x9"
LESSON = {
    "pack": "base", "file": "tidy-tables.ipynb", "kernel": KERNEL,
    "expect": "check: 360 clean rows, best treatment B, +2.21 over control",
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    from tools.bundle import build

    played = World(orders(), build(tmp_path_factory.mktemp("bundle")))
    yield played
    played.close()


@pytest.fixture(scope="module")
def builder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A machine that has baked, and turned itself off."""
    given = os.environ.get("AWR_TEST_CACHE")
    cache = Path(given) if given else tmp_path_factory.mktemp("cache")
    order = {"version": 1, "bake_id": BAKE, "pack": "base", "kernels": orders()["kernels"], "lessons": [LESSON], "seconds": 500}
    world.objects[f"bakes/{BAKE}/order.json"] = json.dumps(order).encode()
    box = Box(world, tmp_path_factory.mktemp("builder"), cache)
    box.bake = BAKE
    box.start()
    assert box.process
    box.process.wait(240)
    return box


def report(world: World) -> dict[str, Any]:
    return dict(json.loads(world.objects[f"bakes/{BAKE}/report.json"]))


def test_a_bake_installs_runs_its_lesson_and_turns_the_machine_off(builder: Box, world: World) -> None:
    told = report(world)
    assert told["ok"], told
    assert builder.process
    assert (builder.process.returncode, builder.processes()) == (0, [])
    assert [(one["file"], one["ok"]) for one in told["lessons"]] == [(LESSON["file"], True)]
    assert world.of("claim") == [], "a builder needs no token and no door"


def test_a_lab_on_the_image_keeps_what_was_baked_and_knows_nothing_of_the_builder(
    builder: Box, world: World, tmp_path: Path
) -> None:
    home = Home.at(tmp_path / "home")
    snapshots.take(home, "snap-1", builder.root)
    disk = snapshots.place(home, "snap-1")
    left = {file.relative_to(disk).parts[:2] for file in disk.rglob("*") if not file.is_dir()}
    assert left == {("opt", "wizard")}
    lab = Box(world, tmp_path / "lab", tmp_path / "empty")
    assert snapshots.lay(home, "snap-1", lab.root)
    lab.start()
    try:
        world.wait("ready", 120)
        said = lab.console()
        for name in ("install hub", f"install kernel {KERNEL}"):
            assert any(name in line and "kept" in line for line in said.splitlines()), said
        spec = json.loads((lab.root / "opt/wizard/jupyter/share/jupyter/kernels" / KERNEL / "kernel.json").read_text())
        assert f"{lab.root}/opt/wizard/kernels/{KERNEL}/bin/python" in spec["argv"]
        assert str(builder.root) not in json.dumps(spec), "not the builder's Python, which is gone"
        assert spec["env"]["VIRTUAL_ENV"].startswith(str(lab.root))
    finally:
        lab.stop()
        for pid in lab.processes():
            os.kill(pid, signal.SIGKILL)
