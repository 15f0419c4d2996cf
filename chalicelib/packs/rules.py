"""What is a domain pack, and which machine and rights follow from it?

Values only, and the decisions drawn from them. A `Pack` is always resolved: what it `extends` is already merged in,
and `why` says for each value which pack it came from.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from chalicelib.runtime.errors import BadInput, near_miss

PLATFORM = "x86_64"
SMALL_TEAM = 5
MEDIUM_TEAM = 20


class TeamSize(StrEnum):
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Job(StrEnum):
    GENERAL = "general"
    MEMORY = "memory"
    GPU = "gpu"


class Access(StrEnum):
    """Who may read a data set, as the AWS Registry of Open Data says it."""

    PUBLIC = "public"
    REQUESTER_PAYS = "requester-pays"
    ACCOUNT_REQUIRED = "account-required"
    CONTROLLED = "controlled"


class Language(StrEnum):
    PYTHON = "python"
    R = "r"
    JULIA = "julia"


class Resources(NamedTuple):
    """What one kernel needs to be comfortable: a hint for people and for the choice of a machine, not a limit."""

    cpus: int = 1
    memory_gb: int = 2
    gpus: int = 0


class Kernel(NamedTuple):
    """One environment. `pack` is the pack whose folder holds the lock: the last in the line to say anything about it."""

    key: str
    pack: str
    display_name: str
    language: Language
    version: str
    packages: tuple[str, ...]
    system: tuple[str, ...]
    widgets: tuple[str, ...]
    env: Mapping[str, str]
    resources: Resources
    on_request: bool

    @property
    def name(self) -> str:
        """The name Jupyter knows it by, and the name of its environment's folder: `genomics-python`."""
        return f"{self.pack}-{self.key}"

    @property
    def requirements(self) -> tuple[str, ...]:
        """Everything the environment is solved from, in one order whatever order the pack was written in."""
        return tuple(sorted({*self.packages, *self.widgets}, key=str.lower))


def lock_file(kernel: Kernel) -> str:
    """What a kernel's lock is called: python-py311-x86_64.txt."""
    short = {Language.PYTHON: "py", Language.R: "r", Language.JULIA: "jl"}[kernel.language]
    return f"{kernel.key}-{short}{kernel.version.replace('.', '')}-{PLATFORM}.txt"


class StoredLock(NamedTuple):
    """A lock that is not in the machines' bundle: where it is (s3://…), and what its content is."""

    uri: str
    sha256: str


class Example(NamedTuple):
    """A notebook that teaches. `expect` is the line its last cell prints when all went well."""

    file: str
    title: str
    kernel: str
    expect: str


class Dataset(NamedTuple):
    name: str
    registry: str
    title: str
    bucket: str
    prefix: str
    region: str
    access: Access
    licence: str


class Instances(NamedTuple):
    """Instance types, each list in the order to try them."""

    team: Mapping[TeamSize, tuple[str, ...]]
    job: Mapping[Job, tuple[str, ...]]

    @property
    def types(self) -> tuple[str, ...]:
        lists = (*self.team.values(), *self.job.values())
        return tuple(dict.fromkeys(name for one in lists for name in one))


class Thresholds(NamedTuple):
    """Load from which on something counts as at work, whatever kernels say. A busy kernel is busy below them, too."""

    cpu_percent: float
    gpu_percent: float
    network_kb_per_second: float


class Idle(NamedTuple):
    """`auto_shutdown`: minutes without anybody at work before a lab is stopped. `max_busy`: hours that something may be busy
    without any load before people are asked. `hours_a_day`: how long a lab may run each day (UTC); 0: no cap."""

    auto_shutdown: int
    thresholds: Thresholds
    max_busy: float = 24
    hours_a_day: float = 0


class PackSummary(NamedTuple):
    name: str
    title: str
    purpose: str
    kernels: tuple[str, ...]


class Pack(NamedTuple):
    name: str
    title: str
    purpose: str
    lineage: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    examples: tuple[Example, ...]
    datasets: tuple[Dataset, ...]
    instances: Instances
    idle: Idle
    cost_tracking: bool
    why: Mapping[str, str]
    version: str = ""  # of a team's own pack
    locks: Mapping[str, StoredLock] = MappingProxyType({})  # kernel's key → its lock, where the bundle has it not

    @property
    def installed_kernels(self) -> tuple[Kernel, ...]:
        """Those a new lab gets; kernels `on_request` wait until somebody asks."""
        return tuple(kernel for kernel in self.kernels if not kernel.on_request)


def team_size(users: int) -> TeamSize:
    if users <= SMALL_TEAM:
        return TeamSize.SMALL
    return TeamSize.MEDIUM if users <= MEDIUM_TEAM else TeamSize.LARGE


def instance_for(pack: Pack, users: int, wanted: str | None = None, job: str | None = None) -> tuple[str, ...]:
    """Instance types in the order to try them, for a team of `users`.

    A `wanted` type comes first, and is followed by what stands beside it in the pack's own lists; a type the pack does not
    list stands alone, for nobody but the asker can say what may replace it. Else a `job` decides, else the team's size.
    """
    if wanted:
        return (wanted, *_beside(pack.instances, wanted))
    if job:
        return pack.instances.job[_job(pack, job)]
    return pack.instances.team[team_size(users)]


def _beside(instances: Instances, wanted: str) -> tuple[str, ...]:
    lists = (*instances.team.values(), *instances.job.values())
    home = next((one for one in lists if wanted in one), ())
    return tuple(name for name in home if name != wanted)


def _job(pack: Pack, word: str) -> Job:
    known = sorted(job.value for job in pack.instances.job)
    if word not in known:
        hint = near_miss(word, known) or f"{pack.name} has machines for: {', '.join(known)}"
        raise BadInput(f"unknown job '{word}'", hint)
    return Job(word)


def read_rights(pack: Pack, partition: str = "aws") -> tuple[dict[str, object], ...]:
    """IAM statements that let a lab read the pack's data sets, and nothing else. Controlled data are asked for elsewhere."""
    reachable = [one for one in pack.datasets if one.access is not Access.CONTROLLED]
    if not reachable:
        return ()
    objects = [f"arn:{partition}:s3:::{one.bucket}/{one.prefix}*" for one in reachable]
    read: dict[str, object] = {"Sid": "ReadOpenData", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": objects}
    return (read, *_list_rights(reachable, partition))


def _list_rights(datasets: list[Dataset], partition: str) -> list[dict[str, object]]:
    """One statement for whole buckets, one for each data set that is only a part of its bucket."""
    action = ["s3:ListBucket", "s3:GetBucketLocation"]
    whole = [f"arn:{partition}:s3:::{one.bucket}" for one in datasets if not one.prefix]
    rights: list[dict[str, object]] = []
    if whole:
        rights.append({"Sid": "ListOpenData", "Effect": "Allow", "Action": action, "Resource": whole})
    for number, one in enumerate(one for one in datasets if one.prefix):
        rights.append(
            {
                "Sid": f"ListOpenDataPart{number}",
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": [f"arn:{partition}:s3:::{one.bucket}"],
                "Condition": {"StringLike": {"s3:prefix": [f"{one.prefix}*"]}},
            }
        )
    return rights
