"""How does a lab's machine turn a pack into kernels that Jupyter offers?

A `KernelPlan` is all the machine needs to make one: it never reads a pack file. Paths are relative to the bundle that
the machine unpacks, and to the repository.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.packs.rules import Kernel, Language, Pack

PLATFORM = "x86_64"


@dataclass(frozen=True)
class KernelPlan:
    """`name` is also the folder of its environment; `lock` pins every package by hash; `system_packages` are Debian's."""

    name: str
    display_name: str
    language: str
    version: str
    lock: str
    system_packages: tuple[str, ...]
    env: Mapping[str, str]
    resources: Mapping[str, int]


def plan(pack: Pack, also: tuple[str, ...] = ()) -> tuple[KernelPlan, ...]:
    """The kernels a lab of this pack gets, and those `also` asked for by key (kernels `on_request`)."""
    return tuple(_plan(kernel) for kernel in pack.kernels if not kernel.on_request or kernel.key in also)


def lock_path(kernel: Kernel) -> str:
    """Where a kernel's lock stands: domain_packs/genomics/locks/python-py311-x86_64.txt."""
    short = {Language.PYTHON: "py", Language.R: "r", Language.JULIA: "jl"}[kernel.language]
    return f"domain_packs/{kernel.pack}/locks/{kernel.key}-{short}{kernel.version.replace('.', '')}-{PLATFORM}.txt"


def _plan(kernel: Kernel) -> KernelPlan:
    needs = kernel.resources
    return KernelPlan(
        name=kernel.name,
        display_name=kernel.display_name,
        language=kernel.language.value,
        version=kernel.version,
        lock=lock_path(kernel),
        system_packages=kernel.system,
        env=kernel.env,
        resources={"cpus": needs.cpus, "memory_gb": needs.memory_gb, "gpus": needs.gpus},
    )
