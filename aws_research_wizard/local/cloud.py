"""Bring the cloud on this machine up, look at it, take it down, forget it.

``up`` may be called in any state: what runs and answers is kept, what is stale or half dead is mended, and the newest
package is deployed. Two calls at once wait for each other. ``down`` keeps everything; only ``reset`` removes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.local import processes
from aws_research_wizard.local.home import REGION, Home
from aws_research_wizard.local.looking import condition, machine_states

PROFILE = "local"
NAMES = ("infra", "emulator", "runner")
MODULES = ("ministack", "moto", "boto3", "psutil", "samtranslator")


@dataclass(frozen=True)
class Status:
    """What the local cloud is doing: its processes (name → running, answering, none), addresses and what is wrong."""

    healthy: bool
    stage: str
    home: str
    processes: dict[str, str]
    endpoints: dict[str, str]
    api_url: str
    machines: dict[str, str]
    problems: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def _silent(_: str) -> None:
    return None


def up(
    home: Path | None = None,
    progress: Callable[[str], None] = _silent,
    *,
    parameters: Mapping[str, str] | None = None,
    empty: bool = False,
) -> Status:
    """Start or mend everything, deploy the package, make the first administrator. WizardError says what stands in the way.

    `parameters` of the stack are remembered, as CloudFormation does. `empty` is a region in which nothing is deployed yet.
    """
    _need_modules()
    place = Home.at(home)
    with place.locked():
        from aws_research_wizard.local.rising import Rising

        _same_region(place)
        if parameters and parameters.items() - place.state().get("parameters", {}).items():
            place.remember(parameters={**place.state().get("parameters", {}), **parameters}, fingerprint="")
        rising = Rising(place, progress)
        rising.ground() if empty else rising.rise()
    return status(place.root)


def _same_region(place: Home) -> None:
    """A cloud stays in the region in which it began: its names and its machines' addresses hold it."""
    began = str(place.state().get("region", "") or REGION)
    if began != REGION:
        raise WizardError(f"this local cloud is in {began}, not in {REGION}", f"export AWR_REGION={began}")
    place.remember(region=REGION)


def status(home: Path | None = None) -> Status:
    """Look without changing anything."""
    place = Home.at(home)
    state, endpoints = place.state(), place.endpoints()
    found = {name: condition(place, name, endpoints) for name in NAMES}
    known = found.values()
    problems = (
        [f"the {name} is {how}" for name, how in found.items() if how != "answering"] if set(known) != {"not running"} else []
    )
    if not problems and "answering" in known and not state.get("api_url"):
        problems.append("the control plane is not deployed")
    return Status(
        healthy="answering" in known and not problems,
        stage="local",
        home=str(place.root),
        processes=found,
        endpoints=endpoints,
        api_url=str(state.get("api_url", "")),
        machines=machine_states(endpoints) if found["infra"] == "answering" else {},
        problems=tuple(problems),
    )


def down(home: Path | None = None, progress: Callable[[str], None] = _silent) -> Status:
    """Stop the processes, the machines' too, in order; everything is kept and goes on at the next ``up``."""
    place = Home.at(home)
    with place.locked():
        _stop_runner_first(place, progress)
        place.remember(clean=True)
    return status(place.root)


def reset(home: Path | None = None, progress: Callable[[str], None] = _silent) -> Status:
    """Stop everything and remove all of it: labs, people, shared storage. Caches of packages stay."""
    place = Home.at(home)
    with place.locked():
        _stop_runner_first(place, progress, grace_seconds=3.0)
        progress("removing everything that was kept")
        for entry in place.root.iterdir():
            if entry.name not in {"lock", "cache"}:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    from aws_research_wizard.client import profiles

    profiles.forget(PROFILE)
    return status(place.root)


def _need_modules() -> None:
    from importlib.util import find_spec

    missing = [name for name in MODULES if find_spec(name) is None]
    if missing:
        raise WizardError(f"the local cloud needs {', '.join(missing)}", "pip install 'aws-research-wizard[local]'")


def _stop_runner_first(place: Home, progress: Callable[[str], None], grace_seconds: float = 20.0) -> None:
    """The runner must go before the machines, or it would take their end for a failure."""
    progress("stopping the machine runner")
    processes.end_noted(place, "runner", 3.0)
    machines = [path.parent.name for path in place.machines.glob("*/machine.json")]
    if machines:
        from aws_research_wizard.local.machine import Machine, Surroundings

        progress("stopping the machines")
        around = Surroundings(place, "", "")
        with ThreadPoolExecutor(max(len(machines), 1)) as pool:
            list(pool.map(lambda name: Machine(name, around).stop(grace_seconds), machines))
    progress("stopping the emulated services")
    for name in ("emulator", "infra"):
        processes.end_noted(place, name, 15.0)
    processes.end(processes.marked(processes.CLOUD_MARK, str(place.root)), 2.0)
    shutil.rmtree(place.root / "tmp", ignore_errors=True)
