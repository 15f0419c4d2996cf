"""What do requests and answers about labs, and the people in them, look like?"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from chalicelib.labs import naming
from chalicelib.labs.journal import Kept, Receipt
from chalicelib.labs.machines import Machine, Member
from chalicelib.labs.pack_models import KernelKey, KernelView, LabPackView
from chalicelib.labs.rules import BEFORE_RELEASES, BakedFrom, Lab, Phase, newer
from chalicelib.labs.wishes import Found, Login, Wish
from chalicelib.limits.rules import Price, hourly_price
from chalicelib.people.rules import TEAM, LabRole
from chalicelib.runtime import settings
from chalicelib.runtime.shapes import Asked, Field, Told

TypeName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,30}\.[a-z0-9-]{1,30}$", examples=["r6i.4xlarge"])]
Team = Annotated[str, Field(pattern=f"^{TEAM.pattern}$", examples=["lovelace"])]
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
