"""Random histories of a lab, as facts tell them, and prices that never change or change once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from chalicelib.cost.rules import DISK, FILES, TRANSFER, Key, Moment, Part, Quote, moment

PEOPLE = ("ada@uni.edu", "bob@uni.edu", "eve@uni.edu")
TYPES = ("r6i.2xlarge", "g5.xlarge", "unheard.of")
DAY = datetime(2026, 10, 24, tzinfo=UTC)  # a day before clocks go back in Europe, a week before they do in the United States
AS_OF = date(2026, 10, 1)
HOURLY = {"r6i.2xlarge": "0.504", "g5.xlarge": "1.006"}


def quote(amount: str, since: datetime | None = None) -> Quote:
    return Quote(Decimal(amount), "USD", AS_OF, "test", since)


class Prices:
    """What a list of prices can say; a machine's price may change once."""

    def __init__(self, raised: datetime | None = None) -> None:
        known: dict[Key, list[Quote]] = {(Part.MACHINE, name): [quote(amount)] for name, amount in HOURLY.items()}
        known |= {DISK: [quote("0.08")], FILES: [quote("0.30")], TRANSFER: [quote("0.09")]}
        if raised:
            known[Part.MACHINE, "r6i.2xlarge"].append(quote("0.777", raised))
        self.known = known

    def at(self, key: Key, when: datetime) -> Quote | None:
        found = [one for one in self.known.get(key, ()) if one.since is None or one.since <= when]
        return found[-1] if found else None

    def since(self, key: Key) -> list[datetime]:
        return [one.since for one in self.known.get(key, ()) if one.since]


def told(name: str, at: datetime, number: int = 0, changes: dict[str, Any] | None = None, /, **data: Any) -> Moment:
    return moment(name, data, changes or {}, at, f"FACT#{at.isoformat()}-{number:04x}")


MADE = {"team": (None, "lovelace"), "owner": (None, "ada@uni.edu"), "domain": (None, "genomics")}


def requested(at: datetime) -> list[Moment]:
    phase = {"phase": (None, "PROVISIONING")}
    return [
        told("LabRequested", at, 0, MADE | phase),
        told("StoragePrepared", at + timedelta(seconds=2), 1, {"file_system_id": (None, "fs-1")}),
    ]


def ready(at: datetime) -> Moment:
    return told("LabReady", at, 9, {"phase": ("STARTING", "READY")})


@st.composite
def histories(draw: st.DrawFn) -> list[Moment]:
    """Starts, stops, people coming and going, machines lost and made anew, sizes told; gaps of seconds to days, also of none."""
    at = DAY + timedelta(seconds=draw(st.integers(0, 86_000)), microseconds=draw(st.integers(0, 999_999)))
    found, machine = requested(at), 0
    for number in range(16, 16 + draw(st.integers(1, 14))):
        at += timedelta(seconds=draw(st.sampled_from([0, 0, 1, 59, 3600, 40_000, 90_000, 400_000])))
        at += timedelta(microseconds=draw(st.integers(0, 999_999)))
        what = draw(st.sampled_from(["launch", "run", "stop", "ready", "servers", "servers", "size", "end", "lost", "keep"]))
        instance = f"i-{machine}"
        match what:
            case "launch":
                machine += 1
                kind = draw(st.sampled_from(TYPES))
                found.append(told("MachineLaunched", at, number, instance_id=f"i-{machine}", instance_type=kind, disk_gb=60))
            case "run":
                found.append(_power("MachineRunning", at, number, instance, draw(st.sampled_from(TYPES)), "running"))
            case "stop":
                found.append(
                    _power("MachineStopped", at, number, instance, "", draw(st.sampled_from(["stopping", "shutting-down"])))
                )
            case "ready":
                found.append(told("LabReady", at, number, {"phase": ("STARTING", "READY")}))
            case "servers":
                who = draw(st.lists(st.sampled_from(PEOPLE), unique=True))
                found.append(told("ServersChanged", at, number, running=who))
            case "size":
                size = draw(st.integers(0, 10**13))
                found.append(
                    told("LabMeasured", at, number, storage_bytes=size, network_kb_per_second=draw(st.none() | st.just(12.5)))
                )
            case "end":
                found.append(told("LabStopped", at, number, {"phase": ("READY", "STOPPED")}))
            case "lost":
                found.append(told("MachineLost", at, number, {"phase": ("READY", "FAILED")}, instance_id=instance))
            case "keep":
                found.append(
                    told("LabDeleted", at, number, {"phase": ("DELETING", "DELETED")}, kept=draw(st.sampled_from([[], ["fs-1"]])))
                )
    return found


def _power(name: str, at: datetime, number: int, instance: str, kind: str, state: str) -> Moment:
    """EC2 says when, in whole seconds; the fact comes a while later."""
    when = at.replace(microsecond=0).isoformat()
    return told(name, at + timedelta(seconds=3), number, None, instance_id=instance, instance_type=kind, state=state, at=when)
