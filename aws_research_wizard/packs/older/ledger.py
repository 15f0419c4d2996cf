"""What becomes of every single value of an older file: carried to a place in ours, or left with a reason.

Keeps true: each leaf of the file is in the book exactly once as carried or left (one that is carried may also say what of it
was not). What nobody spoke for is left, by itself; so nothing can be dropped in silence.
"""

from typing import Any, NamedTuple

from aws_research_wizard.packs.documents import STEPS, Document, leaves, written
from aws_research_wizard.packs.findings import Place, shortened

UNSPOKEN = "a pack of ours has no place for it"


class Carried(NamedTuple):
    """`way`: where it is in our pack; `but`: what is not quite as it was."""

    steps: STEPS
    place: Place
    text: str
    way: str
    but: str = ""


class Left(NamedTuple):
    """`why`: in one line."""

    steps: STEPS
    place: Place
    text: str
    why: str


class Ledger:
    """The book of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.values = dict(leaves(document.values))
        self.carried: dict[STEPS, Carried] = {}
        self.left: dict[STEPS, Left] = {}

    def carry(self, steps: STEPS, way: str, but: str = "") -> None:
        """A leaf that is in the new pack, at `way`."""
        self.left.pop(steps, None)
        self.carried[steps] = Carried(steps, self.document.at(*steps), self.text(steps), way, but)

    def leave(self, steps: STEPS, why: str) -> None:
        """A value, or all that stands below it, stays behind."""
        for leaf in self.below(steps):
            if leaf not in self.carried and leaf not in self.left:
                self.left[leaf] = Left(leaf, self.document.at(*leaf), self.text(leaf), why)

    def close(self) -> None:
        """Whatever nobody spoke for."""
        self.leave((), UNSPOKEN)

    def below(self, steps: STEPS) -> list[STEPS]:
        """Every leaf at or under a place."""
        return [leaf for leaf in self.values if leaf[: len(steps)] == steps]

    def text(self, steps: STEPS) -> str:
        """As the file has it: the way and the value."""
        value: Any = self.values.get(steps)
        shown = "" if value is None or value in ({}, []) else str(value)
        return shortened(f"{written(steps)}: {shown}" if steps else shown, 120)
