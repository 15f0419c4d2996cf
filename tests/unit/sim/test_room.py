"""What makes the simulator fast changes nothing of what it finds."""

from __future__ import annotations

import pytest

from tests.fakes.sim import shelf
from tests.fakes.sim.cloud import Cloud
from tests.fakes.sim.room import VALUES, roomy
from tests.sweep.faults import sweep, sweep_all

pytestmark = pytest.mark.filterwarnings("ignore")


def test_what_is_called_with_room_for_its_frames_gives_what_it_gives() -> None:
    def deep(down: int) -> int:
        return down and 1 + deep(down - 1)

    assert roomy(lambda: deep(300)) == 300
    assert roomy.__code__.co_stacksize == VALUES
    with pytest.raises(KeyError):
        roomy(lambda: {}["nothing"])


def test_a_value_that_was_put_in_another_history_counts_as_it_did() -> None:
    def digest(value: object) -> int:
        cloud = Cloud()
        cloud.shelf("table.labs").put(("LAB#a", "LAB"), value)
        return cloud.digest()

    values = [{"phase": {"S": "READY"}}, {"phase": {"S": "STOPPED"}}, {"at": {"S": "2026-11-23T09:00:00Z"}}, {"n": (1, 2)}]
    fresh = [digest(value) for value in values]
    assert fresh == [digest(value) for value in values]
    shelf.forget()
    assert fresh == [digest(value) for value in reversed(values)][::-1]
    assert len(set(fresh)) == len(values)


def test_a_moment_that_was_looked_at_is_not_the_one_after_a_change() -> None:
    cloud = Cloud()
    shelf_ = cloud.shelf("asks")
    shelf_.put("one", 1)
    before, told = cloud.snapshot(), cloud.digest()
    assert cloud.snapshot() == before
    shelf_.put("one", 2)
    assert cloud.digest() != told
    after = cloud.snapshot()
    cloud.restore(before)
    assert (shelf_.get("one"), cloud.digest()) == (1, told)
    cloud.shelf("later").put("two", 2)
    cloud.restore(after)
    assert (shelf_.get("one"), shelf_.get("one", stale=True), len(cloud.shelf("later"))) == (2, 1, 0)


def test_a_flow_finds_the_same_in_a_process_of_its_own() -> None:
    here = sweep("prices", 1)
    (apart,) = sweep_all(["prices"], 1, 0, 1)
    for one in (here, apart):
        one.result.seconds = 0
    assert apart == here
