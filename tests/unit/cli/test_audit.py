"""`audit` as a person meets it: what is listed, what is verified, what is said when the log was bent, and how things stood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.client import chain
from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw, Ended


@pytest.fixture
def told(cloud: MockCloud) -> list[dict[str, Any]]:
    """Ten things that happened to two labs."""
    for number in range(10):
        lab, phases = ("base-aaaa", "base-bbbb")[number % 2], [None, "PROVISIONING", "READY", "STOPPING", "STOPPED", "STARTING"]
        step = number // 2
        at = f"2026-11-2{number}T09:00:00.000000Z"
        cloud.audit.tell("LabChanged", lab, at, "ada@uni.edu", {"phase": phases[step : step + 2]})
    return cloud.audit.entries


def ended(found: Ended) -> tuple[int, str]:
    return found.code, (found.err + found.out).strip()


def test_the_newest_are_listed_last_with_what_changed(arw: Arw, told: Any) -> None:
    lines = arw("audit list --limit 3").out.splitlines()
    assert len(lines) == 4
    assert "phase: STOPPED → START" in lines[-1]
    shown = json.loads(arw("audit list --lab base-aaaa --limit 2 --output json").out)
    assert [one["seq"] for one in shown] == [7, 9]


def test_a_moment_that_is_none_is_misuse(arw: Arw) -> None:
    assert ended(arw("audit list --since yesterday"))[0] == 2


def test_a_whole_log_is_verified(arw: Arw, told: Any) -> None:
    code, text = ended(arw("audit verify"))
    assert (code, text.startswith("✔ 10 entries, none altered, missing or moved; 3 anchored")) == (0, True), text
    assert json.loads(arw("audit verify --output json").out)["breaks"] == []


def test_the_first_broken_entry_is_named_with_its_kind_and_the_exit_code_is_1(arw: Arw, told: Any) -> None:
    told[6]["who"] = "nobody@uni.edu"
    code, text = ended(arw("audit verify"))
    assert (code, "✘ entry 7 is altered: its content is not what was hashed" in text) == (1, True)
    found = arw("audit verify --output json")
    assert (found.code, json.loads(found.out)["breaks"][0]["kind"]) == (1, "altered")


def test_a_log_cut_short_is_found_out_by_its_anchors(arw: Arw, told: Any) -> None:
    del told[6:]
    assert "entry 7 is truncated: an anchor remembers entry 8" in arw("audit verify").err


def test_what_was_seen_here_before_holds_a_control_plane_that_rewrote_everything(arw: Arw, cloud: MockCloud, told: Any) -> None:
    assert arw("audit verify").code == 0
    rewritten = [{**one} for one in told]
    cloud.audit.entries.clear()
    cloud.audit.anchors.clear()
    for one in rewritten:
        cloud.audit.tell(one["name"], one["subject"], one["at"], "eve@uni.edu", one["changes"])
    code, text = ended(arw("audit verify"))
    assert (code, "entry 10 is" in text) == (1, True)


def test_growth_since_the_last_look_is_no_break(arw: Arw, cloud: MockCloud, told: Any) -> None:
    assert arw("audit verify").code == 0
    cloud.audit.tell("LabChanged", "base-aaaa", "2026-11-30T09:00:00.000000Z", "ada@uni.edu")
    assert ended(arw("audit verify"))[1].startswith("✔ 11 entries")


def test_an_export_says_where_the_log_ends_and_is_verified_without_the_control_plane(
    arw: Arw, cloud: MockCloud, told: Any, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    assert arw(f"audit export {file}").code == 0
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert (rows[0]["head"]["seq"], rows[0]["chain"], len(rows)) == (10, "mock-audit", 13)
    assert arw("audit export").out == file.read_text()
    asked = len(cloud.asked)
    assert arw(f"audit verify {file}").code == 0
    assert len(cloud.asked) == asked
    file.write_text("\n".join(line for number, line in enumerate(file.read_text().splitlines()) if number != 5))
    assert "entry 5 is missing" in arw(f"audit verify {file}").err
    file.write_text("no export")
    assert ended(arw(f"audit verify {file}"))[1].startswith(f"✘ {file} is not an export")


@pytest.mark.parametrize("form", ["folder", "file"])
def test_anchors_of_ones_own_are_held_against_an_export_that_was_made_to_fit(
    arw: Arw, cloud: MockCloud, told: Any, tmp_path: Path, form: str
) -> None:
    place, file = tmp_path / form, tmp_path / "audit.jsonl"
    if form == "folder":
        place.mkdir()
        (place / f"{8:012d}-{told[7]['hash']}.json").write_text("{}")
    else:
        place.write_text(json.dumps({"seq": 8, "hash": told[7]["hash"]}))
    assert arw(f"audit export {file}").code == 0
    assert arw(f"audit verify {file} --anchors {place}").code == 0
    forged = MockCloud()
    for one in told:
        forged.audit.tell(one["name"], one["subject"], one["at"], "eve@uni.edu", one["changes"])
    rows = [{"chain": "mock-audit", "head": forged.audit.head()}, *forged.audit.entries]
    file.write_text("\n".join(json.dumps(one) for one in rows))
    assert "entry 8 is rewritten" in arw(f"audit verify {file} --anchors {place}").err


def test_how_things_stood_at_a_moment(arw: Arw, told: Any) -> None:
    shown = json.loads(arw("audit state --at 2026-11-24T12:00:00+00:00 --output json").out)["state"]
    assert shown == {"base-aaaa": {"phase": "STOPPING"}, "base-bbbb": {"phase": "READY"}}
    assert "phase  STARTING" in arw("audit state --lab base-aaaa").out
    assert arw("audit state --at 2026-11-24 --check").code == 2


def test_a_change_that_is_not_in_the_log_is_named(arw: Arw, cloud: MockCloud, told: Any) -> None:
    cloud.audit.tell("LabChanged", "base-aaaa", "2026-12-01T09:00:00.000000Z", "ada@uni.edu", {"phase": ["READY", "STOPPING"]})
    code, text = ended(arw("audit state --lab base-aaaa"))
    assert (code, "base-aaaa's phase was 'STARTING' here, the entry found 'READY'" in text) == (1, True)


def test_the_present_is_compared_with_the_tables(arw: Arw, cloud: MockCloud) -> None:
    arw("people add ada@uni.edu --role lead --team lovelace")
    assert ended(arw("audit state --check"))[0] == 0
    cloud.people["ada@uni.edu"]["role"] = "admin"  # behind the log's back
    code, text = ended(arw("audit state --check"))
    assert (code, "ada@uni.edu: role is 'admin' in the table, 'lead' in the log" in text) == (1, True)


def test_hashing_here_is_hashing_there(told: Any) -> None:
    assert [chain.digest(one) for one in told] == [one["hash"] for one in told]
