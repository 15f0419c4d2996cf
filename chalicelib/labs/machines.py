"""What does the control plane know about a lab's machine and the people on it? Values only.

Unknown is a third value: a machine without a heartbeat is neither busy nor idle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Expect(StrEnum):
    """What a workflow waits for."""

    READY = "ready"
    STOPPED = "stopped"
    TERMINATED = "terminated"


@dataclass(frozen=True)
class Heartbeat:
    """What the machine said last. Shares (cpu, memory, disk) are 0..100; None is not known."""

    at: datetime
    uptime_s: float
    storage_used_bytes: int | None
    cpu: float | None
    memory: float | None
    disk: float | None
    servers: int
    last_activity: str = ""


@dataclass(frozen=True)
class Machine:
    """`generation` is that of the start it boots for; `ready_boot` the boot that got ready since, `past_boot` the one before."""

    lab_id: str
    instance_id: str
    generation: int
    token_hash: str = ""
    claimed_at: datetime | None = None
    ready_boot: str = ""
    past_boot: str = ""
    address: str = ""
    heartbeat: Heartbeat | None = None

    def ready_for(self, generation: int) -> bool:
        return self.generation == generation and bool(self.ready_boot)


@dataclass(frozen=True)
class Waiting:
    """A workflow that waits: answer `token` once what it `expect`s of this `generation` is true."""

    token: str
    expect: Expect
    generation: int


@dataclass(frozen=True)
class Member:
    lab_id: str
    email: str
    role: str
    added_at: datetime


class WorkState(StrEnum):
    ORDERED = "ordered"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Work:
    """Something a lab's machine does on order, for a workflow that waits: answer `token` with the `report` once it is done."""

    id: str
    kind: str
    order: Mapping[str, Any]
    token: str
    asked_at: datetime
    generation: int = 0
    lab_id: str = ""
    state: WorkState = WorkState.ORDERED
    report: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    error: str = ""
    heard_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.state in (WorkState.ORDERED, WorkState.RUNNING)
