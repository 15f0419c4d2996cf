"""`budget`, `quota`, `jupyter hours` and `jupyter open` of a stopped lab, as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw


@pytest.fixture
def lab(arw: Arw) -> str:
    return str(json.loads(arw("jupyter deploy --domain genomics --output json").out)["id"])


def test_a_budget_is_set_with_its_thresholds_and_drawn(arw: Arw, cloud: MockCloud) -> None:
    told = arw("budget set physics --monthly 500 --at 80 warn --at 100 stop")
    assert (told.code, told.err) == (0, "")
    assert "$485.64 of $500.00" in told.out
    assert "80 % warn, 100 % stop" in told.out
    assert cloud.terms.budgets["physics"]["thresholds"] == [
        {"percent": 80, "action": "warn"},
        {"percent": 100, "action": "stop"},
    ]


def test_no_budget_is_said_to_be_no_limit(arw: Arw) -> None:
    told = arw("budget show")
    assert "none: no budget was set" in told.out
    assert "budget set default --monthly 500" in told.out


def test_a_budget_that_is_reached_shows_it(arw: Arw) -> None:
    told = arw("budget set physics --monthly 12.34 --at 100 stop")
    assert "100 % stop (reached)" in told.out
    assert "100% spent" in told.out
    assert "nothing may start" in arw("budget set physics --monthly 0").out
    assert json.loads(arw("budget remove physics --output json").out) == {"team": "physics", "monthly": None}


@pytest.mark.parametrize(
    "line", ["budget set t --monthly lots", "budget set t --monthly 5 --at 120 warn", "budget set t --monthly 5 --at 80 shout"]
)
def test_a_budget_that_makes_no_sense_is_misuse(arw: Arw, line: str) -> None:
    assert arw(line).code == 2


def test_quotas_show_used_of_limit_by_whom_and_when_it_frees(arw: Arw) -> None:
    told = arw("quota set default --vcpus 32 --families r6i,m7i")
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    assert any(line.split() == ["vCPUs", "24", "32", "8"] for line in lines)
    assert "Families: r6i, m7i" in lines
    assert any("genomics-k3x9" in line and "its timetable stops it" in line for line in lines)
    assert any("genomics-w8tq" in line and "it rests" in line for line in lines)
    assert lines[-1].startswith("Next to come free: ")
    assert arw("quota set default").code == 2


def test_hours_are_set_shown_and_taken_away(arw: Arw, lab: str) -> None:
    assert "has no timetable" in arw(f"jupyter hours {lab}").err
    line = (
        f'jupyter hours {lab} --stop "19:00" --start "08:00" --tz Europe/Berlin --days mon-fri --grace 30 --holidays 2026-12-25'
    )
    told = arw(line)
    assert told.code == 0, told.err
    assert "stops 19:00, starts 08:00, mon-fri (Europe/Berlin)" in told.out
    assert "waits up to 30 min" in told.out
    assert arw(f"jupyter hours {lab}").out == told.out
    assert "keeps no hours any more" in arw(f"jupyter hours {lab} --off").out
    assert arw(f"jupyter hours {lab} --off --stop 19:00").code == 2


def test_a_team_has_hours_for_all_its_labs(arw: Arw) -> None:
    assert "has no timetable" in arw("jupyter hours --team physics").err
    told = arw("jupyter hours --team physics --stop 19:00 --tz UTC --days mon-fri")
    assert told.code == 0, told.err
    assert "physics: all its labs that have no hours of their own" in told.out
    assert "stops 19:00, mon-fri (UTC)" in told.out
    assert arw("jupyter hours --team physics").out == told.out
    assert json.loads(arw("jupyter hours --team physics --off --output json").out) == {"team": "physics", "off": True}
    assert arw("jupyter hours --team physics --off").code == 1
    assert arw("jupyter hours genomics-k3x9 --team physics --stop 19:00 --tz UTC").code == 2


def test_holidays_are_read_from_a_calendar(arw: Arw, lab: str, cloud: MockCloud, tmp_path: Path) -> None:
    calendar = tmp_path / "holidays.ics"
    calendar.write_text(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Two days,\r\n  folded\r\n"
        "DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\n"
        "END:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20200101\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    assert arw(f"jupyter hours {lab} --start 08:00 --tz UTC --holidays {calendar}").code == 0
    years = [f"{cloud.now.year + number}-01-01" for number in range(3)]
    assert cloud.terms.hours[lab]["holidays"] == sorted(["2026-12-25", "2026-12-26", *years])
    calendar.write_text("nothing")
    assert "no entries" in arw(f"jupyter hours {lab} --start 08:00 --tz UTC --holidays {calendar}").err
    assert arw(f"jupyter hours {lab} --start 08:00 --tz UTC --holidays soon").code == 2


def test_a_stopped_lab_is_opened_by_its_page_or_started_first(arw: Arw, lab: str) -> None:
    assert "/hub/login" in arw(f"jupyter open {lab}").out
    arw(f"jupyter stop {lab}")
    told = arw(f"jupyter open {lab}")
    assert told.out.strip() == f"https://mock.test/api/open/{lab}#awk_{'k' * 32}"
    assert f"jupyter open {lab} --start" in told.err
    link = json.loads(arw(f"jupyter open {lab} --output json").out)
    assert (link["phase"], link["address"]) == ("STOPPED", f"https://mock.test/api/open/{lab}")
    assert "/hub/login" in arw(f"jupyter open {lab} --start").out
    assert "open nothing now" in arw(f"jupyter open {lab} --forget").out
