"""Which of the machines that an older pack recommends can a lab have, and for whom?"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from aws_research_wizard.packs import tables
from aws_research_wizard.packs.documents import STEPS
from aws_research_wizard.packs.production import limits, near_miss

REGION = "us-east-1"
SIBLINGS = {"6i": ("6a", "5"), "6a": ("6i", "5"), "7i": ("6i", "6a"), "5": ("6i", "6a")}
GPU, MEMORY = ("gpu", "cuda", "deep", "training"), ("memory", "assembly", "large_mem")
SMALL, LARGE = (
    ("small", "dev", "basic", "starter", "learning", "test", "minimal"),
    ("large", "cohort", "production", "hpc", "massive", "xl"),
)
KNOWN_ANYWAY = ("vcpus", "memory_gb", "gpus", "gpu_count", "gpu_type", "efa_enabled", "placement_group", "enhanced_networking")


class Wanted(NamedTuple):
    """An instance type where the older file names it, and the role it stands under."""

    steps: STEPS
    role: str
    name: str


def wanted(values: Any, at: STEPS = ()) -> Iterator[Wanted]:
    """Every instance type below a place: `role: {instance_type: …}`, `role: …` or `role: […]`."""
    if isinstance(values, dict):
        for key, value in values.items():
            role = str(at[-1]) if key in ("instance_type", "instance", "type") and at else key
            if isinstance(value, str) and "." in value and key not in ("use_case", "description"):
                yield Wanted((*at, key), role, value.strip())
            elif isinstance(value, list | dict):
                yield from wanted(value, (*at, key))
    elif isinstance(values, list):
        for number, value in enumerate(values):
            if isinstance(value, str) and "." in value:
                yield Wanted((*at, number), str(at[-1]) if at else "", value.strip())
            elif isinstance(value, dict | list):
                yield from wanted(value, (*at, number))


def unfit(name: str) -> str:
    """Why a lab cannot have this type; '' when it can."""
    if name not in tables.instance_types():
        near = near_miss(name, limits.priced_types(REGION))
        return f"EC2 has no {name[:40]}{f' ({near})' if near else ''}"
    if tables.is_arm(name):
        return f"{name} is an Arm machine; kernels are locked for x86-64"
    return "" if limits.hourly_price(name, REGION) else f"{name} has no known price, so no budget could hold it"


def place(role: str, name: str) -> tuple[str, str]:
    """Where our pack keeps it: (team, medium), (job, gpu) …"""
    size = limits.size_of(name)
    word = role.lower()
    if size and size.gpus:
        return "job", "gpu"
    if any(one in word for one in MEMORY):
        return "job", "memory"
    if any(one in word for one in SMALL):
        return "team", "small"
    return ("team", "large") if any(one in word for one in LARGE) else ("team", "medium")


def with_siblings(types: list[str]) -> list[str]:
    """The types, and of a single one the same size of the neighbouring generations: what AWS may have when it is short."""
    if len(types) > 1:
        return types
    family, _, size = types[0].partition(".")
    others = [f"{family[0]}{one}.{size}" for one in SIBLINGS.get(family[1:], ())]
    return types + [one for one in others if limits.hourly_price(one, REGION)]
