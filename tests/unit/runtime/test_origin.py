"""A fact says through which door its cause came in, without anybody handing it on, and never whence the work before came."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from chalicelib.runtime.entries import reaction, schedule, task
from chalicelib.runtime.events import entry_of
from chalicelib.runtime.facts import Fact, changed, facts_of, record
from chalicelib.runtime.origin import Origin, coming_from, present
from chalicelib.runtime.store import commit
from tests.conftest import Context
from tests.fakes.tables import Tables

pytestmark = pytest.mark.usefixtures("tables")
HEARD = {"detail": {}, "source": "test", "detail-type": "test"}


def recorded(subject: str, now: datetime, **more: Any) -> Fact:
    commit(record(Fact("Happened", subject, {"n": 1}, now, "ada@uni.edu", "corr", **more)))
    return facts_of(subject, newest_first=True).items[0]


def test_each_entry_is_a_door_with_the_functions_name(now: datetime) -> None:
    seen: list[Origin] = []

    @task
    def open_lab(event: dict[str, Any], context: Any) -> None:
        seen.append(recorded("door-task", now).origin)

    @task(door="operator")
    def bootstrap(event: dict[str, Any], context: Any) -> None:
        seen.append(recorded("door-operator", now).origin)

    @reaction
    def heard(event: dict[str, Any]) -> None:
        seen.append(recorded("door-reaction", now).origin)

    @schedule
    def sweep(event: dict[str, Any]) -> None:
        seen.append(recorded("door-schedule", now).origin)

    @schedule(clients=())
    def slow_sweep(event: dict[str, Any]) -> None:
        seen.append(recorded("door-slow", now).origin)

    open_lab({}, Context())
    bootstrap({}, Context())
    for entry in (heard, sweep, slow_sweep):
        entry(HEARD)
    assert [(one.door, one.function) for one in seen] == [
        ("workflow", "open_lab"), ("operator", "bootstrap"), ("reaction", "heard"), ("schedule", "sweep"),
        ("schedule", "slow_sweep"),
    ]  # fmt: skip
    assert seen[0].request == Context.aws_request_id
    assert present() == Origin(), "nothing is left of it for the next invocation"


def test_a_door_that_breaks_off_leaves_nothing_behind() -> None:
    with pytest.raises(KeyError), coming_from(Origin("api")):
        raise KeyError
    assert present() == Origin()


def test_a_fact_keeps_changes_origin_and_on_whose_behalf(now: datetime, tables: Tables) -> None:
    said = {"changes": {"phase": ("READY", "STOPPING"), "users": (None, 5)}, "on_behalf_of": "bob@uni.edu"}
    fact = recorded("kept-aaaa", now, **said, origin=Origin("api", "203.0.113.7", token="0123456789ab"))
    assert (fact.changes, fact.on_behalf_of, fact.origin.ip) == (said["changes"], "bob@uni.edu", "203.0.113.7")
    image = next(one for one in tables("facts") if one["pk"]["S"] == "LAB#kept-aaaa")
    detail = json.loads(entry_of(image)["Detail"])
    assert detail["changes"] == {"phase": ["READY", "STOPPING"], "users": [None, 5]}
    assert detail["origin"] == {"door": "api", "ip": "203.0.113.7", "token": "0123456789ab"}
    assert detail["on_behalf_of"] == "bob@uni.edu"


def test_a_fact_of_before_there_were_origins_is_still_read(tables: Tables, now: datetime) -> None:
    recorded("plain-aaaa", now)
    image = next(one for one in tables("facts") if one["pk"]["S"] == "LAB#plain-aaaa")
    assert not {"changes", "origin", "on_behalf_of"} & set(image)
    detail = json.loads(entry_of(image)["Detail"])
    assert (detail["changes"], detail["origin"], detail["on_behalf_of"]) == ({}, {}, "")


def test_what_is_nothing_counts_as_not_there() -> None:
    before = {"cause": "", "users": 3, "reserved": True, "teams": [], "same": "x"}
    after = {"cause": None, "users": 4, "reserved": False, "teams": ["a"], "same": "x", "new": 0}
    assert changed(before, after) == {"users": (3, 4), "reserved": (True, None), "teams": (None, ["a"])}
