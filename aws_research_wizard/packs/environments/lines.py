"""What becomes of each line: carried into the pack, perhaps a little changed, or left behind with a reason?

Keeps true: a line that says anything is one of the two; nothing is dropped in silence.
"""

from dataclasses import dataclass, field

from aws_research_wizard.client.errors import WizardError

MOST_WORDS = 120


class ImportRefused(WizardError):  # noqa: N818 - as the others are called
    """Nothing can be made of this; the words are for a person."""


@dataclass(frozen=True)
class Carried:
    """A package that goes into the pack. `note`: what is not quite as the line said it; `loose`: it may be no Python package."""

    line: int
    requirement: str
    note: str = ""
    loose: bool = False


@dataclass(frozen=True)
class Left:
    """A line that could not be carried, and why."""

    line: int
    text: str
    why: str
    file: str = "packages"


@dataclass
class Sorted:
    """A list, line by line."""

    carried: list[Carried] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    tools: list[Carried] = field(default_factory=list)
    """Programs rather than packages: Debian has them."""

    def leave(self, line: int, text: str, why: str, file: str = "packages") -> None:
        """Say of a line that it stays behind."""
        self.left.append(Left(line, " ".join(text.split())[:MOST_WORDS], why, file))
