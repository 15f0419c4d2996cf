"""The hypervisor: what it does about an instance's state, and how it tells the bus."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.local import runner as runners
from aws_research_wizard.local.calls import Unreachable
from aws_research_wizard.local.home import Home
from aws_research_wizard.local.machine import Machine, Surroundings
from aws_research_wizard.local.runner import Outbox, Runner


class Bus:
    """Takes events while it is there."""

    def __init__(self) -> None:
        self.there, self.heard = True, list[tuple[str, str]]()

    def post(self, _url: str, body: dict[str, Any]) -> dict[str, Any]:
        if not self.there:
            raise Unreachable("away")
        detail = json.loads(body["Entries"][0]["Detail"])
        self.heard.append((detail.get("instance-id") or detail["ImageId"], detail.get("state") or detail["State"]))
        return {"FailedEntryCount": 0}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    made = Bus()
    monkeypatch.setattr(runners, "post_json", made.post)
    return made


def test_each_state_is_told_once_and_in_order(tmp_path: Path, bus: Bus) -> None:
    outbox = Outbox(tmp_path / "events.json", "bus")
    for state in ("pending", "pending", "running", "running"):
        outbox.note("i-1", state)
    outbox.send()
    outbox.note("i-1", "running")
    outbox.send()
    assert bus.heard == [("i-1", "pending"), ("i-1", "running")]


def test_what_the_bus_did_not_take_is_told_after_a_restart(tmp_path: Path, bus: Bus) -> None:
    bus.there = False
    outbox = Outbox(tmp_path / "events.json", "bus")
    outbox.note("i-1", "stopped")
    with pytest.raises(Unreachable):
        outbox.send()
    bus.there = True
    Outbox(tmp_path / "events.json", "bus").send()
    assert bus.heard == [("i-1", "stopped")]


def test_after_the_bus_was_away_the_last_states_are_told_again(tmp_path: Path, bus: Bus) -> None:
    outbox = Outbox(tmp_path / "events.json", "bus")
    for name, state in (("i-1", "running"), ("i-2", "terminated")):
        outbox.note(name, state)
    outbox.send()
    outbox.tell_again({"i-1"})
    outbox.send()
    assert bus.heard[2:] == [("i-1", "running")]


class Doing(Runner):
    """A runner whose machines are notes."""

    def __init__(self, home: Path) -> None:
        super().__init__(Surroundings(Home.at(home), "http://bus", "http://infra"))
        self.done: list[tuple[str, str]] = []

    def _confirm(self, instance_id: str, state: str) -> None:
        self.done.append((instance_id, state))

    def settle(self) -> None:
        for thread in list(self.busy.values()):
            thread.join(10)


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What happened to each machine; a machine lives while its last note is booted."""
    notes: dict[str, str] = {}
    monkeypatch.setattr(Machine, "alive", lambda one: notes.get(one.instance_id) == "booted")
    monkeypatch.setattr(Machine, "boot", lambda one, _data, _storage: notes.update({one.instance_id: "booted"}))
    monkeypatch.setattr(Machine, "stop", lambda one, grace_seconds=0.0: notes.update({one.instance_id: "stopped"}))
    monkeypatch.setattr(Machine, "forget", lambda one: notes.update({one.instance_id: "forgotten"}))
    return notes


def instance(state: str) -> dict[str, Any]:
    return {"id": "i-1", "state": state, "user_data": "", "storage": "", "snapshot": ""}


def image(state: str, source: str = "i-1", reboot: bool = False) -> dict[str, Any]:
    return {"id": "ami-1", "state": state, "source": source, "snapshot": "snap-1", "reboot": reboot}


class Picturing(Doing):
    """… and that says how copying went."""

    def _confirm_image(self, image_id: str, state: str, cause: str) -> None:
        self.done.append((image_id, state))


def test_the_disk_of_an_image_is_copied_and_a_machine_starts_from_it(tmp_path: Path, machines: dict[str, str], bus: Bus) -> None:
    runner = Picturing(tmp_path)
    root = runner.around.home.machine("i-1") / "root"
    (root / "opt").mkdir(parents=True)
    runner.match_images([image("pending")], ["snap-1"])
    runner.settle()
    assert runner.done == [("ami-1", "available")]
    runner.match({**instance("pending"), "id": "i-2", "snapshot": "snap-1"})
    runner.settle()
    assert (runner.around.home.machine("i-2") / "root/opt").is_dir()
    runner.match_images([image("available")], ["snap-1"])
    runner.match_images([image("deregistered")], ["snap-1"])
    runner.outbox.send()
    assert [heard for heard in bus.heard if heard[0] == "ami-1"] == [("ami-1", "available"), ("ami-1", "deregistered")]


def test_an_image_without_a_disk_fails(tmp_path: Path, machines: dict[str, str]) -> None:
    runner = Picturing(tmp_path)
    runner.match_images([image("pending")], ["snap-1"])
    runner.settle()
    assert runner.done == [("ami-1", "failed")]


def test_a_running_machine_is_put_out_while_it_is_copied_and_goes_on(tmp_path: Path, machines: dict[str, str]) -> None:
    runner = Picturing(tmp_path)
    (runner.around.home.machine("i-1") / "root").mkdir(parents=True)
    runner.seen = {"i-1": instance("running")}
    notes: list[str] = []
    runner.pictures.take = lambda *_: notes.append(machines["i-1"])  # type: ignore[method-assign]
    machines["i-1"] = "booted"
    runner._picture(image("pending", reboot=True))
    assert (notes, machines["i-1"]) == (["stopped"], "booted")


def test_a_snapshot_that_ec2_forgot_is_removed_unless_a_machine_is_about_to_start_from_it(
    tmp_path: Path, machines: dict[str, str]
) -> None:
    runner = Picturing(tmp_path)
    place = runner.around.home.snapshots / "snap-1"
    place.mkdir(parents=True)
    runner.seen = {"i-2": {**instance("pending"), "snapshot": "snap-1"}}
    runner.match_images([], [])
    assert place.exists()
    runner.seen = {}
    runner.match_images([], [])
    deadline = time.monotonic() + 5
    while place.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not place.exists()


@pytest.mark.parametrize(
    ("state", "was", "then", "confirmed"),
    [
        ("pending", None, "booted", [("i-1", "running")]),
        ("running", None, "booted", []),
        ("running", "booted", "booted", []),
        ("stopping", "booted", "stopped", [("i-1", "stopped")]),
        ("shutting-down", "booted", "forgotten", [("i-1", "terminated")]),
        ("stopped", "stopped", "stopped", []),
        ("terminated", None, None, []),
    ],
)
def test_processes_are_made_to_match_the_record(
    tmp_path: Path, machines: dict[str, str], state: str, was: str | None, then: str | None, confirmed: list[tuple[str, str]]
) -> None:
    if was:
        machines["i-1"] = was
    runner = Doing(tmp_path)
    runner.match(instance(state))
    runner.settle()
    assert machines.get("i-1") == then
    assert runner.done == confirmed


def test_a_running_machine_is_booted_once_by_one_runner(tmp_path: Path, machines: dict[str, str]) -> None:
    runner = Doing(tmp_path)
    runner.match(instance("running"))
    runner.settle()
    machines["i-1"] = "died"
    runner.match(instance("running"))
    runner.settle()
    assert machines["i-1"] == "died"


def test_a_machine_whose_processes_ended_stops_itself(
    tmp_path: Path, machines: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "LOOK_SECONDS", 0.05)
    runner = Doing(tmp_path)
    runner.match(instance("running"))
    runner.settle()
    runner.seen = {"i-1": instance("running")}
    machines["i-1"] = "died"
    import threading

    threading.Thread(target=runner._watch_lives, daemon=True).start()
    deadline = time.monotonic() + 5
    while not runner.done and time.monotonic() < deadline:
        time.sleep(0.02)
    runner.ending.set()
    assert runner.done[0] == ("i-1", "stopping")
