"""Would this release serve this lab? Tried in private before anybody gets it, beside the hub that people use.

    its environments (kept for the switch) → a throw-away folder with a copy of the state → its proxy and hub on other ports
    → the smoke notebook as a throw-away person → everything private gone again

Runs from the new release's bundle, with the Python that Debian ships. Keeps true: nothing that people use is touched, as ports,
database and homes are its own; every server is taken out of the copied database, so the private hub never sees people's; whatever
it started is ended, whether it served or not.
"""

import json
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from aws_research_wizard.host import bundles, commands, database, guard, hub, kernels, processes
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.bundles import BundleRefused
from aws_research_wizard.host.machine import MARKER, Machine, Ports
from aws_research_wizard.host.orders import Kernel, Orders
from aws_research_wizard.host.steps import CommandFailed, LeftOut

PORTS = range(21_000, 29_000)
COPIED = ("orders.json", "people.json")
SMOKE_SECONDS = 900.0


class Unfit(Exception):  # noqa: N818
    """This release does not serve this lab; the words say why."""


def main(machine: Machine) -> int:
    """Try this release; the answer is a line of JSON: `{"report": …}` or `{"failed": why}`."""
    try:
        answer: dict[str, Any] = {"report": Proof(machine).whole()}
    except (Unfit, BundleRefused) as reason:
        answer = {"failed": str(reason)}
    except CommandFailed as failure:
        answer = {"failed": failure.cause}
    except OSError as error:
        answer = {"failed": f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")}
    print(json.dumps(answer), flush=True)
    return 0


def scratch(machine: Machine) -> Path:
    """The throw-away folder: on the machine's own disk, for root alone."""
    return machine.state / "green"


class Proof:
    """One trial of one release."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.place = machine, scratch(machine)
        root = self.place / "root"
        ports = dict(zip(asdict(machine.ports), free_ports(3), strict=True))
        self.private = replace(
            machine,
            root=root,
            local=True,
            efs_root=self.place / "lab",
            ports=Ports(**ports),
            software=machine.opt,
            specs=self.place / "jupyter",
            access_mode="local",
        )

    def whole(self) -> dict[str, Any]:
        """Make what the release needs, serve in private, run the smoke notebook; return what was seen."""
        begun = time.monotonic()
        orders = wanted.load(self.machine.state)
        if orders is None:
            raise Unfit("this machine has no orders yet")
        clear(self.machine)
        bundles.room(self.machine)
        made = self._environments(orders)
        try:
            self._furnish(replace(orders, host=None))
            seen = self._serve()
        finally:
            clear(self.machine)
        return {"environments": made, "smoke": seen, "seconds": round(time.monotonic() - begun, 1)}

    def _environments(self, orders: Orders) -> dict[str, str]:
        """The release's own environment and those of the lab's kernels, registered in private only."""
        machine = self.machine
        wheels = sorted(machine.bundle.glob("*.whl"))
        log = machine.logs / "upgrade.log"
        made = {"hub": kernels.maker(machine, log).make(machine.hub_env, machine.bundle / "requirements-host.txt", wheels)}
        hub.take_back_own_kernel(machine)
        aside = replace(machine, specs=self.private.specs)
        return made | {kernel.name: self._kernel(aside, kernel) for kernel in orders.kernels}

    def _kernel(self, aside: Machine, kernel: Kernel) -> str:
        """Make a kernel; of one that the lab can do without it is only told that it cannot be made."""
        try:
            return kernels.install(aside, kernel)
        except CommandFailed as failure:
            if kernel.required and not isinstance(failure, LeftOut):
                raise
            return f"failed: {failure.cause}"

    def _furnish(self, orders: Orders) -> None:
        """A state of its own: orders, people and database as they are, without the secrets and the servers."""
        private = self.private
        self.place.mkdir(parents=True, exist_ok=True)
        self.place.chmod(0o700)
        for folder in (private.state / "hub", private.storage / "homes", private.storage / "shared", private.logs):
            folder.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            if (self.machine.state / name).exists():
                shutil.copyfile(self.machine.state / name, private.state / name)
        if database.path(self.machine).exists():
            database.copy(database.path(self.machine), database.path(private))
            _without_servers(database.path(private))
        hub.configure(private, orders)

    def _serve(self) -> dict[str, Any]:
        parts = [self._start("proxy"), self._start("serve")]
        try:
            return self._smoke(parts)
        finally:
            for part in reversed(parts):
                part.terminate()

    def _smoke(self, parts: list[subprocess.Popen[bytes]]) -> dict[str, Any]:
        smoke = self._start("smoke", stdout=subprocess.PIPE)
        end = time.monotonic() + SMOKE_SECONDS
        while smoke.poll() is None:
            ended = next((part for part in parts if part.poll() is not None), None)
            if ended or time.monotonic() > end:
                smoke.kill()
                raise Unfit(f"its {['proxy', 'hub'][parts.index(ended)]} ended: {self._why()}" if ended else "its smoke hangs")
            time.sleep(0.1)
        said = smoke.communicate()[0].decode().strip().splitlines()
        answer: dict[str, Any] = json.loads(said[-1]) if said else {"failed": f"the smoke ended without a word: {self._why()}"}
        if "failed" in answer:
            raise Unfit(answer["failed"])
        return dict(answer["report"])

    def _start(self, part: str, **more: Any) -> subprocess.Popen[bytes]:
        private = self.private
        extra = {
            "AWR_MACHINE_ROOT": str(private.root),
            "AWR_PORTS": json.dumps(asdict(private.ports)),
            "AWR_EFS_ROOT": str(private.storage),
            "AWR_SOFTWARE": str(private.opt),
            "AWR_SPECS": str(private.jupyter),
            "AWR_BUNDLE_DIR": str(private.bundle),
            "PATH": f"{private.hub_env / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            MARKER: private.instance_id,
        }
        with (private.logs / f"{part}.log").open("ab") as log:
            words = [str(private.hub_env / "bin/python"), "-P", "-m", "aws_research_wizard.host", part]
            kept = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "preexec_fn": guard.die_with_parent, **more}
            return subprocess.Popen(words, env=commands.clean_env(extra), **kept)

    def _why(self) -> str:
        """The telling words of whichever part said some last."""
        said = [
            log.read_text(errors="replace")
            for name in ("serve", "proxy", "smoke")
            if (log := self.private.logs / f"{name}.log").exists()
        ]
        return next((commands.telling(text) for text in said if text.strip()), "it said nothing")


def clear(machine: Machine) -> None:
    """End what a trial started, this one or one that was killed, and remove its folder."""
    place = str(scratch(machine))
    processes.end(lambda: [one for one in processes.ours(machine.instance_id) if belongs(one, place)])
    shutil.rmtree(place, ignore_errors=True)


def belongs(process: processes.Process, place: str) -> bool:
    """Say whether a process is part of the trial in `place`."""
    return any(value.startswith(place) for value in process.env.values()) or any(place in word for word in process.words)


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now, and that the system gives to nobody who asks for any."""
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            return found
    raise Unfit("there are no free ports")


def _without_servers(copied: Path) -> None:
    """Take people's servers out of a copied database: the private hub must not ask for them, let alone end them."""
    with closing(sqlite3.connect(copied)) as opened, opened:
        opened.execute("DELETE FROM servers WHERE id IN (SELECT server_id FROM spawners WHERE server_id IS NOT NULL)")
        opened.execute("UPDATE spawners SET server_id = NULL, state = NULL")
