"""Which parts of AWS belong to a lab, and what became of each?

Keeps true: a part is written down as PLANNED before it is made; parts are made in `ORDER` and taken down in reverse, so
that nothing is removed while another part still leans on it; names and tokens are the same whoever works them out.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from chalicelib.runtime import parts
from chalicelib.runtime.parts import State, to_take_down

__all__ = ["ORDER", "Entry", "Kept", "Kind", "Receipt", "Removed", "State", "machine_token", "to_take_down"]


class Kind(StrEnum):
    MACHINE_GROUP = "security-group"
    STORAGE_GROUP = "storage-security-group"
    FILE_SYSTEM = "file-system"
    MOUNT_TARGET = "mount-target"
    ROLE = "role"
    PROFILE = "instance-profile"
    INSTANCE = "instance"
    RECORD = "dns-record"


ORDER = tuple(Kind)


@dataclass(frozen=True)
class Entry(parts.Entry):
    """One line of a lab's journal."""

    kind: Kind


@dataclass(frozen=True)
class Removed:
    kind: Kind
    id: str
    verified_absent: bool


@dataclass(frozen=True)
class Kept:
    """A part that stays, and what a month of it costs as prices stood on `as_of`."""

    kind: Kind
    id: str
    monthly_cost: Decimal
    currency: str = "USD"
    as_of: str = ""


@dataclass(frozen=True)
class Receipt:
    """What a torn down lab leaves a person with: what is gone, seen to be gone, and what is kept at which price a month."""

    removed: tuple[Removed, ...] = field(default=())
    kept: tuple[Kept, ...] = field(default=())


def machine_token(lab_id: str, generation: int, attempt: int) -> str:
    """One launch of one instance type: a new type after a refusal needs a new token."""
    return f"{lab_id}-{generation}-{attempt}"
