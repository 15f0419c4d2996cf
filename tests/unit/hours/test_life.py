"""A lab and its timetable, in the simulated world: told, stopped, started, refused, missed, deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.hours import service
from chalicelib.limits import service as limits
from chalicelib.limits.budgets import Budget
from tests.fakes.gateway import Answer
from tests.fakes.sim.town import ADA, BOB, ROOT, Town, simulated


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Town, str, Any]]:
    with simulated() as town:
        lab_id = town.request(users=2)
        town.quiet()
        yield town, lab_id, town.snapshot()


@pytest.fixture
def town(world: tuple[Town, str, Any]) -> Town:
    world[0].restore(world[2])
    return world[0]


@pytest.fixture
def lab(world: tuple[Town, str, Any]) -> str:
    return world[1]


def put(town: Town, lab: str, who: str = ADA, **body: Any) -> Answer:
    return town.call("PUT", f"/labs/{lab}/hours", {"tz": "UTC"} | body, who)


def at(town: Town, minutes: int) -> str:
    return f"{town.now + timedelta(minutes=minutes):%H:%M}"


def facts(town: Town, lab: str) -> list[str]:
    rows = [one for one in town.cloud.rows("facts") if one["pk"]["S"] == f"LAB#{lab}" and "name" in one]
    return [one["name"]["S"] for one in sorted(rows, key=lambda one: str(one["sk"]["S"])) if "Hours" in one["name"]["S"]]


def schedules(town: Town) -> dict[str, str]:
    found = town.cloud.shelf("scheduler.schedules").items()
    return {str(name): str(one["ScheduleExpression"]) for name, one in found}


def test_people_are_told_then_the_lab_stops_and_the_next_day_is_planned(town: Town, lab: str) -> None:
    assert put(town, lab, stop=at(town, 18)).status == 200
    assert list(schedules(town)) == [f"{lab}-stop"]
    town.tick(5)
    town.settle()
    assert facts(town, lab) == ["LabHoursSet", "LabHoursStopping"]
    assert town.lab(lab)["phase"] == "READY"
    for _ in range(4):
        town.tick(5)
        town.settle()
    assert facts(town, lab) == ["LabHoursSet", "LabHoursStopping", "LabHoursStopped"]
    assert (town.lab(lab)["phase"], town.lab(lab)["cause"]) == ("STOPPED", "its timetable stops it")
    stop = town.call("GET", f"/labs/{lab}/hours").json["next_stop"]
    assert stop.startswith(f"{town.now + timedelta(days=1):%Y-%m-%d}")


def test_schedules_that_are_lost_are_made_up_for(town: Town, lab: str) -> None:
    put(town, lab, stop=at(town, 18))
    for _ in range(9):
        for name in list(schedules(town)):
            town.cloud.client("scheduler").delete_schedule(Name=name, GroupName="g")
        town.tick(5)
        town.settle()
    assert town.lab(lab)["phase"] == "STOPPED"
    assert facts(town, lab) == ["LabHoursSet", "LabHoursStopping", "LabHoursStopped"]


def test_a_stopped_lab_is_started_at_its_hour(town: Town, lab: str) -> None:
    town.stop(lab)
    town.quiet()
    put(town, lab, start=at(town, 12))
    for _ in range(4):
        town.tick(5)
        town.settle()
    assert town.lab(lab)["phase"] == "READY"
    assert facts(town, lab) == ["LabHoursSet", "LabHoursStarted"]


def test_a_timetable_never_starts_a_lab_that_its_budget_refuses(town: Town, lab: str) -> None:
    town.stop(lab)
    town.quiet()
    town.cloud.begin("setup")
    before = limits.terms("default")
    limits.agree("default", before, replace(before, budget=Budget(Decimal(0))), town.now, ROOT, "r")
    put(town, lab, start=at(town, 12))
    for _ in range(4):
        town.tick(5)
        town.settle()
    assert town.lab(lab)["phase"] == "STOPPED"
    assert facts(town, lab) == ["LabHoursSet", "LabHoursRefused"]
    assert town.call("GET", f"/labs/{lab}/hours").json["next_start"].startswith(f"{town.now + timedelta(days=1):%Y-%m-%d}")


def test_a_busy_lab_is_waited_for_up_to_the_grace(town: Town, lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "busy", lambda *_: True)
    put(town, lab, stop=at(town, 18), grace_minutes=20)
    for _ in range(5):
        town.tick(5)
        town.settle()
    assert town.lab(lab)["phase"] == "READY"
    assert "LabHoursWaiting" in facts(town, lab)
    for _ in range(5):
        town.tick(5)
        town.settle()
    assert town.lab(lab)["phase"] == "STOPPED"
    assert facts(town, lab)[-1] == "LabHoursStopped"


def test_its_schedules_go_with_the_lab_and_with_the_timetable(town: Town, lab: str) -> None:
    put(town, lab, stop=at(town, 300), start=at(town, 600))
    assert sorted(schedules(town)) == [f"{lab}-start", f"{lab}-stop"]
    assert town.call("DELETE", f"/labs/{lab}/hours").status == 204
    assert schedules(town) == {}
    put(town, lab, stop=at(town, 300))
    town.delete(lab)
    town.quiet()
    assert (town.lab(lab)["phase"], schedules(town), town.ask_hours(lab)) == ("DELETED", {}, {})


def test_who_waits_for_vcpus_sees_when_they_come_free(town: Town, lab: str) -> None:
    put(town, lab, stop=at(town, 300))
    town.settle()
    told = town.call("GET", "/limits/default").json
    assert [(one["lab_id"], one["frees_why"]) for one in told["labs"]] == [(lab, "its timetable stops it")]
    assert told["frees_at"] == town.call("GET", f"/labs/{lab}/hours").json["next_stop"]


def test_a_zone_that_does_not_exist_is_refused_with_near_misses(town: Town, lab: str) -> None:
    answer = put(town, lab, stop="19:00", tz="Europe/Berln")
    assert (answer.status, answer.json["message"]) == (422, "there is no time zone 'Europe/Berln'")
    assert answer.json["hint"] == "did you mean Europe/Berlin?"


def test_strangers_set_no_hours_and_a_lab_without_any_says_how(town: Town, lab: str) -> None:
    assert put(town, lab, who=BOB, stop="19:00").status == 404
    answer = town.call("GET", f"/labs/{lab}/hours")
    assert (answer.status, answer.json["code"]) == (404, "no_hours")
    assert "jupyter hours" in answer.json["hint"]


def test_two_runs_of_one_moment_stop_it_once(town: Town, lab: str) -> None:
    put(town, lab, stop=at(town, 18))
    town.tick(5)
    town.settle()
    town.cloud.pass_time(timedelta(minutes=14))
    for _ in range(2):
        town.cloud.begin("run")
        service.run(lab, town.now)
    town.quiet()
    assert facts(town, lab).count("LabHoursStopped") == 1
    assert json.dumps(town.ask_hours(lab)["plan"]["told"]) == "false"
