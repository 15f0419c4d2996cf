"""How did everything stand at a moment? Rebuilt from the audit log alone.

Each entry says of what it changed what stood before and after. Entries may reach the log in another order than they happened in,
so those of one subject are put in the order of their moments, and one that does not yet fit what stands waits for its turn. If
none fits, a change in between is not in the log: that is a gap, and is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

State = dict[str, dict[str, Any]]  # subject → attribute → value; what is nothing is not there
GONE = "DELETED"


@dataclass(frozen=True)
class Gap:
    """An attribute was found at another value than the entry says it had."""

    seq: int
    subject: str
    attribute: str
    stood: Any
    said: Any

    def __str__(self) -> str:
        return f"entry {self.seq}: {self.subject}'s {self.attribute} was {self.stood!r} here, the entry found {self.said!r}"


def rebuild(entries: Iterable[Mapping[str, Any]], until: str = "") -> tuple[State, list[Gap]]:
    """All subjects as they stood at `until` (a moment as the log writes it; blank: at its end)."""
    told: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        if entry["changes"] and (not until or entry["at"] <= until):
            told.setdefault(str(entry["subject"]), []).append(entry)
    state: State = {}
    gaps: list[Gap] = []
    for subject, rows in told.items():
        known = _played(sorted(rows, key=lambda row: (row["at"], row["fact"])), subject, gaps)
        if known:
            state[subject] = known
    return state, gaps


def _played(waiting: list[Mapping[str, Any]], subject: str, gaps: list[Gap]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    while waiting:
        following = next((row for row in waiting if not _misfits(row, known)), waiting[0])
        waiting.remove(following)
        gaps += [Gap(int(following["seq"]), subject, *misfit) for misfit in _misfits(following, known)]
        _apply(following["changes"], known)
    return known


def _misfits(row: Mapping[str, Any], known: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What an entry says stood before, where neither that stands nor already what came after."""
    pairs = ((name, before, after) for name, (before, after) in row["changes"].items())
    return [(name, known.get(name), before) for name, before, after in pairs if known.get(name) not in (before, after)]


def _apply(changes: Mapping[str, Any], known: dict[str, Any]) -> None:
    for name, (_, after) in changes.items():
        if after is None:
            known.pop(name, None)
        else:
            known[name] = after
    if known.get("phase") == GONE:  # its people are forgotten with it
        for name in [name for name in known if name.startswith("member:")]:
            del known[name]


def nested(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """`member:ada@uni.edu.role` as {"member": {"ada@uni.edu": {"role": …}}}."""
    shown: dict[str, Any] = {}
    for name, value in sorted(attributes.items()):
        kind, part, rest = name.partition(":")
        if not part:
            shown[name] = value
            continue
        identity, _, attribute = rest.rpartition(".")
        shown.setdefault(kind, {}).setdefault(identity, {})[attribute] = value
    return shown
