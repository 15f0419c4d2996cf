"""How busy is the machine? Shares in percent, each since the last question."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Load:
    """CPU, memory and disk in use, 0..100; seconds since the machine's boot."""

    cpu: float
    memory: float
    disk: float
    uptime_s: float


class Network:
    """The bytes that come and go, this machine's talk with itself left out."""

    def __init__(self, count: Callable[[], int] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._count, self._clock = count or _bytes, clock
        self._before: tuple[float, int] | None = None

    def kb_per_second(self) -> float | None:
        """Return the mean since the last question; None at the first."""
        now, count, before = self._clock(), self._count(), self._before
        self._before = (now, count)
        if before is None or now <= before[0]:
            return None
        return round(max(0, count - before[1]) / 1000 / (now - before[0]), 1)


def _bytes() -> int:
    return sum(one.bytes_sent + one.bytes_recv for name, one in psutil.net_io_counters(pernic=True).items() if name != "lo")


def begin() -> None:
    """Start counting CPU time: a share is always one since the last question."""
    psutil.cpu_percent()


def now(started: float, root: Path) -> Load:
    """Return the load since it was asked last."""
    return Load(
        psutil.cpu_percent(), psutil.virtual_memory().percent, psutil.disk_usage(str(root)).percent, time.time() - started
    )
