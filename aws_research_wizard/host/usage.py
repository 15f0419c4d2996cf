"""How much of the lab's storage is used, and what is said when the ordered size is nearly reached?

Keeps true: counting never holds anything up (it is done in the background, at the lowest priority); nothing is ever
refused or removed for being over: people are told.
"""

import subprocess
import threading
import time
from pathlib import Path

from aws_research_wizard.host import files, orders

MEASURE_SECONDS = 300.0
"""Counting a large file system is slow: it is done this often at most."""
WARN_AT = 0.9
GB = 10**9


class Usage:
    """The bytes that homes and the shared directory take."""

    def __init__(self, storage: Path, state: Path, every: float = MEASURE_SECONDS) -> None:
        self._storage, self._kept, self._every = storage, path(state), every
        self._bytes: int | None = (files.read_json(self._kept) or {}).get("bytes")
        self._counted: float | None = None
        self._busy = threading.Lock()

    def bytes(self) -> int | None:
        """Return the last count (None before the first), and start another when it is old: that one is for later askers."""
        known = self._bytes
        if self._old() and self._busy.acquire(blocking=False):
            threading.Thread(target=self._count, name="usage", daemon=True).start()
        return known

    def _old(self) -> bool:
        return self._counted is None or time.monotonic() - self._counted >= self._every

    def _count(self) -> None:
        try:
            words = ["nice", "-n", "19", "du", "-s", "--block-size=1", "-x", str(self._storage)]
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=3600)
            if done.stdout:
                self._bytes = int(done.stdout.split()[0])
                files.write_json(self._kept, {"bytes": self._bytes})
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return  # the last count stands
        finally:
            self._counted = time.monotonic()
            self._busy.release()


def path(state: Path) -> Path:
    """Where the last count is kept."""
    return state / "usage.json"


def notice(state: Path) -> str:
    """Return what the hub's pages say about storage; blank while there is room."""
    wanted = orders.load(state)
    used = int((files.read_json(path(state)) or {}).get("bytes", 0))
    return words(used, wanted.quota_gb) if wanted else ""


def words(used: int, quota_gb: int) -> str:
    """Return the sentence for `used` bytes of `quota_gb` GB; blank below 90 %."""
    if not quota_gb or used < WARN_AT * quota_gb * GB:
        return ""
    return (
        f"This lab uses {used / GB:,.0f} of its {quota_gb:,} GB of storage. Its lead can give it more, or people can make room."
    )
