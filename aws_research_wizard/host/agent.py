"""How does the machine talk with the control plane while people work? It tells how the lab is, and does what is ordered.

Keeps true: no order interrupts anybody but the person it takes off the list; a control plane that is away changes nothing
here but the rhythm of asking; the agent never ends by itself, unless another release is current (that one's is started).
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from aws_research_wizard.host import (
    activity,
    identity,
    load,
    notices,
    people,
    piece,
    processes,
    releases,
    room,
    shares,
    shipping,
    upgrade,
)
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.control_plane import Away, ControlPlane, Refused
from aws_research_wizard.host.fitting import Fitter
from aws_research_wizard.host.hub_api import HubApi, HubAway
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Orders
from aws_research_wizard.host.usage import MEASURE_SECONDS, Usage
from aws_research_wizard.host.work import Desk

MOST_SECONDS = 60.0
"""The slowest rhythm while nobody answers: short enough that a returning control plane soon knows of us."""
NEWS_SECONDS = 5.0
"""News is told at once, but never more often than this."""


def main(machine: Machine) -> int:
    """Run until asked to end."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=shipping.ship, args=(machine, stop), name="shipping", daemon=True).start()
    agent = Agent(machine)
    threading.Thread(target=agent.watch.run, args=(stop, agent.look_seconds), name="watch", daemon=True).start()
    threading.Thread(target=agent.desk.run, args=(stop,), name="work", daemon=True).start()
    threading.Thread(target=agent.fitter.run, args=(stop,), name="kernels", daemon=True).start()
    agent.run(stop)
    return 0


class Agent:
    """One agent of one machine."""

    def __init__(self, machine: Machine, door: ControlPlane | None = None, hub: HubApi | None = None) -> None:
        self.machine = machine
        self.started = time.time()
        self.boot_id = os.environ.get("AWR_BOOT_ID", "")
        self.hub = hub or HubApi(machine)
        self.door = door or ControlPlane(machine.api_url, machine.execute_api)
        self.desk = Desk(machine.state, self.door, piece.do)
        self.fitter = Fitter(machine, self.boot_id, piece.do, self.door.step)
        self.watch = activity.of_machine(machine, self.hub, machine.run / "activity.json")
        self.fitter.news = self.watch.changed.set
        self.shares = shares.Shares(machine.told)
        self.network = load.Network()
        self.seq = 0
        load.begin()
        self.usage = Usage(machine.storage, machine.state, every=10 if machine.local else MEASURE_SECONDS)

    def run(self, stop: threading.Event) -> None:
        """Beat until `stop`: at the ordered rhythm while answered, slower and slower while not."""
        failures = 0
        while not stop.is_set() and not self.superseded():
            failures = 0 if self.beat() else failures + 1
            rhythm = self._rhythm()
            self._rest(stop, min(rhythm * 2 ** min(failures, 6), max(MOST_SECONDS, rhythm)), eager=not failures)

    def look_seconds(self) -> float:
        """Return how often to look at the servers: more often than it is told."""
        return min(activity.LOOK_SECONDS, max(0.5, self._rhythm() / 5))

    def _rhythm(self) -> float:
        kept = wanted.load(self.machine.state)
        return kept.heartbeat_seconds if kept else 30.0

    def _rest(self, stop: threading.Event, seconds: float, eager: bool) -> None:
        """Wait until the next beat is due; with `eager`, news makes it due."""
        begun = time.monotonic()
        while (rested := time.monotonic() - begun) < seconds and not stop.wait(min(0.5, seconds - rested)):
            if eager and self.watch.changed.is_set() and rested >= min(NEWS_SECONDS, seconds / 2):
                return

    def superseded(self) -> bool:
        """Say whether this machine runs another release than ours; a change that nobody conducts any more is taken back first."""
        self._try("upgrade", lambda: upgrade.settle(self.machine))
        record, now = releases.load(self.machine), releases.current(self.machine)
        return bool(now) and now != self.machine.release and not (record and record.open)

    def beat(self) -> bool:
        """Tell, do what is ordered, tidy up; say whether the control plane answered."""
        users = self._users()
        answered = self._try("heartbeat", self._follow)
        self._try("removed people", lambda: self._see_out(users))
        self._try("kernels without a server", self._reap)
        self._try("the disk's reserve", self._reserve)
        return answered

    def pulse(self) -> dict[str, Any]:
        """Return how the machine is; `seq` grows within a boot, also past an agent that is started again."""
        self.watch.changed.clear()
        now, seen = load.now(self.started, self.machine.root), self.watch.last()
        moment = time.monotonic()
        self.seq = max(self.seq + 1, int(moment * 10))
        self._try("who had a server", lambda: self.shares.note(seen.people, time.time()))
        return {
            "boot_id": self.boot_id,
            "seq": self.seq,
            "release": releases.told(self.machine),
            "kernels": self.fitter.told(),
            "uptime_s": round(now.uptime_s, 1),
            "storage_used_bytes": self.usage.bytes(),
            "cpu": now.cpu,
            "memory": now.memory,
            "disk": now.disk,
            "gpu": self.watch.gpus.busy,
            "network_kb_per_second": self.network.kb_per_second(),
            "servers": seen.told(moment),
        }

    def _users(self) -> list[dict[str, Any]]:
        """Return the hub's users; nobody while the hub itself starts."""
        try:
            return self.hub.users()
        except HubAway:
            return []

    def _follow(self) -> None:
        known = identity.load(self.machine.state)
        self.door.token = known.token if known else ""
        self.obey(Orders.parse(self.door.heartbeat(self.pulse())))

    def obey(self, orders: Orders) -> None:
        """Bring the machine to what is wanted: capacity and people are read by the hub itself, kernels are the fitter's."""
        before = wanted.load(self.machine.state)
        if before is None or dict(before.raw) != dict(orders.raw):
            wanted.save(self.machine.state, orders)
        self._try("what people are told", lambda: self._tell_people(orders))
        people.change(self.machine.state, lambda now: people.follow(now, orders.people, time.time()))
        self.desk.follow(orders.raw.get("work") or ())
        if before is None or (before.kernels, before.packs) != (orders.kernels, orders.packs):
            self.fitter.follow()

    def _tell_people(self, orders: Orders) -> None:
        notices.put_up(self.machine.told, orders, time.time())
        self.shares.price(orders)

    def _see_out(self, users: list[dict[str, Any]]) -> None:
        """End the sessions and the server of people who may no longer work here; their files stay."""
        listed = people.load(self.machine.state)
        for user in users:
            if not listed.may_work(user["name"]):
                self.hub.forget(user["name"])

    def _reap(self) -> None:
        marker = self.machine.instance_id
        if marker:
            processes.end(lambda: processes.orphaned_kernels(processes.ours(marker)))

    def _reserve(self) -> None:
        if said := room.reserve(self.machine.state):
            print(f"[agent] {said}", file=sys.stderr, flush=True)

    def _try(self, what: str, action: Callable[[], object]) -> bool:
        """Do `action`; whatever goes wrong is said and survived."""
        try:
            action()
        except (Away, Refused, HubAway) as error:
            print(f"[agent] {what}: {error}", file=sys.stderr, flush=True)
            return False
        except Exception as error:
            print(f"[agent] {what}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            return False
        return True
