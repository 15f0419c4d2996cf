"""Proof by exhaustion: what `make faults`, `make soak` and `make bugs` run.

faults.py   every single fault and every pair of them at every call of every flow, on all cores
soak.py     long random histories of the whole town, by seed
rows.py     which entries of the control plane which flow covers; one without a row fails the suite
bugs.py     planted bugs, one at a time, in a copy of the tree: each must be caught
"""

from __future__ import annotations

import os


def cores() -> int:
    """How many this process may use; under `taskset`, not all that there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
