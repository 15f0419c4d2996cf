"""What is a law of the simulated world? What it says, when it is looked at, and how; `LAWS` has all that are registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.fakes.sim.evidence import Evidence

Look = Callable[[Evidence], Iterator[str]]


class Law(NamedTuple):
    name: str
    says: str
    always: bool  # after every step, or only when all is quiet
    look: Look


LAWS: dict[str, Law] = {}


def law(name: str, says: str, *, always: bool = False) -> Callable[[Look], Look]:
    def told(look: Look) -> Look:
        LAWS[name] = Law(name, says, always, look)
        return look

    return told
