"""A lab and its timetable, in the simulated world: told, stopped, started, refused, missed, deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.hours import moments, service
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


def test_extending_puts_a_stop_off_that_people_were_told_of(town: Town, lab: str) -> None:
    put(town, lab, stop=at(town, 18))
    town.tick(5)
    town.settle()
    assert town.call("POST", f"/labs/{lab}/extend", {"for_minutes": 60}).status in (200, 202)
    town.settle()
    assert facts(town, lab) == ["LabHoursSet", "LabHoursStopping", "LabHoursPutOff"]
    assert at(town, 60) in town.call("GET", f"/labs/{lab}/hours").json["next_stop"]
    for _ in range(8):
        town.tick(5)
        town.settle()
    assert town.lab(lab)["phase"] == "READY"
    for _ in range(6):
        town.tick(5)
        town.settle()
    assert town.lab(lab)["phase"] == "STOPPED"
    assert facts(town, lab)[-2:] == ["LabHoursStopping", "LabHoursStopped"]


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


def test_a_lab_that_never_came_to_be_is_left_alone_and_its_moment_does_not_stay_due(town: Town) -> None:
    town.cloud.sold_out.update({"r6i.2xlarge", "r6a.2xlarge", "r5.2xlarge"})
    failed = town.request(users=2)
    town.quiet()
    assert town.lab(failed)["phase"] == "FAILED"
    put(town, failed, start=at(town, 12))
    for _ in range(4):
        town.tick(5)
        town.settle()
    assert (town.lab(failed)["phase"], facts(town, failed)) == ("FAILED", ["LabHoursSet"])
    assert town.call("GET", f"/labs/{failed}/hours").json["next_start"].startswith(f"{town.now + timedelta(days=1):%Y-%m-%d}")
    town.cloud.sold_out.clear()


def test_a_busy_lab_is_waited_for_up_to_the_grace(town: Town, lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "busy", lambda *_: True)
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
        moments.run(lab, town.now)
    town.quiet()
    assert facts(town, lab).count("LabHoursStopped") == 1
    assert json.dumps(town.ask_hours(lab)["plan"]["told"]) == "false"


# ---- a team's ------------------------------------------------------------------------------------------------------------


def of_team(town: Town, who: str = ROOT, verb: str = "PUT", **body: Any) -> Answer:
    answer = town.call(verb, "/hours/default", {"tz": "UTC"} | body if verb == "PUT" else None, who)
    town.settle()
    return answer


def hours(town: Town, lab: str) -> Any:
    return town.call("GET", f"/labs/{lab}/hours").json


def test_all_labs_of_a_team_keep_its_hours_also_those_to_come(town: Town, lab: str) -> None:
    answer = of_team(town, stop=at(town, 300))
    assert (answer.status, answer.json["team"], answer.json["by"]) == (200, "default", ROOT)
    later = town.request(users=1)
    town.settle()
    for one in (lab, later):
        assert (hours(town, one)["team"], hours(town, one)["stop"]) == ("default", answer.json["stop"])
    assert sorted(schedules(town)) == sorted([f"{lab}-stop", f"{later}-stop"])
    assert facts(town, lab) == ["LabHoursSet"]


def test_a_teams_hours_stop_its_labs(town: Town, lab: str) -> None:
    of_team(town, stop=at(town, 18))
    for _ in range(5):
        town.tick(5)
        town.settle()
    assert town.lab(lab)["phase"] == "STOPPED"
    assert facts(town, lab) == ["LabHoursSet", "LabHoursStopping", "LabHoursStopped"]


def test_hours_of_its_own_go_before_its_teams(town: Town, lab: str) -> None:
    put(town, lab, stop="07:00")
    of_team(town, stop="19:00")
    assert (hours(town, lab)["team"], hours(town, lab)["stop"]) == ("", "07:00")
    assert town.call("DELETE", f"/labs/{lab}/hours").status == 204
    assert (hours(town, lab)["team"], hours(town, lab)["stop"]) == ("default", "19:00")
    refused = town.call("DELETE", f"/labs/{lab}/hours")
    assert (refused.status, refused.json["message"]) == (409, f"lab {lab} keeps the hours of the team default")
    put(town, lab, stop="08:00")
    assert (hours(town, lab)["team"], hours(town, lab)["stop"]) == ("", "08:00")


def test_other_hours_of_a_team_reach_its_labs_and_none_take_them_away(town: Town, lab: str) -> None:
    of_team(town, stop="19:00")
    of_team(town, stop="20:00", start="08:00")
    assert (hours(town, lab)["stop"], sorted(schedules(town))) == ("20:00", [f"{lab}-start", f"{lab}-stop"])
    assert of_team(town, verb="DELETE").status == 204
    assert hours(town, lab)["code"] == "no_hours"
    assert schedules(town) == {}
    assert of_team(town, verb="DELETE").status == 404


def test_news_of_a_teams_hours_may_come_twice(town: Town, lab: str) -> None:
    of_team(town, stop="19:00")
    before = town.digest()
    service.heard("TeamHoursSet", "team:default", {"team": "default"}, town.now)
    service.heard("LabReady", lab, {}, town.now)
    town.settle()
    assert town.digest() == before


def test_only_whoever_leads_the_team_sets_its_hours(town: Town) -> None:
    refused = of_team(town, ADA, stop="19:00")
    assert (refused.status, "may set this team's timetable" in refused.json["message"]) == (403, True)
    assert of_team(town, ADA, verb="GET").status == 404  # to see them is for all
    assert of_team(town, tz="Nowhere/Land", stop="19:00").status == 422
