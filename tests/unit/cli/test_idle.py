"""Idleness on the command line: why, not now, never mind, what if."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from aws_research_wizard.cli import idle
from aws_research_wizard.client.calls import Calls
from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw

LAB = "genomics-k3x1"
POLICY = {
    "idle": 60, "warning": 10, "max_busy": 1440, "cap_warning": 15, "silence": 15, "stalled": 10, "hours_a_day": 0,
    "cpu_percent": 5, "gpu_percent": 5, "network_kb_per_second": 50, "minute_s": 60,
}  # fmt: skip
KERNEL = {"id": "k", "state": "busy", "for_s": 18000.0}
SAID = {"cpu": 40.0, "servers": [{"user": "ada@x.edu", "kernels": [KERNEL], "connections": 1, "requests_s": 18000.0}]}
BUSY = {
    "id": None, "at": "2026-11-23T09:00:00Z", "verdict": "busy", "action": "keep", "rule": "kernel", "law": "a kernel is busy",
    "reason": "the kernel of a.ipynb of ada@x.edu is busy for 5.0 h", "version": "1", "kind": None, "deadline": None,
    "idle_since": None, "next_check": "2026-11-23T10:00:00Z", "policy": POLICY,
    "evidence": {"received_at": "2026-11-23T08:59:00Z", "said": SAID},
}  # fmt: skip
STOP = BUSY | {
    "id": "2026-11-23T08:00:00.000000Z", "verdict": "idle", "action": "stop", "rule": "deadline", "kind": "idle", "law": "warned",
    "reason": "nothing has run and nobody has done anything for 71 min", "deadline": "2026-11-23T07:59:00Z",
    "idle_since": "2026-11-23T06:49:00Z", "evidence": {"received_at": "2026-11-23T08:00:00Z", "said": {"servers": []}},
}  # fmt: skip
WHY: dict[str, Any] = {
    "lab_id": LAB, "phase": "READY", "cause": None, "now": BUSY, "decision": None, "last_stop": None, "stops_at": None,
    "kept_until": None, "kept_by": None, "exemption": None, "next_check": None, "may_be_culled": [], "policy": POLICY,
}  # fmt: skip


@pytest.fixture
def said(arw: Arw, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the control plane answers, and what it was asked."""
    assert arw("jupyter deploy --domain genomics").code == 0
    answer = {**WHY, "asked": []}

    def answering(name: str) -> Any:
        def call(_self: Calls, *args: Any, **_: Any) -> Any:
            answer["asked"].append((name, *args))
            return {key: value for key, value in answer.items() if key != "asked"}

        return call

    for name in ("why", "extend_lab", "exempt_lab", "lift_exemption"):
        monkeypatch.setattr(Calls, name, answering(name))
    return answer


def test_why_tells_of_a_busy_lab(arw: Arw, said: dict[str, Any]) -> None:
    shown = arw(f"jupyter why {LAB}").out
    assert "busy → keep" in shown
    assert "the kernel of a.ipynb of ada@x.edu is busy for 5.0 h" in shown
    assert "kernel (rules 1): a kernel is busy" in " ".join(shown.split())
    assert "ada@x.edu: kernel busy for 5 h 00 min" in " ".join(shown.split())


def test_why_tells_of_a_lab_that_was_stopped(arw: Arw, said: dict[str, Any]) -> None:
    said |= {"phase": "STOPPED", "now": None, "last_stop": STOP, "cause": "stopped by itself: nothing has run"}
    shown = arw(f"jupyter why {LAB}").out
    assert "Last stop" in shown
    assert "for 71 min" in shown
    assert "nobody has a server" in shown


def test_why_asks_for_a_moment_and_a_decision(arw: Arw, said: dict[str, Any]) -> None:
    said["decision"] = STOP
    assert "Then" in arw(f"jupyter why {LAB} --at 2026-11-23T18:00").out
    arw(f"jupyter why {LAB} --decision 2026-11-23T08:00:00.000000Z")
    assert said["asked"] == [
        ("why", LAB, "2026-11-23T18:00:00+00:00", ""), ("why", LAB, "", "2026-11-23T08:00:00.000000Z"),
    ]  # fmt: skip
    bad = arw(f"jupyter why {LAB} --at teatime")
    assert bad.code == 2
    assert "say 2026-11-23T18:00" in bad.err


def test_extend_says_until_when(arw: Arw, said: dict[str, Any]) -> None:
    said |= {"kept_until": "2026-11-23T11:00:00Z", "kept_by": "ada@x.edu"}
    done = arw(f"jupyter extend {LAB} --for 2h")
    assert (done.code, said["asked"][-1]) == (0, ("extend_lab", LAB, 120.0))
    assert "is kept running until" in done.out
    assert json.loads(arw(f"jupyter extend {LAB} --for 90min -o json").out)["kept_by"] == "ada@x.edu"


@pytest.mark.parametrize("span", ["soon", "2", "2 parsecs", ""])
def test_a_length_of_time_that_is_none_is_refused_with_the_way_to_say_it(arw: Arw, said: dict[str, Any], span: str) -> None:
    bad = arw(f"jupyter extend {LAB} --for '{span}'")
    assert bad.code == 2
    assert "say 90min, 2h or 3d" in bad.err


def test_exempting_needs_an_end_and_a_reason(arw: Arw, said: dict[str, Any]) -> None:
    for line in ("", "--for 3d", "--reason course", "--for 3d --until 2026-11-25 --reason course", "--lift --reason course"):
        assert arw(f"jupyter exempt {LAB} {line}").code == 2
    said["exemption"] = {"until": "2026-11-26T09:00:00Z", "by": "ada@x.edu", "reason": "a course"}
    assert "exempt until" in arw(f"jupyter exempt {LAB} --for 3d --reason 'a course'").out
    assert said["asked"][-1] == ("exempt_lab", LAB, {"reason": "a course", "for_minutes": 4320.0})
    said["exemption"] = None
    assert "not exempt any more" in arw(f"jupyter exempt {LAB} --lift").out


def test_a_policy_file_is_read_as_lines_or_as_json(tmp_path: Path) -> None:
    lines, plain, bad = tmp_path / "a.yaml", tmp_path / "b.json", tmp_path / "c"
    lines.write_text("# longer\nidle: 120  # minutes\n\nwarning: 30\n")
    plain.write_text('{"idle": 120, "warning": 30}')
    bad.write_text("idle = long")
    assert idle.read_policy(lines) == idle.read_policy(plain) == {"idle": 120.0, "warning": 30.0}
    with pytest.raises(click.BadParameter, match="is no policy"):
        idle.read_policy(bad)


def test_status_and_list_show_the_warning(arw: Arw, said: dict[str, Any], cloud: MockCloud) -> None:
    cloud.labs[LAB] |= {"stops_at": "2026-11-23T09:10:00Z", "notice": None}
    assert f"jupyter extend {LAB} --for 2h" in " ".join(arw(f"jupyter status {LAB}").out.split())
    assert "stops" in arw("jupyter list").out
