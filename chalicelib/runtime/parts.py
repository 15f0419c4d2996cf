"""Which parts of AWS belong to something of ours, and what became of each? The lines of a journal, whoever keeps it.

Keeps true: a part is written down as PLANNED before it is made; parts are made in the order of their kinds and taken down in
reverse, so that nothing is removed while another part still leans on it. Values only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

MANY = ("instance", "image-copy")  # kinds of which several may be tried or had: their tokens tell them apart


class State(StrEnum):
    PLANNED = "planned"
    MADE = "made"
    REMOVED = "removed"
    KEPT = "kept"


@dataclass(frozen=True)
class Entry:
    """One line of a journal. `token` makes its creation repeatable; `id` is AWS's, known once it is MADE."""

    kind: StrEnum
    token: str
    state: State = State.PLANNED
    id: str = ""

    @property
    def key(self) -> str:
        """Its place in the journal: one line for each part, one for each machine that was tried."""
        place = f"{list(type(self.kind)).index(self.kind):03d}#{self.kind}"
        return f"{place}#{self.token}" if self.kind in MANY else place


E = TypeVar("E", bound=Entry)


def to_take_down(entries: Iterable[E]) -> list[E]:
    """What still stands or may stand, last made first."""
    open_ones = [entry for entry in entries if entry.state in (State.PLANNED, State.MADE)]
    return sorted(open_ones, key=lambda entry: entry.key, reverse=True)
