"""A lab's machine, for real: boot script, uv, JupyterHub, JupyterLab, proxy, agent; only what is around it is played."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.browser import Browser
from tests.fakes.world import Box, World

pytestmark = pytest.mark.local_cloud

LEAD, MEMBER, VIEWER = "ada@example.org", "grace@example.org", "vera@example.org"
KERNEL = "base-python"


def orders(**changed: Any) -> dict[str, Any]:
    kernel = {
        "name": KERNEL, "display_name": "Research (Python 3.11)", "language": "python", "version": "3.11",
        "lock": "domain_packs/base/locks/python-py311-x86_64.txt", "system_packages": [], "env": {"PACK": "base"},
    }  # fmt: skip
    users = [{"email": LEAD, "role": "lead"}, {"email": MEMBER, "role": "member"}, {"email": VIEWER, "role": "viewer"}]
    return {
        "lab_id": "base-k3x9", "phase": "PROVISIONING", "domain": "base", "capacity": 2, "shared_storage_gb": 100, "owner": LEAD,
        "users": users, "kernels": [kernel], "examples": True, "access": {"mode": "local", "host": None},
        "storage": {"file_system_id": "fs-1"}, "heartbeat_seconds": 1, **changed,
    }  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tools.bundle import build

    return build(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("AWR_TEST_CACHE")
    return Path(given) if given else tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def box(bundle: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    world = World(orders(), bundle)
    machine = Box(world, tmp_path_factory.mktemp("box"), cache)
    machine.start()
    try:
        world.wait("ready", 180)
        yield machine
    finally:
        machine.stop()
        world.close()


@pytest.fixture
def visit() -> Iterator[Callable[[Box], Browser]]:
    """A new browser on a machine's hub; closed with the test."""
    opened: list[Browser] = []

    def browser(box: Box) -> Browser:
        opened.append(Browser(box.address))
        return opened[-1]

    yield browser
    for one in opened:
        one.close()


Visit = Callable[[Box], Browser]


def signed_in(visit: Visit, box: Box, person: str = LEAD, role: str = "lead") -> Browser:
    browser = visit(box)
    assert browser.login(box.world.ticket(person, role)).status_code == 302
    return browser


def test_machine_becomes_a_lab_and_runs_a_cell(box: Box, visit: Visit) -> None:
    ready = box.world.of("ready")[0]
    assert ready["kernels"] == [KERNEL]
    assert {"claim identity", "install hub", "start hub", f"install kernel {KERNEL}"} <= {step["name"] for step in ready["steps"]}
    browser = signed_in(visit, box)
    browser.start(LEAD)
    specs = browser.server("GET", "/api/kernelspecs").json()["kernelspecs"]
    assert list(specs) == [KERNEL]
    kernel = browser.kernel(KERNEL)
    code = (
        "import os, sys; print(6 * 7, os.environ['PACK'], sys.prefix.endswith('kernels/base-python'), os.path.realpath('shared'))"
    )
    assert browser.run(kernel, code).strip() == f"42 base True {box.home / 'efs/shared'}"
    names = {file["name"] for file in browser.server("GET", "/api/contents/examples").json()["content"]}
    assert any(name.endswith(".ipynb") for name in names)


def test_heartbeat_tells_of_servers_and_kernels(box: Box) -> None:
    beat = box.world.wait("heartbeat", 20, lambda body: any(server["kernels"] for server in body["servers"]))
    [server] = beat["servers"]
    assert server["user"] == LEAD
    assert server["kernels"][0]["name"] == KERNEL
    assert 0 <= beat["memory"] <= 100


def test_ticket_opens_once_and_the_page_says_so(box: Box, visit: Visit) -> None:
    ticket = box.world.ticket(MEMBER)
    assert visit(box).login(ticket).status_code == 302
    again = visit(box).login(ticket)
    assert again.status_code == 403
    assert "used already" in again.text


def test_no_ticket_shows_how_to_get_one(box: Box) -> None:
    page = httpx.get(f"{box.address}/hub/login", trust_env=False)
    assert page.status_code == 200
    assert "aws-research-wizard jupyter open base-k3x9" in page.text


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": int(time.time()) - 600}, "too old"),
        ({"lab": "other-aaaa"}, "not for this lab"),
        ({"role": "viewer", "email": VIEWER}, "look, not work"),
    ],
)
def test_wrong_ticket_is_refused_in_words(box: Box, visit: Visit, claims: dict[str, Any], words: str) -> None:
    email = claims.pop("email", MEMBER)
    page = visit(box).login(box.world.ticket(email, **claims))
    assert page.status_code == 403
    assert words in page.text
