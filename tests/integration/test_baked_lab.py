"""A pack is baked on the real local cloud, and a lab of it starts from the image: what is in it is kept, not installed.

The builder and the lab are real machines; EC2's own news answer the bake's workflow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.local import cloud, processes
from aws_research_wizard.local.home import ACCOUNT, Home, any_free_port
from tools import package

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(600)]


class Cloud:
    """A local cloud of its own, and the command line that speaks to it."""

    def __init__(self, folder: Path) -> None:
        self.home, self.package = Home.at(folder / "home"), folder / "package"
        ports = {"emulator": any_free_port(set())}
        self.home.remember(ports={**ports, "infra": any_free_port(set(ports.values()))})
        package.build(package.Job("local", self.package))

    def wizard(self, *words: str) -> Any:
        command = [sys.executable, "-m", "aws_research_wizard.cli.main", *words, "--output", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    def ec2(self) -> Any:
        import boto3

        where = self.home.endpoints()["infra"]
        keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "x"}
        return boto3.client("ec2", endpoint_url=where, region_name="us-east-1", **keys)  # type: ignore[call-overload]

    def left(self, bake_id: str) -> list[str]:
        """What EC2 shows of a bake."""
        tag = [{"Name": "tag:aws-research-wizard:bake", "Values": [bake_id]}]
        ec2 = self.ec2()
        machines = [one for each in ec2.describe_instances(Filters=tag)["Reservations"] for one in each["Instances"]]
        found = [one["InstanceId"] for one in machines if one["State"]["Name"] not in ("terminated", "shutting-down")]
        found += [one["GroupId"] for one in ec2.describe_security_groups(Filters=tag)["SecurityGroups"]]
        found += [one["ImageId"] for one in ec2.describe_images(Owners=["self"], Filters=tag)["Images"]]
        return found + [one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"], Filters=tag)["Snapshots"]]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STAGE", "PREFIX", *(one for one in os.environ if one.startswith("AWS_"))):
            patch.delenv(name, raising=False)
        patch.setenv("AWR_HOME", str(folder / "home"))
        patch.setenv("AWR_CONFIG", str(folder / "config.json"))
        made = Cloud(folder)
        patch.setenv("AWR_PACKAGE", str(made.package))
        if cache := os.environ.get("AWR_TEST_CACHE"):
            made.home.root.mkdir(parents=True, exist_ok=True)
            made.home.cache.symlink_to(cache)
        try:
            assert cloud.up(made.home.root, lambda _said: None).healthy
            yield made
        finally:
            cloud.reset(made.home.root)
            assert processes.marked(processes.CLOUD_MARK, str(made.home.root)) == []


@pytest.fixture(scope="module")
def baked(here: Cloud) -> dict[str, Any]:
    return dict(here.wizard("packs", "bake", "base"))


def test_a_bake_runs_the_packs_lessons_and_leaves_an_image_and_nothing_else(here: Cloud, baked: dict[str, Any]) -> None:
    assert (baked["state"], baked["passed"], baked["cause"]) == ("READY", True, None)
    assert baked["lessons"]
    assert all(one["ok"] for one in baked["lessons"])
    assert [one["name"] for one in baked["kernels"]] == ["base-python"]
    assert sorted(name.partition("-")[0] for name in here.left(baked["id"])) == ["ami", "snap"]


def test_a_lab_starts_from_the_image_and_installs_nothing(here: Cloud, baked: dict[str, Any]) -> None:
    lab = here.wizard("jupyter", "deploy", "--domain", "base")
    assert lab["image"]["bake_id"] == baked["id"]
    console = (here.home.root / "machines" / lab["instance_id"] / "console.log").read_text()
    for step in ("install hub", "install kernel base-python"):
        assert any(step in line and "kept" in line for line in console.splitlines()), console
    here.wizard("jupyter", "delete", lab["id"], "--yes")


def test_a_bake_whose_builder_dies_leaves_nothing_and_the_old_image_is_still_served(here: Cloud, baked: dict[str, Any]) -> None:
    bake = here.wizard("packs", "bake", "base", "--no-wait")
    shown = _until(here, bake["id"], lambda one: one["builder_id"])
    here.ec2().terminate_instances(InstanceIds=[shown["builder_id"]])
    ended = _until(here, bake["id"], lambda one: one["state"] != "BAKING")
    assert (ended["state"], ended["cause"]) == ("FAILED", "the builder was terminated before it was done")
    assert here.left(bake["id"]) == []
    served = [one["id"] for one in here.wizard("packs", "images", "--pack", "base") if one["state"] == "READY"]
    assert served == [baked["id"]]


def _until(here: Cloud, bake_id: str, holds: Any) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        [one] = [each for each in here.wizard("packs", "images", "--pack", "base") if each["id"] == bake_id]
        if holds(one):
            return dict(one)
        assert time.monotonic() < deadline, one
        time.sleep(0.3)
