"""What people are told of costs over the API, and what not."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.cost import service, store
from chalicelib.labs.rules import Lab, Phase
from chalicelib.labs.store import Member, add_member, create
from chalicelib.people import service as people
from chalicelib.people.rules import Role
from chalicelib.runtime import clock
from chalicelib.runtime.errors import Conflict
from chalicelib.runtime.store import commit
from tests.conftest import NOW
from tests.fakes.gateway import Gateway
from tests.unit.cost.conftest import ADA, BOB, EVE, LAB, Story
from tests.unit.labs.conftest import mint

ROOT, LEAD, OTHER = "root@uni.edu", "lead@uni.edu", "other@uni.edu"
PEOPLE = (
    (ROOT, Role.ADMIN, "default"),
    (LEAD, Role.LEAD, "lovelace"),
    (OTHER, Role.LEAD, "curie"),
    (ADA, Role.MEMBER, "lovelace"),
    (BOB, Role.MEMBER, "curie"),
    (EVE, Role.MEMBER, "lovelace"),
)
HOUR = timedelta(hours=1)


class Desk:
    """The API as each of these people, at an hour of a test's choice."""

    def __init__(self) -> None:
        import app

        self.now = NOW + 2 * HOUR
        made = [people.put_person(email, role, (team,), NOW, ROOT, "setup") for email, role, team in PEOPLE]
        self.doors = {one.email: Gateway(app.app, mint(people, one)) for one in made}

    def get(self, who: str, url: str) -> Any:
        return self.doors[who].get(url)


@pytest.fixture
def desk(story: Story, monkeypatch: pytest.MonkeyPatch) -> Desk:
    found = Desk()
    from chalicelib.runtime.calls import Request

    monkeypatch.setattr(Request, "at", property(lambda _: found.now))
    monkeypatch.setattr(clock, "now", lambda: found.now)
    return found


def a_lab(lab_id: str = LAB, owner: str = ADA, team: str = "lovelace") -> None:
    lab = Lab(
        lab_id, "wheat", "genomics", Phase.READY, owner, team, 5, "r6i.2xlarge", ("r6i.2xlarge",), 100, 1, NOW, NOW, "test",
        ready_at=NOW,
    )  # fmt: skip
    commit(create(lab, Conflict("known")))
    for email in {owner, BOB}:
        commit(add_member(Member(lab_id, email, "member", NOW), Conflict("known")))


def an_hour_for_two(story: Story) -> None:
    story.runs(NOW, ADA)
    story.servers(NOW + HOUR / 2, ADA, BOB)
    story.servers(NOW + HOUR)
    story.settle(NOW + HOUR)


def test_a_lab_tells_its_rate_today_the_month_and_the_forecast(story: Story, desk: Desk) -> None:
    a_lab()
    an_hour_for_two(story)
    told = desk.get(ADA, f"/labs/{LAB}/cost").json
    assert Decimal(told["per_hour"]["amount"]).quantize(Decimal("0.00001")) == Decimal("0.504") + Decimal("0.00667")
    assert (told["currency"], told["prices_as_of"], told["phase"]) == ("USD", "2025-01-01", "READY")
    assert Decimal(told["today"]["amount"]).quantize(Decimal("0.0001")) == Decimal("1.0213"), "two hours, up to this second"
    assert told["today"] == told["month"]
    parts = {one["part"]: Decimal(one["month"]) for one in told["parts"]}
    assert sum(parts.values()) == Decimal(told["month"]["amount"])
    shares = {one["who"]: Decimal(one["month"]) for one in told["people"]}
    assert sum(shares.values()) == Decimal(told["month"]["amount"])
    assert list(shares) == [ADA, BOB, "idle", "overhead"]
    assert shares[BOB].quantize(Decimal("0.00001")) == Decimal("0.126")
    assert told["forecast"]["how"].startswith("so far, and if it goes on as it stands now for the 7.")
    assert Decimal(told["forecast"]["amount"]) > 90


def test_a_member_sees_their_own_share_and_the_total_and_strangers_nothing(story: Story, desk: Desk) -> None:
    a_lab()
    an_hour_for_two(story)
    seen = desk.get(BOB, f"/labs/{LAB}/cost").json
    assert [one["who"] for one in seen["people"]] == [BOB, "others", "idle", "overhead"]
    assert sum(Decimal(one["month"]) for one in seen["people"]) == Decimal(seen["month"]["amount"])
    for who in (ROOT, LEAD, ADA):
        assert [one["who"] for one in desk.get(who, f"/labs/{LAB}/cost").json["people"]][:2] == [ADA, BOB]
    for who in (EVE, OTHER):
        assert desk.get(who, f"/labs/{LAB}/cost").status == 404
        assert desk.get(who, f"/costs?lab={LAB}").status == 404
    by_user = desk.get(BOB, f"/costs?by=user&lab={LAB}").json
    assert [row["key"] for row in by_user["rows"]] == [BOB, "others", "idle", "overhead"]


@pytest.mark.parametrize("by", ["user", "lab", "domain", "team", "day"])
def test_rows_sum_to_the_total_however_they_are_made(story: Story, desk: Desk, by: str) -> None:
    a_lab()
    an_hour_for_two(story)
    second = Story("base-aaaa", BOB, "curie")
    a_lab("base-aaaa", BOB, "curie")
    second.runs(NOW, BOB)
    second.settle(NOW + HOUR)
    desk.now = NOW + timedelta(days=2)
    told = desk.get(ROOT, f"/costs?by={by}").json
    total = told["total"]
    for row in (*told["rows"], total):
        assert sum(Decimal(row[name]) for name in ("machine", "disk", "files")) == Decimal(row["amount"])
        assert sum(Decimal(row[name]) for name in ("users", "idle", "overhead")) == Decimal(row["amount"])
    for name in ("amount", "machine", "disk", "files", "users", "idle", "overhead", "seconds"):
        assert sum(Decimal(row[name]) for row in told["rows"]) == Decimal(total[name]), name
    wanted = {"user": 4, "lab": 2, "domain": 1, "team": 2, "day": 3}
    assert len(told["rows"]) == wanted[by]
    assert datetime.fromisoformat(told["up_to"]) == desk.now


def test_who_sees_which_labs(story: Story, desk: Desk) -> None:
    a_lab()
    an_hour_for_two(story)
    second = Story("base-aaaa", EVE, "lovelace")
    a_lab("base-aaaa", EVE)
    second.runs(NOW, EVE)
    second.settle(NOW + HOUR)
    seen = {who: {row["key"] for row in desk.get(who, "/costs?by=lab").json["rows"]} for who in desk.doors}
    both = {LAB, "base-aaaa"}
    assert seen == {ROOT: both, LEAD: both, OTHER: set(), ADA: {LAB}, BOB: both, EVE: {"base-aaaa"}}
    assert desk.get(LEAD, "/costs?team=curie").status == 403
    assert desk.get(ROOT, "/costs?team=curie").json["rows"] == []


def test_my_own_share_is_told_also_of_labs_that_are_gone(story: Story, desk: Desk) -> None:
    an_hour_for_two(story)
    told = desk.get(BOB, "/costs/me").json
    assert desk.get(BOB, "/costs").json["rows"] == [], "of a lab that they left nobody sees more than that"
    assert [(row["key"], Decimal(row["idle"]), Decimal(row["overhead"])) for row in told["rows"]] == [(LAB, 0, 0)]
    assert Decimal(told["total"]["amount"]).quantize(Decimal("0.00001")) == Decimal("0.126")
    assert desk.get(EVE, "/costs/me").json["rows"] == []
    assert desk.get(ADA, f"/labs/{LAB}/cost").status == 200, "its record is gone, and it was hers"
    assert desk.get(BOB, f"/labs/{LAB}/cost").status == 404


def test_bad_questions_are_answered_in_words(story: Story, desk: Desk) -> None:
    for url, status, word in (
        ("/costs?from=2026-12-01&to=2026-11-01", 400, "after"),
        ("/costs?from=2020-01-01&to=2026-11-01", 400, "more than 400 days"),
        ("/costs?from=yesterday", 422, "from"),
        ("/costs?by=planet", 422, "by"),
        ("/costs?lab=base-zzzz", 404, "no lab"),
        ("/labs/base-zzzz/cost", 404, "no lab"),
    ):
        answer = desk.get(ROOT, url)
        assert answer.status == status, (url, answer.text)
        assert word in answer.json["message"]
        assert answer.json["hint"]


def test_what_has_no_price_is_said_and_makes_rate_and_forecast_unknown(story: Story, desk: Desk) -> None:
    a_lab()
    story.made(NOW, "z9.unheard")
    story.power(NOW, True, "z9.unheard")
    story.tell("LabReady", NOW + timedelta(microseconds=5), {"phase": ("PROVISIONING", "READY")}, instance_type="z9.unheard")
    told = desk.get(ADA, f"/labs/{LAB}/cost").json
    assert (told["per_hour"], told["forecast"]) == (None, None)
    assert told["notes"][0] == "2 h 00 min of a machine (z9.unheard) without a known price: in no sum"
    assert "was not asked yet" in told["notes"][1]


def test_a_stopped_lab_is_forecast_by_what_it_lately_cost(story: Story, desk: Desk) -> None:
    a_lab()
    story.runs(NOW - timedelta(days=10), ADA)
    story.stops(NOW - timedelta(days=2))
    desk.now = NOW
    told = desk.get(ADA, f"/labs/{LAB}/cost").json
    assert told["forecast"]["how"] == "so far, and each of the 7.6 days left as the last 7.4 on average"
    assert Decimal(told["per_hour"]["amount"]) < Decimal("0.01")
    assert store.head(LAB).version == 0, "asking writes nothing"
    service.settle(LAB, NOW)
    again = desk.get(ADA, f"/labs/{LAB}/cost").json
    assert again["month"] == told["month"]
