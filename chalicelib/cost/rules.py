"""What of a lab costs money at a moment, and what changes that? A lab's facts, read as one story, in the order of their moments.

Keeps true: the story is the same in whatever order, and however often, its facts arrive; what nobody told is unknown, not zero.
A figure is exact within, and rounded once for the eye by `shared_out`, so that parts always sum to the whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import takewhile
from typing import Any, NamedTuple

DISK_GB = 60  # the root disk of machines whose launch did not say
GIB = 2**30
SKEW = timedelta(seconds=2)  # by which the clocks of two processes may differ
PLACES = 10  # decimal places of a stored amount
IDLE, OVERHEAD, ESTIMATE = "idle", "overhead", "estimate"  # beside people's addresses: whose cost it is


class Part(StrEnum):
    """What is paid for. `transfer` is an estimate, and in no sum."""

    MACHINE = "machine"
    DISK = "disk"
    FILES = "files"
    TRANSFER = "transfer"


Key = tuple[Part, str]  # what has a price: (machine, r6i.large), (disk, gp3), …
DISK: Key = (Part.DISK, "gp3")
FILES: Key = (Part.FILES, "efs-standard")
TRANSFER: Key = (Part.TRANSFER, "internet")


class Quote(NamedTuple):
    """A list price: per hour of a machine, per GB and month of a disk or of files, per GB of transfer. In force `since`."""

    amount: Decimal
    currency: str
    as_of: date
    source: str
    since: datetime | None = None


class Cell(NamedTuple):
    """What one part cost for one person (or idle, or overhead): the time it stood there, the money, the time without a price."""

    micros: int
    amount: Decimal
    unpriced: int = 0

    def plus(self, other: Cell) -> Cell:
        return Cell(self.micros + other.micros, self.amount + other.amount, self.unpriced + other.unpriced)

    def minus(self, other: Cell) -> Cell:
        return Cell(self.micros - other.micros, self.amount - other.amount, self.unpriced - other.unpriced)


NOTHING = Cell(0, Decimal(0))
Cells = Mapping[tuple[Part, str], Cell]


# ---- a lab at a moment ---------------------------------------------------------------------------------------------------


class Machine(NamedTuple):
    """A machine that exists: its disk costs; it costs itself while EC2 runs it. `moved`: when it began or ceased to run."""

    id: str
    type: str
    disk_gb: int = DISK_GB
    running: bool = False
    moved: str = ""


@dataclass(frozen=True)
class State:
    """`servers`: who has a server; None: nobody told since the lab became ready. `stored`: bytes of files; None: not told."""

    lab: str
    team: str = ""
    domain: str = ""
    owner: str = ""
    name: str = ""
    phase: str = ""
    machines: tuple[Machine, ...] = ()
    gone: tuple[str, ...] = ()  # machines that were there, and never come back
    ended: bool = False  # did EC2 end its running since the last start was asked for?
    servers: tuple[str, ...] | None = None
    files: bool = False
    stored: int | None = None
    network: Fraction | None = None  # bytes a second, as last measured

    @property
    def ready(self) -> bool:
        return self.phase == "READY"

    @property
    def runs(self) -> bool:
        return any(one.running for one in self.machines)

    @property
    def costs(self) -> bool:
        """Is there anything left that is billed?"""
        return bool(self.machines or self.files)


class Moment(NamedTuple):
    """A fact, at the moment it was true; EC2's own news carry EC2's time."""

    at: datetime
    id: str
    name: str
    data: Mapping[str, Any]
    changes: Mapping[str, Sequence[Any]]


def moment(name: str, data: Mapping[str, Any], changes: Mapping[str, Sequence[Any]], at: datetime, fact_id: str) -> Moment:
    said = data.get("at") if name in ("MachineRunning", "MachineStopped") else None
    return Moment(_parsed(str(said)) if said else at, fact_id, name, data, changes)


def in_order(moments: Iterable[Moment]) -> list[Moment]:
    """Each once, in the order of their moments; those of one moment in the order in which they were recorded. But the clocks of
    two processes differ by a little: a phase was entered before it was left, whatever they say."""
    waiting = deque(sorted({one.id: one for one in moments}.values(), key=lambda one: (one.at, one.id)))
    found, phase = list[Moment](), ""
    while waiting:
        told = waiting.popleft()
        left, entered = told.changes.get("phase") or (phase, phase)
        if phase and left != phase and (missing := _entered(phase, str(left), told.at, waiting)):
            waiting.remove(missing)
            found.append(missing._replace(at=told.at))
        found.append(told)
        phase = str(entered or "")
    return found


def _entered(before: str, phase: str, at: datetime, following: Iterable[Moment]) -> Moment | None:
    """How a lab came from one phase to another, told a little later than that it left it."""
    soon = takewhile(lambda one: one.at - at <= SKEW, following)
    return next((one for one in soon if list(one.changes.get("phase", ())) == [before, phase]), None)


def _parsed(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def after(state: State, told: Moment) -> State:
    """The lab after a fact."""
    known = _changed(state, told.changes)
    if told.name == "LabReady" and _stopped_by_then(known, told.at):
        return known
    act = HEARD.get(told.name)
    return act(known, told.data) if act else known


def _stopped_by_then(state: State, at: datetime) -> bool:
    """Did its machine stop in the moment in which the lab was said to be READY? EC2's news tell of whole seconds."""
    last = state.machines[-1] if state.machines else None
    return last is not None and not state.runs and bool(last.moved) and abs(at - _parsed(last.moved)) <= SKEW


def _changed(state: State, changes: Mapping[str, Sequence[Any]]) -> State:
    """What every fact may tell: where the lab belongs, its phase, its files."""
    new = {name: str(pair[1] or "") for name, pair in changes.items() if name in ("team", "domain", "owner", "name", "phase")}
    state = replace(state, **new)  # type: ignore[arg-type]
    if "phase" in new:
        state = replace(state, servers=None, ended=state.ended and new["phase"] not in ("PROVISIONING", "STARTING"))
    if "file_system_id" in changes:
        there = bool(changes["file_system_id"][1])
        state = replace(state, files=there, stored=(state.stored or 0) if there else None)
    return state


def _with(state: State, made: Machine) -> State:
    known = [one for one in state.machines if one.id != made.id]
    return replace(state, machines=tuple(sorted([*known, made])))


def _known(state: State, instance_id: str) -> Machine | None:
    return next((one for one in state.machines if one.id == instance_id), None)


def _launched(state: State, data: Mapping[str, Any]) -> State:
    known = _known(state, data["instance_id"])
    made = Machine(data["instance_id"], data.get("instance_type", ""), int(data.get("disk_gb") or DISK_GB))
    if made.id in state.gone:
        return state
    return _with(state, known._replace(disk_gb=made.disk_gb) if known else made)


def _runs(state: State, data: Mapping[str, Any]) -> State:
    known = _known(state, data["instance_id"]) or Machine(data["instance_id"], "")
    if known.id in state.gone or _came_late(known, data, ("stopping", "stopped")):
        return state
    kind, moved = data.get("instance_type") or known.type, str(data.get("at") or "")
    return _with(state, known._replace(type=kind, running=True, moved=moved))


def _stops(state: State, data: Mapping[str, Any]) -> State:
    known = _known(state, data["instance_id"])
    if data.get("state") in ("shutting-down", "terminated"):
        return _without(state, data["instance_id"])
    if known is None or _came_late(known, data, ("pending", "running")):
        return state
    stopped = _with(state, known._replace(running=False, moved=str(data.get("at") or "")))
    return replace(stopped, ended=state.phase != "SCALING")


def _came_late(known: Machine, data: Mapping[str, Any], by_then: tuple[str, ...]) -> bool:
    """Of two pieces of news of one second, is this the one that was over when it was heard?"""
    return data.get("seen") in by_then and known.moved == str(data.get("at"))


def _without(state: State, instance_id: str) -> State:
    left = tuple(one for one in state.machines if one.id != instance_id)
    return replace(state, machines=left, gone=(*(one for one in state.gone if one != instance_id), instance_id)[-5:])


def _claimed(state: State, data: Mapping[str, Any]) -> State:
    """A machine that speaks runs, whether or not EC2's news came."""
    known = _known(state, data["instance_id"])
    return state if known is None or state.ended else _with(state, known._replace(running=True))


def _opened(state: State, data: Mapping[str, Any]) -> State:
    """A lab that is READY runs on something, whether or not EC2's news came; and as what is known for sure by then."""
    last = next((one for one in reversed(state.machines) if one.running), state.machines[-1] if state.machines else None)
    if last is None or (state.ended and not last.running):
        return state
    return _with(state, last._replace(running=True, type=data.get("instance_type") or last.type))


def _parked(state: State, _: Mapping[str, Any]) -> State:
    return replace(state, machines=tuple(one._replace(running=False) for one in state.machines))


def _lost(state: State, data: Mapping[str, Any]) -> State:
    return _without(state, data.get("instance_id", ""))


def _failed(state: State, _: Mapping[str, Any]) -> State:
    """A lab that never opened leaves nothing behind."""
    return state if state.files else replace(state, machines=())


def _deleted(state: State, data: Mapping[str, Any]) -> State:
    return replace(state, machines=(), files=bool(data.get("kept")), network=None)


def _servers(state: State, data: Mapping[str, Any]) -> State:
    return replace(state, servers=tuple(sorted(set(data.get("running") or ())))) if state.ready else state


def _measured(state: State, data: Mapping[str, Any]) -> State:
    stored, network = data.get("storage_bytes"), data.get("network_kb_per_second")
    rate = None if network is None else Fraction(str(network)) * 1000
    return replace(state, stored=state.stored if stored is None else int(stored), network=rate)


def _builds(state: State, data: Mapping[str, Any]) -> State:
    """The builder of a bake, which has a ledger as a lab has: of no team, in the domain of its pack."""
    made = Machine(data["instance_id"], data.get("instance_type", ""), running=True)
    return state if made.id in state.gone else replace(_with(state, made), domain=str(data.get("pack") or ""))


def _built(state: State, _: Mapping[str, Any]) -> State:
    """A bake is over only when its builder is gone."""
    return replace(state, machines=(), gone=tuple(one.id for one in state.machines) or state.gone)


HEARD: Mapping[str, Callable[[State, Mapping[str, Any]], State]] = {
    "MachineLaunched": _launched,
    "MachineRunning": _runs,
    "MachineStopped": _stops,
    "MachineClaimed": _claimed,
    "LabReady": _opened,
    "LabStopped": _parked,
    "MachineLost": _lost,
    "LabFailed": _failed,
    "LabDeleted": _deleted,
    "ServersChanged": _servers,
    "LabMeasured": _measured,
    "BuilderLaunched": _builds,
    "BuilderReported": _parked,
    "ImageReady": _built,
    "BakeFailed": _built,
}


# ---- exact figures, rounded once -----------------------------------------------------------------------------------------


def shared_out(exact: Mapping[str, Fraction], whole: int | None = None) -> dict[str, int]:
    """Whole numbers for exact figures that sum to `whole` (their rounded sum): the largest remainders are rounded up."""
    total = round(sum(exact.values(), Fraction(0))) if whole is None else whole
    floors = {name: value.numerator // value.denominator for name, value in exact.items()}
    left = total - sum(floors.values())
    ranked = sorted(exact, key=lambda name: (floors[name] - exact[name], name))
    return {name: floors[name] + (1 if place < left else 0) for name, place in ((one, ranked.index(one)) for one in exact)}


def day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def begins(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def ends(day: date) -> datetime:
    return begins(day) + timedelta(days=1)


def month_of(day: date) -> str:
    return f"{day:%Y-%m}"
