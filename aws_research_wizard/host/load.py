"""How busy is the machine? Shares in percent, and what the lab's storage holds."""

import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

MEASURE_SECONDS = 300.0
"""Counting a large file system is slow: it is done in the background, this often at most."""


@dataclass(frozen=True)
class Load:
    """CPU, memory and disk in use, 0..100; seconds since the machine's boot."""

    cpu: float
    memory: float
    disk: float
    uptime_s: float


def now(started: float, root: Path) -> Load:
    """Return the load since it was asked last."""
    return Load(psutil.cpu_percent(), psutil.virtual_memory().percent, psutil.disk_usage(str(root)).percent, time.time() - started)


class Usage:
    """The bytes that homes and the shared directory take, counted in the background."""

    def __init__(self, storage: Path, every: float = MEASURE_SECONDS) -> None:
        self._storage, self._every = storage, every
        self._bytes, self._counted = 0, -every
        self._busy = threading.Lock()

    def bytes(self) -> int:
        """Return the last count, and start another when it is old."""
        if time.monotonic() - self._counted >= self._every and self._busy.acquire(blocking=False):
            threading.Thread(target=self._count, name="usage", daemon=True).start()
        return self._bytes

    def _count(self) -> None:
        try:
            words = ["nice", "-n", "19", "du", "-s", "--block-size=1", "-x", str(self._storage)]
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=3600)
            self._bytes = int(done.stdout.split()[0]) if done.stdout else self._bytes
        except (OSError, ValueError, subprocess.TimeoutExpired):
            pass  # the last count stands
        finally:
            self._counted = time.monotonic()
            self._busy.release()
