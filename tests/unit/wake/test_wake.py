"""A lab's address: what it says to whom, and that it starts a lab once, and only for who may."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.limits import service as limits
from chalicelib.limits.budgets import Budget
from chalicelib.wake import rules
from tests.fakes.gateway import Answer
from tests.fakes.sim.town import ADA, BOB, EVE, ROOT, Town, simulated


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Town, str, Any]]:
    with simulated() as town:
        lab_id = town.request(users=2)
        town.quiet()
        for email, role in ((BOB, "member"), (EVE, "viewer")):
            assert town.call("POST", f"/labs/{lab_id}/users", {"email": email, "role": role}).status == 201
        town.stop(lab_id)
        town.quiet()
        yield town, lab_id, town.snapshot()


@pytest.fixture
def town(world: tuple[Town, str, Any]) -> Town:
    world[0].restore(world[2])
    return world[0]


@pytest.fixture
def lab(world: tuple[Town, str, Any]) -> str:
    return world[1]


def key_of(town: Town, lab: str, who: str = ADA) -> str:
    answer = town.call("POST", f"/labs/{lab}/wake-key", None, who)
    assert answer.status == 201, answer.text
    return str(answer.json["key"])


def knock(town: Town, lab: str, key: str, verb: str = "look") -> Answer:
    town.cloud.begin(f"knock-{verb}-{town.cloud.number}")
    return town.api.as_(key).post(f"/open/{lab}/{verb}")


def starts(town: Town, lab: str) -> int:
    rows = [one for one in town.cloud.rows("facts") if one["pk"]["S"] == f"LAB#{lab}" and "name" in one]
    return [one["name"]["S"] for one in rows].count("LabStarting")


def test_the_page_is_the_same_for_every_lab_and_loads_nothing_from_anywhere(town: Town, lab: str) -> None:
    one, other = town.api.get(f"/open/{lab}"), town.api.get("/open/genomics-none")
    assert (one.status, one.text) == (200, other.text)
    assert one.headers["Content-Type"].startswith("text/html")
    assert not re.search(r"(src|href|action)\s*=|url\(|@import|https?://[a-z]", one.text)
    policy = one.headers["Content-Security-Policy"]
    for kind in ("script", "style"):
        (inner,) = re.findall(rf"<{kind}>(.*?)</{kind}>", one.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (one.headers["Referrer-Policy"], one.headers["X-Robots-Tag"]) == ("no-referrer", "noindex")


def test_looking_at_the_page_never_starts_anything(town: Town, lab: str) -> None:
    for agent in ("Slackbot-LinkExpanding 1.0", "Googlebot/2.1", "Mozilla/5.0"):
        for path in (f"/open/{lab}", f"/open/{lab}?start=1"):
            assert town.api.send("GET", path, headers={"User-Agent": agent}).status == 200
    town.quiet()
    assert (town.lab(lab)["phase"], starts(town, lab)) == ("STOPPED", 0)


def test_a_key_shows_the_lab_starts_it_and_lets_its_person_in(town: Town, lab: str) -> None:
    key = key_of(town, lab)
    seen = knock(town, lab, key).json
    assert (seen["phase"], seen["may_start"], seen["steps"]) == ("STOPPED", True, [])
    assert knock(town, lab, key, "start").json["phase"] == "STARTING"
    town.quiet()
    assert knock(town, lab, key).json["phase"] == "READY"
    entered = knock(town, lab, key, "enter").json
    assert "/hub/login?ticket=" in entered["url"]


def test_however_many_click_it_is_started_once(town: Town, lab: str) -> None:
    keys = [key_of(town, lab), key_of(town, lab, BOB)]
    answers = [knock(town, lab, keys[number % 2], "start") for number in range(12)]
    assert {(one.status, one.json["phase"]) for one in answers} == {(202, "STARTING")}
    town.quiet()
    assert knock(town, lab, keys[0], "start").json["phase"] == "READY"
    assert starts(town, lab) == 1


def test_a_start_that_was_overtaken_is_answered_like_the_one_that_was_faster(
    town: Town, lab: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both saw it stopped; the second commit is refused, and looks again."""
    from chalicelib.labs import service as labs

    key, real = key_of(town, lab), labs.start_lab

    def twice(lab_id: str, asking: Any) -> Any:
        monkeypatch.setattr(labs, "start_lab", real)
        stopped = labs.visible(asking.who, lab_id)
        real(lab_id, asking)
        monkeypatch.setattr(labs.access, "find", lambda *_: (monkeypatch.undo(), stopped)[1])
        return real(lab_id, asking)

    monkeypatch.setattr(labs, "start_lab", twice)
    answer = knock(town, lab, key, "start")
    assert (answer.status, answer.json["phase"]) == (202, "STARTING")
    assert starts(town, lab) == 1


def test_without_a_key_of_this_lab_nobody_learns_whether_it_exists(town: Town, lab: str) -> None:
    key = key_of(town, lab)
    wrong = [knock(town, lab, "awk_" + "x" * 32), knock(town, lab, town.people[ADA]), knock(town, "genomics-none", key)]
    assert {one.status for one in wrong} == {401}
    assert {one.json["code"] for one in wrong} == {"no_wake_key"}


def test_a_viewer_looks_and_does_not_start(town: Town, lab: str) -> None:
    assert town.call("POST", f"/labs/{lab}/wake-key", None, EVE).status == 403
    key = key_of(town, lab, BOB)
    town.call("PUT", f"/labs/{lab}/users/{BOB}", {"role": "viewer"})
    assert knock(town, lab, key).json["may_start"] is False
    assert knock(town, lab, key, "start").status == 403


def test_a_key_counts_as_long_as_its_person_does(town: Town, lab: str) -> None:
    key = key_of(town, lab, BOB)
    town.call("DELETE", f"/labs/{lab}/users/{BOB}")
    assert knock(town, lab, key).status == 404


def test_a_new_key_ends_the_old_one_and_a_key_can_be_taken_back(town: Town, lab: str) -> None:
    old = key_of(town, lab)
    new = key_of(town, lab)
    assert (knock(town, lab, old).status, knock(town, lab, new).status) == (401, 200)
    assert town.call("DELETE", f"/labs/{lab}/wake-key").status == 204
    assert knock(town, lab, new).status == 401
    assert town.call("DELETE", f"/labs/{lab}/wake-key").status == 404


def test_a_key_ends_by_itself(town: Town, lab: str) -> None:
    key = key_of(town, lab)
    town.cloud.pass_time(rules.LASTS)
    assert knock(town, lab, key).status == 401


def test_a_key_is_kept_as_a_hash_and_nowhere_else(town: Town, lab: str) -> None:
    key = key_of(town, lab)
    stored = str([town.cloud.rows(name) for name in ("labs", "facts", "limits", "people", "audit")])
    assert key not in stored
    assert hashlib.sha256(key.encode()).hexdigest() in stored


def test_a_budget_refuses_the_start_and_says_so(town: Town, lab: str) -> None:
    town.cloud.begin("setup")
    before = limits.terms("default")
    limits.agree("default", before, replace(before, budget=Budget(Decimal(0))), town.now, ROOT, "r")
    answer = knock(town, lab, key_of(town, lab), "start")
    assert (answer.status, answer.json["code"]) == (409, "budget_exceeded")
    assert "nothing may start" in answer.json["message"]
    assert town.lab(lab)["phase"] == "STOPPED"


def test_steps_are_those_of_this_start_each_as_it_stands() -> None:
    newest_first = [
        ("MachineStep", {"step": "hub", "state": "started"}),
        ("MachineStep", {"step": "storage", "state": "done", "seconds": 2.5}),
        ("MachineStep", {"step": "storage", "state": "started"}),
        ("LabStarting", {}),
        ("MachineStep", {"step": "of an earlier start", "state": "done"}),
    ]
    assert rules.steps(newest_first) == (rules.Step("storage", "done", 2.5), rules.Step("hub", "started", None))
