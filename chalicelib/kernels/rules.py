"""How does a lab's machine turn a pack into kernels that Jupyter offers?

A `KernelPlan` is all the machine needs to make one: it never reads a pack file. Paths are relative to the bundle that
the machine unpacks, and to the repository.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.packs.rules import Kernel, Pack, StoredLock, lock_file


@dataclass(frozen=True)
class KernelPlan:
    """`name` is also the folder of its environment; `lock` pins every package by hash; `system_packages` are Debian's.

    A lock that is not in the bundle is fetched from `lock_uri`, and is taken only if its content is `lock_sha256`.
    """

    name: str
    display_name: str
    language: str
    version: str
    lock: str
    system_packages: tuple[str, ...]
    env: Mapping[str, str]
    resources: Mapping[str, int]
    lock_uri: str = ""
    lock_sha256: str = ""


def plan(pack: Pack, also: tuple[str, ...] = ()) -> tuple[KernelPlan, ...]:
    """The kernels a lab of this pack gets, and those `also` asked for by key (kernels `on_request`)."""
    return tuple(
        _plan(kernel, pack.locks.get(kernel.key)) for kernel in pack.kernels if not kernel.on_request or kernel.key in also
    )


def lock_path(kernel: Kernel) -> str:
    """Where a kernel's lock stands: domain_packs/genomics/locks/python-py311-x86_64.txt."""
    return f"domain_packs/{kernel.pack}/locks/{lock_file(kernel)}"


def _plan(kernel: Kernel, stored: StoredLock | None) -> KernelPlan:
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
        lock_uri=stored.uri if stored else "",
        lock_sha256=stored.sha256 if stored else "",
    )
