"""The verb: what is to be installed for this pack?"""

from chalicelib.kernels import rules
from chalicelib.kernels.rules import KernelPlan
from chalicelib.packs.rules import Pack

__all__ = ["KernelPlan", "plan"]


def plan(pack: Pack, also: tuple[str, ...] = ()) -> tuple[KernelPlan, ...]:
    """One plan a kernel, in the pack's order. No file is opened: the lock is named, the machine reads it."""
    return rules.plan(pack, also)
