"""What do requests and answers about labs look like?"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from chalicelib.labs import fitting, naming
from chalicelib.labs.environment import LabKernel, State, Use
from chalicelib.labs.journal import Kept, Receipt
from chalicelib.labs.machines import Machine, Member
from chalicelib.labs.rules import BEFORE_RELEASES, BakedFrom, Lab, Phase, newer
from chalicelib.labs.wishes import Found, Login, Wish
from chalicelib.limits.rules import Price, hourly_price
from chalicelib.people.rules import TEAM, LabRole
from chalicelib.runtime import settings
from chalicelib.runtime.shapes import Asked, Field, Told

TypeName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,30}\.[a-z0-9-]{1,30}$", examples=["r6i.4xlarge"])]
Team = Annotated[str, Field(pattern=f"^{TEAM.pattern}$", examples=["lovelace"])]
KernelKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$", examples=["r"])]
Size = Annotated[str, Field(max_length=20, examples=["500GB", "1TB"])]


class LabRequest(Asked):
    domain: str = Field(min_length=1, max_length=64, examples=["genomics"])
    users: int = Field(default=1, ge=1, le=200, description="How many people work in it at once")
    instance_type: TypeName | None = Field(default=None, description="Left out: what the pack advises for so many users")
    shared_storage: Size = Field(default="100GB", description="Quota of homes and the shared directory together")
    name: str = Field(default="", max_length=80)
    team: Team | None = Field(default=None, description="Which of your teams pays; left out: the first")
    notebook_examples: bool = True
    kernels: list[KernelKey] = Field(
        default_factory=list, max_length=10, description="Kernels on request, by key, beside the usual"
    )

    def wish(self) -> Wish:
        return Wish(
            domain=self.domain,
            users=self.users,
            instance_type=self.instance_type,
            shared_storage=self.shared_storage,
            name=self.name,
            team=self.team or "",
            notebook_examples=self.notebook_examples,
            kernels=tuple(self.kernels),
        )


class ScaleRequest(Asked):
    users: int | None = Field(default=None, ge=1, le=200)
    instance_type: TypeName | None = None
    shared_storage: Size | None = None

    def wish(self) -> Wish:
        return Wish(users=self.users, instance_type=self.instance_type, shared_storage=self.shared_storage)


class DeleteQuery(Asked):
    data: Literal["keep", "delete"] = Field(default="keep", description="What becomes of the people's files")


class Money(Told):
    amount: Decimal
    currency: str
    as_of: str

    @classmethod
    def of(cls, price: Price | None) -> Money | None:
        return cls(amount=price.amount, currency=price.currency, as_of=price.as_of.isoformat()) if price else None


class KernelView(Told):
    name: str
    display_name: str
    pack: str = Field(description="The pack that brought it")
    state: str = Field(description="installing, ready, or failed with a cause")
    cause: str | None
    lock: str | None = Field(description="SHA-256 of the lock it was made from, as its machine says; null: not told yet")
    solved: str | None = Field(description="The day that lock was solved")
    pins: int | None = Field(description="How many packages it pins")

    @classmethod
    def of(cls, one: LabKernel, opened: bool, domain: str) -> KernelView:
        return cls(
            name=one.name,
            display_name=one.display_name,
            pack=one.pack or domain,
            state=one.state or (State.READY if opened else State.INSTALLING),
            cause=one.cause or None,
            lock=one.lock or None,
            solved=one.solved or None,
            pins=one.pins or None,
        )


class LabPackView(Told):
    name: str
    own: bool = Field(description="The lab's own pack, its domain")
    on_request: list[str] = Field(description="Kernels that were asked for by key")
    state: str = Field(description="installing, ready, or failed: then it is not active, and the lab is as it was")
    cause: str | None
    kernels: list[str]

    @classmethod
    def all_of(cls, lab: Lab, kernels: list[KernelView]) -> list[LabPackView]:
        """The packs of a lab, its own first; last those that could not be activated."""
        uses = fitting.uses(lab)
        named = {use.pack for use in uses}
        lost = dict.fromkeys(one.pack for one in kernels if one.pack not in named)
        return [cls._of(use, use.pack == lab.domain, kernels) for use in (*uses, *map(Use, lost))]

    @classmethod
    def _of(cls, use: Use, own: bool, kernels: list[KernelView]) -> LabPackView:
        mine = [one for one in kernels if one.pack == use.pack]
        states = {one.state for one in mine}
        state = next((one for one in (State.FAILED, State.INSTALLING) if one in states), State.READY)
        cause = next((one.cause for one in mine if one.cause), None)
        return cls(
            name=use.pack, own=own, on_request=list(use.also), state=state, cause=cause, kernels=[one.name for one in mine]
        )


class ActivateRequest(Asked):
    pack: str = Field(min_length=1, max_length=64, examples=["climate_modeling"])
    kernels: list[KernelKey] = Field(default_factory=list, max_length=10, description="Kernels on request, by key")


class BakedImageView(Told):
    """The baked image that the lab's machine was launched from."""

    image_id: str
    bake_id: str
    baked_at: datetime

    @classmethod
    def of(cls, one: BakedFrom | None) -> BakedImageView | None:
        return cls(image_id=one.image_id, bake_id=one.bake_id, baked_at=one.baked_at) if one else None


class StepView(Told):
    name: str
    seconds: float


class StorageView(Told):
    file_system_id: str
    used_bytes: int | None
    quota_gb: int


class MachineView(Told):
    last_heartbeat: datetime | None
    uptime_s: float | None
    cpu: float | None = Field(description="Percent in use; null: not known")
    memory: float | None
    disk: float | None
    servers: int | None = Field(description="People who have a server running")

    @classmethod
    def of(cls, machine: Machine) -> MachineView:
        beat = machine.heartbeat
        if beat is None:
            return cls(last_heartbeat=None, uptime_s=None, cpu=None, memory=None, disk=None, servers=None)
        return cls(
            last_heartbeat=beat.at,
            uptime_s=beat.uptime_s,
            cpu=beat.cpu,
            memory=beat.memory,
            disk=beat.disk,
            servers=beat.servers,
        )


class RemovedView(Told):
    kind: str
    id: str
    verified_absent: bool


class KeptView(Told):
    kind: str
    id: str
    monthly_cost: Money

    @classmethod
    def of(cls, kept: Kept) -> KeptView:
        cost = Money(amount=kept.monthly_cost, currency=kept.currency, as_of=kept.as_of)
        return cls(kind=kept.kind, id=kept.id, monthly_cost=cost)


class ReceiptView(Told):
    removed: list[RemovedView]
    kept: list[KeptView]

    @classmethod
    def of(cls, receipt: Receipt | None) -> ReceiptView | None:
        if receipt is None:
            return None
        removed = [RemovedView(kind=one.kind, id=one.id, verified_absent=one.verified_absent) for one in receipt.removed]
        return cls(removed=removed, kept=[KeptView.of(one) for one in receipt.kept])


class LabView(Told):
    id: str
    name: str
    domain: str
    phase: Phase
    cause: str | None = Field(description="Why it failed, or why it is stopped unasked")
    hint: str | None
    owner: str
    team: str
    users: int
    instance_type: str
    shared_storage_gb: int
    address: str | None
    access_mode: str
    price_per_hour: Money | None = Field(description="List price while it runs; null: not known")
    packs: list[LabPackView] = Field(description="Its own pack first, then what was activated")
    kernels: list[KernelView]
    image: BakedImageView | None = Field(description="What its machine was launched from; null: the plain image, it installed")
    example_notebooks: int
    generation: int
    created_at: datetime
    changed_at: datetime
    ready_at: datetime | None
    steps: list[StepView] = Field(description="Steps of its last start, and how long each took")
    instance_id: str | None
    storage: StorageView | None
    machine: MachineView | None = Field(description="What its machine said last; null in lists")
    release: str | None = Field(description="What its machine runs; 0.1.0: from before releases were told")
    newer_release: str | None = Field(description="Set when a newer release is there than it runs")
    upgrading: str | None = Field(description="The upgrade under way; people go on working")
    release_note: str | None = Field(description="Why it does not run the release that was asked for, or when it will")
    stops_at: datetime | None = Field(description="People are warned that it stops then, unless somebody or something works")
    notice: str | None = Field(description="The warning in words; null in lists, and while there is none")
    receipt: ReceiptView | None = Field(description="Once deleted: what was removed, and what is kept at which cost")

    @classmethod
    def of(cls, lab: Lab, machine: Machine | None = None) -> LabView:
        known = settings.current()
        kernels = [KernelView.of(one, lab.opened, lab.domain) for one in lab.kernels]
        return cls(
            **_same(lab),
            cause=lab.cause or None,
            hint=lab.cause_hint or None,
            address=lab.address or None,
            access_mode=known.access_mode,
            price_per_hour=Money.of(hourly_price(lab.instance_type, known.region)),
            packs=LabPackView.all_of(lab, kernels),
            kernels=kernels,
            image=BakedImageView.of(lab.image),
            example_notebooks=lab.notebooks,
            steps=[StepView(name=one.name, seconds=one.seconds) for one in lab.steps],
            instance_id=lab.instance_id or None,
            storage=_storage(lab, machine),
            machine=MachineView.of(machine) if machine else None,
            release=lab.release or BEFORE_RELEASES,
            newer_release=newer(lab, naming.release_of(known.bundle_key)) or None,
            upgrading=lab.upgrading or None,
            release_note=_note(lab),
            notice=machine.notice.text if machine and machine.notice and lab.stops_at else None,
            receipt=ReceiptView.of(lab.receipt),
        )

    @classmethod
    def found(cls, found: Found) -> LabView:
        return cls.of(found.lab, found.machine)


def _note(lab: Lab) -> str | None:
    coming = f"release {lab.wanted_release} comes with its next start" if lab.wanted_release else ""
    return coming or lab.release_note or None


_SAME = (
    "id", "name", "domain", "phase", "owner", "team", "users", "instance_type", "shared_storage_gb",
    "generation", "created_at", "changed_at", "ready_at", "stops_at",
)  # fmt: skip


def _same(lab: Lab) -> dict[str, Any]:
    return {name: getattr(lab, name) for name in _SAME}


def _storage(lab: Lab, machine: Machine | None) -> StorageView | None:
    if not lab.file_system_id:
        return None
    beat = machine.heartbeat if machine else None
    used = beat.storage_used_bytes if beat else None
    return StorageView(file_system_id=lab.file_system_id, used_bytes=used, quota_gb=lab.shared_storage_gb)


class LabList(Told):
    items: list[LabView]
    cursor: str | None = Field(default=None, description="Ask with it for the next page; null at the end")


class EventView(Told):
    id: str
    name: str
    at: datetime
    by: str
    correlation_id: str
    data: dict[str, Any]


class EventList(Told):
    items: list[EventView]
    cursor: str | None = None


class EventQuery(Asked):
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=100)
    order: Literal["oldest", "newest"] = "oldest"


class LineView(Told):
    at: datetime
    text: str


class LineList(Told):
    items: list[LineView]
    cursor: str | None = None


class TunnelView(Told):
    instance_id: str
    port: int


class LoginView(Told):
    url: str = Field(description="Opens the hub; counts once, until it expires")
    expires_at: datetime
    tunnel: TunnelView | None = Field(description="Set when the address is only reached through a tunnel to this port")

    @classmethod
    def of(cls, login: Login) -> LoginView:
        tunnel = TunnelView(instance_id=login.instance_id, port=login.port) if login.port else None
        return cls(url=login.url, expires_at=login.expires_at, tunnel=tunnel)


class UserRequest(Asked):
    email: str = Field(max_length=254, examples=["ada@university.edu"])
    role: LabRole = LabRole.MEMBER


class RoleRequest(Asked):
    role: LabRole


class UserView(Told):
    email: str
    role: LabRole
    owner: bool
    added_at: datetime

    @classmethod
    def of(cls, member: Member) -> UserView:
        return cls(email=member.email, role=LabRole(member.role), owner=False, added_at=member.added_at)

    @classmethod
    def owner_of(cls, lab: Lab) -> UserView:
        return cls(email=lab.owner, role=LabRole.LEAD, owner=True, added_at=lab.created_at)


class UserList(Told):
    items: list[UserView]
    cursor: str | None = None


# ---- the machine's door --------------------------------------------------------------------------------------------------


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
