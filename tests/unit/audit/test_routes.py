"""Reading the log over the API: for admins; a lead reads what happened to a lab of their own team, and nobody else anything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.audit import service, store
from chalicelib.people import service as people
from chalicelib.people.rules import Role
from chalicelib.runtime.clock import iso
from chalicelib.runtime.outbox import told
from chalicelib.runtime.store import commit
from tests.conftest import NOW
from tests.fakes.gateway import Gateway
from tests.unit.audit.conftest import a_fact, recorded


@pytest.fixture
def as_(log: Any) -> dict[str, Gateway]:
    """The API as an admin, leads of two teams, and a member."""
    import app

    made = {}
    for email, role, team in (
        ("root@uni.edu", Role.ADMIN, "default"),
        ("lead@uni.edu", Role.LEAD, "lovelace"),
        ("other@uni.edu", Role.LEAD, "curie"),
        ("ada@uni.edu", Role.MEMBER, "lovelace"),
    ):
        person = people.put_person(email, role, (team,), NOW, "root@uni.edu", "setup")
        from tests.unit.labs.conftest import mint

        made[email] = Gateway(app.app, mint(people, person))
    return made


def test_the_log_is_read_in_pages(log: Any, as_: dict[str, Gateway]) -> None:
    recorded(25)
    numbers: list[int] = []
    following: int | None = 0
    while following is not None:
        page = as_["root@uni.edu"].get(f"/audit?after={following}&limit=10").json
        numbers += [one["seq"] for one in page["items"]]
        following = page["next"]
    assert numbers == list(range(1, 26))
    head = as_["root@uni.edu"].get("/audit/head").json
    assert (head["seq"], head["chain"]) == (25, store.name())
    anchors = as_["root@uni.edu"].get("/audit/anchors?limit=3").json
    assert [one["seq"] for one in anchors["items"]] == [7, 14, 21]
    rest = as_["root@uni.edu"].get(f"/audit/anchors?after={anchors['next']}").json
    assert ([one["seq"] for one in rest["items"]], rest["next"]) == ([25], None)


def test_it_is_filtered_by_lab_person_and_time(log: Any, as_: dict[str, Gateway]) -> None:
    who = ["ada@uni.edu", "bob@uni.edu", "aws-research-wizard"]
    facts = [a_fact(n, ("base-aaaa", "base-bbbb")[n % 2], by=who[n % 3]) for n in range(12)]
    facts[2] |= {"on_behalf_of": "bob@uni.edu"}
    service.record(facts, NOW)
    admin = as_["root@uni.edu"]
    assert {one["subject"] for one in admin.get("/audit?lab=base-aaaa").json["items"]} == {"base-aaaa"}
    bobs = admin.get("/audit?person=bob@uni.edu").json["items"]
    assert [one["seq"] for one in bobs] == [2, 3, 5, 8, 11], "what he did, and what was done for him"
    both = admin.get("/audit?person=bob@uni.edu&lab=base-aaaa").json["items"]
    assert [one["seq"] for one in both] == [3, 5, 11]
    since, until = iso(NOW + timedelta(seconds=4)), iso(NOW + timedelta(seconds=7))
    assert [one["seq"] for one in admin.get(f"/audit?since={since}&until={until}").json["items"]] == [5, 6, 7, 8]
    assert admin.get("/audit?since=yesterday").status == 422


def test_the_place_of_a_moment_is_found_by_halving(log: Any) -> None:
    recorded(30, batch=3)  # batches recorded three minutes apart
    assert service.first_since(NOW) == 0
    assert service.first_since(NOW + timedelta(minutes=9)) == 9
    assert service.first_since(NOW + timedelta(minutes=10)) == 12
    assert service.first_since(NOW + timedelta(days=1)) == 30


def test_only_admins_read_it_and_leads_their_teams_labs(log: Any, as_: dict[str, Gateway]) -> None:
    made = a_fact(1, name="LabRequested", changes={"team": [None, "lovelace"], "phase": [None, "PROVISIONING"]})
    service.record([made, a_fact(2)], NOW)
    for path in ("/audit", "/audit/head", "/audit/anchors", "/audit?person=ada@uni.edu"):
        assert as_["root@uni.edu"].get(path).status == 200, path
        for email in ("lead@uni.edu", "other@uni.edu", "ada@uni.edu"):
            assert as_[email].get(path).status == 403, (path, email)
    statuses = {email: one.get("/audit?lab=genomics-k3x9").status for email, one in as_.items()}
    assert statuses == {"root@uni.edu": 200, "lead@uni.edu": 200, "other@uni.edu": 403, "ada@uni.edu": 403}
    assert as_["lead@uni.edu"].get("/audit?lab=base-zzzz").status == 403, "a lab that the log does not know is nobody's"


def test_what_a_person_does_over_the_api_is_in_the_log_with_whence_they_came(log: Any, as_: dict[str, Gateway]) -> None:
    admin = as_["root@uni.edu"]
    admin.send("PUT", "/people", {"email": "new@uni.edu", "role": "member"}, headers={"User-Agent": "test/1.0\t(x)"})
    admin.send("PUT", "/people", {"email": "new@uni.edu", "role": "lead"}, headers={"X-Forwarded-For": "198.51.100.66"})
    service.record([told(one) for one in log("facts") if one["sk"]["S"].startswith("FACT#")], NOW)
    added, changed = sorted(admin.get("/audit?person=new@uni.edu").json["items"], key=lambda one: str(one["at"]))
    token = admin.get("/whoami").json["token_id"]
    assert added["origin"] == {"door": "api", "ip": "127.0.0.1", "agent": "test/1.0(x)", "token": token}
    assert changed["origin"]["ip"] == "127.0.0.1", "what a caller's headers say of whence is not believed"
    assert added["changes"]["role"] == [None, "member"]
    assert changed["changes"] == {"role": ["member", "lead"]}


def test_no_secret_and_no_hash_of_one_is_ever_in_a_fact(log: Any, as_: dict[str, Gateway]) -> None:
    made = as_["root@uni.edu"].post("/tokens", {"label": "laptop"}).json
    as_["root@uni.edu"].delete(f"/tokens/{made['token_id']}")
    text = str(log("facts"))
    stored = [one["pk"]["S"].removeprefix("TOKEN#") for one in log("people") if one["pk"]["S"].startswith("TOKEN#")]
    facts = str([one for one in log("facts") if one["sk"]["S"].startswith("FACT#")])
    assert "TokenCreated" in facts
    assert made["token"] not in text
    assert not [digest for digest in stored if digest in facts]
    commit()
