"""How busy are the machine's graphics processors, and with whom? Asked of nvidia-smi, where there is one; None where not.

Keeps true: asking takes at most a few seconds, and is done at most every fifteen.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence

EVERY_SECONDS, PATIENCE_SECONDS = 15.0, 5.0
Run = Callable[[Sequence[str]], str]
WHOLE = ("nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")
EACH = ("nvidia-smi", "pmon", "-c", "1", "-s", "u")


class Gpus:
    """All of the machine's, as one."""

    def __init__(self, run: Run | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run or (_run if shutil.which(WHOLE[0]) else None)
        self._clock = clock
        self._asked: float | None = None
        self._whole: float | None = None
        self._each: dict[int, float] = {}

    def look(self) -> None:
        """Ask, unless that was done a moment ago."""
        now = self._clock()
        if self._run is None or (self._asked is not None and now - self._asked < EVERY_SECONDS):
            return
        self._asked = now
        try:
            self._whole, self._each = whole(self._run(WHOLE)), each(self._run(EACH))
        except (OSError, ValueError, subprocess.SubprocessError):
            self._whole, self._each = None, {}

    @property
    def busy(self) -> float | None:
        """The busiest one's percent."""
        return self._whole

    def of(self, pids: Iterable[int]) -> float | None:
        """Return the percent that these processes take; None where there is no GPU."""
        return None if self._whole is None else min(100.0, sum(self._each.get(pid, 0.0) for pid in pids))


def whole(said: str) -> float | None:
    """Return the busiest GPU's percent."""
    return max((float(line) for line in said.split() if line.replace(".", "", 1).isdigit()), default=None)


def each(said: str) -> dict[int, float]:
    """Return percent by process, of `nvidia-smi pmon` (columns: gpu, pid, type, sm, …)."""
    found: dict[int, float] = {}
    for words in (line.split() for line in said.splitlines() if not line.startswith("#")):
        if len(words) > 3 and words[1].isdigit() and words[3].isdigit():
            found[int(words[1])] = found.get(int(words[1]), 0.0) + float(words[3])
    return found


def _run(words: Sequence[str]) -> str:
    return subprocess.run(list(words), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True).stdout
