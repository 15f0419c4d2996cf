"""What does the API tell about packs?"""

from __future__ import annotations

from datetime import datetime

from chalicelib.packs.own import OwnPack
from chalicelib.packs.rules import Access, Job, Language, Pack, PackSummary, TeamSize
from chalicelib.packs.s3 import Offer
from chalicelib.runtime.shapes import Asked, Field, Told


class OwnPackView(Told):
    name: str
    version: str = Field(description="follows from the pack's files alone; a lab keeps the one it was made with")
    team: str
    added_by: str
    added_at: datetime

    @classmethod
    def of(cls, one: OwnPack) -> OwnPackView:
        return cls(name=one.name, version=one.version, team=one.team, added_by=one.by, added_at=one.added_at)


class PackFileWish(Asked):
    name: str = Field(max_length=120, examples=["pack.yaml", "python-py311-x86_64.txt"])
    size: int = Field(ge=1, le=1_000_000_000)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class PackUploadRequest(Asked):
    files: list[PackFileWish] = Field(min_length=1, max_length=6)


class PackUploadView(Told):
    name: str
    url: str = Field(description="Put the file there within an hour")
    headers: dict[str, str] = Field(description="Headers to send with it, its checksum among them")

    @classmethod
    def of(cls, one: Offer) -> PackUploadView:
        return cls(name=one.name, url=one.url, headers=one.headers)


class PackUploadList(Told):
    items: list[PackUploadView]


class PackFile(Asked):
    name: str = Field(max_length=120)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class PackRequest(Asked):
    """A team's own pack, of files that were uploaded: pack.yaml, and the lock of each kernel that it brings."""

    name: str = Field(max_length=64, examples=["my_group"])
    team: str = Field(default="", max_length=40, description="Whose it is; without it, the asker's first team")
    files: list[PackFile] = Field(min_length=1, max_length=6)


class PackSummaryView(Told):
    name: str
    title: str
    purpose: str = Field(description="two lines")
    kernels: list[str] = Field(description="display names")
    own: OwnPackView | None = Field(default=None, description="a team's own pack: whose, and which version a new lab gets")

    @classmethod
    def of(cls, pack: PackSummary, own: OwnPack | None = None) -> PackSummaryView:
        said = OwnPackView.of(own) if own else None
        return cls(name=pack.name, title=pack.title, purpose=pack.purpose, kernels=list(pack.kernels), own=said)


class PackList(Told):
    items: list[PackSummaryView]


class KernelResources(Told):
    cpus: int
    memory_gb: int
    gpus: int


class PackKernel(Told):
    name: str = Field(description="the name Jupyter knows it by", examples=["genomics-python"])
    display_name: str = Field(examples=["Genomics Research (Python 3.11)"])
    language: Language
    version: str
    packages: list[str]
    system: list[str] = Field(description="Debian packages")
    widgets: list[str]
    env: dict[str, str]
    resources: KernelResources
    on_request: bool = Field(description="not installed in a new lab")


class PackExample(Told):
    file: str
    title: str
    kernel: str


class PackDataset(Told):
    name: str
    registry: str = Field(description="its name in the AWS Registry of Open Data")
    title: str
    bucket: str
    prefix: str
    region: str
    access: Access
    licence: str


class PackInstances(Told):
    team: dict[TeamSize, list[str]] = Field(description="by team size, each in the order to try")
    job: dict[Job, list[str]]


class IdleThresholds(Told):
    cpu_percent: float
    gpu_percent: float
    network_kb_per_second: float


class PackIdle(Told):
    auto_shutdown: int = Field(description="minutes without anybody at work")
    thresholds: IdleThresholds
    max_busy: float = Field(description="hours that something may be busy without any load before people are asked")
    hours_a_day: float = Field(description="how long a lab may run each day (UTC); 0: no cap")


class PackQuery(Asked):
    resolved: bool = Field(default=False, description="also say which pack each value came from")


class PackView(Told):
    name: str
    title: str
    purpose: str
    version: str = Field(default="", description="of a team's own pack")
    lineage: list[str] = Field(description="from the oldest pack it extends to itself")
    kernels: list[PackKernel]
    examples: list[PackExample]
    datasets: list[PackDataset]
    instances: PackInstances
    idle: PackIdle
    cost_tracking: bool
    why: dict[str, str] | None = Field(default=None, description="with resolved=true: value → the pack it came from")

    @classmethod
    def of(cls, pack: Pack, resolved: bool) -> PackView:
        """The pack as a lab gets it, in one pass over its attributes."""
        view = cls.model_validate(pack, from_attributes=True)
        return view if resolved else view.model_copy(update={"why": None})
