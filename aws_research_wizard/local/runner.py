"""The process that plays the hypervisor: ``python -m aws_research_wizard.local.runner --home DIR --emulator URL --infra URL``.

It waits for changes of instances at the infrastructure endpoint, makes the processes match (boot, stop, remove), confirms
what it has done, and tells the event bus of every state as EC2 does. Kept true: machines live on when the runner dies and
are found again by the mark in their environment; an event is struck off only after the bus took it, so each is sent at least
once; what blocks one machine (a slow stop) does not hold up another.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aws_research_wizard.local import snapshots
from aws_research_wizard.local.calls import Unreachable, get_json, post_json
from aws_research_wizard.local.home import ACCOUNT, REGION, Home, read_json, write_atomically
from aws_research_wizard.local.images import AVAILABLE, FAILED, PENDING, TOLD
from aws_research_wizard.local.machine import Machine, Surroundings

log = logging.getLogger(__name__)
WAIT_SECONDS = 10.0
LOOK_SECONDS = 2.0
ACTIVE = frozenset({"pending", "running"})


def event(name: str, state: str) -> dict[str, Any]:
    """The event EC2 puts on the default bus when an instance or an image changes its state."""
    if name.startswith("ami-"):
        return {
            "Source": "aws.ec2",
            "DetailType": "EC2 AMI State Change",
            "Detail": json.dumps({"ImageId": name, "State": state, "ErrorMessage": ""}),
            "Resources": [f"arn:aws:ec2:{REGION}::image/{name}"],
        }
    return {
        "Source": "aws.ec2",
        "DetailType": "EC2 Instance State-change Notification",
        "Detail": json.dumps({"instance-id": name, "state": state}),
        "Resources": [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{name}"],
    }


@dataclass
class Outbox:
    """States still to be told, kept in a file until the bus has them."""

    path: Path
    emulator: str
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        saved = read_json(self.path)
        self.told: dict[str, str] = saved.get("told", {})
        self.waiting: list[list[str]] = saved.get("waiting", [])

    def note(self, instance_id: str, state: str) -> None:
        """A state is to be told, unless it was the last one told or noted."""
        with self.lock:
            noted = [known for name, known in self.waiting if name == instance_id]
            if (noted[-1] if noted else self.told.get(instance_id)) != state:
                self.waiting.append([instance_id, state])
                self._save()

    def tell_again(self, instance_ids: set[str]) -> None:
        """After the bus was away, the last state of each instance may be lost with it: tell it once more."""
        with self.lock:
            noted = {name for name, _ in self.waiting}
            self.waiting += [[name, state] for name, state in self.told.items() if name in instance_ids - noted]
            self._save()

    def send(self) -> None:
        """Tell the bus everything that waits, in order; what it does not take stays."""
        while self.waiting:
            instance_id, state = self.waiting[0]
            answer = post_json(f"{self.emulator}/_local/events", {"Entries": [event(instance_id, state)]})
            if answer.get("FailedEntryCount"):
                raise Unreachable(f"the bus refused an event: {answer}")
            with self.lock:
                self.told[instance_id] = state
                self.waiting.pop(0)
                self._save()
            log.info("%s is %s", instance_id, state)

    def _save(self) -> None:
        write_atomically(self.path, json.dumps({"told": self.told, "waiting": self.waiting}))


@dataclass
class Pictures:
    """Copies disks for images, and tells how that went."""

    home: Home
    confirm: Callable[[str, str, str], None]

    def __post_init__(self) -> None:
        snapshots.sweep(self.home)

    def take(self, image: dict[str, Any], disk: Path) -> None:
        """Copy the disk of a machine, or of the snapshot that is the image's source."""
        source = image["source"]
        try:
            snapshots.take(self.home, image["snapshot"], disk if source.startswith("i-") else snapshots.place(self.home, source))
        except OSError as error:
            log.warning("%s: %s", image["id"], error)
            self.confirm(image["id"], FAILED, str(error))
        else:
            self.confirm(image["id"], AVAILABLE, "")
            snapshots.make_ready(self.home, image["snapshot"])

    def prune(self, known: list[str]) -> None:
        """Remove what EC2 no longer knows, behind our back."""
        gone = [one.name for one in self.home.snapshots.glob("snap-*") if one.name not in known]
        if gone:
            threading.Thread(target=snapshots.prune, args=(self.home, known), daemon=True, name="prune").start()


class Runner:
    """Keeps processes and instance records in step."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.outbox = Outbox(around.home.root / "events.json", around.emulator)
        self.busy: dict[str, threading.Thread] = {}
        self.booted: set[str] = set()
        self.seen: dict[str, dict[str, Any]] = {}
        self.pictures = Pictures(around.home, self._confirm_image)
        self.told_images: set[str] = set()
        self.ending = threading.Event()
        self.bus_booted = self.asked_bus = 0.0

    def run(self) -> None:
        """Work until asked to end; every step survives an endpoint that is away."""
        threading.Thread(target=self._send_events, daemon=True).start()
        threading.Thread(target=self._watch_lives, daemon=True).start()
        version = 0
        while not self.ending.is_set():
            try:
                found = get_json(f"{self.around.infra}/_local/instances?since={version}&wait={WAIT_SECONDS}", WAIT_SECONDS + 5)
            except Unreachable:
                self.ending.wait(0.5)
                continue
            version = found["version"]
            self.seen = {one["id"]: one for one in found["instances"]}
            self.match_images(found["images"], found["snapshots"])
            for instance in found["instances"]:
                self.match(instance)

    def match(self, instance: dict[str, Any]) -> None:
        """Make one machine's processes what its record says."""
        name, state = instance["id"], instance["state"]
        self.outbox.note(name, state)
        machine = Machine(name, self.around)
        if state in ACTIVE and name not in self.booted:
            self._work(name, lambda: self._start(machine, instance))
        elif state == "stopping":
            self._work(name, lambda: self._stop(machine))
        elif state == "shutting-down":
            self._work(name, lambda: self._end(machine))

    def match_images(self, images: list[dict[str, Any]], known: list[str]) -> None:
        """Copy the disks that are asked for, tell of the others, and remove what EC2 no longer knows."""
        for image in images:
            if image["state"] == PENDING:
                self._work(image["source"], partial(self._picture, image))
            if image["state"] in TOLD:
                self.outbox.note(image["id"], image["state"])
        self.told_images = {image["id"] for image in images if image["state"] in TOLD}
        begun = [one["snapshot"] for one in self.seen.values() if one["state"] == "pending"]
        self.pictures.prune([*known, *begun])

    def _picture(self, image: dict[str, Any]) -> None:
        """Copy the disk of a machine (put out meanwhile, if EC2 would do so) or of another image."""
        source = image["source"]
        machine = Machine(source, self.around)
        one = self.seen.get(source)
        goes_on = one is not None and one["state"] == "running" and image["reboot"]
        if goes_on:
            machine.stop()
        self.pictures.take(image, machine.folder / "root")
        if goes_on and one:
            machine.boot(one["user_data"], one["storage"])

    def _confirm_image(self, image_id: str, state: str, cause: str) -> None:
        post_json(f"{self.around.infra}/_local/images/{image_id}", {"state": state, "cause": cause})

    def _work(self, name: str, task: Any) -> None:
        running = self.busy.get(name)
        if running is None or not running.is_alive():
            self.busy[name] = threading.Thread(target=self._safely, args=(name, task), daemon=True)
            self.busy[name].start()

    def _safely(self, name: str, task: Any) -> None:
        try:
            task()
        except Unreachable as error:
            log.warning("%s: %s", name, error)
        except Exception:
            log.exception("%s: the hypervisor failed", name)

    def _start(self, machine: Machine, instance: dict[str, Any]) -> None:
        if machine.alive():
            log.info("%s lives; taken over", machine.instance_id)
        else:
            snapshots.lay(self.around.home, instance["snapshot"], machine.folder / "root")
            machine.boot(instance["user_data"], instance["storage"])
        self.booted.add(machine.instance_id)
        if instance["state"] == "pending":
            self._confirm(machine.instance_id, "running")

    def _stop(self, machine: Machine) -> None:
        machine.stop()
        self.booted.discard(machine.instance_id)
        self._confirm(machine.instance_id, "stopped")

    def _end(self, machine: Machine) -> None:
        machine.stop(grace_seconds=5.0)
        self.booted.discard(machine.instance_id)
        machine.forget()
        self._confirm(machine.instance_id, "terminated")
        if used := self.seen.get(machine.instance_id, {}).get("snapshot"):
            snapshots.make_ready(self.around.home, used)

    def _confirm(self, instance_id: str, state: str) -> None:
        post_json(f"{self.around.infra}/_local/instances/{instance_id}", {"state": state})

    def _watch_lives(self) -> None:
        """A machine whose processes ended, or whose first one was killed, is down: EC2 then stops it, and what is left of it."""
        while not self.ending.wait(LOOK_SECONDS):
            for name in list(self.booted):
                state = self.seen.get(name, {}).get("state")
                busy = self.busy.get(name)
                if state == "running" and not (busy and busy.is_alive()) and not Machine(name, self.around).alive():
                    log.warning("%s: its processes ended; the instance stops", name)
                    self._safely(name, partial(self._confirm, name, "stopping"))

    def _send_events(self) -> None:
        while not self.ending.wait(0.1):
            try:
                self._notice_restart()
                self.outbox.send()
            except Unreachable:
                self.ending.wait(1.0)

    def _notice_restart(self) -> None:
        """Ask now and then whether the bus is still the one we told."""
        if time.monotonic() - self.asked_bus < LOOK_SECONDS:
            return
        self.asked_bus = time.monotonic()
        booted = float(get_json(f"{self.around.emulator}/_local/health", 5)["booted"])
        if self.bus_booted and booted != self.bus_booted:
            self.outbox.tell_again({name for name, one in self.seen.items() if one["state"] != "terminated"} | self.told_images)
        self.bus_booted = booted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--emulator", required=True)
    parser.add_argument("--infra", required=True)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # machines that end are buried at once
    runner = Runner(Surroundings(Home.at(asked.home), asked.emulator, asked.infra))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    runner.run()


if __name__ == "__main__":
    main()
