"""Since when is a kernel busy, or idle? Remembered from look to look, because no server says it.

A kernel that is busy and prints nothing is busy: only its state counts then. One that is idle may have worked between two looks:
its last sign of work counts. A server that does not answer changes nothing of what is remembered: its kernels are "unknown".

Keeps true: ages are measured with a clock that only goes forward, the same for every process of a boot; so an agent that is
started anew goes on counting where the one before ended.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aws_research_wizard.host import files

BUSY, IDLE, STARTING, UNKNOWN = "busy", "idle", "starting", "unknown"
STATES = {"busy": BUSY, "idle": IDLE, "starting": STARTING, "restarting": STARTING, "autorestarting": STARTING, "dead": IDLE}


@dataclass(frozen=True)
class Since:
    """A state, since when, and when it was last seen to be so."""

    state: str
    since: float
    seen: float


def follow(before: Since | None, state: str, now: float, quiet_s: float | None) -> Since:
    """Return what is known after a look: `quiet_s` is the age of the last sign of work, None when there was none yet."""
    heard = now - max(0.0, quiet_s) if quiet_s is not None else None
    if before is None:
        return Since(state, now if heard is None else heard, now)
    if before.state != state:
        return Since(state, min(now, max(before.seen, now if heard is None else heard)), now)
    since = before.since if heard is None or state == BUSY else max(before.since, heard)
    return Since(state, min(since, now), now)


class Ages:
    """What is remembered of every kernel of this machine, kept on disk when a state changes."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        kept = (files.read_json(path) if path else None) or {}
        self._all = {key: Since(str(state), float(since), float(seen)) for key, (state, since, seen) in kept.items()}

    def note(self, key: str, state: str, now: float, quiet_s: float | None = None) -> float:
        """Take in one look at one kernel; return the age of its state."""
        before = self._all.get(key)
        if state == UNKNOWN:
            return now - before.seen if before else 0.0
        self._all[key] = follow(before, state, now, quiet_s)
        if self._path and (before is None or before.state != state):
            self._save()
        return now - self._all[key].since

    def known(self, prefix: str) -> list[str]:
        """Return the keys that begin so."""
        return [key for key in self._all if key.startswith(prefix)]

    def keep(self, keys: Iterable[str]) -> None:
        """Forget whatever is not among `keys`."""
        kept = set(keys)
        if gone := [key for key in self._all if key not in kept]:
            for key in gone:
                del self._all[key]
            self._save()

    def _save(self) -> None:
        if self._path is None:
            return
        try:
            files.write_json(self._path, {key: [one.state, one.since, one.seen] for key, one in self._all.items()})
        except OSError:
            return  # a full disk forgets at most what a restart would have kept


def state_of(kernel: Mapping[str, object]) -> str:
    """Return the state of a kernel as its server names it, in our four words."""
    return STATES.get(str(kernel.get("execution_state") or ""), UNKNOWN)
