"""What can be seen in the account, and what do the tables know of the lab that it names?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.images.rules import Bake
from chalicelib.labs.journal import Entry, Kind
from chalicelib.labs.rules import Lab
from chalicelib.limits.rules import Price


class What(StrEnum):
    """What can be found besides the parts that the journal knows by `Kind`."""

    VOLUME = "volume"
    INTERFACE = "network-interface"
    WORKFLOW = "workflow"
    PLACE = "place"
    TOKEN = "task-token"  # noqa: S105 - a kind of record
    WORK = "work"
    QUEUE = "queue"
    LOG_STREAM = "log-stream"
    BACKUPS = "backups"
    LAB = "lab"
    BUILDER = "builder"
    BUILDER_GROUP = "builder-security-group"
    IMAGE = "image"
    SNAPSHOT = "snapshot"


UNSEEN = "*"  # the id of what could not be looked at
NOTES = frozenset({What.TOKEN, What.LOG_STREAM, What.BACKUPS})  # worth telling; nobody has to do anything about them
WEIGHTY = frozenset({Kind.INSTANCE, Kind.FILE_SYSTEM, What.VOLUME})  # while one of these exists, so may the lab
ORDER: tuple[str, ...] = (
    What.LAB, What.QUEUE, What.WORKFLOW, What.TOKEN, What.WORK, Kind.INSTANCE, Kind.RECORD, Kind.PROFILE, Kind.ROLE,
    What.INTERFACE, Kind.MOUNT_TARGET, Kind.FILE_SYSTEM, Kind.STORAGE_GROUP, Kind.MACHINE_GROUP, What.VOLUME, What.PLACE,
    What.LOG_STREAM, What.BACKUPS, What.BUILDER, What.IMAGE, What.SNAPSHOT, What.BUILDER_GROUP,
)  # fmt: skip # what leans on another goes before it


@dataclass(frozen=True)
class Thing:
    """Something that was seen. `name` is what its maker can work out again (a group's name, a token, the file system of a
    mount target, a place's team); `made_at` is None where AWS does not tell."""

    kind: Kind | What
    id: str
    lab_id: str
    name: str = ""
    made_at: datetime | None = None
    state: str = ""
    generation: int = 0
    size_gb: float = 0.0
    region: str | None = None
    kept_by: str = ""
    monthly_cost: Price | None = None
    bake: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.id}"


@dataclass(frozen=True)
class Owner:
    """The lab that a thing names, as the tables know it. `names` are the names its parts would have."""

    lab: Lab | None = None
    lines: tuple[Entry, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    weighty: bool = False
    region: str = ""
    bake: Bake | None = None

    def line(self, kind: Kind | What, token: str = "") -> Entry | None:
        fitting = [one for one in self.lines if one.kind == kind and (one.kind is not Kind.INSTANCE or one.token == token)]
        return fitting[0] if fitting else None
