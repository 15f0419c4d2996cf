"""How is a part of a lab made so that no crash can lose it? As runtime/making.py says, in the lab's own journal."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.labs import store
from chalicelib.labs.journal import Entry
from chalicelib.labs.rules import Lab, Phase
from chalicelib.runtime import making, parts
from chalicelib.runtime.errors import Superseded
from chalicelib.runtime.store import Write


@dataclass(frozen=True)
class Owner:
    """A lab, as whoever its parts belong to."""

    lab: Lab

    def journal(self) -> tuple[Entry, ...]:
        return store.journal(self.lab.id)

    def holds(self) -> Write:
        return store.holds(self.lab)

    def plan(self, entry: parts.Entry) -> tuple[Write, ...]:
        return store.plan(self.lab, entry)

    def noted(self, entry: parts.Entry) -> Write:
        return store.noted(self.lab, entry)

    def moved_on(self) -> Superseded:
        return store.moved_on(self.lab)


@dataclass(frozen=True)
class Book(making.Pages):
    """A lab and its journal as one task found them."""

    lab: Lab

    @classmethod
    def open(cls, lab: Lab) -> Book:
        return cls(Owner(lab), {entry.key: entry for entry in store.journal(lab.id)}, lab)


def current(lab_id: str, generation: int, *phases: Phase) -> Lab:
    """The lab as it is now; Superseded unless it is still in this generation and one of these phases."""
    lab = store.load(lab_id, consistent=True)
    if lab.generation != generation or lab.phase not in phases:
        raise Superseded(f"lab {lab_id} is {lab.phase} {lab.generation}; this work was for generation {generation}")
    return lab
