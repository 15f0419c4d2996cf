"""How is a part of a lab made so that no crash can lose it? Intent, act, note; and whoever is overtaken undoes its own act.

    plan (PLANNED, only while the lab still wants it) → create (idempotent: by name or token) → note (MADE, only while …)

A crash after `plan` leaves a line that says what to look for; a crash after `create` is repaired by the second run, which finds
the part again; a lab that moved on between refuses the note, and the maker takes the part away at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from chalicelib.labs import store
from chalicelib.labs.journal import Entry, State
from chalicelib.labs.rules import Lab, Phase
from chalicelib.runtime.errors import Superseded
from chalicelib.runtime.store import Write, commit

Create = Callable[[], str]
Unmake = Callable[[str], None]


@dataclass(frozen=True)
class Book:
    """A lab and its journal as one task found them."""

    lab: Lab
    entries: Mapping[str, Entry]

    @classmethod
    def open(cls, lab: Lab) -> Book:
        return cls(lab, {entry.key: entry for entry in store.journal(lab.id)})

    def make(self, entry: Entry, create: Create, unmake: Unmake, also: Callable[[str], tuple[Write, ...]] | None = None) -> str:
        """The part's id; `also` are the writes that hold the lab and tell of the part (default: only that the lab holds)."""
        known = self.entries.get(entry.key)
        if known and known.state is State.MADE:
            return known.id
        if known is None:
            self._plan(entry)
        elif known.state is not State.PLANNED:
            raise store.moved_on(self.lab)
        made = create()
        try:
            told = also(made) if also else (store.holds(self.lab),)
            commit(*told, store.noted(self.lab, replace(entry, state=State.MADE, id=made)))
        except Superseded:
            unmake(made)
            raise
        return made

    def _plan(self, entry: Entry) -> None:
        """Write the intent. A twin of this task that wrote it first is no obstacle; a lab that moved on is."""
        try:
            commit(*store.plan(self.lab, entry))
        except Superseded:
            if not any(one.key == entry.key for one in store.journal(self.lab.id)):
                raise
            commit(store.holds(self.lab))


def current(lab_id: str, generation: int, *phases: Phase) -> Lab:
    """The lab as it is now; Superseded unless it is still in this generation and one of these phases."""
    lab = store.load(lab_id, consistent=True)
    if lab.generation != generation or lab.phase not in phases:
        raise Superseded(f"lab {lab_id} is {lab.phase} {lab.generation}; this work was for generation {generation}")
    return lab
