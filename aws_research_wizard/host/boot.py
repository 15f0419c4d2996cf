"""From nothing to a lab that serves: the story of one boot, and then the watch over what it started.

    fetch bundle (the boot script) → ┬ install hub ─────────────────────────┬→ start hub ─┬→ ready → watch
                                     └ claim identity → ┬ prepare storage ──┘             │
                                                        └ install each kernel ────────────┘

Needs nothing but the Python that Debian ships. Keeps true: `ready` is said only when the hub answers and every kernel of the
lab's own pack is registered (those of other packs come behind: fitting.py); a step that fails is told with its cause and its last
lines; a machine that knew its orders starts without the control plane too.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aws_research_wizard.host import (
    commands,
    fitting,
    guard,
    hub,
    identity,
    kernels,
    people,
    processes,
    proof,
    releases,
    room,
    storage,
    upgrade,
)
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.control_plane import Away, ControlPlane, Refused, insist
from aws_research_wizard.host.machine import MARKER, Machine
from aws_research_wizard.host.metadata import Metadata
from aws_research_wizard.host.orders import Kernel, Orders
from aws_research_wizard.host.steps import LeftOut, StepFailed, Steps

FAILED = 3
"""Exit code of a machine that said why it cannot become a lab: starting it again would not help."""
HUB_SECONDS = 90.0
SHORT_LIFE_SECONDS = 5.0
"""A supervisor that ends sooner than this would end again: whoever watches us then begins the whole boot anew."""


class Again(BaseException):
    """A part was killed, which says nothing against the machine: whoever watches us begins the boot anew."""


class Ended(BaseException):
    """The machine was asked to end while the main thread was busy."""


def main(machine: Machine) -> int:
    """Boot, then watch until asked to end."""
    if not machine.instance_id:
        machine = replace(machine, instance_id=Metadata().instance_id())
    os.environ[MARKER] = machine.instance_id
    release = releases.at_boot(machine, os.environ.get("AWR_ASKED", ""))
    return Boot(machine).run() if release == machine.release else become(machine, release)


def become(machine: Machine, release: str) -> int:
    """Go on as the boot of another release that is on this machine."""
    print(f"[boot] release {release} is the one to run, not {machine.release}", file=sys.stderr, flush=True)
    place = releases.bundle(machine, release)
    wheel = next(place.glob("*.whl"))
    words = [sys.executable, "-P", "-m", "aws_research_wizard.host", "boot"]
    os.chdir(machine.root)
    os.execve(words[0], words, {**os.environ, "AWR_BUNDLE_DIR": str(place), "PYTHONPATH": str(wheel)})  # noqa: S606 (our own)


class Boot:
    """One boot of one machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.asked = os.environ.get("AWR_ASKED", "")
        self.boot_id = uuid.uuid4().hex
        self.stop = threading.Event()
        self.steps = Steps()
        self.door = ControlPlane(machine.api_url, machine.execute_api)
        self.pool = ThreadPoolExecutor(8)
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.supervised_at = 0.0
        self.again = False

    def run(self) -> int:
        """Tell the story; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_end)
        try:
            return self._serve()
        except Ended:
            return 0
        except Again:
            self.again = True
            return 1
        except StepFailed as failure:
            if self.stop.is_set():
                return 0
            instead = self._give_up(failure)
            if not instead:
                return self._fail(failure)
        finally:
            self._end()
        return become(self.machine, instead)

    def _serve(self) -> int:
        self._tidy()
        self.steps.add("fetch bundle", self.machine.boot_script_seconds)
        hub_there = self.pool.submit(self._install_hub)
        orders = self._claim()
        required = tuple(kernel for kernel in orders.kernels if kernel.required)
        kernels_there = [self.pool.submit(self._install_kernel, kernel) for kernel in required]
        self._prepare(orders)
        hub_there.result()
        hub_up = self.pool.submit(self._wait_for_hub, self._start_supervisor())
        _all([hub_up, *kernels_there])
        kernels.retire(self.machine, {kernel.name for kernel in orders.kernels})
        kernels.note_release(self.machine)
        releases.confirm(self.machine, self.asked)
        self.pool.submit(self._ready, orders)
        self.pool.submit(self._polish, required)
        return self._watch()

    def _tidy(self) -> None:
        """Forget what belonged to the boot before, unless people's servers of that boot live on; see to the disk's reserve."""
        said = room.reserve(self.machine.state)
        if said:
            print(f"[boot] {said}", file=sys.stderr, flush=True)
        if not processes.ours(self.machine.instance_id):
            shutil.rmtree(self.machine.run, ignore_errors=True)

    def _claim(self) -> Orders:
        with self.steps.step("claim identity") as note:
            machine = self.machine
            known = identity.load(machine.state)
            if known:
                note.detail = "known from an earlier boot"
                self.door.token = known.token
                orders = self._todays_orders()
            else:
                known, orders = identity.claim(machine, self.door, self._prove, self.stop)
                self.door.token = known.token
        self.steps.tell(self.door)
        with _even_on_a_full_disk("people"):
            people.change(machine.state, lambda before: people.follow(before, orders.people, time.time()))
        return orders

    def _prove(self) -> dict[str, object]:
        region = self.machine.region
        endpoint = proof.sts_endpoint(region, os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL"))
        try:
            credentials = Metadata().credentials()
        except (OSError, KeyError, ValueError) as error:  # a new instance's role may be known there only after some seconds
            raise Away(f"the metadata service gave no credentials: {error}") from error
        return proof.make(credentials, self.machine.lab_id, region, endpoint, datetime.now(UTC))

    def _todays_orders(self) -> Orders:
        """Return today's orders, or the last known when nobody answers."""
        kept = wanted.load(self.machine.state)
        try:
            orders = Orders.parse(self.door.heartbeat({"boot_id": self.boot_id, "uptime_s": 0, "servers": []}))
        except (Away, Refused, KeyError, TypeError, ValueError) as error:
            if kept is None:
                raise
            print(f"[boot] the orders known from before are used: {error}", file=sys.stderr, flush=True)
            return kept
        with _even_on_a_full_disk("orders"):
            wanted.save(self.machine.state, orders)
        return orders

    def _install_hub(self) -> None:
        with self.steps.step("install hub") as note:
            machine = self.machine
            wheels = sorted(machine.bundle.glob("*.whl"))
            maker = kernels.maker(machine, machine.logs / "boot.log")
            note.detail = maker.make(machine.hub_env, machine.bundle / "requirements-host.txt", wheels)
            hub.take_back_own_kernel(machine)

    def _install_kernel(self, kernel: Kernel) -> None:
        cause = ""
        with self.steps.step(f"install kernel {kernel.name}") as note:
            try:
                note.detail = kernels.install(self.machine, kernel)
            except LeftOut as failure:
                cause, note.detail = failure.cause, f"left out: {failure.cause}"
        fitting.note(self.machine, kernel, self.boot_id, cause)

    def _prepare(self, orders: Orders) -> None:
        with self.steps.step("prepare storage") as note:
            note.detail = storage.prepare(self.machine)
            guard.block_metadata(self.machine)
        hub.configure(self.machine, orders)

    def _start_supervisor(self) -> subprocess.Popen[bytes]:
        """Start what starts the proxy, the hub and the agent; it must be a child of the main thread, whose end it follows.

        What an earlier supervisor left without one is ended first: it would hold the ports.
        """
        processes.end(lambda: processes.supervised(self.machine.instance_id))
        path = f"{self.machine.hub_env / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        words = [str(self.machine.hub_env / "bin/python"), "-P", "-m", "aws_research_wizard.host", "supervise"]
        environment = commands.clean_env({"PATH": path, "AWR_BOOT_ID": self.boot_id, MARKER: self.machine.instance_id})
        self.supervised_at = time.monotonic()
        self.supervisor = subprocess.Popen(words, env=environment, preexec_fn=guard.die_with_parent, start_new_session=True)
        return self.supervisor

    def _wait_for_hub(self, supervisor: subprocess.Popen[bytes]) -> None:
        with self.steps.step("start hub"):
            if not hub.wait(self.machine, HUB_SECONDS, lambda: supervisor.poll() is None):
                if (supervisor.poll() or 0) < 0:
                    raise Again
                raise hub.why_not(self.machine)

    def _ready(self, orders: Orders) -> None:
        """Say so until it is acknowledged."""
        address, names = hub.address(self.machine, orders), kernels.registered(self.machine)
        try:
            insist(lambda: self.door.ready(self.boot_id, address, self.steps.times(), names), self.stop)
            print(f"[boot] ready at {address}", file=sys.stderr, flush=True)
        except (Away, Refused) as error:
            print(f"[boot] ready was not taken: {error}", file=sys.stderr, flush=True)

    def _polish(self, installed: tuple[Kernel, ...]) -> None:
        machine = self.machine
        releases.prune(machine, upgrade.in_use(machine))
        kernels.maker(machine, machine.logs / "boot.log").polish(machine.hub_env, machine.bundle / "requirements-host.txt")
        for kernel in installed:
            kernels.polish(machine, kernel)

    def _watch(self) -> int:
        """Stay until asked to end. A supervisor that ended is started again: it takes nobody's server with it."""
        while not self.stop.wait(0.5):
            if self.supervisor and self.supervisor.poll() is not None:
                print("[boot] the supervisor ended", file=sys.stderr, flush=True)
                if time.monotonic() - self.supervised_at < SHORT_LIFE_SECONDS:
                    raise Again
                self._start_supervisor()
        return 0

    def _give_up(self, failure: StepFailed) -> str:
        """Return the release to boot instead, when the one that came with this start cannot; blank when there is none."""
        instead = releases.give_up(self.machine, self.asked, str(failure))
        if instead:
            self.steps.add(f"return to release {instead}", 0.0, f"release {self.machine.release} failed: {failure}")
            self.steps.flush()
        return instead

    def _fail(self, failure: StepFailed) -> int:
        print(f"[boot] failed · {failure}", file=sys.stderr, flush=True)
        if self.door.token:
            self.steps.flush()
            try:
                insist(lambda: self.door.failed(failure.step, failure.cause, failure.log_tail), self.stop)
            except (Away, Refused, Ended) as error:
                print(f"[boot] the failure was not taken: {error}", file=sys.stderr, flush=True)
        return FAILED

    def _asked_to_end(self, *_: object) -> None:
        if not self.stop.is_set():
            self.stop.set()
            raise Ended

    def _end(self) -> None:
        """Leave nothing behind, first the supervised parts, then all that carries our marker; only those, if we begin again."""
        self.stop.set()
        self.pool.shutdown(wait=False, cancel_futures=True)
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.terminate()
        mine = processes.supervised if self.again else processes.ours
        processes.end(lambda: mine(self.machine.instance_id))


@contextmanager
def _even_on_a_full_disk(what: str) -> Iterator[None]:
    """Go on with what was last written down when nothing more can be."""
    try:
        yield
    except OSError as error:
        if not room.lack_of(error):
            raise
        print(f"[boot] {what} are as they were last written down: {error}", file=sys.stderr, flush=True)


def _all(futures: list[Future[Any]]) -> None:
    """Wait for all; raise the first failure at once."""
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()
