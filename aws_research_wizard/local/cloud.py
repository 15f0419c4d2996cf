"""Bring the cloud on this machine up, look at it, take it down, forget it.

``up`` may be called in any state: what runs and answers is kept, what is stale or half dead is mended, and the newest package is
deployed. Two calls at once wait for each other. ``down`` keeps everything; only ``reset`` removes.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.local import processes
from aws_research_wizard.local.calls import Unreachable, get_json
from aws_research_wizard.local.home import LOOPBACK, PREFERRED_PORTS, Home, choose_ports
from aws_research_wizard.local.home import is_free as port_is_free

ADMIN = "admin@localhost"
PROFILE = "local"
NAMES = ("infra", "emulator", "runner")
START_SECONDS = 60.0
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


def up(home: Path | None = None, progress: Callable[[str], None] = _silent) -> Status:
    """Start or mend everything, deploy the package, make the first administrator. WizardError says what stands in the way."""
    _need_modules()
    place = Home.at(home)
    with place.locked():
        Rising(place, progress).rise()
    return status(place.root)


def status(home: Path | None = None) -> Status:
    """Look without changing anything."""
    place = Home.at(home)
    state, endpoints = place.state(), place.endpoints()
    found = {name: _condition(place, name, endpoints) for name in NAMES}
    known = found.values()
    problems = [f"the {name} is {how}" for name, how in found.items() if how != "answering"] if set(known) != {"not running"} else []
    if not problems and "answering" in known and not state.get("api_url"):
        problems.append("the control plane is not deployed")
    return Status(
        healthy="answering" in known and not problems,
        stage="local",
        home=str(place.root),
        processes=found,
        endpoints=endpoints,
        api_url=str(state.get("api_url", "")),
        machines=_machines(endpoints) if found["infra"] == "answering" else {},
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


def _health_url(name: str, endpoints: dict[str, str]) -> str:
    return f"{endpoints[name]}/_local/health" if name in endpoints else ""


def _answers(url: str, seconds: float = 2.0) -> bool:
    try:
        return bool(url) and bool(get_json(url, seconds).get("ok"))
    except (Unreachable, ValueError):
        return False


def _condition(place: Home, name: str, endpoints: dict[str, str]) -> str:
    known = processes.recall(place, name)
    if known is None or known.alive() is None:
        return "not running" if known is None else "dead"
    return "answering" if name == "runner" or _answers(_health_url(name, endpoints)) else "not answering"


def _machines(endpoints: dict[str, str]) -> dict[str, str]:
    try:
        found = get_json(f"{endpoints['infra']}/_local/instances")["instances"]
    except Unreachable:
        return {}
    return {one["id"]: one["state"] for one in found if one["state"] != "terminated"}


def _stop_runner_first(place: Home, progress: Callable[[str], None], grace_seconds: float = 20.0) -> None:
    """The runner must go before the machines, or it would take their end for a failure."""
    progress("stopping the machine runner")
    _end(place, "runner", 3.0)
    machines = [path.parent.name for path in place.machines.glob("*/machine.json")]
    if machines:
        from aws_research_wizard.local.machine import Machine, Surroundings

        progress("stopping the machines")
        around = Surroundings(place, "", "")
        with ThreadPoolExecutor(max(len(machines), 1)) as pool:
            list(pool.map(lambda name: Machine(name, around).stop(grace_seconds), machines))
    progress("stopping the emulated services")
    for name in ("emulator", "infra"):
        _end(place, name, 15.0)
    processes.end(processes.marked(processes.CLOUD_MARK, str(place.root)), 2.0)
    shutil.rmtree(place.root / "tmp", ignore_errors=True)


def _end(place: Home, name: str, grace_seconds: float) -> None:
    known = processes.recall(place, name)
    living = known.alive() if known else None
    if living is not None:
        processes.end([living], grace_seconds)
    processes.forget(place, name)


class Rising:
    """One ``up``: the steps, and what they found."""

    def __init__(self, place: Home, progress: Callable[[str], None]) -> None:
        self.place, self.progress = place, progress
        self.clean = bool(place.state().get("clean", True))
        self.started: set[str] = set()

    def rise(self) -> None:
        """All steps, in order; the package is built while the servers start."""
        for folder in (self.place.efs, self.place.machines, self.place.cache, self.place.logs):
            folder.mkdir(parents=True, exist_ok=True)
        from aws_research_wizard.local.deploy import Package, build_package

        with ThreadPoolExecutor(1) as pool:
            self.progress("building the package")
            building: Future[Package] = pool.submit(build_package)
            self._servers()
            package = building.result()
        self._control_plane(package)
        self._runner()
        self.place.remember(clean=False)

    # ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _servers(self) -> None:
        endpoints = self.place.endpoints()
        fine = [name for name in ("infra", "emulator") if _condition(self.place, name, endpoints) == "answering"]
        for name in ("infra", "emulator"):
            if name not in fine:
                self._sweep(name)
        self._choose_ports(set(fine))
        endpoints = self.place.endpoints()
        commands = {
            "infra": ["aws_research_wizard.local.infra_server", "--port", str(self.place.ports()["infra"])],
            "emulator": ["aws_research_wizard.local.emulator", "--port", str(self.place.ports()["emulator"]), "--infra", endpoints["infra"]],
        }
        for name, words in commands.items():
            if name not in fine:
                self.progress(f"starting the {name} on {endpoints[name]}")
                self._launch(name, words)
        for name in commands:
            self._wait_for(name, _health_url(name, endpoints))

    def _sweep(self, name: str) -> None:
        """End what is left of a server that does not answer; the emulator's orphaned workers too."""
        known = processes.recall(self.place, name)
        if known is not None and (living := known.alive()):
            self.progress(f"the {name} does not answer: ending it")
            processes.end([living], 5.0)
        elif known is not None and not self.clean:
            self.progress(f"the {name} had died: mending")
        if name == "emulator":
            others = {one.pid for other in ("infra", "runner") if (found := processes.recall(self.place, other)) and (one := found.alive())}
            orphans = [one for one in processes.marked(processes.CLOUD_MARK, str(self.place.root)) if one.pid not in others]
            processes.end(orphans, 1.0)
            shutil.rmtree(self.place.root / "tmp", ignore_errors=True)

    def _choose_ports(self, fine: set[str]) -> None:
        kept = self.place.ports()
        running = {kept[name] for name in fine}
        chosen = choose_ports(PREFERRED_PORTS, kept, lambda port: port in running or port_is_free(port))
        if kept and chosen != kept:
            self.progress(f"ports in use by something else: now {', '.join(f'{k} {v}' for k, v in chosen.items())}")
            self.place.remember(fingerprint="")
        self.place.remember(ports=chosen)

    def _launch(self, name: str, words: list[str]) -> None:
        command = [sys.executable, "-m", words[0], "--home", str(self.place.root), *words[1:]]
        log = self.place.logs / f"{name}.log"
        if log.exists() and log.stat().st_size > 20_000_000:
            log.replace(log.with_suffix(".old.log"))
        env = {**os.environ, processes.CLOUD_MARK: str(self.place.root), "PYTHONUNBUFFERED": "1"}
        env.pop(processes.MACHINE_MARK, None)
        import psutil

        started = processes.launch(command, log=log, env=env, cwd=self.place.root)
        processes.note(self.place, name, processes.Known.of(psutil.Process(started.pid)))
        self.started.add(name)

    def _wait_for(self, name: str, url: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            known = processes.recall(self.place, name)
            if known is None or known.alive() is None or time.monotonic() > deadline:
                raise WizardError(f"the {name} did not start: {self._last_words(name)}", f"its log: {self.place.logs / name}.log")
            time.sleep(0.05)

    def _last_words(self, name: str) -> str:
        lines = (self.place.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _runner(self) -> None:
        if _condition(self.place, "runner", {}) == "answering" and not self.started:
            return
        _end(self.place, "runner", 3.0)
        endpoints = self.place.endpoints()
        self.progress("starting the machine runner")
        self._launch("runner", ["aws_research_wizard.local.runner", "--emulator", endpoints["emulator"], "--infra", endpoints["infra"]])

    # ── the control plane ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _control_plane(self, package: Any) -> None:
        from aws_research_wizard.local.deploy import PREFIX, Deployer, api_url

        endpoints = self.place.endpoints()
        deployer = Deployer(endpoints["emulator"], endpoints["infra"], self.progress)
        fresh = self.place.state().get("fingerprint") != package.fingerprint
        if fresh:
            self.progress("deploying the control plane")
            outputs = deployer.deploy(package)
            url = api_url(endpoints["emulator"], outputs)
            self.place.remember(fingerprint=package.fingerprint, api_url=url)
        if fresh or "emulator" in self.started:
            self.progress("warming the functions")
            for words in deployer.warm(deployer.functions()):
                self.progress(f"not warm: {words}")
        self._administrator(deployer, f"{PREFIX}-bootstrap_admin")
        if not self.clean and self.started:
            self.progress("setting labs right after the interruption")
            deployer.invoke(f"{PREFIX}-reconcile_labs", {})

    def _administrator(self, deployer: Any, function: str) -> None:
        """The profile ``local`` gets the first administrator's token; one that works is kept."""
        from aws_research_wizard.client import profiles

        url = str(self.place.state().get("api_url", ""))
        if self.place.state().get("profile") == {"url": url, "file": str(profiles.path())} and _has_profile(url):
            return
        made = deployer.invoke(function, {"email": ADMIN})
        profiles.save(PROFILE, url, str(made["token"]))
        self.place.remember(profile={"url": url, "file": str(profiles.path())})
        self.progress(f"signed in as {ADMIN}; profile {PROFILE}")


def _has_profile(url: str) -> bool:
    from aws_research_wizard.client import profiles

    try:
        found = profiles.current(PROFILE, {k: v for k, v in os.environ.items() if k == "AWR_CONFIG"})
    except WizardError:
        return False
    return found.url == url and bool(found.token)


def addresses(found: Status) -> str:
    """One line for people: where the servers listen."""
    return ", ".join(f"{name} {url}" for name, url in found.endpoints.items()) or f"nothing on {LOOPBACK}"
