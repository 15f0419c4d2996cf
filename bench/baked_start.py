"""What does a baked image save? Request → ready of a lab beside one that installs, and request → first cell beside a bare hub.

Two local clouds run side by side; in one the pack is baked. On both, machines have no share in the laptop's cache of finished
environments (`AWR_CACHE=off`): each machine of the plain image installs from its locks, with the packages downloaded before and
at hand in uv's cache, and starts what nobody compiled. That is what a machine on AWS does, but for the download. The bare hub is
the peer of `lab_start`: environments ready on disk, a hub, a server, a kernel and a cell by hand, and no control plane.

    python -m bench baked_start
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from bench.lab_start import ByHand, open_and_run, quick_start
from bench.measure import by_turns
from tools.smoke import SmokeError, wizard

PACK = "genomics"
SAVES, NEAR = 0.5, 1.2
"""Bounds: a lab on an image is ready in at most half the time; its first cell comes within a fifth of the bare hub's."""
REST_SECONDS = 8.0
"""After a lab is gone its folder is removed and the next disk is laid behind our back: no part of anybody's next start."""


@dataclass(frozen=True)
class Cloud:
    """A local cloud in a home of its own; `baked`: labs there start from an image."""

    home: Path
    baked: bool

    @contextmanager
    def here(self) -> Iterator[None]:
        """Commands speak to this cloud, and machines started now make their own environments."""
        own = {"AWR_HOME": str(self.home), "AWR_CONFIG": str(self.home / "config.json"), "AWR_CACHE": "off"}
        with mock.patch.dict(os.environ, own):
            yield

    def up(self) -> None:
        """Start it, and bake if that is what it is for."""
        with self.here():
            wizard("local", "up")
            if self.baked:
                print(f"baking {PACK} …", file=sys.stderr, flush=True)
                wizard("packs", "bake", PACK)

    def down(self) -> None:
        """Nothing stays."""
        with self.here(), suppress(SmokeError):
            wizard("local", "reset", "--yes")

    def ready(self) -> float:
        """Seconds from the request of a lab to READY; the lab is deleted after the clock stops."""
        return self._lab(cell=False)

    def first_cell(self) -> float:
        """Seconds from the request of a lab to the first cell's output."""
        return self._lab(cell=True)

    def _lab(self, cell: bool) -> float:
        with self.here():
            began = time.perf_counter()
            card = quick_start()
            try:
                if cell:
                    open_and_run(card.link)
                seconds = time.perf_counter() - began
                lab = wizard("jupyter", "status", card.lab_id)
                if bool(lab.get("image")) != self.baked:
                    raise RuntimeError(f"{lab['id']} was to start from {'a baked' if self.baked else 'the plain'} image")
                print(f"  {'baked' if self.baked else 'plain'}: {seconds:.1f} s · {_steps(lab)}", file=sys.stderr, flush=True)
                return seconds
            finally:
                wizard("jupyter", "delete", card.lab_id, "--yes")
                time.sleep(REST_SECONDS)


def _steps(lab: dict[str, Any]) -> str:
    return ", ".join(f"{one['name']} {one['seconds']:.1f}" for one in lab.get("steps") or ())


def run(turns: int = 3) -> dict[str, Any]:
    """Both ratios with their spread, each in neighbouring turns."""
    with tempfile.TemporaryDirectory(prefix="wizard-bench-") as folder:
        plain, baked = Cloud(Path(folder) / "plain", baked=False), Cloud(Path(folder) / "baked", baked=True)
        try:
            for cloud in (plain, baked):
                cloud.up()
                cloud.ready()  # what is warm on a laptop in use is warm: functions, downloads, pages
            report: dict[str, Any] = {"ready": by_turns(baked.ready, plain.ready, turns).as_json(SAVES)}
            by_hand = ByHand(Path(folder))
            by_hand.first_cell()
            return report | {"first_cell": by_turns(baked.first_cell, by_hand.first_cell, turns).as_json(NEAR)}
        finally:
            for cloud in (plain, baked):
                cloud.down()
