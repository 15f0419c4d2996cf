"""What nobody counts as theirs, as a person sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws_research_wizard.cli import census
from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw


def finding(part: str, verdict: str, reason: str, **more: Any) -> dict[str, Any]:
    blank = {"kind": "file-system", "lab_id": None, "hint": None, "monthly_cost": None, "since": None, "outcome": None}
    return {**blank, "id": part, "verdict": verdict, "reason": reason, "unowned": verdict != "keep", **more}


COST = {"amount": "3.10", "currency": "USD", "as_of": "2026-11-01"}
ORPHAN = finding("i-0a1", "remove", "lab genomics-k3x9 is DELETED", kind="instance", lab_id="genomics-k3x9")
FILES = finding("fs-0b2", "report", "files of a lab that is not known", hint="keep: tag it", monthly_cost=COST)
KEPT = finding("fs-0c3", "keep", "kept when lab genomics-aaaa was deleted", monthly_cost=COST)


def test_an_account_in_order_ends_with_0(arw: Arw, cloud: MockCloud) -> None:
    ended = arw("doctor --account")
    assert (ended.code, ended.out) == (0, "✔ 9 things seen, nothing without an owner\n")


def test_what_has_no_owner_is_listed_with_its_cost_and_what_to_do(arw: Arw, cloud: MockCloud) -> None:
    cloud.findings = [FILES, ORPHAN, KEPT]
    ended = arw("doctor --account")
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert lines[0].split() == ["ID", "WHAT", "LAB", "VERDICT", "A", "MONTH", "REASON"]
    assert [line.split()[0] for line in lines[1:4]] == ["fs-0b2", "i-0a1", "fs-0c3"]
    assert "→ fs-0b2: keep: tag it" in lines
    assert lines[-2:] == [
        "✘ 9 things seen, 2 without an owner, $3.10/month",
        "  Put right what can safely be: aws-research-wizard doctor --account --fix",
    ]
    assert json.loads(cloud.asked[-2].content) == {"dry_run": True, "grace_minutes": 15}


def test_fix_does_what_safely_can_be_and_1_says_that_something_is_left(arw: Arw, cloud: MockCloud) -> None:
    cloud.findings = [FILES, ORPHAN]
    ended = arw("doctor --account --fix --older-than 0")
    assert (ended.code, ended.out.splitlines()[-1]) == (1, "✘ 9 things seen, 1 put right, 1 without an owner, $3.10/month")
    assert json.loads(cloud.asked[-2].content) == {"dry_run": False, "grace_minutes": 0}
    cloud.findings = [ORPHAN]
    assert arw("doctor --account --fix").code == 0


def test_the_report_as_json(arw: Arw, cloud: MockCloud) -> None:
    cloud.findings = [FILES]
    ended = arw("doctor --account --output json")
    assert (ended.code, ended.err) == (1, "")
    assert json.loads(ended.out)["findings"][0]["monthly_cost"] == COST


def test_what_needs_nobody_is_counted_in_one_line(arw: Arw, cloud: MockCloud) -> None:
    cloud.findings = [
        finding(f"lab-{n}", "report", "its lab is not known any more", kind="log-stream", unowned=False) for n in range(3)
    ]
    ended = arw("doctor --account")
    assert (ended.code, ended.out.splitlines()[0]) == (
        0, "· Also seen, of labs long gone: 3 log-stream (--output json lists them)"
    )  # fmt: skip


def test_fix_alone_is_misuse(arw: Arw) -> None:
    assert arw("doctor --fix").code == 2


def test_an_older_report_is_not_taken_for_the_one_asked_for(cloud: MockCloud) -> None:
    from aws_research_wizard.client.calls import Calls

    calls, clock = Calls("https://mock.test", "awr_test", cloud.transport), [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds * 60
        cloud.looks += 1

    assert census.awaited(calls, "a-2", lambda: clock[0], sleep)["run"] == "a-2"
    with pytest.raises(WizardError, match="no report of the look b-9"):
        census.awaited(calls, "b-9", lambda: clock[0], sleep)
