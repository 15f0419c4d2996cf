"""When may an image be served, which one does a lab get, which may go, and when is a pack baked again?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.images import rules
from chalicelib.images.rules import Bake, Kernel, Remedy, State

NOW = datetime(2026, 11, 29, 4, 0, tzinfo=UTC)
LOCKS = {"genomics-python": "aa"}
REPORT: dict[str, Any] = {
    "version": 1,
    "bake_id": "bake-20261129-040000-abcd",
    "ok": True,
    "lessons": [{"file": "a.ipynb", "ok": True}, {"file": "b.ipynb", "ok": True}],
}


def bake(day: int = 1, state: State = State.READY, lock: str = "aa", **other: Any) -> Bake:
    made = Bake(
        id=rules.new_id(NOW + timedelta(days=day), "abcd"),
        pack="genomics",
        state=state,
        asked_at=NOW,
        asked_by="root@university.edu",
        correlation_id="c",
        region="us-east-1",
        release="1",
        image_id=f"ami-{day}",
        passed=True,
        kernels=(Kernel("genomics-python", lock, 300, 9.0),),
        finished_at=NOW + timedelta(days=day),
    )
    return replace(made, **other)


@pytest.mark.parametrize(
    ("report", "says"),
    [
        (None, "without a report"),
        (REPORT | {"bake_id": "bake-20261129-040000-zzzz"}, "another bake"),
        (REPORT | {"ok": False, "cause": "no space left"}, "no space left"),
        (REPORT | {"ok": False, "step": "install hub"}, "install hub"),
        (REPORT | {"lessons": [{"file": "a.ipynb", "ok": False}, {"file": "b.ipynb", "ok": True}]}, "failed: a.ipynb"),
        (REPORT | {"lessons": [{"file": "a.ipynb", "ok": True}]}, "never ran: b.ipynb"),
        (REPORT | {"lessons": []}, "never ran: a.ipynb, b.ipynb"),
    ],
)
def test_no_image_is_promoted_on_a_report_that_lacks_anything(report: dict[str, Any] | None, says: str) -> None:
    assert says in rules.fault(REPORT["bake_id"], report, ["a.ipynb", "b.ipynb"])


def test_a_report_in_which_every_lesson_ran_well_is_one_to_promote_on() -> None:
    assert rules.fault(REPORT["bake_id"], REPORT, ["a.ipynb", "b.ipynb"]) == ""


def test_a_lab_gets_the_newest_image_of_todays_locks_and_else_the_newest() -> None:
    old, new = bake(1), bake(2, lock="bb")
    assert rules.choose([old, new], LOCKS) == old
    assert rules.choose([old, new], {"genomics-python": "cc"}) == new
    assert rules.choose([old, bake(3)], LOCKS) == bake(3)


def test_a_lab_gets_no_image_that_is_not_ready_or_never_passed_or_of_another_architecture() -> None:
    others = [bake(1, State.RETIRING), bake(2, passed=False), bake(3, architecture="arm64"), bake(4, State.FAILED)]
    assert rules.choose(others, LOCKS) is None
    assert rules.choose([], LOCKS) is None


def test_the_last_two_good_images_stay_and_any_in_use() -> None:
    all_ = [bake(day) for day in range(1, 6)]
    assert [one.image_id for one in rules.to_retire(all_, ())] == ["ami-3", "ami-2", "ami-1"]
    assert [one.image_id for one in rules.to_retire(all_, {"ami-2"})] == ["ami-3", "ami-1"]
    assert rules.to_retire(all_[:2], ()) == []


@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from(["x86_64", "arm64"])), unique_by=lambda one: one[0]))
def test_retiring_always_leaves_the_two_newest_of_each_architecture(made: list[tuple[int, str]]) -> None:
    all_ = [bake(day, architecture=kind) for day, kind in made]
    left = [one for one in all_ if one not in rules.to_retire(all_, ())]
    for kind in ("x86_64", "arm64"):
        mine = sorted((one.id for one in all_ if one.architecture == kind), reverse=True)
        assert sorted((one.id for one in left if one.architecture == kind), reverse=True) == mine[:2]


def test_a_pack_is_baked_again_when_its_locks_changed_or_its_image_is_old() -> None:
    fortnight = timedelta(days=14)
    assert rules.due(bake(1), {"genomics-python": "new"}, fortnight, NOW) == "its locks have changed"
    assert rules.due(bake(0), LOCKS, fortnight, NOW + timedelta(days=13)) == ""
    assert "older than 14 days" in rules.due(bake(0), LOCKS, fortnight, NOW + fortnight)


@pytest.mark.parametrize(
    ("execution", "late", "does"),
    [
        ("UNKNOWN", False, Remedy.BEGIN),
        ("RUNNING", False, Remedy.WAIT),
        ("RUNNING", True, Remedy.UNDO),
        ("ENDED", False, Remedy.UNDO),
    ],
)
def test_a_bake_that_broke_off_is_begun_or_undone(execution: str, late: bool, does: Remedy) -> None:
    under_way = bake(state=State.BAKING, deadline=NOW - timedelta(1) if late else NOW + timedelta(1))
    assert rules.remedy(under_way, execution, NOW) is does


@pytest.mark.parametrize(
    ("kind", "state", "wanted"),
    [
        ("builder", State.BAKING, True),
        ("builder", State.READY, False),
        ("builder", State.FAILED, False),
        ("image", State.READY, True),
        ("snapshot", State.READY, True),
        ("image", State.RETIRING, True),
        ("image", State.RETIRED, False),
        ("snapshot", State.FAILED, False),
    ],
)
def test_parts_belong_to_a_bake_under_way_and_images_to_one_that_is_served(kind: str, state: State, wanted: bool) -> None:
    assert rules.owned(kind, bake(state=state))[0] is wanted


def test_an_image_of_an_unknown_bake_is_told_of_and_a_builder_of_one_goes() -> None:
    assert rules.owned("image", None)[0] is None
    assert rules.owned("builder", None)[0] is False
