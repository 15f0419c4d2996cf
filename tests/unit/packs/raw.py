"""A small pack to bend in tests, as its file would say it."""

from __future__ import annotations

import copy
from typing import Any

BASE: dict[str, Any] = {
    "name": "base",
    "title": "Base",
    "purpose": "One line.\nAnother one.\n",
    "kernels": {
        "python": {
            "display_name": "Research (Python 3.11)",
            "version": "3.11",
            "packages": ["numpy", "pandas>=2"],
            "widgets": ["ipywidgets"],
            "resources": {"cpus": 1, "memory_gb": 2},
        }
    },
    "examples": [{"file": "one.ipynb", "title": "One", "kernel": "python", "expect": "check: one"}],
    "instances": {
        "team": {"small": ["m6i.xlarge", "m5.xlarge"], "medium": ["m6i.4xlarge"], "large": ["m6i.8xlarge"]},
        "job": {"general": ["c6i.xlarge"], "gpu": ["g5.xlarge", "g4dn.xlarge"]},
    },
    "idle": {"auto_shutdown": 60, "thresholds": {"cpu_percent": 5, "gpu_percent": 5, "network_kb_per_second": 50}},
    "cost_tracking": True,
}
DATASET: dict[str, Any] = {
    "name": "set",
    "registry": "a-set",
    "title": "A set",
    "bucket": "a-bucket",
    "region": "us-east-1",
    "access": "public",
    "licence": "Open",
}


def base(**other: Any) -> dict[str, Any]:
    return copy.deepcopy(BASE) | other


def child(**other: Any) -> dict[str, Any]:
    return {"name": "child", "title": "Child", "purpose": "A.\nB.\n", "extends": "base"} | other


def dataset(**other: Any) -> dict[str, Any]:
    return DATASET | other


def put(values: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The same with one value replaced: put(pack, "idle.auto_shutdown", 5)."""
    changed = copy.deepcopy(values)
    *above, last = path.split(".")
    part: Any = changed
    for key in above:
        part = part[int(key)] if isinstance(part, list) else part[key]
    part[int(last) if isinstance(part, list) else last] = value
    return changed
