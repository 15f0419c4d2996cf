"""A lab runs on the real local cloud, two people have servers in it: the report sums, and agrees with the clock on the wall."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aws_research_wizard.client import profiles
from aws_research_wizard.client.calls import Calls
from tests.integration.local import Cloud
from tests.integration.test_local_cloud import until
from tools.hub import Person

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(600)]
BOB = "bob@uni.edu"
BEAT = 5.0  # a machine of the local cloud says that often who has a server
SLACK = 4.0  # EC2's news are in whole seconds


def facts(here: Cloud, lab_id: str, name: str) -> list[dict[str, Any]]:
    return [one for one in here.wizard("jupyter", "events", lab_id) if one["name"] == name]


def moment(text: str) -> float:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def as_bob(lab_id: str) -> Person:
    known = profiles.current()
    with Calls(known.url, known.token) as admin:
        admin.put_person({"email": BOB, "role": "member", "teams": ["default"]})
        admin.add_user(lab_id, BOB, "member")
        token = admin.create_token({"label": "test"}, person=BOB)["token"]
    with Calls(known.url, token) as bob:
        return Person.by_link(bob.login(lab_id)["url"])


def test_two_people_share_a_machine_and_the_report_agrees_with_the_clock(here: Cloud) -> None:
    lab = here.wizard("jupyter", "deploy", "--domain", "base", "--users", "2")
    lab_id, ready = lab["id"], time.time()
    admin = Person.by_link(here.wizard("jupyter", "open", lab_id, "--no-browser")["url"])
    admin.start_server()
    first = time.time()
    time.sleep(3 * BEAT)
    bob = until(lambda: _signed_in(lab_id), 60)
    bob.start_server()
    second = time.time()
    time.sleep(4 * BEAT)
    asked = time.time()
    live = here.wizard("jupyter", "cost-report", lab_id)
    here.wizard("jupyter", "stop", lab_id)

    (ran,) = facts(here, lab_id, "MachineRunning")
    (stopped,) = facts(here, lab_id, "MachineStopped")
    began, ended = moment(ran["data"]["at"]), moment(stopped["data"]["at"])
    assert began < ready < asked < ended + SLACK

    rows = {row["key"]: row for row in live["rows"]}
    shares = {key: float(row["seconds"]) for key, row in rows.items()}
    assert set(shares) >= {"admin@localhost", BOB, "overhead"}
    assert sum(shares.values()) == pytest.approx(asked - began, abs=SLACK), "every second since EC2 ran it is somebody's"
    alone, together = second - first, asked - second
    assert shares["admin@localhost"] == pytest.approx(alone + together / 2, abs=BEAT * 2 + SLACK)
    assert shares[BOB] == pytest.approx(together / 2, abs=BEAT + SLACK)
    assert shares["overhead"] == pytest.approx(ready - began, abs=BEAT + SLACK)

    done = until(lambda: _settled(here, lab_id, ended), 60)
    total, rate = done["total"], Decimal("0.504") if lab["instance_type"] == "r6i.2xlarge" else None
    assert Decimal(total["seconds"]) == pytest.approx(Decimal(ended - began), abs=Decimal("0.001")), "EC2's own seconds"
    price = rate or Decimal(lab["price_per_hour"]["amount"])
    assert abs(Decimal(total["machine"]) - price * Decimal(total["seconds"]) / 3600) < Decimal("1e-8")
    for names in (("machine", "disk", "files"), ("users", "idle", "overhead")):
        assert sum(Decimal(total[name]) for name in names) == Decimal(total["amount"])
    assert sum(Decimal(row["amount"]) for row in done["rows"]) == Decimal(total["amount"])

    _looks_right(here, lab_id, done)
    here.wizard("jupyter", "delete", lab_id, "--yes")
    admin.http.close()
    bob.http.close()


def _signed_in(lab_id: str) -> Person | None:
    """Who was let in a moment ago is known to the machine after its next beat."""
    try:
        return as_bob(lab_id)
    except Exception:  # not yet: asked again
        time.sleep(1)
        return None


def _settled(here: Cloud, lab_id: str, ended: float) -> Any:
    report = here.wizard("jupyter", "cost-report", lab_id)
    return report if moment(report["up_to"]) >= ended else None


def _looks_right(here: Cloud, lab_id: str, done: Any) -> None:
    """Other ways to ask tell the same; a stopped lab costs its disk."""
    words = [
        sys.executable,
        "-m",
        "aws_research_wizard.cli.main",
        "jupyter",
        "cost-report",
        lab_id,
        "--by",
        "day",
        "--output",
        "csv",
    ]
    lines = list(csv.DictReader(subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()))
    assert sum(Decimal(line["machine"]) for line in lines) == Decimal(done["total"]["machine"])
    known = profiles.current()
    with Calls(known.url, known.token) as calls:
        cost = calls.lab_cost(lab_id)
        assert cost["per_hour"]
        assert 0 < Decimal(cost["per_hour"]["amount"]) < Decimal("0.01"), "its disk"
        assert sum(Decimal(one["month"]) for one in cost["people"]) == Decimal(cost["month"]["amount"])
        assert {one["part"] for one in cost["parts"]} >= {"machine", "disk"}
    assert json.dumps(cost["notes"]).count("was not asked yet") <= 1
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(cost["at"]) < timedelta(minutes=1)
