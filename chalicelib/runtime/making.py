"""How is a part made so that no crash can lose it? Intent, act, note; and whoever is overtaken undoes its own act.

    plan (PLANNED, only while it is still wanted) → create (idempotent: by name or token) → note (MADE, only while …)

A crash after `plan` leaves a line that says what to look for; a crash after `create` is repaired by the second run, which finds
the part again; an owner that moved on between refuses the note, and the maker takes the part away at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from chalicelib.runtime.errors import Superseded
from chalicelib.runtime.parts import Entry, State
from chalicelib.runtime.store import Write, commit

Create = Callable[[], str]
Unmake = Callable[[str], None]


class Owner(Protocol):
    """Whose journal it is: how its lines are read and written while it holds."""

    def journal(self) -> tuple[Entry, ...]: ...
    def holds(self) -> Write: ...
    def plan(self, entry: Entry) -> tuple[Write, ...]: ...
    def noted(self, entry: Entry) -> Write: ...
    def moved_on(self) -> Superseded: ...


@dataclass(frozen=True)
class Pages:
    """A journal as one task found it."""

    owner: Owner
    entries: Mapping[str, Entry]

    def make(self, entry: Entry, create: Create, unmake: Unmake, also: Callable[[str], tuple[Write, ...]] | None = None) -> str:
        """The part's id; `also` are the writes that hold its owner and tell of the part (default: only that the owner holds)."""
        known = self.entries.get(entry.key)
        if known and known.state is State.MADE:
            return known.id
        if known is None:
            self._plan(entry)
        elif known.state is not State.PLANNED:
            raise self.owner.moved_on()
        made = create()
        try:
            told = also(made) if also else (self.owner.holds(),)
            commit(*told, self.owner.noted(replace(entry, state=State.MADE, id=made)))
        except Superseded:
            unmake(made)
            raise
        return made

    def _plan(self, entry: Entry) -> None:
        """Write the intent. A twin of this task that wrote it first is no obstacle; an owner that moved on is."""
        try:
            commit(*self.owner.plan(entry))
        except Superseded:
            if not any(one.key == entry.key for one in self.owner.journal()):
                raise
            commit(self.owner.holds())
