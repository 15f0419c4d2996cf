"""Who may work here now, and who no longer? Derived from the orders, remembered between boots.

Keeps true: someone who was on the list and is not any more is removed, from that moment on; someone who never was on it (the
institution's administrator, or a person added since the last heartbeat) is judged by their ticket alone.
"""

import fcntl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aws_research_wizard.host import files

WORKERS = ("admin", "lead", "member")
"""Roles that may run a server; a viewer may not."""


@dataclass(frozen=True)
class People:
    """`roles`: e-mail to role in the lab. `removed`: e-mail to when it was taken off the list (seconds since 1970)."""

    roles: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, float] = field(default_factory=dict)

    def may_work(self, person: str) -> bool:
        """Say whether someone who is signed in may go on."""
        if person in self.roles:
            return self.roles[person] in WORKERS
        return person not in self.removed

    def groups(self, person: str) -> list[str] | None:
        """Return the hub groups of a person on the list; None leaves a guest's as their ticket set them."""
        return groups_of(self.roles[person]) if person in self.roles else None


def groups_of(role: str) -> list[str]:
    """Return the hub groups of a role."""
    return ["leads"] if role in ("lead", "admin") else []


def follow(before: People, listed: Mapping[str, str], now: float) -> People:
    """Return who may work when the list has become `listed`; an empty list is none (a lab has an owner) and changes nothing."""
    if not listed:
        return before
    lost = {person for person in before.roles if listed.get(person) not in WORKERS}
    removed = {person: when for person, when in before.removed.items() if listed.get(person) not in WORKERS}
    return People(dict(listed), {**{person: now for person in lost if person not in removed}, **removed})


def readmit(people: People, person: str) -> People:
    """Return `people` after someone came back with a ticket newer than their removal."""
    return People(people.roles, {other: when for other, when in people.removed.items() if other != person})


def path(state: Path) -> Path:
    """Where the list is kept."""
    return state / "people.json"


def load(state: Path) -> People:
    """Return the list as last written; nobody before the first orders."""
    raw = files.read_json(path(state)) or {}
    return People(raw.get("roles", {}), raw.get("removed", {}))


def change(state: Path, how: Callable[[People], People]) -> People:
    """Replace the list by what `how` makes of it, one writer at a time (the agent and the hub both write); return it."""
    place = path(state)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = load(state)
        after = how(before)
        if after != before:
            files.write_json(place, {"roles": dict(after.roles), "removed": dict(after.removed)})
    return after
