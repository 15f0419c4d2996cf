"""An R kernel for real: Debian's packages beside this system, behind a real hub, as a person comes to it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.browser import Browser
from tests.fakes.world import ROOT, Box, World
from tests.integration.test_host_hub import LEAD, eventually, orders, pids

pytestmark = pytest.mark.local_cloud
KERNEL = {
    "name": "genomics-r", "display_name": "Genomics Research (R 4.2)", "language": "r", "version": "4.2",
    "lock": "domain_packs/genomics/locks/r-r42-x86_64.txt", "resources": {"cpus": 2, "memory_gb": 8, "gpus": 0},
}  # fmt: skip


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    from tools.bundle import build

    world = World(orders(kernels=[KERNEL]), build(tmp_path_factory.mktemp("bundle")))
    cache = Path(os.environ.get("AWR_TEST_CACHE", ROOT / ".cache/kernels"))  # where the lessons in R find theirs, too
    machine = Box(world, tmp_path_factory.mktemp("box"), cache)
    machine.start()
    try:
        world.wait("ready", 240)
        yield machine
    finally:
        machine.stop()
        for pid in machine.processes():
            os.kill(pid, signal.SIGKILL)
        world.close()


@pytest.fixture
def person(box: Box) -> Iterator[Browser]:
    browser = Browser(box.address)
    assert browser.login(box.world.ticket(LEAD, "lead")).status_code == 302
    browser.start(LEAD)
    yield browser
    browser.close()


def test_r_runs_a_cell_and_ends_with_its_server(box: Box, person: Browser) -> None:
    assert box.world.of("ready")[0]["kernels"] == ["genomics-r"]
    offered = person.server("GET", "/api/kernelspecs").json()["kernelspecs"]["genomics-r"]["spec"]
    assert offered["display_name"] == "Genomics Research (R 4.2)"
    assert offered["metadata"]["resources"] == KERNEL["resources"]
    kernel = person.kernel("genomics-r")
    said = person.run(kernel, 'suppressMessages(library(GenomicRanges)); cat(width(GRanges("chr1", IRanges(1, 42))), "Café")')
    assert said.strip() == "42 Café"
    assert person.run(kernel, 'cat(system("Rscript -e \\"cat(6 * 7)\\"", intern = TRUE))').strip() == "42"
    assert pids(box, "IRkernel::main")
    [server] = pids(box, "host.singleuser")
    os.kill(server, signal.SIGKILL)
    assert eventually(lambda: not pids(box, "IRkernel::main")), "an R kernel does not outlive its server"
