"""A lab serves notebooks while its control plane is dead, and afterwards everything catches up.

    python -m tools.outage --seconds 600          (make outage SECONDS=600)

Emulator, infrastructure and every Lambda worker are killed with `kill -9` and stay dead. Meanwhile cells run every few seconds, a
person who is known starts a server, one comes in with a ticket from just before, the hub itself is killed, and the machine of
a second lab loses power. Then the control plane comes back: heartbeats arrive, and what it says equals what is. Writes
`build/outage.json`; exit 1 when a promise is not kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from websockets.exceptions import WebSocketException

from aws_research_wizard.client.calls import Calls
from aws_research_wizard.client.errors import CannotReach, WizardError
from tools.hub import HubError, Person
from tools.storm.ground import ROOT, Ground, StormError, kill, until, words
from tools.storm.life import KERNEL

REPORT = ROOT / "build" / "outage.json"
OWNER, KNOWN, TICKET = "admin@localhost", "grace@example.org", "mary@example.org"
BACK_SECONDS = 120.0


@dataclass
class Outage:
    """One outage: the cast, what was done, and which promises were kept."""

    ground: Ground
    seconds: float
    every: float
    say: Callable[[str], None]
    lab_id: str = ""
    fragile_id: str = ""
    cells: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    promises: list[tuple[str, bool, str]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def run(self) -> bool:
        """The whole story; True when every promise was kept."""
        owner, known, ticket = self._cast()
        with closing(owner.http), closing(known.http):
            self.kernel = owner.start_kernel(KERNEL)
            owner.run(self.kernel, "count = 0")
            self._kill_control_plane()
            self._live_on(owner, known, ticket)
            self._come_back(owner)
        return all(kept for _, kept, _ in self.promises)

    def promise(self, what: str, kept: bool, seen: str = "") -> None:
        """Note whether a promise was kept."""
        self.promises.append((what, kept, seen))
        self.say(f"  {'✔' if kept else '✘'} {what}{': ' + seen if seen else ''}")

    # ── before ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _cast(self) -> tuple[Person, Person, str]:
        """Two labs; an owner who works, a member who signed in once, and one who holds a ticket."""
        with self.ground.calls() as calls, ThreadPoolExecutor(2) as pool:
            self.lab_id, self.fragile_id = pool.map(lambda name: self._lab(calls, name), ("outage", "fragile"))
            owner = Person.by_link(calls.login(self.lab_id)["url"])
            links = [self._link(calls, email) for email in (KNOWN, TICKET)]
            self.instance = str(calls.lab(self.lab_id)["instance_id"])
            self.fragile_instance = str(calls.lab(self.fragile_id)["instance_id"])
        owner.start_server()
        self._meet_people()
        return owner, Person.by_link(links[0]), links[1]

    def _lab(self, calls: Calls, name: str) -> str:
        lab = calls.create_lab({"domain": "base", "users": 5, "name": name, "notebook_examples": False})
        until(f"{name} is ready", lambda: calls.lab(lab["id"])["phase"] == "READY", 300)
        return str(lab["id"])

    def _link(self, calls: Calls, email: str) -> str:
        calls.put_person({"email": email, "role": "member", "teams": ["default"]})
        calls.add_user(self.lab_id, email, "member")
        with Calls(calls.wire.url, str(calls.create_token({"label": "outage"}, person=email)["token"])) as theirs:
            return str(theirs.login(self.lab_id)["url"])

    def _meet_people(self) -> None:
        """The machine hears of its people with a heartbeat; a ticket of somebody not yet listed would be refused."""
        orders = self.ground.home.machine(self.instance) / "root/var/lib/wizard/orders.json"
        until("the machine knows its people", lambda: orders.exists() and TICKET in orders.read_text(), 60)

    def _kill_control_plane(self) -> None:
        """All of it at once. The machine runner lives: it stands for the computers themselves."""
        parts = [part for name in ("emulator", "infra") if (part := self.ground.part(name))]
        victims = [*parts, *self.ground.workers()]
        self.died = time.monotonic()
        dead = sum(map(kill, victims))
        time.sleep(0.5)
        try:
            with Calls(str(self.ground.home.state()["api_url"]), attempts=1) as calls:
                calls.health()
            self.promise("the control plane is dead", False)
        except CannotReach:
            self.promise("the control plane is dead", True, f"{dead} processes killed")

    # ── meanwhile ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _live_on(self, owner: Person, known: Person, ticket: str) -> None:
        """Cells all the while; each special thing at its own moment."""
        plan: list[tuple[float, Callable[[], None]]] = [
            (0.05, lambda: self._comes_with_ticket(ticket)),
            (0.2, lambda: self._starts_server(known)),
            (0.4, self._machine_loses_power),
            (0.5, lambda: self._hub_is_killed(owner)),
        ]
        while (passed := time.monotonic() - self.died) < self.seconds or plan:
            if plan and passed >= plan[0][0] * self.seconds:
                plan.pop(0)[1]()
            self._cell(owner)
            time.sleep(max(0.0, self.every - (time.monotonic() - self.died - passed)))
        self.figures |= {"dead_s": round(time.monotonic() - self.died, 1), "cells": len(self.cells)}
        self.figures["slowest_cell_s"] = round(max(self.cells, default=0.0), 2)
        seen = "; ".join([f"{len(self.cells)} cells, the slowest {self.figures['slowest_cell_s']} s", *self.failed[:2]])
        self.promise("every cell ran", bool(self.cells) and not self.failed, seen)

    def _cell(self, person: Person) -> None:
        began = time.monotonic()
        try:
            cell = person.run(self.kernel, "count += 1; print(count)", 30)
        except (HubError, OSError, WebSocketException, TimeoutError) as error:
            self.failed.append(f"cell {len(self.cells) + 1}: {type(error).__name__}: {error}")
            return
        self.cells.append(time.monotonic() - began)
        if cell.text.strip() != str(len(self.cells)):
            self.failed.append(f"cell {len(self.cells)} printed {cell.text.strip()[:40]}")

    def _tried(self, what: str, act: Callable[[], str]) -> None:
        try:
            self.promise(what, True, act())
        except (HubError, StormError, httpx.HTTPError, OSError, WebSocketException) as error:
            self.promise(what, False, f"{type(error).__name__}: {error}")

    def _comes_with_ticket(self, ticket: str) -> None:
        def comes() -> str:
            person = Person.by_link(ticket)
            with closing(person.http):
                return _works(person)

        self._tried("a ticket from before opens the lab and a new server starts", comes)

    def _starts_server(self, known: Person) -> None:
        self._tried("somebody who is known starts a server", lambda: _works(known))

    def _machine_loses_power(self) -> None:
        """Reality changes while nobody is told."""
        for process in self.ground.of_machines().get(self.fragile_instance, []):
            kill(process)

    def _hub_is_killed(self, person: Person) -> None:
        def back() -> str:
            hubs = [one for one in self.ground.of_machines()[self.instance] if "-m jupyterhub " in words(one)]
            before = {one.pid for one in hubs if kill(one)}
            began = time.monotonic()
            until("the hub answers", lambda: _answers(person) and self._hub_pid() not in before, 60, 0.2)
            return f"after {time.monotonic() - began:.1f} s"

        self._tried("a hub that is killed comes back by itself", back)

    def _hub_pid(self) -> int:
        found = [one.pid for one in self.ground.of_machines()[self.instance] if "-m jupyterhub " in words(one)]
        return found[0] if found else 0

    # ── afterwards ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _come_back(self, owner: Person) -> None:
        self.ground.up()
        back = time.monotonic()
        self.figures["up_s"] = round(back - self.died - self.figures["dead_s"], 1)
        with self.ground.calls() as calls:
            self._timed("heartbeats arrive", back, lambda: self._fresh(calls.lab(self.lab_id), since=self.revived))
            self._timed("the lost machine is known", back, lambda: calls.lab(self.fragile_id)["phase"] == "STOPPED")
            lab = calls.lab(self.lab_id)
            self.promise("the lab that served is READY", lab["phase"] == "READY", lab["phase"])
            self._timed("it counts the servers that run", back, lambda: _servers(calls.lab(self.lab_id)) == 3)
            self.figures["servers"] = _servers(calls.lab(self.lab_id))
            told = [event["name"] for event in calls.events(self.fragile_id)]
            names = [name for name in told if name != "MachineStopped"]  # EC2's own word for it may come before or after ours
            self.promise("its end is an event", names[-1:] == ["LabStopped"], names[-1] if names else "")
        states = {name: self._real_state(name) for name in (self.instance, self.fragile_instance)}
        self.promise("state equals reality", list(states.values()) == ["running", "stopped"], ", ".join(states.values()))
        self._cell(owner)
        self.promise("the kernel from before goes on", not self.failed, f"count {len(self.cells)}")

    @property
    def revived(self) -> float:
        """The moment (seconds since 1970) from which on a heartbeat is new."""
        return time.time() - (time.monotonic() - self.died) + float(self.figures["dead_s"])

    def _fresh(self, lab: Any, since: float) -> bool:
        beat = (lab["machine"] or {}).get("last_heartbeat") or ""
        return bool(beat) and datetime.fromisoformat(beat).timestamp() > since

    def _timed(self, what: str, since: float, holds: Callable[[], bool]) -> None:
        try:
            until(what, holds, BACK_SECONDS, 0.3)
            self.promise(what, True, f"after {time.monotonic() - since:.1f} s")
        except (StormError, WizardError) as error:
            self.promise(what, False, str(error))

    def _real_state(self, instance_id: str) -> str:
        found = self.ground.client("ec2").describe_instances(InstanceIds=[instance_id])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


def _works(person: Person) -> str:
    """Start this person's server and run a cell in it; how long that took."""
    began = time.monotonic()
    person.start_server()
    cell = person.run(person.start_kernel(KERNEL), "print(6 * 7)")
    if cell.text.strip() != "42":
        raise HubError(f"the cell printed {cell.text[:80]}")
    return f"{time.monotonic() - began:.1f} s to a cell"


def _servers(lab: Any) -> int | None:
    return (lab["machine"] or {}).get("servers")


def _answers(person: Person) -> bool:
    try:
        return person.http.get(f"{person.hub}/").status_code == 200
    except httpx.HTTPError:
        return False


def show(outage: Outage) -> None:
    """The table."""
    title = f"control plane dead for {outage.figures.get('dead_s', 0)} s"
    table = Table("promise", "kept", "seen", title=title, title_justify="left")
    for what, kept, seen in outage.promises:
        table.add_row(what, "yes" if kept else "NO", seen)
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the control plane stays dead")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two cells")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wizard-outage-", ignore_cleanup_errors=True) as folder:
        ground = Ground(Path(folder))
        outage = Outage(ground, asked.seconds, asked.every, lambda text: print(text, flush=True))
        ground.prepare(outage.say)
        try:
            ground.up()
            held = outage.run()
        finally:
            ground.remove()
    REPORT.parent.mkdir(exist_ok=True)
    promises = [{"promise": what, "kept": kept, "seen": seen} for what, kept, seen in outage.promises]
    REPORT.write_text(json.dumps({**outage.figures, "failed_cells": outage.failed, "promises": promises}, indent=2) + "\n")
    show(outage)
    return 0 if held else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (StormError, HubError, WizardError) as error:
        sys.exit(f"outage: {error}")
