from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host import files, fitting, identity, people, usage
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.agent import Agent
from aws_research_wizard.host.control_plane import ControlPlane
from aws_research_wizard.host.hub_api import HubAway
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Orders
from aws_research_wizard.host.shipping import Reader
from tests.fakes.world import World
from tests.unit.host.conftest import order_sheet


class Hub:
    """A hub as its agent sees it."""

    def __init__(self, *names: str) -> None:
        self.names, self.away = list(names), False

    def users(self) -> list[dict[str, Any]]:
        if self.away:
            raise HubAway("down")
        server = {"ready": True, "started": None, "state": {}}
        return [{"name": name, "servers": {"": server}} for name in self.names]

    def server(self, *_: Any, **__: Any) -> None:
        raise HubAway("down")

    def forget(self, person: str) -> None:
        self.names.remove(person)


@pytest.fixture
def world() -> Iterator[World]:
    played = World(order_sheet())
    yield played
    played.close()


@pytest.fixture
def told(machine: Machine, world: World) -> Agent:
    """An agent with an identity, whose hub has two people."""
    files.write_json(identity.path(machine.state), {"token": world.token, "login_key": "a2V5"})
    wanted.save(machine.state, Orders.parse(order_sheet()))
    machine.root.mkdir(exist_ok=True)
    machine.storage.mkdir(exist_ok=True)
    door = ControlPlane("https://abcd1234.execute-api.x/api", world.url)
    return Agent(machine, door, Hub("ada@example.org", "grace@example.org"))  # type: ignore[arg-type]  # as far as it is asked


def test_heartbeat_says_how_the_machine_is(told: Agent, world: World) -> None:
    assert told.beat()
    [body] = world.of("heartbeat")
    assert [server["user"] for server in body["servers"]] == ["ada@example.org", "grace@example.org"]
    assert 0 < body["memory"] <= 100
    assert body["storage_used_bytes"] is None, "not yet counted is not zero"


def test_orders_are_kept_and_people_follow(told: Agent, world: World) -> None:
    both = [{"email": name, "role": "member"} for name in ("ada@example.org", "grace@example.org")]
    world.orders = order_sheet(capacity=9, users=both)
    told.beat()
    world.orders = order_sheet(capacity=9)
    told.beat()
    kept = wanted.load(told.machine.state)
    assert kept
    assert kept.capacity == 9
    assert not people.load(told.machine.state).may_work("grace@example.org")
    assert [user["name"] for user in told.hub.users()] == ["ada@example.org"]


def test_nobody_is_seen_out_while_the_control_plane_is_away(told: Agent, world: World) -> None:
    world.away = True
    assert not told.beat()
    assert len(told.hub.users()) == 2


def test_agent_survives_hub_and_control_plane_being_away(told: Agent, world: World) -> None:
    world.away = True
    told.hub.away = True  # type: ignore[attr-defined]
    assert not told.beat()
    world.away = False
    assert told.beat()


def test_a_new_kernel_is_told_with_the_next_beat_and_nobody_waits_for_it(told: Agent, world: World) -> None:
    one = order_sheet()["kernels"][0]
    world.orders = order_sheet(kernels=[one, {**one, "name": "more", "asked": "p-1", "required": False}])
    told.beat()
    assert told.fitter._changed.is_set(), "other orders are the fitter's business"
    assert world.of("heartbeat")[-1]["kernels"] == []
    fitting.note(told.machine, wanted.Kernel.parse(world.orders["kernels"][1]), "")
    told.beat()
    assert [(each["name"], each["asked"], each["state"]) for each in world.of("heartbeat")[-1]["kernels"]] == [
        ("more", "p-1", "ready")
    ]


def test_unanswered_agent_asks_more_and_more_slowly(told: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[tuple[float, bool]] = []
    answers = iter([True, False, False, False, True])

    stop = threading.Event()

    def rest(_: threading.Event, seconds: float, eager: bool) -> None:
        waits.append((seconds, eager))
        if len(waits) == 5:
            stop.set()

    monkeypatch.setattr(told, "beat", lambda: next(answers))
    monkeypatch.setattr(told, "_rest", rest)
    told.run(stop)
    assert waits == [(30, True), (60, False), (60, False), (60, False), (30, True)], "news hurries nobody who is not answered"


def test_news_is_told_at_once_and_not_more_often_than_every_few_seconds(told: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(1000))
    monkeypatch.setattr("aws_research_wizard.host.agent.time.monotonic", lambda: float(next(moments)))

    class Stop(threading.Event):
        waited = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.waited += 1
            return False

    quiet, told_of = Stop(), Stop()
    told._rest(quiet, 30, eager=True)
    told.watch.changed.set()
    told._rest(told_of, 30, eager=True)
    assert quiet.waited >= 28
    assert 4 <= told_of.waited <= 6


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path, tmp_path / "memory.json")


def test_lines_are_shipped_once_and_whole(reader: Reader, tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    log.write_text("one\ntwo\nhal")
    assert reader.new_lines() == ["hub: one", "hub: two"]
    reader.keep()
    assert reader.new_lines() == []
    with log.open("a") as file:
        file.write("f\n")
    assert Reader(tmp_path, tmp_path / "memory.json").new_lines() == ["hub: half"]


def test_lines_that_were_not_delivered_come_again(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "hub.log").write_text("one\n")
    assert reader.new_lines() == ["hub: one"]
    reader.forget()
    assert reader.new_lines() == ["hub: one"]


def test_rotated_file_is_read_from_its_beginning(reader: Reader, tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    log.write_text("one\ntwo\n")
    reader.new_lines()
    log.rename(tmp_path / "hub.log.1")
    log.write_text("three\n")
    assert reader.new_lines() == ["hub: three"]


def test_flood_of_lines_is_shipped_in_batches(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "hub.log").write_text("".join(f"line {number}\n" for number in range(1200)))
    sizes = []
    while lines := reader.new_lines():
        sizes.append(len(lines))
    assert sum(sizes) == 1200
    assert max(sizes) <= 500


@pytest.mark.parametrize(
    ("used", "quota", "words"),
    [
        (0, 100, ""),
        (89 * 10**9, 100, ""),
        (95 * 10**9, 100, "95 of its 100 GB"),
        (2 * 10**12, 1000, "2,000 of its 1,000 GB"),
        (5, 0, ""),
    ],
)
def test_people_are_told_when_storage_is_nearly_full(used: int, quota: int, words: str) -> None:
    said = usage.words(used, quota)
    assert (words in said) if words else said == ""


@pytest.mark.parametrize("quick", [False, True], ids=["beside its asker", "quicker than its asker"])
def test_storage_is_counted_in_the_background_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    if quick:
        monkeypatch.setattr(usage.threading.Thread, "start", lambda thread: thread.run())
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage/file").write_bytes(b"x" * 100_000)
    counted = usage.Usage(tmp_path / "storage", tmp_path)
    assert counted.bytes() is None, "a count is for later askers, however quick it was"
    with counted._busy:  # until the count is over
        size = counted.bytes()
    assert size
    assert size >= 100_000
    assert usage.Usage(tmp_path / "storage", tmp_path).bytes() == size
