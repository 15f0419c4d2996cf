"""One request, whatever the network does."""

import httpx
import pytest

from aws_research_wizard.client.errors import (
    CannotReach,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    OverLimit,
    Unavailable,
    from_answer,
)
from aws_research_wizard.client.wire import Wire


class Road:
    """Answers in turn; notes what was asked and how long was slept."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def wire(self, url: str = "https://api.test/api") -> Wire:
        return Wire(url, "awr_secret", httpx.MockTransport(self), sleep=self.slept.append)

    @property
    def keys(self) -> list[str]:
        return [request.headers["Idempotency-Key"] for request in self.asked]


def test_a_read_carries_the_token_and_no_key() -> None:
    road = Road(httpx.Response(200, json={"email": "ada@x.edu"}))
    assert road.wire().get("/whoami") == {"email": "ada@x.edu"}
    assert road.asked[0].headers["Authorization"] == "Bearer awr_secret"
    assert "Idempotency-Key" not in road.asked[0].headers
    assert str(road.asked[0].url) == "https://api.test/api/whoami"


@pytest.mark.parametrize("broken", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut")])
def test_a_write_that_lost_its_answer_is_repeated_with_the_same_key(broken: Exception) -> None:
    road = Road(broken, httpx.Response(202, json={"id": "genomics-k3x1"}))
    assert road.wire().send("POST", "/labs", {"domain": "genomics"}) == {"id": "genomics-k3x1"}
    assert len(set(road.keys)) == 1
    assert len(road.keys) == 2


def test_two_writes_have_two_keys() -> None:
    road = Road(httpx.Response(200, json={}), httpx.Response(200, json={}))
    wire = road.wire()
    wire.send("POST", "/labs", {})
    wire.send("POST", "/labs", {})
    assert len(set(road.keys)) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_service_is_asked_again_and_waited_for_longer_each_time(status: int) -> None:
    road = Road(*[httpx.Response(status)] * 3, httpx.Response(200, json={"ok": True}))
    assert road.wire().get("/health") == {"ok": True}
    assert road.slept == sorted(road.slept)
    assert 0.1 < road.slept[0] < 0.3


def test_the_service_may_say_how_long_to_wait() -> None:
    road = Road(httpx.Response(429, headers={"Retry-After": "3"}), httpx.Response(200, json={}))
    road.wire().get("/labs")
    assert road.slept == [3.0]


def test_a_service_that_stays_busy_ends_in_its_own_words() -> None:
    busy = httpx.Response(503, json={"code": "unavailable", "message": "DynamoDB is throttled", "hint": "wait"})
    with pytest.raises(Unavailable) as caught:
        Road(*[busy] * 4).wire().get("/labs")
    assert (caught.value.message, caught.value.hint, caught.value.status) == ("DynamoDB is throttled", "wait", 503)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_other_answers_are_not_repeated(status: int) -> None:
    road = Road(httpx.Response(status, json={"code": "x", "message": "no", "hint": ""}))
    with pytest.raises(Exception, match="no"):
        road.wire().get("/labs")
    assert len(road.asked) == 1


def test_nobody_there_says_where_and_what_to_do() -> None:
    with pytest.raises(CannotReach) as caught:
        Road(*[httpx.ConnectError("Connection refused")] * 4).wire("http://127.0.0.1:4566/api").get("/health")
    assert caught.value.message == "cannot reach http://127.0.0.1:4566/api (Connection refused)"
    assert "local up" in caught.value.hint


def test_an_address_that_is_none_is_not_tried_again() -> None:
    road = Road()
    with pytest.raises(CannotReach, match="not an address"):
        Wire("nonsense", sleep=road.slept.append).get("/health")
    assert road.slept == []


def test_a_sign_in_page_of_a_network_is_not_taken_for_an_answer() -> None:
    page = httpx.Response(200, text="<html>Welcome to Campus WiFi</html>")
    with pytest.raises(CannotReach, match="not like a control plane"):
        Road(page).wire().get("/labs")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "bad_input", Invalid),
        (401, "unauthenticated", NotSignedIn),
        (403, "forbidden", NotAllowed),
        (404, "not_found", NotFound),
        (409, "conflict", Conflict),
        (409, "limit_reached", OverLimit),
        (413, "too_large", Invalid),
        (415, "unsupported_media", Invalid),
        (422, "unprocessable", Invalid),
        (429, "throttled", Unavailable),
        (500, "internal", Unavailable),
    ],
)
def test_each_status_has_its_error(status: int, code: str, kind: type[Exception]) -> None:
    error = from_answer(status, {"code": code, "message": "m", "hint": "h"})
    assert type(error) is kind
    assert (error.code, error.message, error.hint, error.status) == (code, "m", "h", status)


def test_an_answer_without_a_problem_body_still_says_something() -> None:
    error = from_answer(502, "<html>", "abc-123")
    assert (error.message, error.code) == ("the service answered 502", "http_502")
    assert "abc-123" in error.hint
