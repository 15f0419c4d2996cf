"""A lab's machine changes its release while somebody works on it, for real; and every way in which that can go wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host import processes
from tests.fakes.browser import Browser
from tests.fakes.bundles import HOST, changed, release_of
from tests.fakes.world import Box, World
from tests.integration.test_host_hub import KERNEL, LEAD, orders

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(900)]


class Lab:
    """A machine with somebody at work, and the releases it may be told to take."""

    def __init__(self, box: Box, first: Path) -> None:
        self.box, self.first = box, first
        self.browser = Browser(box.address)
        self.count = 0

    @property
    def root(self) -> Path:
        return self.box.root

    def works(self) -> None:
        assert self.browser.login(self.box.world.ticket(LEAD, "lead")).status_code == 302
        self.browser.start(LEAD)
        self.kernel = self.browser.kernel(KERNEL)
        self.browser.run(self.kernel, "x = 41")

    def still_there(self) -> None:
        """The variable lives. (While a hub starts it lets nobody in anew; who is connected stays so.)"""
        from aws_research_wizard.host.hub import answers

        self.wait(lambda: answers(self.box.ports["hub"]))
        assert self.browser.run(self.kernel, "print(x + 1)").strip() == "42"

    def order(self, bundle: Path, upload: bool = True) -> str:
        """Order an upgrade; return its id."""
        self.count += 1
        name = f"u-{self.count}"
        if upload:
            self.box.world.more[bundle.name] = bundle
        order = {"bundle": f"s3://artifacts/host/{bundle.name}", "release": release_of(bundle), "upgrade_id": name}
        self.box.world.orders = {**self.box.world.orders, "work": [{"id": name, "kind": "upgrade", "order": order}]}
        return name

    def outcome(self, name: str, seconds: float = 400) -> dict[str, Any]:
        said = self.box.world.wait("work", seconds, lambda body: body["id"] == name and body["state"] in ("done", "failed"))
        self.box.world.orders = {**self.box.world.orders, "work": []}
        return said

    def upgrade(self, bundle: Path) -> dict[str, Any]:
        return self.outcome(self.order(bundle))

    def current(self) -> str:
        return (self.root / "opt/wizard/current").readlink().name.removeprefix("bundle-")

    def record(self) -> dict[str, str]:
        place = self.root / "var/lib/wizard/upgrade.json"
        return dict(json.loads(place.read_text())) if place.exists() else {}

    def wait(self, holds: Callable[[], Any], seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"it never came to be; record {self.record()}"
            time.sleep(0.02)

    def words(self, part: str) -> list[str]:
        """The words of the hub or the agent that run."""
        found = [" ".join(one.words) for one in processes.ours(self.box.instance_id)]
        mark = f"{self.root}/etc/wizard/jupyterhub_config.py" if part == "hub" else "aws_research_wizard.host agent"
        return [words for words in found if mark in words]

    def runs(self, release: str) -> bool:
        parts = [self.words("hub"), self.words("agent")]
        return all(len(words) == 1 and f"/hubs/{release}/" in words[0] for words in parts)

    def release_told(self) -> str:
        return str(self.box.world.of("heartbeat")[-1]["release"])


@pytest.fixture(scope="module")
def first(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release that runs first; others are written beside it."""
    return Path(shutil.copy(bundle, tmp_path_factory.mktemp("bundles")))


@pytest.fixture(scope="module")
def lab(first: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    box = Box(World(orders(), first), tmp_path_factory.mktemp("box"), cache)
    box.start()
    made = Lab(box, first)
    try:
        box.world.wait("ready", 180)
        made.works()
        yield made
    finally:
        made.browser.close()
        box.stop()
        box.world.close()


def marked(first: Path, mark: str, changes: Mapping[str, Callable[[str], str]] | None = None) -> Path:
    """A release whose hub says `mark` on its login page."""
    page = {f"{HOST}/templates/ticket.html": lambda text: text.replace("</", f"<!-- {mark} --></", 1)}
    return changed(first, {**page, **(changes or {})})


def login_page(lab: Lab) -> str:
    import httpx

    return httpx.get(f"{lab.box.address}/hub/login", trust_env=False).text


def killed(lab: Lab, part: str) -> list[int]:
    """Kill -9 of what runs as `part`, and who was hit."""
    found = [one.pid for one in processes.ours(lab.box.instance_id) if one.words[-1] == part and "sh" not in one.words[0]]
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return found


def test_variables_survive_and_the_new_release_serves(lab: Lab) -> None:
    new = marked(lab.first, "the second release")
    said = lab.upgrade(new)
    assert said["state"] == "done", said["cause"]
    assert said["report"]["release"] == release_of(new)
    assert said["report"]["smoke"]["cells"] == {KERNEL: 3}
    lab.still_there()
    assert "the second release" in login_page(lab)
    assert lab.current() == release_of(new)
    assert lab.runs(release_of(new))
    lab.wait(lambda: lab.release_told() == release_of(new))
    assert not (lab.root / "var/lib/wizard/green").exists()


def test_a_release_whose_smoke_notebook_fails_reaches_nobody(lab: Lab) -> None:
    def break_cell(text: str) -> str:
        return text.replace("print(x + 1)", "import no_such_module")

    before = lab.current()
    broken = marked(lab.first, "broken", {f"{HOST}/templates/smoke.ipynb": break_cell})
    said = lab.upgrade(broken)
    assert said["state"] == "failed"
    assert "smoke notebook failed in base-python, cell two: ModuleNotFoundError" in said["cause"]
    assert f"runs release {before} as before" in said["cause"]
    lab.still_there()
    assert lab.runs(before)


def test_a_hub_that_fails_after_the_switch_is_taken_back(lab: Lab) -> None:
    def break_in_place(text: str) -> str:
        return text.replace(
            "    orders = wanted.load",
            '    assert "green" in str(machine.root), "it fails where people are"\n    orders = wanted.load',
        )

    before = lab.current()
    said = lab.upgrade(marked(lab.first, "late", {f"{HOST}/serve.py": break_in_place}))
    assert said["state"] == "failed"
    assert "does not answer" in said["cause"]
    lab.still_there()
    assert lab.current() == before
    lab.wait(lambda: lab.runs(before))


def test_damaged_bundles_are_clean_failures(lab: Lab, tmp_path: Path) -> None:
    before = lab.current()
    whole = marked(lab.first, "damaged")
    torn = tmp_path / whole.name
    torn.write_bytes(whole.read_bytes()[:-1000])
    assert "damaged" in lab.upgrade(torn)["cause"]
    assert lab.current() == before
    assert sorted(place.name for place in (lab.root / "opt/wizard/bundle").glob(".coming*")) == []
    lab.still_there()


@pytest.mark.parametrize("phase", ["preparing", "proving", "switching", "watching"])
def test_a_conductor_that_dies_leaves_a_lab_as_it_was(lab: Lab, phase: str) -> None:
    before = lab.current()
    name = lab.order(marked(lab.first, f"dies while {phase}"))
    lab.wait(lambda: lab.record().get("id") == name and lab.record()["phase"] == phase)
    lab.wait(lambda: killed(lab, "upgrade"))
    said = lab.outcome(name)
    assert said["state"] == "failed"
    assert "interrupted" in said["cause"]
    lab.wait(lambda: lab.runs(before))
    assert lab.current() == before
    lab.still_there()


def test_stop_and_start_boot_the_release_that_is_current(lab: Lab) -> None:
    before = lab.current()
    assert before != release_of(lab.first)
    lab.box.stop()
    lab.box.world.said.clear()
    lab.box.start()
    lab.box.world.wait("ready", 240)
    lab.wait(lambda: lab.runs(before))


def test_a_machine_that_dies_in_the_switch_boots_what_it_was(lab: Lab) -> None:
    before = lab.current()
    name = lab.order(marked(lab.first, "the power fails"))
    lab.wait(lambda: lab.record().get("id") == name and lab.record()["phase"] == "watching")
    while found := processes.ours(lab.box.instance_id):
        for one in found:
            os.kill(one.pid, signal.SIGKILL)
    lab.box.stop()
    lab.box.world.said.clear()
    lab.box.world.orders = {**lab.box.world.orders, "work": []}
    lab.box.start()
    lab.box.world.wait("ready", 240)
    assert lab.current() == before
    lab.wait(lambda: lab.runs(before))
    assert lab.record()["phase"] == "failed"


def test_two_releases_are_kept(lab: Lab) -> None:
    said = lab.upgrade(marked(lab.first, "the last"))
    assert said["state"] == "done", said["cause"]
    lab.box.stop()
    lab.box.world.said.clear()
    lab.box.start()
    lab.box.world.wait("ready", 240)
    hubs = lab.root / "opt/wizard/hubs"
    lab.wait(lambda: len([place for place in hubs.iterdir() if not place.name.startswith(".")]) == 2)
