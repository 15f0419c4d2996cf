"""Which older format is a file in, if any?

A: one file a field, with Spack packages by group and machines by role (or its later form with software, infrastructure, cost).
B: a folder a pack, domain-pack.yaml beside a spack.yaml.
"""

from enum import StrEnum
from typing import Any

A_KEYS = {"spack_packages", "aws_instance_recommendations", "primary_domains", "estimated_cost", "research_capabilities"}
A_KEYS |= {"aws_data_sources", "demo_workflows", "mpi_optimizations", "scaling_profiles", "aws_integration"}
LATER_KEYS = {"category", "domain", "software", "infrastructure", "cost", "data", "workflows", "security", "optimization"}
B_KEYS = {"spack_config", "aws_config"}
OURS = {"kernels", "extends", "examples", "datasets", "instances", "idle", "cost_tracking", "purpose"}


class Shape(StrEnum):
    """The older formats."""

    A = "one file a field"
    LATER = "one file a field, later form"
    B = "a folder a pack"


def of(values: Any) -> Shape | None:
    """By the keys that only this format has; None for ours and for what is neither."""
    if not isinstance(values, dict):
        return None
    keys = {key for key in values if isinstance(key, str)}
    if keys & OURS:
        return None
    if keys & B_KEYS:
        return Shape.B
    if keys & A_KEYS:
        return Shape.A
    return Shape.LATER if len(keys & LATER_KEYS) >= 2 else None
