"""What does a shipped pack stand on? Its own file and those of all it extends, the oldest first."""

from __future__ import annotations

from typing import Any

from chalicelib.packs import yaml_files
from chalicelib.runtime.errors import NotFound, PackBroken, near_miss

MAX_GENERATIONS = 8
Line = list[tuple[str, dict[str, Any]]]


def lineage(name: str) -> Line:
    """From the oldest ancestor to the pack itself: (name, what its own file says). NotFound (with a near miss), PackBroken."""
    line: Line = []
    wanted: str | None = name
    while wanted:
        own = yaml_files.read(wanted)
        if own is None:
            raise unknown(wanted, line)
        line.insert(0, (wanted, own))
        wanted = _parent(line)
    return line


def _parent(line: Line) -> str | None:
    """The pack that the oldest one so far extends."""
    name, own = line[0]
    parent = own.get("extends")
    if parent is None:
        return None
    if not isinstance(parent, str):
        raise PackBroken(f"pack {name}: extends must name one pack")
    if parent in [one for one, _ in line] or len(line) >= MAX_GENERATIONS:
        raise PackBroken(f"pack {name}: extends {parent}, which leads back to itself", "a pack extends another one, or none")
    return parent


def unknown(name: str, line: Line, more: tuple[str, ...] = ()) -> NotFound | PackBroken:
    """There is no such pack; `more` are names of teams' own."""
    known = (*yaml_files.names(), *more)
    hint = near_miss(name, known) or f"there are: {', '.join(known)}"
    if line:
        return PackBroken(f"pack {line[0][0]}: extends '{name[:64]}', which does not exist", hint)
    return NotFound(f"unknown domain '{name[:64]}'", hint)
