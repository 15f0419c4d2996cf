"""Which packs is a lab active in, and what is known of each of its kernels? Values only.

A lab has its own pack, its domain, and others that were activated in it. A `Use` is written as a word, `climate_modeling`,
`genomics+r` (with kernels that only come on request, by key) or `my_group@0123456789abcdef` (a version of a team's own), so that
a lab's record and the audit log say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`installing`: asked for, and not heard of since; `stalled`: not for so long that it is said. Both are still asked for,
    so a word of the machine counts. What came with the lab has no state until its machine speaks of it."""

    INSTALLING = "installing"
    STALLED = "stalled"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class Use:
    """A pack that is active in a lab, which of its kernels on request were asked for, and of a team's own the version."""

    pack: str
    also: tuple[str, ...] = ()
    version: str = ""

    @classmethod
    def read(cls, word: str) -> Use:
        named, *also = word.split("+")
        pack, _, version = named.partition("@")
        return cls(pack, tuple(also), version)

    @property
    def word(self) -> str:
        return "+".join((f"{self.pack}@{self.version}" if self.version else self.pack, *self.also))


@dataclass(frozen=True)
class LabKernel:
    """A kernel of a lab. `asked` is the activation that brought it, blank for those that came with the lab.

    `lock`, `solved` and `pins` are what its machine said it was made from: SHA-256 of the lock, the day it was solved, how many
    packages it pins. A kernel that was withdrawn because it failed stays as a line that says why.
    """

    name: str
    display_name: str
    pack: str = ""
    state: str = ""
    asked: str = ""
    cause: str = ""
    lock: str = ""
    solved: str = ""
    pins: int = 0

    @property
    def installing(self) -> bool:
        return self.state == State.INSTALLING

    @property
    def awaited(self) -> bool:
        """Is it asked for, and its machine still owes a word?"""
        return self.state in (State.INSTALLING, State.STALLED)

    @property
    def failed(self) -> bool:
        return self.state == State.FAILED
