"""What is a baked image, when may it be served, which one does a lab get, and which may go?

    BAKING → READY → RETIRING → RETIRED          BAKING → FAILED

Keeps true: only a bake whose builder said that every lesson of the pack ran well becomes READY; the last two good images of a
pack stay, and any that a machine lives on. No clock, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib.runtime.errors import TaskError

X86 = "x86_64"
KEPT = 2  # good images of a pack that are never retired
BAKE_SECONDS = 3600  # what a builder is given for everything it does
LONGEST = timedelta(hours=5)  # from the request to the end, whatever comes of it
REMEMBERED = timedelta(days=90)  # a bake that is over
KEPT_LINES = 30
_ID = re.compile(r"bake-\d{8}-\d{6}-[a-z0-9]{4}")


class BakeFailed(TaskError):  # noqa: N818 - the name a state machine catches
    """This bake will not become an image."""

    default_code = "bake_failed"


class State(StrEnum):
    BAKING = "BAKING"
    READY = "READY"
    FAILED = "FAILED"
    RETIRING = "RETIRING"
    RETIRED = "RETIRED"


MOVING = (State.BAKING, State.RETIRING)
OVER = (State.FAILED, State.RETIRED)


class Expect(StrEnum):
    """What a bake's workflow waits for."""

    BUILDER = "builder"
    IMAGE = "image"


@dataclass(frozen=True)
class Waiting:
    """Answer `token` once what it `expect`s of this `generation` is true."""

    token: str
    expect: Expect
    generation: int


@dataclass(frozen=True)
class Kernel:
    """An environment in the image, and the lock it was made from."""

    name: str
    lock_sha256: str
    megabytes: int
    seconds: float


@dataclass(frozen=True)
class Lesson:
    """How an example notebook went on the builder; `said` is the last line it printed."""

    file: str
    kernel: str
    cells: int
    seconds: float
    ok: bool
    said: str


@dataclass(frozen=True)
class Step:
    name: str
    seconds: float


@dataclass(frozen=True)
class Copy:
    region: str
    image_id: str


@dataclass(frozen=True)
class Bake:
    """One bake of one pack, and the image that came of it. `generation` grows when an interrupted one is undone."""

    id: str
    pack: str
    state: State
    asked_at: datetime
    asked_by: str
    correlation_id: str
    region: str
    release: str
    why: str = ""
    architecture: str = X86
    generation: int = 1
    deadline: datetime | None = None
    instance_type: str = ""
    builder_id: str = ""
    image_id: str = ""
    passed: bool = False  # the builder's report was read, and every lesson in it went well
    kernels: tuple[Kernel, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    steps: tuple[Step, ...] = ()
    seconds: float = 0.0
    size_gb: int = 0
    copies: tuple[Copy, ...] = ()
    finished_at: datetime | None = None
    retired_at: datetime | None = None
    cause: str = ""
    log_tail: tuple[str, ...] = ()

    @property
    def execution(self) -> str:
        """The name of the workflow execution that moves it now."""
        return f"{self.id}-{self.generation}"

    @property
    def locks(self) -> Mapping[str, str]:
        return {one.name: one.lock_sha256 for one in self.kernels}


# ---- names ---------------------------------------------------------------------------------------------------------------


def new_id(now: datetime, letters: str) -> str:
    """`bake-20261123-030000-x7k2`: the UTC moment it was asked for, and four letters."""
    return f"bake-{now:%Y%m%d-%H%M%S}-{letters}"


def is_id(text: str) -> bool:
    return bool(_ID.fullmatch(text))


def image_name(prefix: str, bake: Bake) -> str:
    """The same whoever works it out: EC2 takes no token for an image, but no second one of a name."""
    return f"{prefix}-{bake.pack}-{bake.id}"


def builder_token(bake: Bake, attempt: int) -> str:
    return f"{bake.id}-{bake.generation}-{attempt}"


def release_of(bundle_key: str) -> str:
    """The release of a bundle's key `host/bundle-<release>.tar.gz`."""
    return bundle_key.rpartition("/")[2].removeprefix("bundle-").removesuffix(".tar.gz")


# ---- may it be served ----------------------------------------------------------------------------------------------------


def fault(bake_id: str, report: Mapping[str, Any] | None, wanted: Iterable[str]) -> str:
    """Why this builder's report is none that an image may be promoted on; "" when it is. `wanted`: the pack's lessons."""
    if report is None:
        return "the builder stopped without a report"
    if report.get("bake_id") != bake_id:
        return "the builder reported on another bake"
    ran = {str(one.get("file")): bool(one.get("ok")) for one in report.get("lessons") or ()}
    failed = [file for file, ok in ran.items() if not ok]
    if not report.get("ok"):
        return str(report.get("cause") or f"the builder failed in {report.get('step') or 'an unknown step'}")[:500]
    if failed:
        return f"lessons that failed: {', '.join(sorted(failed))}"[:500]
    missing = sorted(set(wanted) - set(ran))
    return f"lessons that never ran: {', '.join(missing)}"[:500] if missing else ""


def reported(report: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a report, as fields of the bake."""
    return {
        "kernels": tuple(
            Kernel(str(one["name"]), str(one.get("lock_sha256") or ""), int(one.get("megabytes") or 0), _seconds(one))
            for one in report.get("kernels") or ()
        ),
        "lessons": tuple(
            Lesson(
                str(one["file"]), str(one.get("kernel") or ""), int(one.get("cells") or 0), _seconds(one),
                bool(one.get("ok")), str(one.get("said") or "")[:200],
            )
            for one in report.get("lessons") or ()
        ),
        "steps": tuple(Step(str(one["name"])[:80], _seconds(one)) for one in report.get("steps") or ()),
        "log_tail": tuple(str(line)[:300] for line in (report.get("log_tail") or ())[-KEPT_LINES:]),
        "seconds": _seconds(report),
    }  # fmt: skip


def _seconds(one: Mapping[str, Any]) -> float:
    return round(float(one.get("seconds") or 0), 3)


# ---- which one a lab gets ------------------------------------------------------------------------------------------------


def choose(served: Iterable[Bake], locks: Mapping[str, str], architecture: str = X86) -> Bake | None:
    """The newest good image whose kernels are those of today; else the newest: what has changed since is made anew at boot."""
    good = [one for one in newest_first(served) if one.architecture == architecture and one.state is State.READY and one.passed]
    return next((one for one in good if fits(one, locks)), good[0] if good else None)


def fits(bake: Bake, locks: Mapping[str, str]) -> bool:
    """Does it hold every kernel as its lock now says?"""
    return bool(locks) and all(bake.locks.get(name) == lock for name, lock in locks.items())


def newest_first(bakes: Iterable[Bake]) -> list[Bake]:
    return sorted(bakes, key=lambda one: one.id, reverse=True)


# ---- which may go, and which is due --------------------------------------------------------------------------------------


def to_retire(served: Iterable[Bake], in_use: Collection[str]) -> list[Bake]:
    """Good images beyond the last two of their architecture, but none that a machine lives on. `in_use`: image ids."""
    found: list[Bake] = []
    counted: dict[str, int] = {}
    for one in newest_first(served):
        if one.state is not State.READY:
            continue
        counted[one.architecture] = counted.get(one.architecture, 0) + 1
        if counted[one.architecture] > KEPT and one.image_id not in in_use:
            found.append(one)
    return found


def due(newest: Bake, locks: Mapping[str, str], oldest: timedelta, now: datetime) -> str:
    """Why a pack should be baked again; "" when it need not be."""
    if not fits(newest, locks):
        return "its locks have changed"
    if newest.finished_at and now - newest.finished_at >= oldest:
        return f"its image is older than {oldest.days} days: Debian has security updates since"
    return ""


# ---- what is done about one that broke off -------------------------------------------------------------------------------


class Remedy(StrEnum):
    WAIT = "wait"
    BEGIN = "begin"
    UNDO = "undo"


def remedy(bake: Bake, execution: str, now: datetime) -> Remedy:
    """`execution`: what Step Functions knows of the execution that should move it (UNKNOWN, RUNNING, ENDED)."""
    late = bake.deadline is not None and now > bake.deadline
    if execution == "UNKNOWN":
        return Remedy.BEGIN
    return Remedy.WAIT if execution == "RUNNING" and not late else Remedy.UNDO


# ---- whose is what is left in the account --------------------------------------------------------------------------------

IMAGES = ("image", "snapshot")


@dataclass(frozen=True)
class Part:
    """An image or a snapshot that stands in the account; `region`: another one, into which it was copied."""

    kind: str
    id: str
    bake: str
    state: str
    size_gb: int
    made_at: datetime | None
    kept_by: str
    region: str = ""


def owned(kind: str, bake: Bake | None) -> tuple[bool | None, str]:
    """Is this part of a bake (its builder, group, image or snapshot) still wanted, and why? None: nobody can say."""
    if bake is None:
        return (None if kind in IMAGES else False), "its bake is not known"
    if bake.state in MOVING:
        return True, f"{bake.id} is {bake.state}"
    if bake.state is State.READY and kind in IMAGES:
        return True, f"kept for labs of {bake.pack}: {bake.id}"
    return False, f"{bake.id} is {bake.state}"


def newest_of_each(served: Sequence[Bake]) -> list[Bake]:
    """The newest good image of each pack."""
    found: dict[str, Bake] = {}
    for one in newest_first(served):
        found.setdefault(one.pack, one)
    return sorted(found.values(), key=lambda one: one.pack)
