"""The ground a storm falls on: a local cloud of its own, whose parts can be killed and are mended as `local up` mends them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from aws_research_wizard.client import profiles
from aws_research_wizard.client.calls import Calls
from aws_research_wizard.client.errors import CannotReach, Unavailable, WizardError
from aws_research_wizard.local import cloud, processes
from aws_research_wizard.local.calls import Unreachable, get_json
from aws_research_wizard.local.deploy import PREFIX, STAGE, Deployer, timer_event
from aws_research_wizard.local.home import Home, any_free_port
from aws_research_wizard.local.looking import condition

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
CLOUD_PARTS = ("emulator", "infra", "runner")
WORKER = "_worker.py"
PATIENCE = 300.0


class StormError(RuntimeError):
    """What the run promises did not come to be; the message says what."""


def until(what: str, holds: Callable[[], T | None], seconds: float = PATIENCE, pause: float = 0.5) -> T:
    """The first answer that is neither None nor false; StormError when it never comes."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise StormError(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)
    return found


@dataclass
class Ground:
    """One local cloud. `folder` holds its home, its configuration and the package it runs, which stays the same throughout."""

    folder: Path
    lock: threading.RLock = field(default_factory=threading.RLock)
    risen: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def home(self) -> Home:
        return Home.at(self.folder / "home")

    def prepare(self, say: Callable[[str], None]) -> None:
        """Build the package once and choose ports that nobody else uses; the cloud is not up yet."""
        os.environ |= {"AWR_HOME": str(self.home.root), "AWR_CONFIG": str(self.folder / "config.json")}
        if not os.environ.get("AWR_PACKAGE"):
            say("building the package")
            out = self.folder / "package"
            words = [sys.executable, "-m", "tools.package", "--stage", STAGE, "--out", str(out)]
            subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
            os.environ["AWR_PACKAGE"] = str(out)
        emulator = any_free_port(set())
        self.home.remember(ports={"emulator": emulator, "infra": any_free_port({emulator})})

    def up(self) -> cloud.Status:
        """Start or mend everything."""
        with self.lock:
            self.risen += 1
            return cloud.up(self.home.root)

    def remove(self) -> None:
        """Stop and forget everything."""
        with self.lock:
            cloud.reset(self.home.root)

    # ── people's side ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def calls(self) -> Calls:
        """The API as the administrator."""
        known = profiles.current(cloud.PROFILE, {"AWR_CONFIG": str(self.folder / "config.json")})
        return Calls(known.url, known.token)

    def client(self, service: str) -> Any:
        """An SDK client of the emulated service."""
        from tools.residue import Cloud

        where = self.home.endpoints()
        return Cloud(where["emulator"], where["infra"]).client(service)

    def reconcile(self) -> dict[str, Any]:
        """What the sweep does every five minutes, now."""
        where = self.home.endpoints()
        return Deployer(where["emulator"], where["infra"], lambda _: None).invoke(f"{PREFIX}-reconcile_labs", timer_event())

    def patiently(self, what: str, ask: Callable[[], T], seconds: float = PATIENCE) -> T:
        """Ask again while the control plane is away, as a person would."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return ask()
            except (CannotReach, Unavailable) as error:
                if time.monotonic() > deadline:
                    raise StormError(f"{what}: {error.message}") from error
                time.sleep(1.0)

    # ── what can be struck ───────────────────────────────────────────────────────────────────────────────────────────────────

    def part(self, name: str) -> psutil.Process | None:
        """The living process of a part of the cloud."""
        known = processes.recall(self.home, name)
        return known.alive() if known else None

    def workers(self) -> list[psutil.Process]:
        """Every Lambda worker."""
        return [one for one in self._ours(processes.CLOUD_MARK, str(self.home.root)) if WORKER in words(one)]

    def of_machines(self) -> dict[str, list[psutil.Process]]:
        """Every process of every machine that there ever was here, by instance: people's servers and kernels too."""
        found: dict[str, list[psutil.Process]] = {}
        known = self.machines()
        for process, env in environments():
            if env.get(processes.MACHINE_MARK) in known:
                found.setdefault(env[processes.MACHINE_MARK], []).append(process)
        return found

    def machines(self) -> set[str]:
        """The id of every machine that was seen here."""
        self.seen |= {path.name for path in self.home.machines.glob("i-*")}
        with contextlib.suppress(Unreachable, KeyError):
            found = get_json(f"{self.home.endpoints()['infra']}/_local/instances")["instances"]
            self.seen |= {str(one["id"]) for one in found}
        return self.seen

    def healthy(self) -> bool:
        """Do all parts run and answer?"""
        endpoints = self.home.endpoints()
        return all(condition(self.home, name, endpoints) == "answering" for name in CLOUD_PARTS)

    def _ours(self, mark: str, value: str) -> Iterator[psutil.Process]:
        return (process for process, env in environments() if env.get(mark) == value)


def environments() -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    """Every living process whose environment we may read, but ourselves."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                yield process, process.environ()


def words(process: psutil.Process) -> str:
    """A process's command line; blank when it is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def kill(process: psutil.Process) -> bool:
    """`kill -9`; False when it was gone already."""
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.Error:
        return False
    return True


class Mender(threading.Thread):
    """The cloud's supervisor: a part that died is brought up again after a moment, as `local up` does."""

    def __init__(self, ground: Ground, chance: random.Random) -> None:
        super().__init__(name="mender", daemon=True)
        self.ground, self.chance = ground, chance
        self.ending = threading.Event()
        self.mended = self.failed = 0
        self.lastwords = ""

    def run(self) -> None:
        while not self.ending.wait(0.5):
            if self.ground.healthy():
                continue
            self.ending.wait(self.chance.uniform(0.0, 3.0))
            try:
                self.ground.up()
                self.mended += 1
            except WizardError as error:  # struck again while it rose: the next round tries again
                self.failed += 1
                self.lastwords = error.message
            except Exception as error:
                self.failed += 1
                self.lastwords = f"{type(error).__name__}: {error}"

    def stop(self) -> None:
        """End; whatever is being mended is finished first."""
        self.ending.set()
        self.join(180)
