"""A stage with a ledger, and labs whose facts a test writes; nothing else of a lab is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.cost import service
from chalicelib.cost.store import Head
from chalicelib.runtime.clock import iso
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.store import commit
from tests.conftest import NOW
from tests.fakes.tables import Tables

ADA, BOB, EVE = "ada@uni.edu", "bob@uni.edu", "eve@uni.edu"
LAB = "genomics-k3x9"


class Story:
    """What happened to one lab, told as the control plane tells it."""

    def __init__(self, lab: str = LAB, owner: str = ADA, team: str = "lovelace") -> None:
        self.lab, self.owner, self.team = lab, owner, team

    def tell(self, name: str, at: datetime, changes: dict[str, Any] | None = None, /, **data: Any) -> None:
        commit(record(Fact(name, self.lab, data, at, "test", "test", changes=changes or {})))

    def made(self, at: datetime, kind: str = "r6i.2xlarge") -> None:
        made = {"team": (None, self.team), "owner": (None, self.owner), "domain": (None, "genomics"), "name": (None, "wheat")}
        self.tell("LabRequested", at, made | {"phase": (None, "PROVISIONING")})
        self.tell("StoragePrepared", at, {"file_system_id": (None, "fs-1")}, file_system_id="fs-1")
        self.tell("MachineLaunched", at, instance_id="i-1", instance_type=kind, disk_gb=60)

    def power(self, at: datetime, running: bool, kind: str = "r6i.2xlarge", late: float = 1.0) -> None:
        name, state = ("MachineRunning", "running") if running else ("MachineStopped", "stopping")
        data = {"instance_id": "i-1", "instance_type": kind, "state": state, "at": iso(at)}
        self.tell(name, at + timedelta(seconds=late), **data)

    def ready(self, at: datetime, *who: str, kind: str = "r6i.2xlarge") -> None:
        self.tell("LabReady", at, {"phase": ("PROVISIONING", "READY")}, instance_type=kind)
        self.servers(at + timedelta(microseconds=1), *who)

    def servers(self, at: datetime, *who: str) -> None:
        self.tell("ServersChanged", at, running=list(who))

    def stops(self, at: datetime) -> None:
        self.tell("LabStopping", at, {"phase": ("READY", "STOPPING")})
        self.power(at, running=False)
        self.tell("LabStopped", at + timedelta(seconds=40), {"phase": ("STOPPING", "STOPPED")})

    def runs(self, at: datetime, *who: str) -> None:
        """Made at `at`, and at once ready, with these people in it."""
        self.made(at)
        self.power(at, running=True)
        self.ready(at + timedelta(microseconds=5), *who)

    def settle(self, now: datetime, since: datetime | None = None) -> Head:
        return service.settle(self.lab, now, since)


@pytest.fixture
def story(tables: Tables) -> Iterator[Story]:
    yield Story()
    tables.clear()


__all__ = ["NOW"]
