"""A lab serves while its control plane is dead, and everything catches up afterwards: the short form of `make outage`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.outage import Outage
from tools.storm.ground import Ground

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(300)]


def test_a_lab_serves_while_its_control_plane_is_dead_and_catches_up(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWR_HOME", "AWR_CONFIG", "AWR_PACKAGE"):
        monkeypatch.setenv(name, "")
    ground, told = Ground(tmp_path), list[str]()
    ground.home.root.mkdir(parents=True, exist_ok=True)
    ground.home.cache.symlink_to(cache)
    outage = Outage(ground, seconds=10.0, every=1.0, say=told.append)
    try:
        ground.prepare(told.append)
        ground.up()
        assert outage.run(), [line for line in told if "✘" in line]
        assert outage.figures["cells"] >= 3
    finally:
        ground.remove()
    assert ground.of_machines() == {}
