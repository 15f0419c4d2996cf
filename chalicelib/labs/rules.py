"""What is a lab, and which step of its life may follow which?

Keeps true: a phase changes only along `TRANSITIONS`; every lab stands in the `due` index under one word that says
when somebody must look at it again. No clock, no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from chalicelib.labs.environment import LabKernel
from chalicelib.labs.journal import Receipt
from chalicelib.runtime.errors import Conflict, TaskError

REMEMBERED = timedelta(days=30)
BEFORE_RELEASES = "0.1.0"  # what labs run that were launched before machines said what they run
AUDITED = (  # no commit changes one of these without a fact that says from what to what
    "name",
    "domain",
    "phase",
    "owner",
    "team",
    "users",
    "instance_type",
    "shared_storage_gb",
    "generation",
    "address",
    "instance_id",
    "file_system_id",
    "subnet_id",
    "cause",
    "examples",
    "reserved",
    "keep_data",
    "packs",
)


class Interrupted(TaskError):  # noqa: N818 - the name a state machine catches
    """This workflow only exists to undo an earlier one."""

    default_code = "interrupted"


class MachineGone(TaskError):  # noqa: N818 - the name a state machine catches
    """EC2 no longer has the lab's machine; its files are another matter."""

    default_code = "machine_gone"


class Phase(StrEnum):
    PROVISIONING = "PROVISIONING"
    READY = "READY"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    STARTING = "STARTING"
    SCALING = "SCALING"
    DELETING = "DELETING"
    DELETED = "DELETED"
    FAILED = "FAILED"


class Command(StrEnum):
    """What people ask (stop, start, scale, delete) and what the workflows report (open, park, fail, close)."""

    STOP = "stop"
    START = "start"
    SCALE = "scale"
    DELETE = "delete"
    OPEN = "open"
    PARK = "park"
    FAIL = "fail"
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[Phase, Command], Phase] = {
    (Phase.PROVISIONING, Command.OPEN): Phase.READY,
    (Phase.PROVISIONING, Command.FAIL): Phase.FAILED,
    (Phase.PROVISIONING, Command.DELETE): Phase.DELETING,
    (Phase.READY, Command.STOP): Phase.STOPPING,
    (Phase.READY, Command.PARK): Phase.STOPPED,
    (Phase.READY, Command.SCALE): Phase.SCALING,
    (Phase.READY, Command.FAIL): Phase.FAILED,
    (Phase.READY, Command.DELETE): Phase.DELETING,
    (Phase.STOPPING, Command.STOP): Phase.STOPPING,
    (Phase.STOPPING, Command.PARK): Phase.STOPPED,
    (Phase.STOPPING, Command.FAIL): Phase.FAILED,
    (Phase.STOPPING, Command.DELETE): Phase.DELETING,
    (Phase.STOPPED, Command.START): Phase.STARTING,
    (Phase.STOPPED, Command.SCALE): Phase.STOPPED,
    (Phase.STOPPED, Command.DELETE): Phase.DELETING,
    (Phase.STARTING, Command.START): Phase.STARTING,
    (Phase.STARTING, Command.OPEN): Phase.READY,
    (Phase.STARTING, Command.PARK): Phase.STOPPED,
    (Phase.STARTING, Command.FAIL): Phase.FAILED,
    (Phase.STARTING, Command.DELETE): Phase.DELETING,
    (Phase.SCALING, Command.OPEN): Phase.READY,
    (Phase.SCALING, Command.PARK): Phase.STOPPED,
    (Phase.SCALING, Command.FAIL): Phase.FAILED,
    (Phase.SCALING, Command.DELETE): Phase.DELETING,
    (Phase.DELETING, Command.DELETE): Phase.DELETING,
    (Phase.DELETING, Command.CLOSE): Phase.DELETED,
    (Phase.FAILED, Command.START): Phase.STARTING,
    (Phase.FAILED, Command.DELETE): Phase.DELETING,
}

WORKFLOWS: Mapping[Phase, str] = {
    Phase.PROVISIONING: "provision_lab",
    Phase.STOPPING: "stop_lab",
    Phase.STARTING: "start_lab",
    Phase.SCALING: "scale_lab",
    Phase.DELETING: "teardown_lab",
}
MOVING = frozenset(WORKFLOWS)
RESTING = frozenset({Phase.STOPPED, Phase.FAILED, Phase.DELETED})  # no machine runs, and none is about to


def advance(phase: Phase, command: Command) -> Phase:
    """The phase that follows. Conflict, with what to do instead, when the table has no such line."""
    following = TRANSITIONS.get((phase, command))
    if following is None:
        raise Conflict(f"a lab that is {phase} cannot {command}", advice(phase))
    return following


def advice(phase: Phase) -> str:
    """What a person can do about a lab in this phase."""
    match phase:
        case Phase.PROVISIONING | Phase.STARTING | Phase.SCALING:
            return "wait until it is READY, or delete it"
        case Phase.STOPPING:
            return "wait until it is STOPPED, then start it"
        case Phase.READY:
            return "it is running: stop, scale or delete it"
        case Phase.STOPPED:
            return "start it first"
        case Phase.FAILED:
            return "read its cause, then delete it and deploy a new one"
        case Phase.DELETING | Phase.DELETED:
            return "it is gone: deploy a new one"
        case _:
            assert_never(phase)


@dataclass(frozen=True)
class Step:
    """A named part of the way to READY, and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class BakedFrom:
    """The baked image that a lab's machine was launched from: EC2's id, and the bake that made it."""

    image_id: str
    bake_id: str
    baked_at: datetime


@dataclass(frozen=True)
class Lab:
    """One lab. `users` and `shared_storage_gb` are what it is made for; `generation` grows with every workflow."""

    id: str
    name: str
    domain: str
    phase: Phase
    owner: str
    team: str
    users: int
    instance_type: str
    candidates: tuple[str, ...]
    shared_storage_gb: int
    generation: int
    created_at: datetime
    changed_at: datetime
    correlation_id: str
    deadline: datetime | None = None
    examples: bool = True
    reserved: bool = True
    keep_data: bool = True
    members: int = 0
    notebooks: int = 0
    address: str = ""
    instance_id: str = ""
    file_system_id: str = ""
    subnet_id: str = ""
    ready_at: datetime | None = None
    cause: str = ""
    cause_hint: str = ""
    log_tail: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    kernels: tuple[LabKernel, ...] = ()
    receipt: Receipt | None = None
    asked_by: str = ""  # who gave the last command, when it was not the owner
    last_session: datetime | None = None  # when somebody last worked in it, as far as an earlier machine told
    release: str = ""  # what its machine runs, as far as it told
    wanted_release: str = ""  # to come with its next start
    upgrading: str = ""  # the upgrade under way
    told_release: str = ""  # the newest release that it was told of
    pack_version: str = ""  # of the team's own pack that it was made with; blank for a shipped one
    release_note: str = ""  # why it does not run the release that was asked for
    image: BakedFrom | None = None  # what its machine was launched from; None: the plain image, so everything was installed
    stops_at: datetime | None = None  # people are warned that it stops then
    packs: tuple[str, ...] = ()  # what was activated beside its own pack (see environment.Use)

    @property
    def moving(self) -> bool:
        return self.phase in MOVING

    @property
    def opened(self) -> bool:
        """Has anybody been able to work in it? From then on its files are somebody's work."""
        return self.ready_at is not None

    @property
    def commander(self) -> str:
        """For whom a workflow that moves it now acts."""
        return self.asked_by or self.owner

    @property
    def execution(self) -> str:
        """The name of the workflow execution that moves it now; at most one can ever have it."""
        return f"{self.id}-{self.generation}"


def newer(lab: Lab, newest: str) -> str:
    """The newest release, if this lab is to run and runs another; "" otherwise."""
    return newest if newest and lab.phase is not Phase.DELETED and (lab.release or BEFORE_RELEASES) != newest else ""


@dataclass(frozen=True)
class Patience:
    """How long each phase may last before somebody looks at it."""

    boot: timedelta
    stop: timedelta = timedelta(minutes=20)
    teardown: timedelta = timedelta(minutes=45)
    check: timedelta = timedelta(hours=1)


def audited(lab: Lab) -> dict[str, object]:
    """What the audit log follows of a lab, as plain values."""
    return {name: _plain(getattr(lab, name)) for name in AUDITED}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return " ".join(value)
    return str(value) if isinstance(value, Phase) else value


def command(lab: Lab, word: Command, now: datetime, patience: Patience, correlation_id: str) -> Lab:
    """The lab after a person's command: next phase, next generation, a clean slate for causes."""
    phase = advance(lab.phase, word)
    if word is Command.START and lab.phase is Phase.FAILED and not lab.opened:
        raise Conflict("this lab was never ready, so there is nothing to start", advice(lab.phase))
    if phase not in MOVING:
        return replace(lab, phase=phase, changed_at=now)
    moved = replace(lab, phase=phase, generation=lab.generation + 1, changed_at=now, correlation_id=correlation_id)
    return replace(moved, deadline=deadline(phase, now, patience), cause="", cause_hint="", log_tail=(), stops_at=None)


def repeated(lab: Lab, word: Command) -> bool:
    """Is this command already being carried out? Then the answer is the lab as it stands."""
    return lab.moving and TRANSITIONS.get((lab.phase, word)) is lab.phase


def settle(lab: Lab, word: Command, now: datetime, patience: Patience) -> Lab:
    """The lab after a workflow reported: at rest, looked at again after a while if it runs."""
    phase = advance(lab.phase, word)
    check = now + patience.check if phase is Phase.READY else None
    return replace(lab, phase=phase, changed_at=now, deadline=check, stops_at=None)


def deadline(phase: Phase, now: datetime, patience: Patience) -> datetime | None:
    match phase:
        case Phase.PROVISIONING | Phase.STARTING:
            return now + patience.boot + patience.stop
        case Phase.SCALING:
            return now + patience.boot + patience.stop * 2
        case Phase.STOPPING:
            return now + patience.stop
        case Phase.DELETING:
            return now + patience.teardown
        case Phase.READY:
            return now + patience.check
        case Phase.STOPPED | Phase.FAILED | Phase.DELETED:
            return None
        case _:
            assert_never(phase)


def due(lab: Lab) -> str:
    """Its word in the index of what is due: `0#` moving by deadline, `1#` running by next check, `2#` at rest, blank gone."""
    moment = f"{lab.deadline:%Y-%m-%dT%H:%M:%S}" if lab.deadline else ""
    if lab.phase is Phase.DELETED:
        return ""
    if lab.moving:
        return f"0#{moment}#{lab.id}"
    return f"1#{moment}#{lab.id}" if lab.phase is Phase.READY else f"2#{lab.id}"


def expires(lab: Lab) -> int | None:
    """When its record may be forgotten (seconds): a month after it is gone, unless something of it is kept."""
    if lab.phase is not Phase.DELETED or (lab.receipt and lab.receipt.kept):
        return None
    return int((lab.changed_at + REMEMBERED).timestamp())
