"""The hand that kills: at random moments, from a seed, with `kill -9`, any part of the cloud or of a machine."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import psutil

from tools.storm.ground import CLOUD_PARTS, Ground, kill, words

#: How often each kind of part is chosen, and the words by which a machine's process of that kind is known.
WEIGHTS = {
    "emulator": 3, "infra": 3, "runner": 3, "worker": 5,
    "hub": 5, "agent": 4, "proxy": 2, "supervisor": 2, "boot": 2, "server": 2, "machine": 2,
}  # fmt: skip
WORDS = {
    "hub": "-m jupyterhub ",
    "agent": "aws_research_wizard.host agent",
    "proxy": "aws_research_wizard.host proxy",
    "supervisor": "aws_research_wizard.host supervise",
    "boot": "aws_research_wizard.host boot",
    "server": "aws_research_wizard.host.singleuser",
}


class Blow(NamedTuple):
    """One strike: seconds since the storm began, what was meant, whose, and which processes died of it."""

    at: float
    kind: str
    of: str
    pids: tuple[int, ...]


@dataclass(frozen=True)
class Rhythm:
    """Seconds between two blows, and how long the cloud's own parts are spared after one of them was struck."""

    least: float = 2.0
    most: float = 8.0
    spared: float = 25.0


class Hand(threading.Thread):
    """Strikes until told to rest. The choices follow from the seed; what lives at that moment does not."""

    def __init__(self, ground: Ground, chance: random.Random, rhythm: Rhythm) -> None:
        super().__init__(name="hand", daemon=True)
        self.ground, self.chance, self.rhythm = ground, chance, rhythm
        self.resting = threading.Event()
        self.blows: list[Blow] = []
        self.began = self.ended = self._spared_until = 0.0

    def run(self) -> None:
        self.began = time.monotonic()
        while not self.resting.wait(self.chance.uniform(self.rhythm.least, self.rhythm.most)):
            kind = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            self.strike(kind, self.chance.random())

    def strike(self, kind: str, which: float) -> None:
        """Kill one process of this kind (`which` in 0..1 chooses), or all of one machine's."""
        if kind in CLOUD_PARTS and time.monotonic() < self._spared_until:
            return
        found = self._victims(kind)
        if not found:
            return
        of, victims = found[min(int(which * len(found)), len(found) - 1)]
        dead = tuple(process.pid for process in victims if kill(process))
        if dead:
            self.blows.append(Blow(round(time.monotonic() - self.began, 2), kind, of, dead))
        if kind in CLOUD_PARTS:
            self._spared_until = time.monotonic() + self.rhythm.spared

    def _victims(self, kind: str) -> list[tuple[str, list[psutil.Process]]]:
        if kind in CLOUD_PARTS:
            living = self.ground.part(kind)
            return [("the cloud", [living])] if living else []
        if kind == "worker":
            return [("the cloud", [one]) for one in self.ground.workers()]
        machines = sorted(self.ground.of_machines().items())
        if kind == "machine":
            return machines
        return [(name, [one]) for name, living in machines for one in living if WORDS[kind] in words(one) + " "]

    def struck(self) -> Counter[str]:
        """Strikes by kind."""
        return Counter(blow.kind for blow in self.blows)

    def rest(self) -> None:
        """No more blows."""
        self.resting.set()
        self.join(30)
        self.ended = time.monotonic()
