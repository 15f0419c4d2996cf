"""How busy is the machine? Shares in percent, each since the last question."""

import time
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


def begin() -> None:
    """Start counting CPU time: a share is always one since the last question."""
    psutil.cpu_percent()


def now(started: float, root: Path) -> Load:
    """Return the load since it was asked last."""
    return Load(
        psutil.cpu_percent(), psutil.virtual_memory().percent, psutil.disk_usage(str(root)).percent, time.time() - started
    )
