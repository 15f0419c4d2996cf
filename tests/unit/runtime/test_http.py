"""The door: what every route does alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chalice import Blueprint, Chalice

from chalicelib.runtime.errors import Conflict, NotFound, Unauthenticated
from chalicelib.runtime.http import OPERATIONS, Call, Door, Reply, Request
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.shapes import Asked, Field, PageQuery, Told
from chalicelib.runtime.store import commit
from tests.fakes.gateway import Gateway

pytestmark = pytest.mark.usefixtures("tables")


class Someone:
    name = "ada@uni.edu"
    scopes = frozenset({"things:read", "things:write"})


class ThingRequest(Asked):
    name: str = Field(min_length=1, max_length=8)
    size: int = Field(default=1, ge=1, le=200)


class ThingView(Told):
    name: str
    size: int


def authenticate(request: Request) -> Someone:
    if request.bearer() != "good":
        raise Unauthenticated("no", hint="login")
    return Someone()


@pytest.fixture(scope="module")
def made() -> list[str]:
    return []


@pytest.fixture(scope="module")
def gateway(made: list[str]) -> Iterator[Gateway]:
    before = len(OPERATIONS)
    bp = Blueprint(__name__)
    door = Door(bp, "things", authenticate)

    @door.post("/things", summary="Make", body=ThingRequest, reply=ThingView, status=201, scope="things:write")
    def make_thing(call: Call[Someone]) -> Reply:
        made.append(call.body.name)
        view = ThingView(name=call.body.name, size=call.body.size)
        kept = {"status": 201, "location": "/things/x", "body": view.model_dump(mode="json")}
        commit(*remembered(call.request_key, kept))
        return Reply(view, location="/things/x")

    @door.post("/things/{name}/twin", summary="A twin answers in the meantime", reply=ThingView, replay=again)
    def race(call: Call[Someone]) -> None:
        made.append("raced")
        commit(*remembered(call.request_key, {"name": "twin"}))
        raise Conflict("the twin was first")

    @door.get("/things", summary="List", query=PageQuery, reply=ThingView)
    def list_things(call: Call[Someone]) -> ThingView:
        return ThingView(name=call.query.cursor or "-", size=call.query.limit)

    @door.get("/things/{name}", summary="One", reply=ThingView)
    def get_thing(call: Call[Someone]) -> ThingView:
        if call.path["name"] == "broken":
            raise ZeroDivisionError("secret detail")
        if call.path["name"] == "none":
            raise NotFound("no such thing", hint="make one")
        return ThingView(name=call.path["name"], size=1)

    @door.delete("/things/{name}", summary="Gone", scope="things:delete")
    def delete_thing(call: Call[Someone]) -> None:
        """Never reached: nobody has the scope."""

    @door.put("/things/{name}", summary="Nothing to say")
    def keep_thing(call: Call[Someone]) -> None:
        assert call.request_key is None or call.request_key.key

    app = Chalice("things")
    app.register_blueprint(bp)
    yield Gateway(app, "good")
    del OPERATIONS[before:]


def again(_call: Call[Any], answer: dict[str, Any]) -> ThingView:
    return ThingView(name=answer["name"], size=0)


def test_a_model_is_answered_as_json_with_its_location(gateway: Gateway) -> None:
    answer = gateway.post("/things", {"name": "a"})
    assert (answer.status, answer.json, answer.headers["Location"]) == (201, {"name": "a", "size": 1}, "/things/x")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("said", "status", "code", "words"),
    [
        ({"raw": "x" * 10_000_000}, 413, "too_large", "10000000 bytes"),
        ({"raw": "<a/>", "headers": {"Content-Type": "text/xml"}}, 415, "unsupported_media", "text/xml"),
        ({"raw": "{"}, 400, "not_json", "not JSON"),
        ({"body": {}}, 422, "unprocessable", "name: Field required"),
        ({"body": {"name": "a", "size": 10_000}}, 422, "unprocessable", "size: Input should be less than or equal to 200"),
        ({"body": {"nane": "a"}}, 422, "unprocessable", "nane: there is no such field"),
        ({"body": [1]}, 422, "unprocessable", "body: "),
        ({"body": {"name": "a"}, "key": "x" * 129}, 400, "bad_input", "Idempotency-Key"),
        ({"body": {"name": "a"}, "key": "ü"}, 400, "bad_input", "Idempotency-Key"),
        ({"body": {"name": "a"}, "headers": {"Authorization": "Bearer bad"}}, 401, "unauthenticated", "no"),
        ({"body": {"name": "a"}, "headers": {"Authorization": "Basic x"}}, 401, "unauthenticated", "token is needed"),
    ],
)
def test_bad_input_is_a_clear_refusal_and_makes_nothing(
    gateway: Gateway, made: list[str], said: dict[str, Any], status: int, code: str, words: str
) -> None:
    before = list(made)
    answer = gateway.post("/things", **said)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert words in answer.json["message"]
    assert answer.json["hint"]
    assert made == before


def test_a_mistyped_field_gets_a_near_miss(gateway: Gateway) -> None:
    assert gateway.post("/things", {"nane": "a"}).json["hint"] == "did you mean 'name'?"


def test_a_token_without_the_scope_is_told_which_one(gateway: Gateway) -> None:
    answer = gateway.delete("/things/a")
    assert (answer.status, answer.json["code"]) == (403, "missing_scope")
    assert "things:delete" in answer.json["message"]


def test_unknown_errors_are_logged_and_never_told(gateway: Gateway, lines: Callable[[], list[dict[str, Any]]]) -> None:
    answer = gateway.get("/things/broken", headers={"X-Correlation-Id": "abc-1"})
    assert (answer.status, answer.json["code"], answer.json["correlation_id"]) == (500, "internal", "abc-1")
    assert "secret detail" not in answer.text
    assert any("secret detail" in line.get("exception", "") and line["correlation_id"] == "abc-1" for line in lines())


@pytest.mark.parametrize(("given", "told"), [("abc-1", "abc-1"), ("a b", "req-1"), ("x" * 65, "req-1"), ("", "req-1")])
def test_the_correlation_id_is_the_callers_when_it_is_a_plain_word(gateway: Gateway, given: str, told: str) -> None:
    assert gateway.get("/things/a", headers={"X-Correlation-Id": given}).headers["X-Correlation-Id"] == told


def test_an_error_of_the_slice_keeps_its_status_and_hint(gateway: Gateway) -> None:
    answer = gateway.get("/things/none")
    assert (answer.status, answer.json["message"], answer.json["hint"]) == (404, "no such thing", "make one")


def test_path_parameters_are_unquoted(gateway: Gateway) -> None:
    assert gateway.get("/things/ada%40uni.edu").json["name"] == "ada@uni.edu"


def test_a_query_is_validated_and_has_defaults(gateway: Gateway) -> None:
    assert gateway.get("/things").json == {"name": "-", "size": 50}
    assert gateway.get("/things?limit=7&cursor=c").json == {"name": "c", "size": 7}
    assert gateway.get("/things?limit=0").status == 422
    assert gateway.get("/things?limti=1").json["hint"] == "did you mean 'limit'?"


def test_no_answer_is_204(gateway: Gateway) -> None:
    answer = gateway.put("/things/a")
    assert (answer.status, answer.text) == (204, "")


def test_a_repeated_request_is_answered_as_the_first_time(gateway: Gateway, made: list[str]) -> None:
    first = gateway.post("/things", {"name": "once"}, key="k1")
    second = gateway.post("/things", {"name": "once"}, key="k1")
    assert (second.status, second.json, second.headers["Location"]) == (first.status, first.json, first.headers["Location"])
    assert made.count("once") == 1


def test_the_same_key_with_another_body_is_a_conflict(gateway: Gateway) -> None:
    gateway.post("/things", {"name": "one"}, key="k2")
    answer = gateway.post("/things", {"name": "two"}, key="k2")
    assert (answer.status, answer.json["code"]) == (409, "key_reused")


def test_a_request_overtaken_by_its_twin_is_answered_as_the_twin(gateway: Gateway) -> None:
    answer = gateway.post("/things/x/twin", key="k3")
    assert (answer.status, answer.json) == (200, {"name": "twin", "size": 0})
    assert gateway.post("/things/x/twin").status == 409


def test_an_open_door_asks_nobody_and_remembers_no_key() -> None:
    before = len(OPERATIONS)
    bp = Blueprint(__name__)
    door: Door[None] = Door(bp, "open")
    seen: list[Call[None]] = []
    door.post("/open", summary="Open")(_seeing(seen))
    app = Chalice("open")
    app.register_blueprint(bp)
    assert Gateway(app).post("/open", key="k").status == 204
    assert (seen[0].principal, seen[0].request_key) == (None, None)
    del OPERATIONS[before:]


def _seeing(seen: list[Call[None]]) -> Callable[[Call[Any]], None]:
    def look(call: Call[None]) -> None:
        seen.append(call)

    return look
