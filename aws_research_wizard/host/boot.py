"""From nothing to a lab that serves: the story of one boot, and then the watch over what it started.

    fetch bundle (the boot script) → ┬ install hub ─────────────────────────┬→ start hub ─┬→ ready → watch
                                     └ claim identity → ┬ prepare storage ──┘             │
                                                        └ install each kernel ────────────┘

Needs nothing but the Python that Debian ships. Keeps true: `ready` is said only when the hub answers and every kernel is registered; a
step that fails is told with its cause and its last lines; without the control plane a machine that knew its orders starts all the same.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aws_research_wizard.host import commands, guard, hub, identity, kernels, people, processes, proof, storage
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.control_plane import Away, ControlPlane, Refused, insist
from aws_research_wizard.host.environments import Maker
from aws_research_wizard.host.machine import MARKER, Machine
from aws_research_wizard.host.metadata import Metadata
from aws_research_wizard.host.orders import Orders
from aws_research_wizard.host.steps import StepFailed, Steps

FAILED = 3
"""Exit code of a machine that said why it cannot become a lab (the supervisor above must not try again)."""
HUB_SECONDS = 90.0


def main(machine: Machine) -> int:
    """Boot, then watch until asked to end."""
    if not machine.instance_id:
        machine = replace(machine, instance_id=Metadata().instance_id())
    os.environ[MARKER] = machine.instance_id
    return Boot(machine).run()


class Ended(BaseException):
    """The machine was asked to end while the main thread was busy."""


class Boot:
    """One boot of one machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.boot_id = uuid.uuid4().hex
        self.stop = threading.Event()
        self.steps = Steps()
        self.door = ControlPlane(machine.api_url, machine.execute_api)
        self.supervisor: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Tell the story; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_end)
        try:
            return self._serve()
        except Ended:
            return 0
        except StepFailed as failure:
            return self._fail(failure)
        except Away:
            return 0  # asked to end while waiting
        finally:
            self._end()

    def _asked_to_end(self, *_: object) -> None:
        if not self.stop.is_set():
            self.stop.set()
            raise Ended

    def _serve(self) -> int:
        machine = self.machine
        self.steps.add("fetch bundle", machine.boot_script_seconds)
        pool = ThreadPoolExecutor(8)
        hub_there = pool.submit(self._install_hub)
        orders = self._claim()
        there = [pool.submit(self._install_kernel, kernel) for kernel in orders.kernels]
        self._prepare(orders)
        hub_there.result()
        self._start_hub(orders)
        _all(there)
        kernels.retire(machine, {kernel.name for kernel in orders.kernels})
        threading.Thread(target=self._ready, args=(orders,), name="ready", daemon=True).start()
        return self._watch()

    def _claim(self) -> Orders:
        with self.steps.step("claim identity") as note:
            machine = self.machine
            known = identity.load(machine.state)
            if known:
                note.detail = "known from an earlier boot"
                self.door.token = known.token
                orders = self._fresh_orders()
            else:
                known, orders = identity.claim(machine.state, self.door, machine.lab_id, machine.instance_id, self._prove, self.stop)
                self.door.token = known.token
        self.steps.tell(self.door)
        people.change(machine.state, lambda before: people.follow(before, orders.people, time.time()))
        return orders

    def _prove(self) -> dict[str, object]:
        region = self.machine.region
        endpoint = proof.sts_endpoint(region, os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL"))
        return proof.make(Metadata().credentials(), self.machine.lab_id, region, endpoint, datetime.now(UTC))

    def _fresh_orders(self) -> Orders:
        """Return today's orders, or the last known when nobody answers."""
        kept = wanted.load(self.machine.state)
        pulse = {"boot_id": self.boot_id, "uptime_s": 0, "storage_used_bytes": 0, "cpu": 0, "memory": 0, "disk": 0, "servers": []}
        try:
            orders = Orders.parse(self.door.heartbeat(pulse))
        except (Away, Refused, KeyError, TypeError, ValueError) as error:
            if kept is None:
                raise
            print(f"[boot] orders of before are used: {error}", file=sys.stderr)
            return kept
        wanted.save(self.machine.state, orders)
        return orders

    def _install_hub(self) -> None:
        with self.steps.step("install hub") as note:
            machine = self.machine
            wheel = next(machine.bundle.glob("*.whl"))
            maker = Maker(machine.uv, machine.python, machine.cache, machine.logs / "boot.log")
            note.detail = maker.make(machine.hub_env, machine.bundle / "requirements-host.txt", [wheel])
            hub.take_back_own_kernel(machine)

    def _install_kernel(self, kernel: wanted.Kernel) -> None:
        with self.steps.step(f"install kernel {kernel.name}") as note:
            note.detail = kernels.install(self.machine, kernel)

    def _prepare(self, orders: Orders) -> None:
        with self.steps.step("prepare storage") as note:
            note.detail = storage.prepare(self.machine)
            guard.block_metadata(self.machine)
        with self.steps.step("configure hub"):
            hub.configure(self.machine, orders)

    def _start_hub(self, orders: Orders) -> None:
        with self.steps.step("start hub"):
            words = [str(self.machine.hub_env / "bin/supervisord"), "-c", str(self.machine.etc / "supervisord.conf")]
            environment = commands.clean_env({"PATH": f"{self.machine.hub_env / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}", "AWR_BOOT_ID": self.boot_id})
            self.supervisor = subprocess.Popen(words, env=environment, preexec_fn=guard.die_with_parent, start_new_session=True)
            if not hub.wait(self.machine, HUB_SECONDS):
                raise StepFailed("start hub", f"the hub did not answer within {HUB_SECONDS:.0f} s", _tail(self.machine, "hub.log"))

    def _ready(self, orders: Orders) -> None:
        """Say so until it is acknowledged."""
        address, names = hub.address(self.machine, orders), kernels.registered(self.machine)
        try:
            insist(lambda: self.door.ready(self.boot_id, address, self.steps.times(), names), self.stop)
            print(f"[boot] ready at {address}", file=sys.stderr, flush=True)
        except (Away, Refused) as error:
            print(f"[boot] ready was not taken: {error}", file=sys.stderr, flush=True)

    def _watch(self) -> int:
        """Stay until asked to end; a supervisor that ended is started again."""
        while not self.stop.wait(1.0):
            if self.supervisor and self.supervisor.poll() is not None:
                print("[boot] the supervisor ended; the system starts it again", file=sys.stderr, flush=True)
                return 1
        return 0

    def _fail(self, failure: StepFailed) -> int:
        print(f"[boot] failed · {failure}", file=sys.stderr, flush=True)
        if self.door.token:
            self.steps.flush()
            try:
                insist(lambda: self.door.failed(failure.step, failure.cause, failure.log_tail), self.stop)
            except (Away, Refused) as error:
                print(f"[boot] the failure was not taken: {error}", file=sys.stderr, flush=True)
        return FAILED

    def _end(self) -> None:
        """Leave nothing behind: first the supervised parts, then all that carries our marker."""
        self.stop.set()
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.terminate()
        processes.end(lambda: processes.ours(self.machine.instance_id))


def _all(futures: list[Future[Any]]) -> None:
    for future in futures:
        future.result()


def _tail(machine: Machine, name: str, lines: int = 20) -> list[str]:
    log = machine.logs / name
    return log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []
