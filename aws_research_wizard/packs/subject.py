"""One pack on the table: its file, what it says itself, and what a lab would get of it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from aws_research_wizard.packs.documents import STEPS, Document
from aws_research_wizard.packs.production import packs


class Subject(NamedTuple):
    """`own`: what its file says. `pack`: with all it extends merged in; None while that fails. `region`: of the labs."""

    name: str
    folder: Path
    document: Document
    own: dict[str, Any]
    pack: packs.Pack | None
    region: str
    today: date

    def words(self, *steps: str | int) -> Iterator[tuple[STEPS, str]]:
        """The texts of a list of the pack's own file, each with its way; nothing where there is no such list."""
        value = self.part(*steps)
        if isinstance(value, list):
            yield from (((*steps, number), one) for number, one in enumerate(value) if isinstance(one, str))

    def part(self, *steps: str | int) -> Any:
        """What the own file says there, or None."""
        value: Any = self.own
        for step in steps:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def mapping(self, *steps: str | int) -> dict[str, Any]:
        """The mapping there, or an empty one."""
        value = self.part(*steps)
        return value if isinstance(value, dict) else {}
