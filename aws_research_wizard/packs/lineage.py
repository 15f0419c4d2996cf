"""What does a pack stand on? The files from the oldest one it extends down to itself, or why they cannot be had."""

from pathlib import Path
from typing import Any, NamedTuple

from aws_research_wizard.packs import documents, shelf
from aws_research_wizard.packs.documents import Document
from aws_research_wizard.packs.findings import Finding, finding
from aws_research_wizard.packs.production import near_miss
from aws_research_wizard.packs.shelf import Shelf

MOST = 8  # generations, as production has it
Line = tuple[tuple[str, dict[str, Any]], ...]


class Lineage(NamedTuple):
    """`line`: (name, what its own file says) from the oldest; empty when the chain is broken."""

    line: Line
    findings: tuple[Finding, ...] = ()


def of(document: Document, name: str, near: Shelf) -> Lineage:
    """The chain of a pack. Only what its own file can mend is said of it; a parent's faults are one finding."""
    line: Line = ((name, document.values),)
    place = document.at("extends")
    while (wanted := line[0][1].get("extends")) is not None:
        if not isinstance(wanted, str):
            return Lineage((), ())  # its shape says so
        if wanted in [one for one, _ in line] or len(line) >= MOST:
            return Lineage((), (_circle(wanted, line, place),))
        own = near.find(wanted)
        if own is None:
            known = near.names()
            hint = near_miss(wanted, known) or f"there are: {', '.join(known)}"
            said = f"{line[0][0]} extends '{wanted[:64]}', which does not exist"
            return Lineage((), (finding("P112", place, said, hint),))
        parent, faults = documents.read(own / shelf.PACK)
        if parent is None or faults or not isinstance(parent.values, dict):
            first = f": {faults[0].said}" if faults else ""
            return Lineage((), (finding("P113", place, f"{wanted} cannot be read{first}", f"packs lint {own}"),))
        line = ((wanted, parent.values), *line)
    return Lineage(line)


def _circle(wanted: str, line: Line, place: Any) -> Finding:
    if len(line) == 1:
        return finding("P110", place, f"{wanted} extends itself")
    way = " → ".join((*(one for one, _ in reversed(line)), wanted))
    return finding("P111", place, f"{way}" if len(line) < MOST else f"{way}: more than {MOST} generations")


def named(file: Path, values: Any) -> str:
    """The name a pack goes by: its folder's, when it stands in one of its own."""
    if file.name in (shelf.PACK, shelf.OLDER):
        return file.resolve().parent.name
    said = values.get("name") if isinstance(values, dict) else None
    return said if isinstance(said, str) else file.stem
