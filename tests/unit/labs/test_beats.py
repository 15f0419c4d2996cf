"""What a heartbeat costs and keeps: what is news is written at once, a lease says that it lives, and nothing counts twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.labs import beats, evidence, machine_store
from chalicelib.labs.evidence import Limits
from chalicelib.runtime import clock
from chalicelib.runtime import store as runtime_store
from tests.unit.labs.conftest import ADA, BOB, Stage

LIMITS = Limits(5, 5, 50)
TERMINAL = {"name": "1", "children": 1}


class Lab:
    def __init__(self, stage: Stage, lab_id: str, patch: pytest.MonkeyPatch) -> None:
        self.stage, self.id, self.now, self.seq, self.writes = stage, lab_id, clock.now(), 0, 0
        patch.setattr(clock, "now", lambda: self.now)
        commit = runtime_store.commit

        def counted(*writes: Any) -> None:
            self.writes += 1
            commit(*writes)

        patch.setattr(beats, "commit", counted)

    def beat(self, *servers: dict[str, Any], later: float = 5, **said: Any) -> int:
        """How many writes it cost."""
        self.now += timedelta(seconds=later)
        self.seq += 1
        before = self.writes
        body = {"boot_id": "b", "seq": self.seq, "servers": list(servers), **said}
        assert self.stage.say(self.id, "heartbeat", **body).status == 200
        return self.writes - before

    @property
    def machine(self) -> Any:
        return machine_store.load(self.id, consistent=True)


@pytest.fixture
def lab(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(stage, stage.ready(), monkeypatch)


def server(user: str = ADA, state: str = "idle", **said: Any) -> dict[str, Any]:
    return {"user": user, "started_s": 100, "cpu": 0.2, "kernels": [{"id": "k", "state": state, "for_s": 50}], **said}


def test_an_unchanged_beat_costs_no_write_until_the_lease_is_over(lab: Lab) -> None:
    assert lab.beat(server()) == 1
    assert sum(lab.beat(server(requests_s=1)) for _ in range(9)) == 0
    assert lab.beat(server(requests_s=1), later=30) == 1
    assert lab.machine.evidence.said["servers"][0]["requests_s"] == 1


@pytest.mark.parametrize(
    "news",
    [
        server(state="busy"),
        server(state="unknown"),
        server(uploads=1),
        server(cpu=50),
        server(terminals=[{"name": "1", "children": 1}]),
    ],
    ids=["busy", "unknown", "upload", "load", "terminal"],
)
def test_a_sign_of_work_is_written_at_once_and_its_end_with_the_lease(lab: Lab, news: dict[str, Any]) -> None:
    lab.beat(server())
    assert lab.beat(news) == 1
    assert lab.beat(server()) == 0
    assert lab.beat(news) == 0


def test_who_has_a_server_is_a_fact_once_for_each_change(lab: Lab) -> None:
    lab.beat()
    lab.beat(server())
    lab.beat(server(), server(BOB))
    lab.beat(server(BOB), server())
    lab.beat()
    told = [one for one in lab.stage.tables("facts") if one.get("name", {}).get("S") == "ServersChanged"]
    mine = sorted((one["sk"]["S"], one["data"]["S"]) for one in told if one["pk"]["S"] == f"LAB#{lab.id}")
    assert [data for _, data in mine] == [
        '{"running":[]}', f'{{"running":["{ADA}"]}}', f'{{"running":["{ADA}","{BOB}"]}}', '{"running":[]}',
    ]  # fmt: skip


def test_a_beat_that_comes_twice_or_late_changes_nothing(lab: Lab) -> None:
    lab.beat(server())
    lab.beat(server(state="busy"))
    kept = lab.machine
    lab.seq -= 2
    assert lab.beat() == 0
    assert lab.beat(server()) == 0
    assert lab.machine == kept


def test_a_beat_of_the_boot_before_the_last_stop_is_not_heard(lab: Lab) -> None:
    known = lab.machine
    runtime_store.commit(machine_store.expect_boot(known, known.generation + 1))
    assert lab.beat(server(), boot_id=known.ready_boot) == 0


def test_no_clock_but_ours_counts(lab: Lab) -> None:
    lab.beat(server(last_activity="2099-01-01T00:00:00Z") | {"kernels": [{"id": "k", "state": "idle", "for_s": -2400}]})
    assert lab.machine.evidence.received_at == lab.now
    assert lab.machine.evidence.said["servers"][0]["kernels"][0]["for_s"] == 0


def test_an_agent_from_before_ages_is_heard_but_tells_no_evidence(lab: Lab) -> None:
    assert lab.stage.say(lab.id, "heartbeat", boot_id="b", servers=[{"user": ADA, "started_at": "x"}]).status == 200
    assert lab.machine.evidence is None
    assert lab.machine.heartbeat.servers == 1


def test_what_is_kept_is_bounded_whatever_is_said() -> None:
    kernels = [{"id": "x" * 900, "state": "dancing", "for_s": float("nan")}] * 90
    said = {
        "servers": [{"user": "u" * 999, "kernels": kernels, "uploads": 10**30, "memory_mb": True}] * 300,
        "junk": 1,
        "cpu": "9",
    }
    kept = evidence.kept(said)
    assert len(kept["servers"]) == 200
    assert len(kept["servers"][0]["kernels"]) == 50
    assert kept["servers"][0]["kernels"][0] == {"id": "x" * 36, "state": "unknown"}
    assert "junk" not in kept
    assert "cpu" not in kept


def test_quiet_is_the_youngest_sign_of_life() -> None:
    said = evidence.kept({"servers": [server(requests_s=30, started_s=900), server(BOB, requests_s=400)]})
    assert evidence.quiet_s(said) == 30
    assert evidence.quiet_s(evidence.kept({"servers": [server(state="busy")]})) == 0
    assert evidence.quiet_s({"servers": []}) is None


# ---- what a lab-month costs


def day(kind: str) -> list[dict[str, Any]]:
    """A day's beats, one each half minute: the servers that it tells of."""
    found = []
    for beat in range(2880):
        hour, minute = beat / 120, beat % 120
        works = {"idle": False, "busy": True, "mixed": 9 <= hour < 18 and minute < 70 and beat % 7 < 3}[kind]
        found.append({"servers": [server(state="busy" if works else "idle", requests_s=beat % 40)] if kind != "empty" else []})
    return found


@pytest.mark.parametrize(("kind", "most"), [("idle", 300), ("busy", 300), ("mixed", 560)])
def test_a_lab_costs_few_writes_a_day(kind: str, most: int) -> None:
    """2,880 beats a day; the rule that decides which are written, without the table beneath it."""
    lease, written, last, kept = 10, 0, -99, None
    for beat, report in enumerate(day(kind)):
        said = evidence.kept(report)
        if kept is None or beat - last >= lease or evidence.differs(kept, said, LIMITS):
            written, last, kept = written + 1, beat, said
    assert written <= most
