"""Which packs does the mock cloud know, and how do they come into its labs?"""

from typing import Any

Json = dict[str, Any]
MACHINES = {"genomics": "r6i.2xlarge", "machine_learning": "g5.2xlarge"}
LOCK = {"lock": "3f0c" * 16, "solved": "2026-11-23", "pins": 61}


def _pack(name: str, title: str, purpose: str, packages: list[str]) -> Json:
    kernel = {
        "name": f"{name}-python",
        "display_name": f"{title} (Python 3.11)",
        "language": "python",
        "version": "3.11",
        "packages": packages,
        "system": ["samtools", "bwa"] if name == "genomics" else [],
        "widgets": ["ipywidgets"],
        "env": {},
        "resources": {"cpus": 2, "memory_gb": 8, "gpus": 0},
        "on_request": False,
    }
    first = MACHINES[name]
    return {
        "name": name,
        "title": title,
        "purpose": purpose,
        "version": "",
        "lineage": ["base", name],
        "kernels": [kernel],
        "examples": [{"file": "first_steps.ipynb", "title": f"First steps in {title.lower()}", "kernel": kernel["name"]}],
        "datasets": [
            {
                "name": "1000genomes",
                "registry": "1000-genomes",
                "title": "1000 Genomes",
                "bucket": "1000genomes",
                "prefix": "",
                "region": "us-east-1",
                "access": "public",
                "licence": "open",
            }
        ],
        "instances": {"team": {"small": [first], "medium": [first], "large": [first]}, "job": {"general": [first]}},
        "idle": {"auto_shutdown": 60, "thresholds": {"cpu_percent": 5, "gpu_percent": 5, "network_kb_per_second": 50}},
        "cost_tracking": True,
        "why": None,
    }


PACKS: dict[str, Json] = {
    "genomics": _pack("genomics", "Genomics", "Sequencing reads, variants, single cells", ["biopython", "pysam", "scanpy"]),
    "machine_learning": _pack(
        "machine_learning", "Machine Learning", "Training and evaluating models", ["torch", "scikit-learn"]
    ),
}


def _kernels(pack: str) -> list[Json]:
    """Of a shipped pack; a team's own one brings a kernel of its name."""
    shown = {"name": f"{pack}-python", "display_name": f"{pack} (Python 3.11)"}
    return list(PACKS[pack]["kernels"]) if pack in PACKS else [shown]


def kernel_views(pack: str, state: str = "ready") -> list[Json]:
    """A pack's kernels as a lab shows them."""
    made = LOCK if state == "ready" else dict.fromkeys(LOCK)
    told = [{name: one[name] for name in ("name", "display_name")} for one in _kernels(pack)]
    return [{**one, "pack": pack, "state": state, "cause": None, **made} for one in told]


def pack_view(pack: str, state: str = "ready", *, own: bool = False) -> Json:
    """A pack as a lab shows it."""
    kernels = [one["name"] for one in _kernels(pack)]
    return {"name": pack, "own": own, "on_request": [], "state": state, "cause": None, "hint": None, "kernels": kernels}


def arrive(lab: Json, cause: str = "") -> None:
    """The kernels that are on their way are there; with a cause, they do not come."""
    for pack in [one for one in lab["packs"] if one["state"] == "installing"]:
        state = "failed" if cause else "ready"
        pack.update(state=state, cause=cause or None)
        for kernel in lab["kernels"]:
            if kernel["pack"] == pack["name"]:
                kernel.update(state=state, cause=cause or None, **({} if cause else LOCK))


def stall(lab: Json) -> None:
    """Nothing was heard for long of the kernels that are on their way."""
    cause = "its machine has said nothing of it for 45 minutes"
    for pack in [one for one in lab["packs"] if one["state"] == "installing"]:
        out = f"aws-research-wizard jupyter deactivate {lab['id']} --domain {pack['name']}"
        pack.update(state="stalled", cause=cause, hint=f"it is offered if it comes after all, or take it out: {out}")
        for kernel in [one for one in lab["kernels"] if one["pack"] == pack["name"]]:
            kernel.update(state="stalled", cause=cause)


def activate(lab: Json, pack: str) -> None:
    """A pack comes into a lab, unless it is there."""
    if pack not in [one["name"] for one in lab["packs"] if one["state"] != "failed"]:
        deactivate(lab, pack)
        lab["packs"].append(pack_view(pack, "installing"))
        lab["kernels"] += kernel_views(pack, "installing")


def deactivate(lab: Json, pack: str) -> bool:
    """A pack goes; False when it was not there."""
    known = [one for one in lab["packs"] if one["name"] == pack and not one["own"]]
    lab["packs"] = [one for one in lab["packs"] if one not in known]
    lab["kernels"] = [one for one in lab["kernels"] if not known or one["pack"] != pack]
    return bool(known)
