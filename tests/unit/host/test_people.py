from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_research_wizard.host import people
from aws_research_wizard.host.people import People, follow, readmit

ROLES = st.sampled_from(["lead", "member", "viewer"])
LISTS = st.dictionaries(st.sampled_from(["a@x", "b@x", "c@x"]), ROLES, min_size=1)


def test_whoever_leaves_the_list_is_removed_from_that_moment() -> None:
    after = follow(People({"a@x": "lead", "b@x": "member"}), {"a@x": "lead"}, 100.0)
    assert after.removed == {"b@x": 100.0}
    assert not after.may_work("b@x")


def test_guest_who_never_was_listed_is_judged_by_the_ticket() -> None:
    assert People({"a@x": "lead"}).may_work("admin@institute")
    assert People({"a@x": "lead"}).groups("admin@institute") is None


def test_member_made_viewer_may_not_work() -> None:
    after = follow(People({"a@x": "lead", "b@x": "member"}), {"a@x": "lead", "b@x": "viewer"}, 7.0)
    assert not after.may_work("b@x")
    assert after.removed == {"b@x": 7.0}


def test_whoever_comes_back_is_no_longer_removed() -> None:
    gone = People({"a@x": "lead"}, {"b@x": 7.0})
    assert follow(gone, {"a@x": "lead", "b@x": "member"}, 9.0).may_work("b@x")
    assert readmit(gone, "b@x").may_work("b@x")


def test_empty_list_is_no_list_and_removes_nobody() -> None:
    before = People({"a@x": "lead"})
    assert follow(before, {}, 1.0) is before


def test_moment_of_removal_does_not_move() -> None:
    once = follow(People({"a@x": "lead", "b@x": "member"}), {"a@x": "lead"}, 1.0)
    assert follow(once, {"a@x": "lead"}, 2.0).removed == {"b@x": 1.0}


@given(st.lists(LISTS, min_size=1))
def test_the_last_list_decides_whoever_was_ever_on_one(lists: list[dict[str, str]]) -> None:
    now = People()
    for number, listed in enumerate(lists):
        now = follow(now, listed, float(number))
    ever = {person for listed in lists for person, role in listed.items() if role != "viewer"}
    for person in ever:
        assert now.may_work(person) == (lists[-1].get(person) in ("lead", "member"))


@pytest.mark.parametrize(("role", "groups"), [("lead", ["leads"]), ("admin", ["leads"]), ("member", [])])
def test_leads_form_a_group(role: str, groups: list[str]) -> None:
    assert People({"a@x": role}).groups("a@x") == groups


def test_list_is_kept_between_boots(tmp_path: Path) -> None:
    people.change(tmp_path, lambda before: follow(before, {"a@x": "lead"}, 1.0))
    assert people.load(tmp_path) == People({"a@x": "lead"}, {})
    assert people.path(tmp_path).stat().st_mode & 0o777 == 0o600
