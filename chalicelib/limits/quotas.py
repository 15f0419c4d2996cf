"""What may a team use at once, what does it use, and does one more lab fit? Values and pure decisions.

A stopped lab holds its place and its storage; vCPUs and GPUs only while its machine runs or is about to. A lab that may come
up as one of several instance types holds the largest of them until it is known which it got.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from chalicelib.limits import rules
from chalicelib.runtime.errors import LimitReached

SHOW = "look who uses it and when it frees: aws-research-wizard quota show --team {team}"


class Holding(NamedTuple):
    """What one lab holds, or all of a team's together."""

    vcpus: int = 0
    gpus: int = 0
    storage_gb: int = 0


class Quotas(NamedTuple):
    """A team's limits; None is no limit, an empty tuple every family."""

    labs: int | None = None
    vcpus: int | None = None
    gpus: int | None = None
    storage_gb: int | None = None
    families: tuple[str, ...] = ()


WORDS = {"labs": "labs", "vcpus": "vCPUs", "gpus": "GPUs", "storage_gb": "GB of storage"}
NOTHING = Holding()


class Held(NamedTuple):
    """One lab's holding as a person meets it. `frees_at`: when it is going to stop, if anybody knows."""

    lab_id: str
    holding: Holding
    frees_at: datetime | None = None
    frees_why: str = ""


class Usage(NamedTuple):
    """What a team uses: how many labs, and what all of them hold."""

    labs: frozenset[str] = frozenset()
    holding: Holding = NOTHING

    def of(self, name: str) -> int:
        return len(self.labs) if name == "labs" else int(getattr(self.holding, name))


NONE_USED = Usage()


def holding(types: Iterable[str], storage_gb: int) -> Holding:
    """What a lab holds that may run on any of these types; no types: it rests. What is not known counts as nothing."""
    sizes = [rules.size_of(name) or rules.Size(0, 0) for name in types]
    return Holding(max((one.vcpus for one in sizes), default=0), max((one.gpus for one in sizes), default=0), storage_gb)


def more(before: Holding, after: Holding) -> Holding:
    """What has to be added to get from one to the other."""
    return Holding(*(new - old for old, new in zip(before, after, strict=True)))


def refusals(
    team: str, quotas: Quotas, usage: Usage, lab_id: str, added: Holding, types: Iterable[str]
) -> Iterator[LimitReached]:
    """Every reason why this lab may not have so much more; none: it fits."""
    if quotas.labs is not None and lab_id not in usage.labs and len(usage.labs) >= quotas.labs:
        hint = f"delete a lab, or ask an admin to raise the limit; {SHOW.format(team=team)}"
        yield LimitReached(f"team {team} already has {len(usage.labs)} of {quotas.labs} labs", hint)
    for name in Holding._fields:
        limit, wanted = getattr(quotas, name), getattr(added, name)
        if limit is not None and wanted > 0 and usage.of(name) + wanted > limit:
            yield _full(team, name, usage.of(name), limit, wanted)
    unknown = [name for name in types if rules.size_of(name) is None]
    if unknown and (quotas.vcpus is not None or quotas.gpus is not None):
        yield LimitReached(f"how many vCPUs and GPUs {unknown[0]} has is not known here", "choose another instance type")


def _full(team: str, name: str, used: int, limit: int, wanted: int) -> LimitReached:
    left = max(0, limit - used)
    word = WORDS[name]
    return LimitReached(f"team {team} has {left} of {limit} {word} left; this needs {wanted} more", SHOW.format(team=team))


def raced(team: str) -> LimitReached:
    """What was free a moment ago was taken by somebody else."""
    return LimitReached(f"team {team} has no room left for this: another request took it just now", SHOW.format(team=team))
