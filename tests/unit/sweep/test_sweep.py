"""The sweep and the soak in small: what `make faults` and `make soak` run for minutes, here for seconds."""

from __future__ import annotations

import gc

import pytest

from tests.fakes.sim.invariants import check
from tests.fakes.sim.laws import LAWS
from tests.fakes.sim.town import Town, Unit, simulated
from tests.sweep.faults import sweep
from tests.sweep.soak import Count, batch, machine, seeds

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries' own, at every delivery
QUICK = ("fails", "lost", "dies", "twin", "twice")


def test_every_single_fault_of_stopping_a_lab_is_got_over() -> None:
    swept = sweep("stop", 1, kinds=QUICK)
    assert [one.what for one in swept.result.violations] == []
    assert swept.result.histories > 50
    assert swept.struck["stop_machine"] > 5


@pytest.mark.parametrize("flow", ["bring", "take away"])
def test_every_single_fault_while_a_teams_own_pack_comes_or_goes_is_got_over(flow: str) -> None:
    swept = sweep(flow, 1)
    assert [one.what for one in swept.result.violations] == []
    assert swept.result.histories > 100


def test_random_histories_of_a_seed_break_no_law() -> None:
    counted = batch(11, histories=4, steps=15)
    assert counted.histories >= 4
    assert counted.steps > 20


def test_a_seed_tells_the_same_histories_again() -> None:
    assert batch(5, histories=2, steps=6) == batch(5, histories=2, steps=6)


def test_a_long_soak_keeps_no_town_that_it_has_left() -> None:
    batch(7, histories=1, steps=2)
    before = towns()  # the models of pynamodb hold the last one
    batch(8, histories=1, steps=2)
    assert towns() == before


def towns() -> int:
    gc.collect()
    return sum(isinstance(one, Town) for one in gc.get_objects())


def test_the_first_of_many_seeds_is_the_one_that_was_given() -> None:
    first = seeds(42)
    assert [next(first), next(first)] == [42, next(iter(list(seeds_of(42, 2))[1:]))]


def seeds_of(first: int, count: int) -> list[int]:
    numbers = seeds(first)
    return [next(numbers) for _ in range(count)]


def test_a_lab_that_works_breaks_no_law() -> None:
    with simulated() as town:
        lab_id = town.request(users=2)
        town.quiet()
        assert town.lab(lab_id)["phase"] == "READY"
        assert check(town, quiet=True) == []


@pytest.mark.parametrize(
    ("law", "harm"),
    [
        ("own-machine", "machine"),
        ("owned", "role"),
        ("files-kept", "files"),
        ("places", "place"),
        ("told", "phase"),
        ("heard", "fact"),
        ("chain", "entry"),
        ("no-secrets", "secret"),
    ],
)
def test_a_law_that_is_broken_says_so(law: str, harm: str) -> None:
    with simulated() as town:
        lab_id = town.request(users=2)
        town.quiet()
        HARMS[harm](town, lab_id)
        assert law in {said.partition(":")[0] for said in check(town, quiet=True)}


def test_every_law_says_what_it_is() -> None:
    assert all(one.says and one.name == name for name, one in LAWS.items())
    assert len(LAWS) > 20


def test_a_broken_law_is_told_with_the_steps_that_lead_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.sweep.soak.check", lambda town, quiet: ["always: broken"] if town.labs() else [])
    with pytest.raises(AssertionError, match="always: broken") as broken:
        batch(1, histories=20, steps=10)
    assert any("state.request" in note for note in getattr(broken.value, "__notes__", []))


def test_histories_begin_in_the_same_moment() -> None:
    with simulated() as town:
        counted = Count()
        history = machine(town, counted, 1)()
        history.request("ada@university.edu", 2)
        history.some(40)
        assert town.labs()
        machine(town, counted, 1)()
        assert town.labs() == []
        assert town.units() == [Unit("tick")]


def _put(shelf: str, key: object, **changes: object):  # type: ignore[no-untyped-def]
    def harm(town, lab_id):  # type: ignore[no-untyped-def]
        place = key(lab_id) if callable(key) else key
        kept = town.cloud.shelf(shelf)
        kept.put(place, {**kept.get(place, {}), **changes})

    return harm


def _drop(shelf: str, which: str):  # type: ignore[no-untyped-def]
    def harm(town, _lab_id):  # type: ignore[no-untyped-def]
        kept = town.cloud.shelf(shelf)
        found = [key for key, _ in kept.items() if which in str(key)]
        kept.drop(found[0])

    return harm


HARMS = {
    "machine": _drop("ec2.instances", "i-"),
    "role": _put("iam.roles", "aws-research-wizard-test-lab-genomics-zzzz", RoleName="x", Policies={}, Tags=[]),
    "files": _drop("efs.systems", "fs-"),
    "place": _put("table.limits", ("TEAM#default", "USAGE"), labs={"SS": ["genomics-zzzz"]}),
    "phase": _put("table.labs", lambda lab_id: (f"LAB#{lab_id}", "LAB"), instance_type={"S": "m6i.large"}),
    "fact": _drop("bus.published", "FACT#"),
    "entry": _drop("table.audit", "CHAIN"),
    "secret": _put("table.labs", lambda lab_id: (f"LAB#{lab_id}", "LAB"), name={"S": "awm_genomics-aaaa.0123456789abcdef"}),
}
