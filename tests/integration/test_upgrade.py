"""A new package over a running lab, on the real local cloud: nobody notices, not even the upgrade that somebody asks for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from aws_research_wizard.local import cloud, processes
from aws_research_wizard.local.home import Home, any_free_port
from tests.fakes.bundles import HOST, changed, release_of
from tools import package
from tools.hub import Person

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(600)]
KERNEL = "base-python"
MARK = "the release after this one"


class Cloud:
    """A local cloud of its own, and the command line that speaks to it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home.at(folder / "home")
        ports = {"emulator": any_free_port(set())}
        self.home.remember(ports={**ports, "infra": any_free_port(set(ports.values()))})
        self.packages = folder / "packages"
        self.first = self.packages / "first"
        self.told: list[str] = []
        package.build(package.Job("local", self.first))

    def up(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("AWR_PACKAGE", str(folder))
        self.told = []
        assert cloud.up(self.home.root, self.told.append).healthy

    def with_bundle(self, name: str, bundle: Path) -> Path:
        """The first package with another bundle: another release."""
        folder = self.packages / name
        shutil.copytree(self.first, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        shutil.copy(bundle, folder / bundle.name)
        manifest |= {"bundle_key": f"host/{bundle.name}", "fingerprint": release_of(bundle)}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    def bundle(self) -> Path:
        return next(self.first.glob("bundle-*.tar.gz"))

    def wizard(self, *words: str, code: int = 0) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "aws_research_wizard.cli.main", *words, "--output", "json"], capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr[-2000:]
        return json.loads(done.stdout) if code == 0 else done.stderr


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as made:
        yield made


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    for name in ("STAGE", "PREFIX", *(one for one in os.environ if one.startswith("AWS_"))):
        patch.delenv(name, raising=False)
    patch.setenv("AWR_HOME", str(folder / "home"))
    patch.setenv("AWR_CONFIG", str(folder / "config.json"))
    made = Cloud(folder)
    if cache := os.environ.get("AWR_TEST_CACHE"):
        made.home.root.mkdir(parents=True, exist_ok=True)
        made.home.cache.symlink_to(cache)
    try:
        made.up(made.first, patch)
        yield made
    finally:
        cloud.reset(made.home.root)
        assert processes.marked(processes.CLOUD_MARK, str(made.home.root)) == []


def test_people_work_on_through_a_deployment_an_upgrade_and_one_that_fails(here: Cloud, patch: pytest.MonkeyPatch) -> None:
    lab = here.wizard("jupyter", "deploy", "--domain", "base")
    lab_id, first = lab["id"], release_of(here.bundle())
    assert lab["release"] == first
    person = Person.by_link(here.wizard("jupyter", "open", lab_id, "--no-browser")["url"])
    person.start_server()
    kernel = person.start_kernel(KERNEL)
    person.run(kernel, "x = 41")

    page = {f"{HOST}/templates/ticket.html": lambda text: text.replace("</", f"<!-- {MARK} --></", 1)}
    newer = changed(here.bundle(), page)
    here.up(here.with_bundle("newer", newer), patch)
    found = here.wizard("jupyter", "status", lab_id)
    assert (found["phase"], found["release"], found["newer_release"]) == ("READY", first, release_of(newer))
    assert "LabReleaseAvailable" in {one["name"] for one in here.wizard("jupyter", "events", lab_id)}
    assert person.run(kernel, "print(x)").text.strip() == "41"

    done = here.wizard("jupyter", "upgrade", lab_id)
    assert (done["release"], done["newer_release"]) == (release_of(newer), None)
    assert person.run(kernel, "print(x + 1)").text.strip() == "42"
    assert MARK in httpx.get(f"{lab['address']}/hub/login", trust_env=False).text

    smoke = {f"{HOST}/templates/smoke.ipynb": lambda text: text.replace("print(x + 1)", "import no_such_module")}
    broken = changed(here.bundle(), page | smoke)
    here.up(here.with_bundle("broken", broken), patch)
    said = here.wizard("jupyter", "upgrade", lab_id, code=1)
    assert "smoke notebook failed in base-python, cell two: ModuleNotFoundError" in " ".join(said.split())
    found = here.wizard("jupyter", "status", lab_id)
    assert (found["phase"], found["release"]) == ("READY", release_of(newer))
    assert person.run(kernel, "print(x + 1)").text.strip() == "42"
    person.http.close()
    assert {"LabUpgraded", "LabUpgradeFailed"} <= {one["name"] for one in here.wizard("jupyter", "events", lab_id)}
