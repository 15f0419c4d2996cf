"""What the cloud on this machine may forget, and what it must not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aws_research_wizard.local import pruning
from aws_research_wizard.local.backends import Backends, Launched, Memory
from aws_research_wizard.local.home import REGION

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def ended(ago: timedelta) -> dict[str, Any]:
    return {"status": "SUCCEEDED", "stopDate": (NOW - ago).isoformat()}


def test_an_execution_is_forgotten_after_a_week_and_never_while_it_runs() -> None:
    executions = {
        "old": ended(timedelta(days=8)),
        "young": ended(timedelta(days=6)),
        "runs": {"status": "RUNNING", "stopDate": None},
    }
    assert pruning.ended_executions(executions, NOW) == ["old"]


@given(st.lists(st.integers(0, 60 * 24 * 9), max_size=40))
def test_beyond_the_bound_the_oldest_go_but_nothing_of_the_last_hour(minutes: list[int]) -> None:
    found = {number: NOW - timedelta(minutes=ago) for number, ago in enumerate(minutes)}
    gone = set(pruning._beyond([(at, key) for key, at in found.items()], NOW, timedelta(days=7), 10))
    assert all(NOW - found[key] >= pruning.LATELY for key in gone)
    kept = [key for key in found if key not in gone]
    assert len([key for key in kept if NOW - found[key] >= pruning.LATELY]) <= 10
    assert all(found[key] <= min((found[one] for one in kept), default=NOW) for key in gone)


def test_log_lines_go_by_their_groups_retention_and_by_a_bound() -> None:
    def lines(*days: int) -> list[dict[str, Any]]:
        return [{"timestamp": (NOW - timedelta(days=ago)).timestamp() * 1000} for ago in days]

    assert pruning.log_lines(lines(40, 31, 29, 1), 30, NOW) == 2
    assert pruning.log_lines(lines(40, 31), 30, NOW) == 2
    assert pruning.log_lines(lines(40, 31), None, NOW) == 0
    assert pruning.log_lines(lines(*[1] * (pruning.LINES + 7)), 30, NOW) == 7


def backends(states: dict[str, str]) -> Backends:
    made = object.__new__(Backends)
    records = {f"r-{name}": SimpleNamespace(instances=[SimpleNamespace(id=name)]) for name in states}
    ec2 = SimpleNamespace(reservations=records, tags={key: {} for key in states}, iam_instance_profile_associations={})
    made.parts = {"ec2": {REGION: ec2}}
    made.memory = Memory(states=dict(states), tokens={f"t-{name}": Launched((), (name,), b"") for name in states})
    return made


def test_a_terminated_instance_is_forgotten_after_an_hour_and_its_token_a_day_later() -> None:
    made = backends({"i-1": "terminated", "i-2": "running", "i-3": "stopped"})
    assert made.forget(NOW) == 0
    assert made.forget(NOW + timedelta(minutes=59)) == 0
    assert made.forget(NOW + timedelta(minutes=61)) == 1
    assert set(made.memory.states) == {one.id for one in made.instances()} == {"i-2", "i-3"}
    assert set(made.memory.tokens) == {"t-i-1", "t-i-2", "t-i-3"}
    assert made.forget(NOW + timedelta(hours=25)) == 0
    assert set(made.memory.tokens) == {"t-i-2", "t-i-3"}
    assert made.memory.ended == {}


def test_a_file_from_before_is_read(tmp_path: Path) -> None:
    import pickle

    old = Memory(states={"i-1": "running"})
    del old.ended
    known = pickle.loads(pickle.dumps(old))
    vars(known).setdefault("ended", {})
    assert known.ended == {}


def test_the_emulator_keeps_what_it_must(monkeypatch: Any) -> None:
    from ministack.services import cloudwatch_logs, stepfunctions

    group = {"retentionInDays": 30, "streams": {"s": {"events": [{"timestamp": 0, "message": "old"}]}}}
    monkeypatch.setattr(cloudwatch_logs._log_groups, "_data", {"g": group})
    runs = {"status": "RUNNING", "stopDate": None}
    monkeypatch.setattr(stepfunctions._executions, "_data", {"old": ended(timedelta(days=8)), "runs": runs})
    assert pruning.prune_emulator(NOW) == 2
    assert list(stepfunctions._executions._data) == ["runs"]
    assert group["streams"]["s"]["events"] == []  # type: ignore[index]
