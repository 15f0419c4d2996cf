"""How is a part of a bake made so that no crash can lose it, and how does it go? As runtime/making.py says, in its journal."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from chalicelib.images import ec2, s3, store
from chalicelib.images.journal import Entry, Kind, State, to_take_down
from chalicelib.images.rules import Bake, image_name
from chalicelib.images.rules import State as Phase
from chalicelib.runtime import making, parts, settings
from chalicelib.runtime.ec2 import TAG
from chalicelib.runtime.errors import StillThere, Superseded
from chalicelib.runtime.facts import NO_CHANGES, Changes, Fact, record
from chalicelib.runtime.store import Write, commit

WIZARD = "aws-research-wizard"


@dataclass(frozen=True)
class Owner:
    """A bake, as whoever its parts belong to."""

    bake: Bake

    def journal(self) -> tuple[Entry, ...]:
        return store.journal(self.bake.id)

    def holds(self) -> Write:
        return store.holds(self.bake)

    def plan(self, entry: parts.Entry) -> tuple[Write, ...]:
        return store.plan(self.bake, entry)

    def noted(self, entry: parts.Entry) -> Write:
        return store.noted(self.bake, entry)

    def moved_on(self) -> Superseded:
        return store.moved_on(self.bake)


@dataclass(frozen=True)
class Book(making.Pages):
    """A bake and its journal as one task found them."""

    bake: Bake

    @classmethod
    def open(cls, bake: Bake) -> Book:
        return cls(Owner(bake), {entry.key: entry for entry in store.journal(bake.id)}, bake)


def current(bake_id: str, generation: int, *states: Phase) -> Bake:
    """The bake as it is now; Superseded unless it is still in this generation and one of these states."""
    bake = store.load(bake_id, consistent=True)
    if bake.generation != generation or bake.state not in states:
        raise Superseded(f"{bake_id} is {bake.state} {bake.generation}; this work was for generation {generation}")
    return bake


def fact(name: str, bake: Bake, now: datetime, by: str = WIZARD, before: Bake | None = None, **data: object) -> Write:
    """Something that happened to a bake, to be committed with the state it describes."""
    old = str(before.state) if before else None
    changes: Changes = {"state": (old, str(bake.state))} if old != bake.state and (before or name == ASKED) else NO_CHANGES
    behalf = bake.asked_by if by == WIZARD and bake.asked_by != WIZARD else ""
    about = {"pack": bake.pack, **data}
    return record(Fact(name, bake.id, about, now, by, bake.correlation_id, changes=changes, on_behalf_of=behalf))


ASKED = "BakeRequested"


def tags(bake: Bake) -> dict[str, str]:
    """On every part of a bake."""
    known = settings.current()
    return {
        "Name": image_name(known.prefix, bake),
        f"{TAG}:bake": bake.id,
        f"{TAG}:pack": bake.pack,
        f"{TAG}:stage": known.stage,
        f"{TAG}:region": known.region,
    }


def group_name(bake: Bake) -> str:
    return f"{settings.current().prefix}-{bake.id}"


# ---- taken down ----------------------------------------------------------------------------------------------------------


def take_down(bake: Bake, kinds: Collection[Kind] = tuple(Kind)) -> None:
    """Remove what the journal says may stand, last made first. What others still lean on waits for the next run (StillThere)."""
    standing: list[str] = []
    if Kind.BUILDER in kinds:
        ec2.terminate(one.id for one in ec2.builders_of(bake.id) if one.alive)
    for entry in to_take_down(store.journal(bake.id)):
        if entry.kind not in kinds:
            continue
        try:
            _remove(bake, entry)
            commit(store.mark(bake, replace(entry, state=State.REMOVED)))
        except StillThere as error:
            standing.append(f"{entry.kind}: {error.message}")
    if standing:
        raise StillThere("; ".join(standing))


def _remove(bake: Bake, entry: Entry) -> None:
    """Remove one part, made or merely planned. StillThere until AWS no longer shows it."""
    match entry.kind:
        case Kind.ORDER:
            s3.remove(bake.id)
        case Kind.GROUP:
            group = entry.id or ec2.find_group(entry.token)
            if group:
                ec2.remove_group(group)
        case Kind.BUILDER:
            _end_builder(bake, entry)
        case Kind.IMAGE:
            ec2.remove_image(entry.token, bake.id)
        case Kind.COPY:
            ec2.remove_image(image_name(settings.current().prefix, bake), bake.id, entry.token)
        case _:
            assert_never(entry.kind)


def _end_builder(bake: Bake, entry: Entry) -> None:
    builder = entry.id or next((one.id for one in ec2.builders_of(bake.id) if one.token == entry.token), "")
    if not builder:
        return
    ec2.terminate([builder])
    seen = ec2.see(builder)
    if seen is not None and seen.state != "terminated":
        raise StillThere(f"{builder} is still {seen.state}")
