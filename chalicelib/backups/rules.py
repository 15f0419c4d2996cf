"""What are a backup, a restore and a drill, and who may have which of it back?

    backup   RUNNING → FINISHED | FAILED       restore   RUNNING → FINISHED | FAILED       drill   RUNNING → PASSED | FAILED

Keeps true: whoever leads a lab may have all of it back; everybody else who works in it what is in their own home, and nothing of
anybody else's, without asking anyone. No clock, no I/O.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.people.rules import LabRole
from chalicelib.runtime.errors import BadInput, Forbidden, TaskError

NIGHT = timedelta(hours=3)  # UTC: when a day's backups fall due
TRIES_A_NIGHT = 3
HOMES, SHARED = "homes/", "shared/"
_ID = re.compile(r"[brd]-\d{8}-\d{6}-[a-z0-9]{4}")
LONGEST_PATH = 4096
ODD = "b64:"
Digest = bytes  # a SHA-256, 32 bytes


class BackupBroken(TaskError):  # noqa: N818 - the name a state machine catches
    """What is in the bucket is not what it should be."""

    default_code = "backup_broken"


class State(StrEnum):
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    PASSED = "PASSED"


class Then(StrEnum):
    """What shall become of the lab once its backup is finished; of a failed backup, nothing."""

    NOTHING = ""
    STOP = "stop"
    DELETE = "delete"


@dataclass(frozen=True)
class Skipped:
    path: str
    why: str


@dataclass(frozen=True)
class Backup:
    """One backup of one lab. `generation` is the lab's when it was asked for: `then` touches no later one."""

    id: str
    lab_id: str
    state: State
    asked_at: datetime
    asked_by: str
    correlation_id: str
    by_hand: bool = True
    then: Then = Then.NOTHING
    keep_data: bool = True
    generation: int = 0
    base: str = ""
    manifest_key: str = ""
    manifest_sha256: str = ""
    files: int = 0
    bytes: int = 0
    new_bytes: int = 0
    new_chunks: int = 0
    skipped_count: int = 0
    skipped: tuple[Skipped, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    copied_at: datetime | None = None
    cause: str = ""
    then_failed: str = ""

    @property
    def taken_at(self) -> datetime:
        """From when on a change may be missing in it."""
        return self.started_at or self.asked_at


@dataclass(frozen=True)
class Shelf:
    """All backups of one lab: whose they are (also once the lab is gone), the newest, and what is at work on them now."""

    lab_id: str
    owner: str
    team: str
    domain: str = ""
    newest: str = ""
    newest_at: datetime | None = None
    count: int = 0
    stored_bytes: int = 0
    busy: str = ""
    busy_until: datetime | None = None
    tried_at: datetime | None = None
    tries: int = 0
    pruned_at: datetime | None = None
    swept_at: datetime | None = None
    drilled_at: datetime | None = None
    distrusted: bool = False  # a drill failed: the next backup stands on none before it

    def is_busy(self, now: datetime) -> bool:
        return bool(self.busy) and self.busy_until is not None and now < self.busy_until


@dataclass(frozen=True)
class Put:
    """A file, and where it was put back."""

    path: str
    to: str


@dataclass(frozen=True)
class Restore:
    id: str
    lab_id: str
    source_lab: str
    backup_id: str
    state: State
    asked_at: datetime
    asked_by: str
    correlation_id: str
    paths: tuple[str, ...] = ()
    over: bool = False
    label: str = ""
    files: int = 0
    bytes: int = 0
    restored: tuple[Put, ...] = ()
    failed: tuple[Skipped, ...] = ()
    failed_count: int = 0
    finished_at: datetime | None = None
    cause: str = ""


@dataclass(frozen=True)
class Drill:
    """One rehearsal: the newest backup read back whole. `line` and `chunk` are how far it has got."""

    id: str
    lab_id: str
    backup_id: str
    state: State
    asked_at: datetime
    asked_by: str
    correlation_id: str
    line: int = 0
    chunk: int = 0
    files: int = 0
    bytes: int = 0
    rto_seconds: float = 0.0
    rpo_seconds: float = 0.0
    failed: tuple[Skipped, ...] = ()
    failed_count: int = 0
    finished_at: datetime | None = None
    cause: str = ""


# ---- names ---------------------------------------------------------------------------------------------------------------


def new_id(kind: str, now: datetime, letters: str) -> str:
    """`b-20261123-030000-x7k2`: what it is, the UTC moment it was asked for, and four letters."""
    return f"{kind}-{now:%Y%m%d-%H%M%S}-{letters}"


def is_id(text: str, kind: str) -> bool:
    return bool(_ID.fullmatch(text)) and text.startswith(f"{kind}-")


def label(backup: Backup) -> str:
    """What stands in the name of a restored file: when its backup was asked for, in UTC."""
    return f"{backup.asked_at:%Y-%m-%d %H.%M}"


# ---- who may have what back ----------------------------------------------------------------------------------------------


def home_of(email: str) -> str:
    return f"{HOMES}{email}"


def checked_path(text: str) -> str:
    """A path inside the lab's storage as the manifest writes it; BadInput when it leads anywhere else."""
    path = text.strip() if text.strip().startswith(ODD) else text.strip().strip("/").removeprefix("./")
    parts = plain(path).split("/")
    if len(path) > LONGEST_PATH or any(part in ("", ".", "..") for part in parts) or "\0" in plain(path):
        raise BadInput(f"'{text[:80]}' is not a path in a lab", "for example homes/ada@university.edu/analysis.ipynb")
    if not f"{plain(path)}/".startswith((HOMES, SHARED)):
        raise BadInput(f"'{text[:80]}' is outside of homes and shared", f"did you mean {HOMES}…/{parts[-1][:60]}?")
    return path


def plain(path: str) -> str:
    """A path as the manifest writes it, as text to compare: names that are no UTF-8 stand there as `b64:` and their bytes."""
    if not path.startswith(ODD):
        return path
    try:
        return b64decode(path.removeprefix(ODD), validate=True).decode(errors="surrogateescape")
    except ValueError:
        return ""


def own_path(text: str, email: str) -> str:
    """As people write it: `~/a.ipynb`, `a.ipynb` and `examples/` are in their own home."""
    said = text.strip()
    if said in ("", "~", "~/"):
        return home_of(email)
    if said.startswith(ODD) or f"{said.strip('/')}/".startswith((HOMES, SHARED)):
        return checked_path(said)
    return checked_path(f"{home_of(email)}/{said.removeprefix('~/').removeprefix('./')}")


def is_within(path: str, folder: str) -> bool:
    """Is this path that folder (or file), or in it?"""
    inner, outer = plain(path), plain(folder).rstrip("/")
    return inner == outer or inner.startswith(f"{outer}/")


def allowed(paths: Sequence[str], email: str, role: LabRole | None) -> None:
    """Forbidden unless this person may have all of these back."""
    if role is LabRole.LEAD:
        return
    home = home_of(email)
    foreign = next((path for path in paths if not is_within(path, home)), None)
    if not paths or foreign is not None:
        what = f"'{foreign[:80]}' is" if foreign else "the whole lab is"
        raise Forbidden(f"{what} not yours alone to have back", f"name files in {home}, or ask whoever leads the lab")


def wanted(path: str, folders: Iterable[str]) -> bool:
    """Is this path one of those asked for, or inside one? Nothing asked for means everything."""
    asked = tuple(folders)
    return not asked or any(is_within(path, folder) for folder in asked)


# ---- when ----------------------------------------------------------------------------------------------------------------


def night(now: datetime) -> datetime:
    """The last moment at which the nightly backups fell due."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0) + NIGHT
    return today if today <= now else today - timedelta(days=1)


def is_due(shelf: Shelf | None, ready_at: datetime | None, last_session: datetime | None, now: datetime) -> bool:
    """Shall a running lab be backed up now? Once a night; one that slept then, once it runs, if it was worked in since."""
    mark = night(now)
    if ready_at is None or (shelf and shelf.is_busy(now)):
        return False
    if shelf and shelf.tried_at and shelf.tried_at >= mark and shelf.tries >= TRIES_A_NIGHT:
        return False
    if shelf is None or shelf.newest_at is None:
        return ready_at < mark
    if shelf.newest_at >= mark:
        return False
    return ready_at < mark or last_session is None or last_session > shelf.newest_at


def stale(backup: Backup, last_session: datetime | None) -> str:
    """Why this backup is older than the last work in its lab; "" when it is not."""
    if last_session is None or backup.taken_at >= last_session:
        return ""
    return f"made before the last session ended at {last_session:%Y-%m-%d %H:%M} UTC"


def lost_if_restored(backup: Backup, last_work: datetime | None) -> float:
    """The real RPO: for how many seconds' work would be missing if this backup were all there is."""
    return max(0.0, (last_work - backup.taken_at).total_seconds()) if last_work else 0.0
