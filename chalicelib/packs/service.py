"""The verbs: which packs are there, and what exactly does this one give a lab?

Packs ship inside the package and cannot change while it runs, so what was read once is kept.
"""

from functools import cache
from typing import Any

from chalicelib.packs import reading, yaml_files
from chalicelib.packs.rules import Pack, PackSummary
from chalicelib.runtime.errors import NotFound, PackBroken, near_miss

MAX_GENERATIONS = 8


@cache
def catalogue() -> tuple[PackSummary, ...]:
    """Every pack in short, sorted by name."""
    return tuple(summary(resolve(name)) for name in yaml_files.names())


def summary(pack: Pack) -> PackSummary:
    shown = tuple(kernel.display_name for kernel in pack.installed_kernels)
    return PackSummary(name=pack.name, title=pack.title, purpose=pack.purpose, kernels=shown)


@cache
def resolve(name: str) -> Pack:
    """The pack with all it extends merged in. NotFound (with a near miss) for an unknown name, PackBroken for a bad file."""
    line: list[tuple[str, dict[str, Any]]] = []
    wanted: str | None = name
    while wanted:
        own = yaml_files.read(wanted)
        if own is None:
            raise _unknown(wanted, line)
        line.insert(0, (wanted, own))
        wanted = _parent(line)
    return reading.resolve(line)


def _parent(line: list[tuple[str, dict[str, Any]]]) -> str | None:
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


def _unknown(name: str, line: list[tuple[str, dict[str, Any]]]) -> NotFound | PackBroken:
    known = yaml_files.names()
    hint = near_miss(name, known) or f"there are: {', '.join(known)}"
    if line:
        return PackBroken(f"pack {line[0][0]}: extends '{name[:64]}', which does not exist", hint)
    return NotFound(f"unknown domain '{name[:64]}'", hint)
