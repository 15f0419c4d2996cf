"""Which parts of AWS belong to a bake? Its order in the bucket, its builder with its group, its image, and the image's copies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.runtime import parts
from chalicelib.runtime.parts import State, to_take_down

__all__ = ["Entry", "Kind", "State", "to_take_down"]


class Kind(StrEnum):
    """In the order in which they are made."""

    ORDER = "bake-order"
    GROUP = "security-group"
    BUILDER = "instance"
    IMAGE = "image"
    COPY = "image-copy"


PASSING = (Kind.ORDER, Kind.GROUP, Kind.BUILDER)  # what nobody needs once there is an image
LASTING = (Kind.IMAGE, Kind.COPY)


@dataclass(frozen=True)
class Entry(parts.Entry):
    """One line of a bake's journal."""

    kind: Kind
