"""What people send and what they are answered: good, bad, repeated, and not theirs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import jwt
import pytest

from chalicelib.labs.rules import Phase
from tests.unit.labs.conftest import ADA, BOB, EVE, Stage

LINK = {"domain": "genomics"}


def labs_of(stage: Stage) -> list[str]:
    return [one["pk"]["S"] for one in stage.tables("labs") if one["sk"]["S"] == "LAB"]


# ---- asking for a lab


def test_answer_is_accepted_with_a_place_to_watch(stage: Stage) -> None:
    answer = stage.ask(users=12, shared_storage="1TB", name="Reads of 2026", instance_type="m6i.2xlarge")
    assert answer.status == 202
    assert answer.headers["Location"] == f"/labs/{answer.json['id']}"
    lab = stage.as_(ADA).get(answer.headers["Location"]).json
    assert (lab["phase"], lab["users"], lab["shared_storage_gb"], lab["name"]) == ("PROVISIONING", 12, 1000, "Reads of 2026")
    assert (lab["instance_type"], lab["team"], lab["owner"]) == ("m6i.2xlarge", "default", ADA)
    assert lab["example_notebooks"] >= 2


@pytest.mark.parametrize(
    ("body", "status", "said", "hint"),
    [
        ({"domain": "genomic"}, 404, "genomic", "did you mean 'genomics'?"),
        ({"instance_type": "r6i.4xlarg"}, 400, "not offered", "did you mean 'r6i.4xlarge'?"),
        ({"instance_type": "rm -rf /"}, 422, "'rm -rf /' is not written as it should be", "write it like r6i.4xlarge"),
        ({"instance_type": "r6i_4xlarge"}, 422, "instance_type: 'r6i_4xlarge'", "write it like r6i.4xlarge"),
        ({"shared_storage": "1XB"}, 400, "1XB", "write it like 500GB or 1TB"),
        ({"users": 0}, 422, "users", "see /docs"),
        ({"users": 10_000}, 422, "users", "see /docs"),
        ({"userz": 3}, 422, "userz", "did you mean 'users'?"),
        ({"team": "somebody-elses"}, 403, "somebody-elses", "ask an admin"),
    ],
)
def test_bad_input_is_refused_with_a_hint_and_nothing_is_made(
    stage: Stage, body: dict[str, Any], status: int, said: str, hint: str
) -> None:
    answer = stage.ask(**body)
    assert (answer.status, said in answer.json["message"], hint in answer.json["hint"]) == (status, True, True), answer.text
    assert labs_of(stage) == []
    assert stage.stories.executions == {}


def test_big_bodies_and_other_types_are_refused(stage: Stage) -> None:
    assert stage.as_(ADA).post("/labs", raw="x" * 10_000_000).status == 413
    assert stage.as_(ADA).post("/labs", LINK, headers={"Content-Type": "text/plain"}).status == 415
    assert stage.as_(ADA).post("/labs", raw="{not json").status == 400


def test_a_family_that_is_not_allowed_is_refused_and_left_out_of_the_candidates(stage: Stage, monkeypatch: Any) -> None:
    from dataclasses import replace

    from chalicelib.runtime import settings

    known = settings.current()
    monkeypatch.setattr(settings, "current", lambda: replace(known, allowed_families=("r5",)))
    assert stage.ask(instance_type="m6i.2xlarge").status == 403
    assert stage.ask(users=2).json["instance_type"] == "r5.2xlarge"


def test_a_second_lab_over_the_limit_is_refused_and_nothing_is_made(stage: Stage, monkeypatch: Any) -> None:
    from dataclasses import replace

    from chalicelib.runtime import settings

    known = settings.current()
    monkeypatch.setattr(settings, "current", lambda: replace(known, max_labs_per_team=1))
    stage.requested()
    answer = stage.ask()
    assert (answer.status, answer.json["code"]) == (409, "limit_reached")
    assert len(labs_of(stage)) == 1


def test_the_same_request_twenty_times_is_one_lab(stage: Stage) -> None:
    answers = [stage.ask(key="k-1", users=3) for _ in range(20)]
    assert {answer.status for answer in answers} == {202}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len(labs_of(stage)) == len(stage.stories.executions) == 1


def test_twenty_twins_that_all_looked_before_any_wrote_are_one_lab(stage: Stage, monkeypatch: Any) -> None:
    from chalicelib.runtime import requests

    recall = requests.recall
    monkeypatch.setattr(requests, "recall", lambda key, consistent=False: recall(key, True) if consistent else None)
    answers = [stage.ask(key="k-2") for _ in range(20)]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(labs_of(stage)) == len(stage.stories.executions) == 1
    assert len(stage.reserved()) == 1


def test_a_key_that_comes_back_with_another_request_is_a_mistake(stage: Stage) -> None:
    stage.ask(key="k-3", users=3)
    answer = stage.ask(key="k-3", users=4)
    assert (answer.status, answer.json["code"]) == (409, "key_reused")


def test_requests_without_a_key_are_each_a_lab(stage: Stage) -> None:
    assert stage.ask().json["id"] != stage.ask().json["id"]


def test_an_id_that_is_taken_is_drawn_again(stage: Stage, monkeypatch: Any) -> None:
    from chalicelib.labs import service

    drawn = iter(["genomics-aaaa", "genomics-aaaa", "genomics-bbbb"])
    monkeypatch.setattr(service, "_new_id", lambda _domain: next(drawn))
    assert [stage.requested(), stage.requested()] == ["genomics-aaaa", "genomics-bbbb"]
    assert stage.reserved() == {"genomics-aaaa", "genomics-bbbb"}


@pytest.mark.parametrize("verb", ["stop", "start", "scale"])
def test_commands_take_a_key_too(stage: Stage, verb: str) -> None:
    lab_id = stage.stopped() if verb == "start" else stage.ready()
    body = {"instance_type": "r6i.4xlarge"} if verb == "scale" else None
    answers = [stage.as_(ADA).post(f"/labs/{lab_id}/{verb}", body, key=f"key-{verb}") for _ in range(3)]
    assert {(answer.status, answer.json["generation"]) for answer in answers} == {(202, stage.lab(lab_id).generation)}


# ---- whose lab


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/stop"),
        ("POST", "/start"),
        ("POST", "/scale"),
        ("GET", "/events"),
        ("GET", "/logs"),
        ("POST", "/login"),
        ("GET", "/users"),
        ("POST", "/users"),
        ("PUT", "/users/x@y.org"),
        ("DELETE", "/users/x@y.org"),
    ],
)
def test_a_foreign_lab_does_not_exist(stage: Stage, method: str, path: str) -> None:
    lab_id = stage.requested()
    bodies = {"/scale": {"users": 2}, "/users": {"email": EVE}, "/users/x@y.org": {"role": "member"}}
    body = bodies.get(path) if method in ("POST", "PUT") else None
    foreign = stage.as_(EVE).send(method, f"/labs/{lab_id}{path}", body)
    unknown = stage.as_(EVE).send(method, f"/labs/genomics-zzzz{path}", body)
    assert (foreign.status, unknown.status) == (404, 404)
    assert foreign.text.replace(lab_id, "genomics-zzzz") == unknown.text
    assert stage.lab(lab_id).phase is Phase.PROVISIONING


@pytest.mark.parametrize("lab_id", ["LAB%23x", "..%2Fpeople", "genomics-k3x9%0A", "x" * 300])
def test_what_is_no_lab_id_is_not_found(stage: Stage, lab_id: str) -> None:
    assert stage.as_(ADA).get(f"/labs/{lab_id}").status == 404


def test_members_see_and_open_viewers_only_see_and_leads_change(stage: Stage) -> None:
    lab_id = stage.ready()
    people = f"/labs/{lab_id}/users"
    assert stage.as_(ADA).post(people, {"email": "Bob@University.edu", "role": "viewer"}).status == 201
    assert stage.as_(BOB).get(f"/labs/{lab_id}").status == 200
    assert stage.as_(BOB).post(f"/labs/{lab_id}/login").status == 403
    assert stage.as_(ADA).put(f"{people}/{BOB}", {"role": "member"}).json["role"] == "member"
    assert stage.as_(BOB).post(f"/labs/{lab_id}/login").status == 200
    assert stage.as_(BOB).delete(f"/labs/{lab_id}").status == 403
    assert stage.as_(BOB).post(people, {"email": EVE}).status == 403
    assert stage.as_(ADA).put(f"{people}/{BOB}", {"role": "lead"}).status == 200
    assert stage.as_(BOB).post(people, {"email": EVE}).status == 201
    listed = stage.as_(ADA).get(people).json["items"]
    assert [(one["email"], one["role"], one["owner"]) for one in listed] == [
        (ADA, "lead", True),
        (BOB, "lead", False),
        (EVE, "member", False),
    ]
    assert stage.as_(ADA).delete(f"{people}/{EVE}").status == 204
    assert stage.as_(EVE).get(f"/labs/{lab_id}").status == 404
    assert {"LabUserAdded", "LabUserRoleChanged", "LabUserRemoved"} <= set(stage.facts(lab_id))


def test_people_reach_the_machine_with_the_next_heartbeat(stage: Stage) -> None:
    lab_id = stage.ready()
    stage.as_(ADA).post(f"/labs/{lab_id}/users", {"email": BOB, "role": "viewer"})
    orders = stage.say(lab_id, "heartbeat", boot_id="b", uptime_s=1, storage_used_bytes=5, servers=[{"user": BOB}]).json
    assert orders["users"] == [{"email": BOB, "role": "viewer"}]
    assert orders["owner"] == ADA
    view = stage.as_(ADA).get(f"/labs/{lab_id}").json
    assert (view["storage"]["used_bytes"], view["machine"]["servers"], view["machine"]["cpu"]) == (5, 1, None)


def test_odd_changes_of_people_are_refused(stage: Stage) -> None:
    lab_id = stage.requested()
    people = f"/labs/{lab_id}/users"
    assert stage.as_(ADA).post(people, {"email": ADA}).status == 409
    assert stage.as_(ADA).post(people, {"email": "nobody"}).status == 422
    assert stage.as_(ADA).delete(f"{people}/{ADA}").status == 400
    assert stage.as_(ADA).delete(f"{people}/{EVE}").status == 404
    assert stage.as_(ADA).put(f"{people}/{EVE}", {"role": "lead"}).status == 404
    assert stage.as_(ADA).post(people, {"email": EVE}).status == 201
    assert stage.as_(ADA).post(people, {"email": EVE}).status == 409


def test_a_lab_holds_no_more_people_than_the_stage_allows(stage: Stage, monkeypatch: Any) -> None:
    from dataclasses import replace

    from chalicelib.runtime import settings

    known = settings.current()
    monkeypatch.setattr(settings, "current", lambda: replace(known, max_users_per_lab=1))
    lab_id = stage.requested()
    assert stage.as_(ADA).post(f"/labs/{lab_id}/users", {"email": BOB}).status == 201
    assert stage.as_(ADA).post(f"/labs/{lab_id}/users", {"email": EVE}).json["code"] == "limit_reached"
    assert stage.as_(ADA).delete(f"/labs/{lab_id}/users/{BOB}").status == 204
    assert stage.as_(ADA).post(f"/labs/{lab_id}/users", {"email": EVE}).status == 201


# ---- lists


def test_everybody_lists_what_is_theirs_page_by_page(stage: Stage) -> None:
    mine = {stage.requested() for _ in range(3)}
    theirs = stage.as_(BOB).post("/labs", LINK).json["id"]
    stage.as_(ADA).post(f"/labs/{min(mine)}/users", {"email": BOB})
    first = stage.as_(ADA).get("/labs?limit=2").json
    second = stage.as_(ADA).get(f"/labs?limit=2&cursor={first['cursor']}").json
    assert {lab["id"] for lab in first["items"] + second["items"]} == mine
    assert second["cursor"] is None
    assert {lab["id"] for lab in stage.as_(BOB).get("/labs").json["items"]} == {theirs, min(mine)}
    assert {lab["id"] for lab in stage.as_("root").get("/labs").json["items"]} == mine | {theirs}
    assert stage.as_(EVE).get("/labs").json == {"items": [], "cursor": None}


@pytest.mark.parametrize("path", ["/labs", "/labs/{}/events", "/labs/{}/users", "/labs/{}/logs"])
def test_a_stale_or_foreign_cursor_is_refused(stage: Stage, path: str) -> None:
    lab_id = stage.requested()
    stage.requested()
    foreign = stage.as_(ADA).get("/labs?limit=1").json["cursor"]
    cursor = "bm9uc2Vuc2U" if path == "/labs" else foreign
    answer = stage.as_(ADA).get(f"{path.format(lab_id)}?cursor={cursor}")
    assert (answer.status, answer.json["code"]) == (400, "bad_cursor")


def test_events_come_in_order_and_newest_first_when_asked(stage: Stage) -> None:
    lab_id = stage.ready()
    events = stage.as_(ADA).get(f"/labs/{lab_id}/events?limit=2").json
    assert [one["name"] for one in events["items"]] == ["LabRequested", "EnvironmentResolved"]
    assert events["items"][0]["by"] == ADA
    more = stage.as_(ADA).get(f"/labs/{lab_id}/events?limit=2&cursor={events['cursor']}").json
    assert [one["name"] for one in more["items"]] == ["StoragePrepared", "MachineLaunched"]
    assert stage.as_(ADA).get(f"/labs/{lab_id}/events?order=newest&limit=1").json["items"][0]["name"] == "LabReady"


def test_logs_are_read_from_the_labs_own_stream(stage: Stage) -> None:
    lab_id = stage.requested()
    logs = stage.account.real("logs")
    group = "/aws-research-wizard-test/labs"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    assert stage.as_(ADA).get(f"/labs/{lab_id}/logs").json == {"items": [], "cursor": None}
    logs.create_log_stream(logGroupName=group, logStreamName=lab_id)
    now = int(stage.now.timestamp() * 1000)
    logs.put_log_events(
        logGroupName=group, logStreamName=lab_id, logEvents=[{"timestamp": now + n, "message": f"line {n}"} for n in range(3)]
    )
    page = stage.as_(ADA).get(f"/labs/{lab_id}/logs?limit=2").json
    assert [one["text"] for one in page["items"]] == ["line 0", "line 1"]
    rest = stage.as_(ADA).get(f"/labs/{lab_id}/logs?limit=2&cursor={page['cursor']}").json
    assert [one["text"] for one in rest["items"]] == ["line 2"]
    last = stage.as_(ADA).get(f"/labs/{lab_id}/logs?limit=2&order=newest").json
    assert [one["text"] for one in last["items"]] == ["line 2", "line 1"]
    before = stage.as_(ADA).get(f"/labs/{lab_id}/logs?limit=2&order=newest&cursor={last['cursor']}").json
    assert [one["text"] for one in before["items"]] == ["line 0"]
    assert stage.as_(ADA).get(f"/labs/{lab_id}/logs?cursor={last['cursor']}").status == 400


# ---- getting in


def test_login_gives_a_ticket_only_this_lab_can_have_signed(stage: Stage) -> None:
    lab_id = stage.ready()
    answer = stage.as_(ADA).post(f"/labs/{lab_id}/login").json
    url, ticket = answer["url"].split("?ticket=")
    assert url == "http://127.0.0.1:8000/hub/login"
    assert answer["tunnel"] is None
    key = base64.b64decode(stage.claim_key)
    assert key == hmac.new(b"s" * 64, lab_id.encode(), hashlib.sha256).digest()
    claims = jwt.decode(ticket, key, algorithms=["HS256"])
    assert (claims["sub"], claims["role"], claims["lab"], claims["exp"] - claims["iat"]) == (ADA, "lead", lab_id, 120)
    assert claims["jti"]


def test_login_by_tunnel_says_which_port_of_which_machine(stage: Stage, monkeypatch: Any) -> None:
    from dataclasses import replace

    from chalicelib.runtime import settings

    lab_id = stage.ready()
    known = settings.current()
    monkeypatch.setattr(settings, "current", lambda: replace(known, access_mode="tunnel"))
    tunnel = stage.as_(ADA).post(f"/labs/{lab_id}/login").json["tunnel"]
    assert tunnel == {"instance_id": stage.lab(lab_id).instance_id, "port": 8000}


def test_login_to_a_lab_that_is_not_ready_is_a_conflict(stage: Stage) -> None:
    lab_id = stage.requested()
    answer = stage.as_(ADA).post(f"/labs/{lab_id}/login")
    assert (answer.status, "READY" in answer.json["hint"]) == (409, True)


# ---- scale


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"users": 0}, 422),
        ({"shared_storage": "1XB"}, 400),
        ({"instance_type": "z9.mega"}, 400),
        ({"users": 999}, 422),
    ],
)
def test_scale_refuses_what_makes_no_sense(stage: Stage, body: dict[str, Any], status: int) -> None:
    lab_id = stage.ready()
    assert stage.as_(ADA).post(f"/labs/{lab_id}/scale", body).status == status
    assert stage.lab(lab_id).phase is Phase.READY


def test_scale_while_provisioning_is_a_conflict_with_a_hint(stage: Stage) -> None:
    answer = stage.asked(stage.requested(), "scale", users=9)
    assert (answer.status, answer.json["hint"]) == (409, "wait until it is READY, or delete it")
