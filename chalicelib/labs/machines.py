"""What does the control plane know about a lab's machine and the people on it? Values only.

Unknown is a third value: a machine without a heartbeat is neither busy nor idle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.runtime.clock import iso


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
class Evidence:
    """What the machine said last of work and people (see labs/evidence.py), and when that was received. `seq` grows within a
    boot. It is as old as the lease at most while the machine beats: what did not change in essence is not written again."""

    received_at: datetime
    boot_id: str
    seq: int
    said: Mapping[str, Any]


@dataclass(frozen=True)
class Notice:
    """What people on the machine are warned of: it stops `at`. `given_at`: since when."""

    kind: str
    at: datetime
    text: str
    given_at: datetime

    def told(self, now: datetime) -> dict[str, Any]:
        return {"kind": self.kind, "at": iso(self.at), "in_s": max(0, round((self.at - now).total_seconds())), "text": self.text}


@dataclass(frozen=True)
class Running:
    """Who was last told to have a server, in which of the lab's generations."""

    generation: int
    users: tuple[str, ...]


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
    evidence: Evidence | None = None
    notice: Notice | None = None
    running: Running | None = None

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
