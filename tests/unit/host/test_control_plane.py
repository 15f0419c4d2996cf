from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from aws_research_wizard.host import control_plane
from aws_research_wizard.host.control_plane import Away, ControlPlane, Refused, delays, insist
from tests.fakes.world import World
from tests.unit.host.conftest import order_sheet

API = "https://abcd1234.execute-api.us-east-1.amazonaws.com/api"


@pytest.fixture
def world() -> Iterator[World]:
    played = World(order_sheet())
    yield played
    played.close()


@pytest.fixture
def door(world: World) -> ControlPlane:
    return ControlPlane(API, world.url, world.token)


def test_api_is_asked_for_by_its_own_name(world: World, door: ControlPlane) -> None:
    assert door.heartbeat({"boot_id": "b"})["lab_id"] == "base-k3x9"
    _, _, headers = world.said[0]
    assert headers["host"].startswith("abcd1234.execute-api.localhost:")
    assert headers["authorization"] == f"Bearer {world.token}"


def test_claim_carries_no_token(world: World, door: ControlPlane) -> None:
    door.claim("base-k3x9", "i-1", {"headers": {}, "body": ""})
    assert "authorization" not in world.said[0][2]


def test_long_words_are_cut_to_what_the_api_takes(world: World, door: ControlPlane) -> None:
    door.failed("step", "c" * 900, ["l" * 900] * 90)
    [body] = world.of("failed")
    assert (len(body["cause"]), len(body["log_tail"]), len(body["log_tail"][0])) == (500, 30, 500)


def test_no_is_told_from_later(world: World, door: ControlPlane) -> None:
    world.refuse["ready"] = (409, {"code": "superseded", "message": "the lab moved on"})
    with pytest.raises(Refused) as refused:
        door.ready("b", "http://x", [], [])
    assert (refused.value.status, refused.value.code) == (409, "superseded")
    world.refuse["ready"] = (429, {"code": "slow_down", "message": "slow down"})
    with pytest.raises(Away):
        door.ready("b", "http://x", [], [])


def test_nobody_there_is_away() -> None:
    with pytest.raises(Away):
        ControlPlane("http://127.0.0.1:9/api").heartbeat({})


def test_delays_double_up_to_a_limit() -> None:
    waits = list(itertools.islice(delays(1.0, 8.0), 6))
    for wait, most in zip(waits, [1, 2, 4, 8, 8, 8], strict=True):
        assert most / 2 <= wait <= most


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_plane, "delays", lambda: itertools.repeat(0.0))


@pytest.mark.usefixtures("hurried")
def test_insisting_outlasts_absence_and_passing_refusals() -> None:
    answers = iter([Away("x"), Refused(401, "", "not yet"), Away("y")])

    def act() -> str:
        for error in answers:
            raise error
        return "done"

    assert insist(act, threading.Event(), again=lambda error: error.status == 401) == "done"


@pytest.mark.usefixtures("hurried")
def test_insisting_takes_no_for_an_answer() -> None:
    def act() -> None:
        raise Refused(409, "superseded", "no")

    with pytest.raises(Refused):
        insist(act, threading.Event())


def test_insisting_ends_when_the_machine_does() -> None:
    stop = threading.Event()
    stop.set()

    def act() -> None:
        raise Away("x")

    with pytest.raises(Away, match="gave up"):
        insist(act, stop)
