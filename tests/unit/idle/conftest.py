"""A stage with a lab whose machine says what a test wants it to, and a clock that goes on when it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.idle import service, store
from chalicelib.idle.store import Record
from chalicelib.labs import store as labs
from chalicelib.labs.rules import Lab
from chalicelib.runtime import clock
from tests.fakes.gateway import Answer
from tests.unit.labs.conftest import ADA, BOB, EVE, Stage, place, stage

MINUTE = timedelta(minutes=1)
H = 3600.0


@dataclass
class Watch:
    """One lab, watched."""

    stage: Stage
    lab_id: str
    patch: pytest.MonkeyPatch
    now: datetime = field(default_factory=clock.now)
    seq: int = 0

    def __post_init__(self) -> None:
        self.patch.setattr(clock, "now", lambda: self.now)
        self.tell("LabReady")

    def tell(self, name: str, lab_id: str = "", **data: Any) -> None:
        """A fact reaches us over the bus."""
        service.heard(name, lab_id or self.lab_id, data, self.now)

    def later(self, minutes: float) -> Watch:
        self.now += minutes * MINUTE
        return self

    def beat(self, *servers: dict[str, Any], lab_id: str = "", **said: Any) -> Answer:
        self.seq += 1
        body = {"boot_id": "b", "seq": self.seq, "servers": list(servers), **said}
        return self.stage.say(lab_id or self.lab_id, "heartbeat", **body)

    def idle(self, minutes: float = 90, lab_id: str = "") -> Answer:
        """It beats: an idle kernel behind a tab that is open."""
        return self.beat(self.server(minutes), lab_id=lab_id)

    def server(self, minutes: float = 90, state: str = "idle", user: str = ADA, **said: Any) -> dict[str, Any]:
        kernel = {"id": "k", "name": "python3", "state": state, "for_s": minutes * 60, "connections": 1}
        return {"user": user, "started_s": 9 * H, "requests_s": 9 * H, "cpu": 0.3, "connections": 1, "kernels": [kernel], **said}

    def sweep(self) -> service.Swept:
        return service.sweep(self.now)

    def warned(self) -> Watch:
        """The lab was idle for long enough, and its people are warned."""
        self.later(90).idle()
        assert self.sweep().warned == 1
        return self

    @property
    def lab(self) -> Lab:
        return labs.load(self.lab_id, consistent=True)

    @property
    def record(self) -> Record:
        found = store.record(self.lab_id)
        assert found
        return found

    def facts(self, *wanted: str) -> list[str]:
        return [name for name in self.stage.facts(self.lab_id) if name in wanted or (not wanted and "Idle" in name)]

    def ask(self, verb: str, who: str = ADA, **body: Any) -> Answer:
        return self.stage.as_(who).post(f"/labs/{self.lab_id}/{verb}", body)

    def why(self, query: str = "", who: str = ADA) -> dict[str, Any]:
        answer = self.stage.as_(who).get(f"/labs/{self.lab_id}/why{query}")
        assert answer.status == 200, answer.text
        return dict(answer.json)


@pytest.fixture
def watch(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(stage, stage.ready(), monkeypatch)


__all__ = ["ADA", "BOB", "EVE", "Watch", "place", "stage"]
