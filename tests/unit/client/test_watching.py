"""A lab followed until it rests."""

from typing import Any

import httpx
import pytest

from aws_research_wizard.client.calls import Calls
from aws_research_wizard.client.errors import CannotReach, NoAnswerYet
from aws_research_wizard.client.mock import MockCloud
from aws_research_wizard.client.watching import PATIENCE, Lines, Trail, follow


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def cloud() -> MockCloud:
    return MockCloud()


@pytest.fixture
def calls(cloud: MockCloud) -> Calls:
    return Calls("https://mock.test", "awr_test", cloud.transport, sleep=lambda _: None)


def watch(calls: Calls, lab: dict[str, Any], clock: Clock | None = None, **more: Any) -> list[Any]:
    clock = clock or Clock()
    return list(follow(calls, lab["id"], now=clock, sleep=clock.sleep, **more))


def test_a_new_lab_is_followed_from_its_request_to_ready(calls: Calls) -> None:
    updates = watch(calls, calls.create_lab({"domain": "genomics"}))
    assert [fact["name"] for fact in updates[-1].facts][::8] == ["LabRequested", "LabReady"]
    assert updates[-1].lab["phase"] == "READY"
    assert [update.at_rest for update in updates] == [False] * (len(updates) - 1) + [True]


def test_each_fact_is_news_once(calls: Calls) -> None:
    updates = watch(calls, calls.create_lab({"domain": "genomics"}))
    news = [fact["id"] for update in updates for fact in update.news]
    assert len(news) == len(set(news)) == len(updates[-1].facts)


def test_a_lab_at_rest_gives_one_update(calls: Calls, cloud: MockCloud) -> None:
    lab = calls.create_lab({"domain": "genomics"})
    watch(calls, lab)
    asked = len(cloud.asked)
    assert len(watch(calls, lab)) == 1
    assert len(cloud.asked) - asked == 2


def test_a_control_plane_away_for_a_while_does_not_end_the_watch(calls: Calls, cloud: MockCloud) -> None:
    lab = calls.create_lab({"domain": "genomics"})
    clock, seen = Clock(), []
    for update in follow(calls, lab["id"], now=clock, sleep=clock.sleep):
        seen.append(update)
        if len(seen) == 3:
            cloud.trouble = [httpx.ConnectError("refused")] * 8
    assert any("still trying" in update.trouble for update in seen)
    assert seen[-1].lab["phase"] == "READY"
    assert seen[-1].trouble == ""


def test_a_control_plane_away_for_long_ends_the_watch(calls: Calls, cloud: MockCloud) -> None:
    lab = calls.create_lab({"domain": "genomics"})
    clock = Clock()
    updates = follow(calls, lab["id"], now=clock, sleep=clock.sleep)
    next(updates)
    cloud.trouble = [httpx.ConnectError("refused")] * 10_000
    with pytest.raises(CannotReach):
        list(updates)
    assert clock.now > PATIENCE


def test_a_control_plane_that_was_never_there_is_said_at_once(calls: Calls, cloud: MockCloud) -> None:
    cloud.trouble = [httpx.ConnectError("refused")] * 4
    with pytest.raises(CannotReach):
        watch(calls, {"id": "genomics-k3x1"})


def test_patience_ends_where_it_was_said_to_end(calls: Calls, cloud: MockCloud) -> None:
    lab = calls.create_lab({"domain": "genomics"})
    cloud.pending.clear()
    with pytest.raises(NoAnswerYet, match="still PROVISIONING after 30 s"):
        watch(calls, lab, timeout=30)


def test_a_read_that_lags_behind_a_write_is_not_taken_for_the_end(calls: Calls, cloud: MockCloud) -> None:
    lab = calls.create_lab({"domain": "genomics"})
    watch(calls, lab)
    before = dict(cloud.labs[lab["id"]])
    stopping = calls.stop_lab(lab["id"]) | {"changed_at": "2026-11-23T10:00:00.000000Z"}
    real = dict(cloud.labs[lab["id"]])
    cloud.labs[lab["id"]].update(before)
    pending = cloud.pending.pop(lab["id"])
    updates = follow(calls, lab["id"], since=stopping, now=Clock(), sleep=lambda _: None)
    assert next(updates).lab["phase"] == "STOPPING"
    cloud.labs[lab["id"]].update(real)
    cloud.pending[lab["id"]] = pending
    cloud.now = cloud.now.replace(hour=11)
    assert list(updates)[-1].lab["phase"] == "STOPPED"


def test_log_lines_are_read_once_each_as_more_come() -> None:
    pages = {"": (["a", "b"], "1"), "1": (["c"], None)}

    def answer(request: httpx.Request) -> httpx.Response:
        lines, cursor = pages[request.url.params.get("cursor", "")]
        return httpx.Response(200, json={"items": [{"at": "", "text": text} for text in lines], "cursor": cursor})

    lines = Lines(Calls("https://x.test", transport=httpx.MockTransport(answer)), "genomics-k3x1")
    assert [line["text"] for line in lines.news()] == ["a", "b", "c"]
    assert list(lines.news()) == []
    pages["1"] = (["c", "d"], "2")
    pages["2"] = ([], None)
    assert [line["text"] for line in lines.news()] == ["d"]
    pages["2"] = (["e"], "3")
    pages["3"] = ([], None)
    assert [line["text"] for line in lines.news()] == ["e"]


def test_a_long_story_is_read_page_by_page_and_only_its_last_page_again() -> None:
    facts = [{"id": f"F{number}"} for number in range(5)]
    pages = {"": facts[:2], "2": facts[2:4], "4": facts[4:]}
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        cursor = request.url.params.get("cursor", "")
        asked.append(cursor)
        following = {"": "2", "2": "4"}.get(cursor)
        return httpx.Response(200, json={"items": pages[cursor], "cursor": following})

    trail = Trail(Calls("https://x.test", transport=httpx.MockTransport(answer)), "genomics-k3x1")
    assert [fact["id"] for fact in trail.news()] == ["F0", "F1", "F2", "F3", "F4"]
    facts.append({"id": "F5"})
    pages["4"] = facts[4:]
    assert [fact["id"] for fact in trail.news()] == ["F5"]
    assert asked == ["", "2", "4", "4"]
