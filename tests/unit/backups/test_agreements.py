"""What people agreed on comes back with their labs: quotas, budgets, timetables, wake keys, exemptions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.backups import agreements, recovery, s3, tables
from chalicelib.idle import service as idle
from chalicelib.labs.rules import Phase
from chalicelib.limits import service as limits
from chalicelib.runtime import aws
from tests.unit.backups.conftest import BUCKET, Vault
from tests.unit.backups.test_recovery import FILES, grown, step, wiped
from tests.unit.backups.test_recovery import everybody_is_there_for_the_next_test as everybody_is_there_for_the_next_test
from tests.unit.labs.conftest import ADA

TEAM = {"stop": "19:00", "tz": "Europe/Berlin", "days": "mon-fri"}
OWN = {"stop": "22:00", "start": "06:30", "tz": "America/New_York"}
BUDGET = {"monthly": "500", "thresholds": [{"percent": 70, "action": "warn"}, {"percent": 100, "action": "stop"}]}
QUOTA = {"labs": 7, "vcpus": 8, "families": ["r6i"]}
GROUP = "aws-research-wizard-test-hours"


class Agreed(Vault):
    """A vault with a wake key that its owner has."""

    key: str


@pytest.fixture
def moments(vault: Vault) -> Iterator[Any]:
    """EventBridge Scheduler, with the stage's group."""
    scheduler = aws.client("scheduler")
    scheduler.create_schedule_group(Name=GROUP)
    yield scheduler
    scheduler.delete_schedule_group(Name=GROUP)


def schedules(moments: Any) -> list[str]:
    return sorted(one["Name"] for one in moments.list_schedules(GroupName=GROUP)["Schedules"])


def asked(vault: Vault, method: str, url: str, body: dict[str, Any] | None = None, who: str = "root") -> Any:
    answer = vault.as_(who).send(method, url, body)
    assert answer.status < 300, answer.text
    return answer.json


@pytest.fixture
def agreed(vault: Vault, moments: Any) -> Agreed:
    """A lab whose team has terms, hours and money spent, that has hours of its own, a key and an exemption; and a snapshot."""
    lab = f"/labs/{vault.lab_id}"
    asked(vault, "PUT", "/limits/default", QUOTA)
    asked(vault, "PUT", "/budgets/default", BUDGET)
    asked(vault, "PUT", "/hours/default", TEAM)
    asked(vault, "PUT", f"{lab}/hours", OWN, ADA)
    made = Agreed(vault.stage, vault.lab_id)
    made.key = asked(vault, "POST", f"{lab}/wake-key", None, ADA)["key"]
    asked(vault, "PUT", f"{lab}/exemption", {"for_minutes": 1440, "reason": "a course"}, ADA)
    limits.settle_money("default", vault.lab_id, Decimal("12.5"), Decimal(0), vault.now)
    made.backup(FILES)
    return made


def lost(vault: Agreed) -> Agreed:
    """Everything but the bucket."""
    recovery.back_up(vault.now)
    vault.stage.deleted(vault.lab_id, data="delete")
    wiped(vault.stage)
    for name in schedules(aws.client("scheduler")):
        aws.client("scheduler").delete_schedule(Name=name, GroupName=GROUP)
    return vault


def rebuilt(vault: Agreed) -> dict[str, Any]:
    grown(lost(vault))
    return step(vault, "agreements")


def knock(vault: Agreed) -> Any:
    return vault.stage.gateway.as_(vault.key).post(f"/open/{vault.lab_id}/look", {})


def test_quotas_and_budgets_come_back_with_what_was_spent_of_this_month(agreed: Agreed) -> None:
    before = asked(agreed, "GET", "/budgets/default"), asked(agreed, "GET", "/limits/default")
    assert rebuilt(agreed) == {"added": 5, "known": 0, "waiting": 0}
    budget, quota = asked(agreed, "GET", "/budgets/default"), asked(agreed, "GET", "/limits/default")
    for name in ("monthly", "currency", "refuses_at", "thresholds", "spent"):
        assert budget[name] == before[0][name], name
    assert {one["lab_id"]: one["spent"] for one in budget["labs"]} == {agreed.lab_id: "0", "rebuilt-from-us-east-1": "12.5"}
    for name in ("families", "own"):
        assert quota[name] == before[1][name]
    assert [one["limit"] for one in quota["quotas"]] == [one["limit"] for one in before[1]["quotas"]]


def test_money_of_a_month_that_is_over_is_not_spent_again(agreed: Agreed) -> None:
    lost(agreed).pass_time(days=31)
    grown(agreed)
    step(agreed, "agreements")
    budget = asked(agreed, "GET", "/budgets/default")
    assert (budget["monthly"], budget["spent"]) == ("500", "0")


def test_timetables_of_teams_and_labs_come_back_and_are_kept(agreed: Agreed, moments: Any) -> None:
    lab = f"/labs/{agreed.lab_id}/hours"
    before = asked(agreed, "GET", lab), asked(agreed, "GET", "/hours/default")
    rebuilt(agreed)
    own, team = asked(agreed, "GET", lab), asked(agreed, "GET", "/hours/default")
    for name in ("stop", "start", "tz", "days", "by", "set_at", "next_stop", "team"):
        assert own[name] == before[0][name], name
    assert team == before[1]
    assert schedules(moments) == [f"{agreed.lab_id}-start", f"{agreed.lab_id}-stop"]
    assert "LabHoursSet" in agreed.stage.facts(agreed.lab_id)


def test_a_link_that_wakes_wakes_again(agreed: Agreed) -> None:
    assert knock(agreed).status == 200
    grown(lost(agreed))
    assert knock(agreed).status == 401
    step(agreed, "agreements")
    assert knock(agreed).json["phase"] == "READY"


def test_an_exemption_goes_on(agreed: Agreed) -> None:
    until = idle.kept_until(agreed.lab_id)
    rebuilt(agreed)
    assert idle.kept_until(agreed.lab_id) == until
    assert asked(agreed, "GET", f"/labs/{agreed.lab_id}/why", who=ADA)["exemption"]["reason"] == "a course"


def test_what_has_ended_meanwhile_stays_away(agreed: Agreed) -> None:
    grown(lost(agreed))
    agreed.pass_time(days=200)
    assert step(agreed, "agreements") == {"added": 3, "known": 2, "waiting": 0}
    assert knock(agreed).status == 401


def test_asked_again_nothing_changes_and_what_was_agreed_here_stays(agreed: Agreed) -> None:
    grown(lost(agreed))
    asked(agreed, "PUT", "/budgets/default", {"monthly": "9"})
    asked(agreed, "PUT", f"/labs/{agreed.lab_id}/hours", TEAM, ADA)
    assert step(agreed, "agreements") == {"added": 3, "known": 2, "waiting": 0}
    assert step(agreed, "agreements") == {"added": 0, "known": 5, "waiting": 0}
    assert asked(agreed, "GET", "/budgets/default")["monthly"] == "9"
    assert asked(agreed, "GET", f"/labs/{agreed.lab_id}/hours")["stop"] == "19:00"


def test_what_belongs_to_a_lab_waits_until_it_is_there(agreed: Agreed) -> None:
    lost(agreed)
    step(agreed, "people")
    assert step(agreed, "agreements") == {"added": 2, "known": 0, "waiting": 3}
    grown(agreed)
    assert step(agreed, "agreements") == {"added": 3, "known": 2, "waiting": 0}


def test_labs_of_which_some_rested_all_come_back_whatever_the_quota(agreed: Agreed) -> None:
    """Two that need 8 vCPUs each, of which one was stopped, on a quota of 8."""
    assert agreed.stage.asked(agreed.lab_id, "stop").status == 202
    agreed.stage.run()
    first, agreed.lab_id = agreed.lab_id, agreed.stage.ready(instance_type="r6i.2xlarge")
    agreed.backup(FILES)
    recovery.back_up(agreed.now)
    for lab_id in (first, agreed.lab_id):
        agreed.stage.deleted(lab_id, data="delete")
    wiped(agreed.stage)
    step(agreed, "people")
    assert step(agreed, "agreements")["added"] == 2
    for lab_id in (first, agreed.lab_id):
        assert recovery.step({"do": "lab", "lab_id": lab_id}, agreed.now)["phase"] == "PROVISIONING"
        agreed.stage.run()
        agreed.stage.boot(lab_id)
        assert agreed.stage.lab(lab_id).phase is Phase.READY
    assert limits.used("default").holding.vcpus == 16


def test_a_snapshot_of_the_release_before_has_none(agreed: Agreed) -> None:
    index = json.loads(aws.client("s3").get_object(Bucket=BUCKET, Key=recovery.back_up(agreed.now)["key"])["Body"].read())
    del index["lists"]["agreements"]
    key = tables.newest(s3.here()).key
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(index).encode())
    assert step(agreed, "plan")["agreements"] == 0
    assert step(agreed, "agreements") == {"added": 0, "known": 0, "waiting": 0}


def test_no_key_stands_in_a_snapshot_and_what_is_not_known_is_left(agreed: Agreed) -> None:
    recovery.back_up(agreed.now)
    listed = tables.read(s3.here(), tables.newest(s3.here()), "agreements")
    assert agreed.key not in json.dumps(listed)
    assert sorted({one["kind"] for one in listed}) == ["exemptions", "hours", "keys", "terms"]
    of_a_later_release = [{"kind": "parking spaces", "count": 3}]
    told = agreements.take_in(of_a_later_release, "x", agreed.now, "operator", "r")
    assert told == {"added": 0, "known": 1, "waiting": 0}
