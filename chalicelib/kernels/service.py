"""The verbs: what is to be installed for this pack, and from which lock?"""

import hashlib
from collections.abc import Iterable, Mapping
from importlib.resources import files

from chalicelib.kernels import rules
from chalicelib.kernels.rules import KernelPlan
from chalicelib.packs.rules import Pack

__all__ = ["KernelPlan", "locks", "plan"]


def plan(pack: Pack, also: tuple[str, ...] = ()) -> tuple[KernelPlan, ...]:
    """One plan a kernel, in the pack's order. No file is opened: the lock is named, the machine reads it."""
    return rules.plan(pack, also)


def locks(plans: Iterable[KernelPlan]) -> Mapping[str, str]:
    """Of each kernel the SHA-256 of its lock as this release has it; one without a lock is left out."""
    found = {one.name: files("domain_packs") / one.lock.removeprefix("domain_packs/") for one in plans}
    return {name: hashlib.sha256(lock.read_bytes()).hexdigest() for name, lock in found.items() if lock.is_file()}
