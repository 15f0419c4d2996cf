"""A lab's evening and morning on the real local cloud: its timetable stops it, a budget of nothing keeps it stopped, its page
starts it once however many click, and lets its person in."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from aws_research_wizard.client import profiles
from tests.integration.local import Cloud

pytestmark = [pytest.mark.by_the_clock, pytest.mark.timeout(900)]
CLICKS = 8


def until(holds: Any, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(1)
    return found


def names(here: Cloud, lab_id: str) -> list[str]:
    return [one["name"] for one in here.wizard("jupyter", "events", lab_id)]


def test_a_timetable_stops_a_lab_and_its_page_wakes_it(alone: Cloud) -> None:
    lab_id = alone.wizard("jupyter", "deploy", "--domain", "base")["id"]
    stop = datetime.now(UTC) + timedelta(minutes=3)
    told = alone.wizard("jupyter", "hours", lab_id, "--stop", f"{stop:%H:%M}", "--tz", "UTC", "--notice", "1")
    assert told["next_stop"].startswith(f"{stop:%Y-%m-%dT%H:%M}")
    (mine,) = alone.wizard("quota", "show")["labs"]
    assert (mine["lab_id"], mine["frees_at"]) == (lab_id, told["next_stop"])

    until(lambda: "LabHoursStopping" in names(alone, lab_id), 200)
    stopped = until(lambda: (now := alone.wizard("jupyter", "status", lab_id))["phase"] == "STOPPED" and now, 200)
    assert stopped["cause"] == "its timetable stops it"
    assert names(alone, lab_id).count("LabHoursStopped") == 1
    assert Decimal(alone.wizard("budget", "show")["reserved"]) == 0

    link = alone.wizard("jupyter", "open", lab_id)["url"]
    address, _, key = link.partition("#")
    assert httpx.get(address, headers={"User-Agent": "Slackbot-LinkExpanding 1.0"}).status_code == 200

    def knock(verb: str) -> httpx.Response:
        return httpx.post(f"{address}/{verb}", headers={"Authorization": f"Bearer {key}"}, timeout=60)

    alone.wizard("budget", "set", "default", "--monthly", "0")
    refused = knock("start")
    assert (refused.status_code, refused.json()["code"]) == (409, "budget_exceeded")
    assert knock("look").json()["phase"] == "STOPPED"
    alone.wizard("budget", "remove", "default")

    with ThreadPoolExecutor(CLICKS) as people:
        answers = list(people.map(lambda _: knock("start"), range(CLICKS)))
    assert {(one.status_code, one.json()["phase"]) for one in answers} == {(202, "STARTING")}
    until(lambda: knock("look").json()["phase"] == "READY", 300)
    assert names(alone, lab_id).count("LabStarting") == 1
    hub = httpx.get(knock("enter").json()["url"], follow_redirects=True, timeout=60)
    assert hub.status_code == 200
    assert "/hub/" in str(hub.url) or "/user/" in str(hub.url)
    assert profiles.current(None).token not in link
