"""What do requests and answers about backups look like?"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from chalicelib.backups.manifest import Entry
from chalicelib.backups.rules import Backup, Drill, Restore, State, Then
from chalicelib.backups.stock import Seen, Stock
from chalicelib.labs.models import Money
from chalicelib.runtime.shapes import Asked, Field, PageQuery, Told

LabId = Annotated[str, Field(max_length=40, pattern=r"^[a-z][a-z0-9]{0,19}-[a-z0-9]{4}$", examples=["genomics-k3x9"])]
Path = Annotated[str, Field(max_length=4096, examples=["homes/ada@university.edu/analysis.ipynb"])]


class BackupRequest(Asked):
    then: Literal["stop", "delete"] | None = Field(default=None, description="What to do with the lab afterwards")
    data: Literal["keep", "delete"] = Field(default="keep", description="With then=delete: what becomes of the people's files")

    def after(self) -> Then:
        return Then(self.then or "")


class RestoreRequest(Asked):
    backup_id: str = Field(max_length=40, description="A backup, or `newest`", examples=["b-20261123-030000-x7k2", "newest"])
    paths: list[Path] = Field(default_factory=list, max_length=100, description="Files and folders; none: everything")
    over: bool = Field(default=False, description="Put them over what is there; what is replaced is kept beside it")
    source_lab: LabId | None = Field(default=None, description="Whose backup, if it is another lab's, also one that is gone")


class FileQuery(PageQuery):
    path: str = Field(default="", max_length=4096, description="A folder or file; blank: everything, or your own home")


class SkippedView(Told):
    path: str
    why: str


class BackupView(Told):
    id: str
    lab_id: str
    state: State
    asked_at: datetime
    asked_by: str
    by_hand: bool = Field(description="Somebody asked for it; else it is one of every night's")
    then: str | None = Field(description="What was to follow: stop or delete")
    then_failed: str | None = Field(description="Why that did not follow")
    base: str | None
    files: int
    bytes: int
    new_bytes: int = Field(description="What was not there already")
    skipped_count: int
    skipped: list[SkippedView] = Field(description="Files that could not be read, the first of them")
    started_at: datetime | None
    finished_at: datetime | None
    copied_at: datetime | None = Field(description="Since when it is in the second region too")
    stale: bool = Field(description="Somebody has worked in the lab since")
    stale_reason: str | None
    cause: str | None = Field(description="Why it failed")

    @classmethod
    def of(cls, seen: Seen) -> BackupView:
        one = seen.backup
        told = _same(cls, one, Backup)
        told |= {name: getattr(one, name) or None for name in ("then", "then_failed", "base", "cause")}
        skipped = [SkippedView(path=skip.path, why=skip.why) for skip in one.skipped]
        return cls(**told | {"skipped": skipped, "stale": bool(seen.stale), "stale_reason": seen.stale or None})


class BackupList(Told):
    items: list[BackupView]
    cursor: str | None = None


class FileView(Told):
    path: str
    kind: Literal["file", "folder", "link"]
    bytes: int
    modified_at: datetime
    carried_from: str | None = Field(description="An earlier backup: this file could not be read for the present one")

    @classmethod
    def of(cls, entry: Entry) -> FileView:
        kinds: dict[str, Literal["file", "folder", "link"]] = {"f": "file", "d": "folder", "l": "link"}
        modified = datetime.fromtimestamp(entry.modified_ns // 10**9, UTC)
        kind = kinds.get(entry.kind, "file")
        return cls(path=entry.path, kind=kind, bytes=entry.size, modified_at=modified, carried_from=entry.carried or None)


class FileList(Told):
    items: list[FileView]
    cursor: str | None = None


class PutView(Told):
    path: str
    to: str


class RestoreView(Told):
    id: str
    lab_id: str
    source_lab: str
    backup_id: str
    state: State
    asked_at: datetime
    asked_by: str
    paths: list[str]
    over: bool
    label: str
    files: int
    bytes: int
    restored: list[PutView] = Field(description="What was put where, the first of it")
    failed: list[SkippedView]
    failed_count: int
    finished_at: datetime | None
    cause: str | None

    @classmethod
    def of(cls, one: Restore) -> RestoreView:
        told = _same(cls, one, Restore) | {"paths": list(one.paths), "cause": one.cause or None}
        told["restored"] = [PutView(path=put.path, to=put.to) for put in one.restored]
        told["failed"] = [SkippedView(path=skip.path, why=skip.why) for skip in one.failed]
        return cls(**told)


class DrillView(Told):
    id: str
    lab_id: str
    backup_id: str
    state: State
    asked_at: datetime
    asked_by: str
    files: int
    bytes: int
    rto_seconds: float = Field(description="How long it took to read everything back")
    rpo_seconds: float = Field(description="How many seconds' work this backup lacks")
    failed: list[SkippedView] = Field(description="Files that would not come back, the first of them")
    failed_count: int
    finished_at: datetime | None
    cause: str | None

    @classmethod
    def of(cls, one: Drill) -> DrillView:
        failed = [SkippedView(path=skip.path, why=skip.why) for skip in one.failed]
        return cls(**_same(cls, one, Drill) | {"failed": failed, "cause": one.cause or None})


class DrillList(Told):
    items: list[DrillView]
    cursor: str | None = None


class StockView(Told):
    lab_id: str
    owner: str
    phase: str = Field(description="The lab's; DELETED: only its backups are left")
    backups: int
    newest: str | None
    newest_at: datetime | None
    stored_bytes: int
    monthly_cost: Money | None = Field(description="List price of a month of them, in all regions; null: not known")
    drilled_at: datetime | None

    @classmethod
    def of(cls, stock: Stock) -> StockView:
        shelf = stock.shelf
        return cls(
            lab_id=shelf.lab_id,
            owner=shelf.owner,
            phase=stock.phase,
            backups=shelf.count,
            newest=shelf.newest or None,
            newest_at=shelf.newest_at,
            stored_bytes=shelf.stored_bytes,
            monthly_cost=Money.of(stock.monthly),
            drilled_at=shelf.drilled_at,
        )


class StockList(Told):
    items: list[StockView]
    cursor: str | None = None


def _same(view: type[Told], one: object, kind: type[Any]) -> dict[str, Any]:
    """The fields that a view and a value have in common."""
    return {field.name: getattr(one, field.name) for field in fields(kind) if field.name in _names(view)}


def _names(view: type[Told]) -> set[str]:
    return set(view.__annotations__)
