"""People over HTTP: who am I, tokens, adding people, and the first administrator."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from app import app
from chalicelib.people import rules, service, store
from chalicelib.people.rules import Role
from chalicelib.people.tasks import bootstrap_admin
from chalicelib.runtime import store as runtime_store
from chalicelib.runtime.errors import Conflict, Unauthenticated, Unprocessable
from chalicelib.runtime.facts import facts_of
from chalicelib.runtime.http import Request
from chalicelib.runtime.store import commit
from tests.conftest import Context
from tests.fakes.gateway import Gateway
from tests.fakes.tables import Tables

ADMIN = "ada@uni.edu"


@pytest.fixture(scope="module")
def admin(tables: object) -> Gateway:
    return Gateway(app, bootstrap_admin({"email": "Ada@uni.edu"}, Context())["token"])


def added(admin: Gateway, email: str, role: str = "member", teams: tuple[str, ...] = ("lovelace",)) -> Gateway:
    """A new person, signed in with a token of their own."""
    assert admin.put("/people", {"email": email, "role": role, "teams": list(teams)}).status == 200
    person = service.person(email)
    scopes = rules.granted(None, person.role, frozenset(rules.Scope))
    secret, _, writes = service.mint(person, "test", scopes, timedelta(days=1), datetime.now().astimezone(), "test", "c")
    commit(*writes)
    return admin.as_(secret)


def test_whoami_tells_role_teams_and_scopes(admin: Gateway) -> None:
    told = admin.get("/whoami").json
    assert (told["email"], told["role"], told["teams"], told["stage"]) == (ADMIN, "admin", ["default"], "test")
    assert set(told["scopes"]) == set(rules.Scope)


def test_bootstrap_mints_a_new_token_for_an_admin_who_exists(admin: Gateway) -> None:
    again = bootstrap_admin({"email": ADMIN}, Context())
    assert again["token"] != admin.token
    assert admin.as_(again["token"]).get("/whoami").json["token_id"] == again["token_id"]


def test_bootstrap_does_not_promote_a_member(admin: Gateway) -> None:
    added(admin, "eve@uni.edu")
    with pytest.raises(Conflict, match="is a member here"):
        bootstrap_admin({"email": "eve@uni.edu"}, Context())
    with pytest.raises(Unprocessable):
        bootstrap_admin({}, Context())


def test_only_the_hash_of_a_token_is_stored(admin: Gateway, tables: Tables) -> None:
    made = admin.post("/tokens", {"label": "laptop"}, key="stored").json
    assert rules.TOKEN.fullmatch(made["token"])
    for table in ("people", "facts"):
        assert made["token"] not in str(tables(table))


def test_a_token_does_what_it_was_made_for_and_no_more(admin: Gateway) -> None:
    made = admin.post("/tokens", {"scopes": ["labs:read"], "expires_in_days": 1})
    assert made.status == 201
    assert made.headers["Location"] == f"/tokens/{made.json['token_id']}"
    weak = admin.as_(made.json["token"])
    assert weak.get("/whoami").json["scopes"] == ["labs:read"]
    assert weak.post("/tokens", {}).json["code"] == "missing_scope"
    assert weak.put("/people", {"email": "x@uni.edu"}).json["code"] == "missing_scope"


def test_a_weak_token_cannot_make_a_strong_one(admin: Gateway) -> None:
    weak = admin.as_(admin.post("/tokens", {"scopes": ["tokens:write"]}).json["token"])
    assert weak.post("/tokens", {"scopes": ["labs:write"]}).status == 422
    assert weak.post("/tokens", {}).json["scopes"] == ["tokens:write"]


def test_a_repeated_request_makes_one_token_and_does_not_tell_the_secret_again(admin: Gateway) -> None:
    first, second = (admin.post("/tokens", {"label": "once"}, key="once") for _ in range(2))
    assert (second.status, second.headers["Location"], second.json["token"]) == (201, first.headers["Location"], None)
    labels = [token["label"] for token in admin.get("/tokens").json["items"]]
    assert labels.count("once") == 1


def test_a_revoked_token_opens_nothing_and_leaves_a_fact(admin: Gateway) -> None:
    made = admin.post("/tokens", {"label": "lost"}).json
    lost = admin.as_(made["token"])
    assert lost.get("/whoami").status == 200
    assert admin.delete(f"/tokens/{made['token_id']}", key="revoke").status == 204
    assert admin.delete(f"/tokens/{made['token_id']}", key="revoke").status == 204
    assert admin.delete(f"/tokens/{made['token_id']}").status == 404
    assert lost.get("/whoami").json["code"] == "token_unknown"
    assert facts_of(ADMIN, newest_first=True).items[0].name == "TokenRevoked"


def test_nobody_revokes_or_sees_the_tokens_of_another_except_an_admin(admin: Gateway) -> None:
    bob, mine = added(admin, "bob@uni.edu"), admin.post("/tokens", {}).json["token_id"]
    assert bob.delete(f"/tokens/{mine}").status == 404
    assert bob.get(f"/tokens?email={ADMIN}").status == 403
    bobs = admin.get("/tokens?email=bob@uni.edu").json["items"]
    assert [token["label"] for token in bobs] == ["test"]
    assert admin.delete(f"/tokens/{bobs[0]['token_id']}?email=bob@uni.edu").status == 204
    assert bob.get("/whoami").status == 401


def test_a_prefix_is_not_enough_to_revoke(admin: Gateway) -> None:
    token_id = admin.post("/tokens", {}).json["token_id"]
    assert admin.delete(f"/tokens/{token_id[:4]}").status == 404


def test_an_expired_token_is_told_so_with_the_way_in(admin: Gateway, now: datetime) -> None:
    person = service.person(ADMIN)
    secret, _, writes = service.mint(person, "old", ("labs:read",), timedelta(days=1), now - timedelta(days=3), "t", "c")
    commit(*writes)
    with pytest.raises(Unauthenticated, match="expired on 2026-11-21") as refused:
        service.authenticate(Request("GET", "/whoami", {"authorization": f"Bearer {secret}"}, at=now))
    assert (refused.value.code, refused.value.hint) == ("token_expired", "aws-research-wizard login")


@pytest.mark.parametrize("token", ["awr_short", "AWR_" + "x" * 30, "awm_" + "x" * 30, "awr_" + "x" * 30 + "/"])
def test_what_is_no_token_is_refused_without_a_read(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setattr(store, "principal_of", None)
    with pytest.raises(Unauthenticated, match="not one of our tokens"):
        service.authenticate(Request("GET", "/", {"authorization": f"Bearer {token}"}))


def test_a_person_is_read_once_in_fifteen_seconds(admin: Gateway, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    service.forget()
    calls: list[str] = []
    client = runtime_store.connection().client
    plain = client._make_api_call
    monkeypatch.setattr(client, "_make_api_call", lambda name, kwargs: calls.append(name) or plain(name, kwargs))
    for seconds in (0, 5, 14, 16):
        request = Request("GET", "/", {"authorization": f"Bearer {admin.token}"}, at=now + timedelta(seconds=seconds))
        assert service.authenticate(request).email == ADMIN
    assert calls == ["GetItem", "GetItem"]


def test_only_so_many_tokens_count_and_expired_ones_make_room(admin: Gateway, now: datetime) -> None:
    added(admin, "many@uni.edu")
    person = service.person("many@uni.edu")
    for _ in range(rules.MAX_TOKENS - 1):
        _, _, writes = service.mint(person, "", (), timedelta(days=1), now, "t", "c")
        commit(*writes)
    with pytest.raises(Conflict, match="already has 20 tokens"):
        service.mint(person, "", (), timedelta(days=1), now, "t", "c")
    _, _, writes = service.mint(person, "", (), timedelta(days=1), now + timedelta(days=9), "t", "c")
    commit(*writes)
    assert len(service.tokens_of("many@uni.edu")) == 1


def test_a_changed_role_reaches_the_tokens_at_once(admin: Gateway) -> None:
    mia = added(admin, "mia@uni.edu", "lead")
    assert "labs:write" in mia.get("/whoami").json["scopes"]
    admin.put("/people", {"email": "mia@uni.edu", "role": "viewer", "teams": ["turing"]})
    told = mia.get("/whoami").json
    assert (told["role"], told["teams"]) == ("viewer", ["turing"])
    assert "labs:write" not in told["scopes"]


def test_people_are_added_by_admins_only_and_listed_page_by_page(admin: Gateway) -> None:
    lead = added(admin, "lead@uni.edu", "lead")
    for url in ("/people", "/people?limit=1"):
        assert lead.get(url).status == 403
    assert lead.put("/people", {"email": "x@uni.edu"}).status == 403
    seen, cursor = [], ""
    while True:
        page = admin.get(f"/people?limit=2&cursor={cursor}").json
        seen += [person["email"] for person in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == sorted(set(seen))
    assert {ADMIN, "lead@uni.edu"} <= set(seen)


@pytest.mark.parametrize(
    "body",
    [
        {"email": "nobody"},
        {"email": "x@uni.edu", "role": "king"},
        {"email": "x@uni.edu", "teams": []},
        {"email": "x@uni.edu", "teams": ["No!"]},
    ],
)
def test_a_senseless_person_is_refused(admin: Gateway, body: dict[str, Any]) -> None:
    assert admin.put("/people", body).status == 422


def test_an_admin_does_not_lock_themselves_out(admin: Gateway) -> None:
    answer = admin.put("/people", {"email": ADMIN, "role": "member"})
    assert (answer.status, answer.json["code"]) == (409, "last_admin")


def test_a_repeated_put_answers_the_person_as_they_are(admin: Gateway) -> None:
    body = {"email": "zoe@uni.edu", "role": "lead", "teams": ["x", "x", "y"]}
    first, second = admin.put("/people", body, key="zoe"), admin.put("/people", body, key="zoe")
    assert first.json == second.json
    assert first.json["teams"] == ["x", "y"]
    assert [fact.name for fact in facts_of("zoe@uni.edu").items] == ["PersonAdded"]


def test_two_changes_of_one_person_cannot_both_win(admin: Gateway, now: datetime) -> None:
    added(admin, "race@uni.edu")
    stale = service.person("race@uni.edu")
    service.put_person("race@uni.edu", Role.LEAD, ("a",), now, ADMIN, "c")
    with pytest.raises(Conflict, match="changed by another request"):
        commit(store.put_person(service.person("race@uni.edu"), stale))


def test_only_an_admin_makes_a_token_for_another_and_it_is_that_persons(admin: Gateway) -> None:
    bob = added(admin, "bob@uni.edu")
    assert bob.post(f"/tokens?email={ADMIN}", {}).status == 403
    made = admin.post("/tokens?email=bob@uni.edu", {"label": "from the admin"})
    assert made.status == 201
    assert admin.as_(made.json["token"]).get("/whoami").json["email"] == "bob@uni.edu"
    assert admin.post("/tokens?email=nobody@uni.edu", {}).status == 404
