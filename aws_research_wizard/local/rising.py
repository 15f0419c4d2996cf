"""How does the local cloud come up, from whatever state it is in?

One ``Rising`` is one ``up``: it keeps what answers, ends what does not, starts what is missing, deploys the package if it is
a new one, and leaves a signed-in command line behind. Kept true: the runner comes last, so that no machine boots before
there is a control plane to call home to.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.local import processes
from aws_research_wizard.local.home import PREFERRED_PORTS, Home, choose_ports
from aws_research_wizard.local.home import is_free as port_is_free
from aws_research_wizard.local.looking import answers, condition, health_url

ADMIN = "admin@localhost"
PROFILE = "local"
START_SECONDS = 60.0


class Rising:
    """One ``up``: the steps, and what they found."""

    def __init__(self, place: Home, progress: Callable[[str], None]) -> None:
        self.place, self.progress = place, progress
        self.clean = bool(place.state().get("clean", True))
        self.started: set[str] = set()

    def rise(self) -> None:
        """All steps, in order; the package is built while the servers start."""
        self._folders()
        from aws_research_wizard.local.deploy import Package, build_package

        with ThreadPoolExecutor(1) as pool:
            self.progress("building the package")
            building: Future[Package] = pool.submit(build_package)
            self._servers()
            package = building.result()
        self._control_plane(package)
        self._runner()
        self.place.remember(clean=False)

    def ground(self) -> None:
        """The services alone, with nothing deployed: a region before its first stack."""
        self._folders()
        self._servers()
        self.place.remember(clean=False)

    def _folders(self) -> None:
        for folder in (self.place.efs, self.place.machines, self.place.cache, self.place.logs):
            folder.mkdir(parents=True, exist_ok=True)

    # ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _servers(self) -> None:
        endpoints = self.place.endpoints()
        fine = [name for name in ("infra", "emulator") if condition(self.place, name, endpoints) == "answering"]
        for name in ("infra", "emulator"):
            if name not in fine:
                self._sweep(name)
        self._choose_ports(set(fine))
        endpoints = self.place.endpoints()
        commands = {
            "infra": ["aws_research_wizard.local.infra_server", "--port", str(self.place.ports()["infra"])],
            "emulator": [
                "aws_research_wizard.local.emulator",
                "--port",
                str(self.place.ports()["emulator"]),
                "--infra",
                endpoints["infra"],
            ],
        }
        for name, words in commands.items():
            if name not in fine:
                self.progress(f"starting the {name} on {endpoints[name]}")
                self._launch(name, words)
        for name in commands:
            self._wait_for(name, health_url(name, endpoints))

    def _sweep(self, name: str) -> None:
        """End what is left of a server that does not answer; the emulator's orphaned workers too."""
        known = processes.recall(self.place, name)
        if known is not None and (living := known.alive()):
            self.progress(f"the {name} does not answer: ending it")
            processes.end([living], 5.0)
        elif known is not None and not self.clean:
            self.progress(f"the {name} had died: mending")
        if name == "emulator":
            others = {
                one.pid
                for other in ("infra", "runner")
                if (found := processes.recall(self.place, other)) and (one := found.alive())
            }
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
        processes.note(self.place, name, processes.launch(command, log=log, env=env, cwd=self.place.root))
        self.started.add(name)

    def _wait_for(self, name: str, url: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not answers(url):
            known = processes.recall(self.place, name)
            if known is None or known.alive() is None or time.monotonic() > deadline:
                raise WizardError(f"the {name} did not start: {self._last_words(name)}", f"its log: {self.place.logs / name}.log")
            time.sleep(0.05)

    def _last_words(self, name: str) -> str:
        lines = (self.place.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _runner(self) -> None:
        if condition(self.place, "runner", {}) == "answering" and not self.started:
            return
        processes.end_noted(self.place, "runner", 3.0)
        endpoints = self.place.endpoints()
        self.progress("starting the machine runner")
        self._launch(
            "runner", ["aws_research_wizard.local.runner", "--emulator", endpoints["emulator"], "--infra", endpoints["infra"]]
        )

    # ── the control plane ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _control_plane(self, package: Any) -> None:
        from aws_research_wizard.local.deploy import PREFIX, Deployer, api_url, timer_event

        endpoints = self.place.endpoints()
        deployer = Deployer(endpoints["emulator"], endpoints["infra"], self.progress)
        fresh = self.place.state().get("fingerprint") != package.fingerprint
        if fresh:
            self.progress("deploying the control plane")
            outputs = deployer.deploy(package, self.place.state().get("parameters", {}))
            url = api_url(endpoints["emulator"], outputs)
            for done in deployer.migrate():
                self.progress(f"stored data brought up to this release: {done}")
            self.place.remember(fingerprint=package.fingerprint, api_url=url)
        if fresh or "emulator" in self.started:
            self.progress("warming the functions")
            for words in deployer.warm(deployer.functions(), str(self.place.state()["api_url"])):
                self.progress(f"not warm: {words}")
        self._administrator(deployer, f"{PREFIX}-bootstrap_admin")
        if not self.clean and self.started:
            self.progress("setting labs right after the interruption")
            deployer.invoke(f"{PREFIX}-reconcile_labs", timer_event())

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
