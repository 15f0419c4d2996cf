"""The simulated world can be trusted: it repeats itself, goes back in time, and tells equal worlds from different ones."""

from __future__ import annotations

import pytest

from tests.fakes.sim.explore import Explorer, explore, replay
from tests.fakes.sim.faults import KINDS, Strike
from tests.fakes.sim.flows import FLOWS
from tests.fakes.sim.town import Town, Unit, simulated


def lived() -> tuple[int, list[str]]:
    """A lab's whole life, and what was done on the way."""
    with simulated() as town:
        lab_id = town.request()
        phases = []
        for verb in (lambda: None, lambda: town.stop(lab_id), lambda: town.start(lab_id), lambda: town.delete(lab_id, "delete")):
            verb()
            town.quiet()
            phases.append(str(town.lab(lab_id)["phase"]))
        return town.digest(), phases


def test_two_worlds_that_did_the_same_are_equal() -> None:
    first, second = lived(), lived()
    assert first == second
    assert first[1] == ["READY", "STOPPED", "READY", "DELETED"]


def test_a_moment_that_is_brought_back_goes_on_as_it_did() -> None:
    with simulated() as town:
        lab_id = town.request()
        moment, before = town.snapshot(), town.digest()
        town.quiet()
        after = town.digest()
        town.restore(moment)
        assert (town.digest(), town.lab(lab_id)["phase"]) == (before, "PROVISIONING")
        town.quiet()
        assert town.digest() == after


def test_worlds_that_will_go_on_differently_differ() -> None:
    with simulated() as town:
        lab_id = town.request()
        town.quiet()
        ready = town.digest()
        town.stop(lab_id)
        assert town.digest() != ready


def test_a_process_that_dies_leaves_what_it_did_and_is_tried_again() -> None:
    with simulated() as town:
        lab_id = town.request()
        town.deliver(town.units()[0])
        storage = town.units()[0]
        assert not town.deliver(storage, (Strike(5, "dies"),))
        assert len(town.cloud.shelf("ec2.groups")) == 1
        assert Unit("again", storage.name) in town.units()
        town.quiet()
        assert town.lab(lab_id)["phase"] == "READY"


def test_every_single_fault_of_a_stop_is_followed_and_any_can_be_replayed() -> None:
    broken = explore(FLOWS["stop"], 1, lambda town, _: ["it is STOPPED"] if "STOPPED" in phases(town) else [])
    assert broken.histories > broken.calls * 5
    assert set(broken.struck) == set(KINDS) - {"no_capacity"}
    seen: list[list[str]] = []
    replay(broken.violations[0].path, lambda town, _: seen.append(phases(town)))
    assert seen[-1] == ["STOPPED"]
    assert "STOPPED" not in seen[0]


def test_a_state_met_again_is_counted_and_not_followed_again() -> None:
    with simulated() as town:
        explorer = Explorer(town, FLOWS["stop"], 1, lambda _town, _quiet: [], ("fails", "dies"))
        result = explorer.run()
    assert result.units < result.histories * 2  # from the beginning each time, it were some twenty for each
    assert result.violations == []


@pytest.mark.parametrize("flow", ["stop", "drill"])
def test_what_nobody_can_tell_apart_leads_to_no_other_world(flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving it out saves deliveries, and reaches the very same worlds."""
    few = explored(flow)
    monkeypatch.setattr(Explorer, "_same", lambda *_: set())
    all_of_them = explored(flow)
    assert few.known.keys() == all_of_them.known.keys()
    assert (few.result.ends, few.result.histories) == (all_of_them.result.ends, all_of_them.result.histories)
    assert few.result.units < all_of_them.result.units * 0.8


def explored(flow: str) -> Explorer:
    with simulated() as town:
        explorer = Explorer(town, FLOWS[flow], 1, lambda _town, _quiet: [], KINDS)
        explorer.run()
    return explorer


def phases(town: Town) -> list[str]:
    return [str(town.lab(lab_id)["phase"]) for lab_id in town.labs()]
