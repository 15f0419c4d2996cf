"""What does the API tell about packs?"""

from __future__ import annotations

from chalicelib.packs.rules import Access, Job, Language, Pack, PackSummary, TeamSize
from chalicelib.runtime.shapes import Asked, Field, Told


class PackSummaryView(Told):
    name: str
    title: str
    purpose: str = Field(description="two lines")
    kernels: list[str] = Field(description="display names")

    @classmethod
    def of(cls, pack: PackSummary) -> PackSummaryView:
        return cls(name=pack.name, title=pack.title, purpose=pack.purpose, kernels=list(pack.kernels))


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
