"""How figures are taken here: two things timed by turns in one run, reported as a ratio with its spread.

Absolute times on a shared machine move by a factor of two or three; a ratio of neighbours moves far less.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ratio:
    """Seconds of ours and of the peer, turn by turn."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    def as_json(self, bound: float | None = None) -> dict[str, Any]:
        """Medians, the median of the turns' ratios, and the least and greatest of them."""
        ratios = sorted(mine / theirs for mine, theirs in zip(self.ours, self.peer, strict=True))
        middle = statistics.median(ratios)
        report: dict[str, Any] = {
            "ours_s": round(statistics.median(self.ours), 4),
            "peer_s": round(statistics.median(self.peer), 4),
            "ratio": round(middle, 3),
            "ratio_min": round(ratios[0], 3),
            "ratio_max": round(ratios[-1], 3),
            "turns": len(ratios),
        }
        if bound is not None:
            report |= {"bound": bound, "held": middle <= bound}
        return report


def by_turns(ours: Callable[[], float], peer: Callable[[], float], turns: int) -> Ratio:
    """Run both `turns` times, alternating which goes first, so that a drift of the machine meets both."""
    mine: list[float] = []
    theirs: list[float] = []
    for turn in range(turns):
        for call, times in ((ours, mine), (peer, theirs)) if turn % 2 else ((peer, theirs), (ours, mine)):
            times.append(call())
    return Ratio(tuple(mine), tuple(theirs))


def seconds_of(command: list[str], env: dict[str, str] | None = None) -> float:
    """Wall seconds of one fresh process that must exit 0."""
    began = time.perf_counter()
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began
