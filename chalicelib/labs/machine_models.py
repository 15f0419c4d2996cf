"""What do a lab's machine and the control plane say to each other? Its requests, and the orders that answer them."""

from __future__ import annotations

from typing import Any, Literal

from chalicelib.labs.rules import Phase
from chalicelib.runtime.shapes import Asked, Field, Told


class Proof(Asked):
    headers: dict[str, str]
    body: str = Field(max_length=200)


class ClaimRequest(Asked):
    lab_id: str = Field(max_length=40)
    instance_id: str = Field(pattern="^i-[0-9a-f]{8,32}$")
    proof: Proof


class Orders(Told):
    """What the machine shall be now."""

    lab_id: str
    phase: Phase
    domain: str
    capacity: int
    shared_storage_gb: int
    owner: str
    users: list[dict[str, str]]
    packs: list[str] = Field(description="Whose notebooks people get; the lab's own first")
    kernels: list[dict[str, Any]]
    examples: bool
    access: dict[str, str | None]
    storage: dict[str, str | None]
    heartbeat_seconds: int
    notice: dict[str, Any] | None = Field(description="What people here are warned of: kind, at, in_s, text; null: nothing")
    price: dict[str, str] | None = Field(description="List price of the machine: hourly, currency, as_of; null: not known")
    idle: dict[str, int] = Field(description="auto_shutdown in minutes (a server nobody uses ends then) of minute_seconds each")
    cost_tracking: bool = Field(description="Do notebooks tell what their cells cost?")
    work: list[dict[str, Any]] = Field(description="What to do, oldest first: id, kind and order of each piece")


class Claimed(Told):
    token: str
    login_key: str
    orders: Orders


class StepReport(Asked):
    step: str = Field(min_length=1, max_length=80)
    state: Literal["started", "done", "failed"]
    seconds: float | None = Field(default=None, ge=0)
    detail: str = Field(default="", max_length=500)


class StepTime(Asked):
    name: str = Field(max_length=80)
    seconds: float = Field(ge=0)


class ReadyReport(Asked):
    boot_id: str = Field(min_length=1, max_length=80)
    address: str = Field(max_length=200, pattern=r"^https?://[A-Za-z0-9.:-]+/?$")
    steps: list[StepTime] = Field(default_factory=list, max_length=30)
    kernels: list[str] = Field(default_factory=list, max_length=50)


class FailedReport(Asked):
    step: str = Field(max_length=80)
    cause: str = Field(max_length=500)
    log_tail: list[str] = Field(default_factory=list, max_length=100)


class WorkReport(Asked):
    state: Literal["running", "done", "failed"]
    report: dict[str, Any] = Field(default_factory=dict, description="What came of it; its fields depend on the kind of work")
    cause: str = Field(default="", max_length=2000, description="Why it failed")


class Lenient(Asked):
    """An agent of another release may say more, or less."""

    model_config = Asked.model_config | {"extra": "ignore"}


class KernelReport(Lenient):
    id: str = ""
    name: str | None = None
    state: str | None = Field(default=None, description="busy, idle, starting; anything else counts as unknown")
    for_s: float | None = Field(default=None, description="How long it has been in this state")
    connections: int = 0
    notebook: str | None = None


class TerminalReport(Lenient):
    name: str = ""
    children: int = Field(default=0, description="Processes that run in it")
    cpu: float | None = None
    idle_s: float | None = Field(default=None, description="Age of its last output or input")


class KernelMade(Lenient):
    """A kernel that the orders name, as it stands on the machine."""

    name: str = Field(max_length=80)
    asked: str = Field(default="", max_length=60, description="The activation it was ordered for")
    state: str = Field(default="", description="ready or failed; anything else is not news")
    cause: str = Field(default="", max_length=500)
    lock: str = Field(default="", max_length=64, description="SHA-256 of the lock it was made from")
    solved: str = Field(default="", max_length=20)
    pins: int = Field(default=0, ge=0)


class ServerReport(Lenient):
    user: str = ""
    started_s: float | None = None
    kernels: list[KernelReport] = Field(default_factory=list)
    terminals: list[TerminalReport] = Field(default_factory=list)
    requests_s: float | None = Field(default=None, description="Age of the last request that a person caused; null: none yet")
    uploads: int = Field(default=0, description="Uploads under way")
    connections: int = Field(default=0, description="WebSockets that are open")
    cpu: float | None = Field(default=None, description="Percent of one core")
    memory_mb: float | None = None
    gpu: float | None = None
    last_activity: str | None = Field(default=None, description="Said by agents from before `seq`")


class HeartbeatReport(Lenient):
    """All times are ages in seconds, measured on the machine."""

    boot_id: str = Field(max_length=80)
    seq: int = Field(default=0, ge=0, lt=2**53, description="Grows within a boot; what is not newer is ignored. 0: not told")
    uptime_s: float = 0
    storage_used_bytes: int | None = None
    cpu: float | None = None
    memory: float | None = None
    disk: float | None = None
    gpu: float | None = None
    network_kb_per_second: float | None = None
    servers: list[ServerReport] = Field(default_factory=list, max_length=500)
    release: str = Field(default="", max_length=40)
    kernels: list[KernelMade] = Field(default_factory=list, max_length=100)
