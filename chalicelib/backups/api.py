"""Routes about backups: make one, look, get files back, rehearse, delete."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.backups import service
from chalicelib.backups.models import (
    BackupList,
    BackupRequest,
    BackupView,
    DrillList,
    DrillView,
    FileList,
    FileQuery,
    FileView,
    RestoreRequest,
    RestoreView,
    StockList,
    StockView,
)
from chalicelib.backups.rules import Backup, Restore
from chalicelib.backups.stock import Seen
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import BadInput, Conflict, Forbidden, NotFound
from chalicelib.runtime.http import Call, Door, Reply
from chalicelib.runtime.shapes import PageQuery

bp = Blueprint(__name__)
door = Door(bp, "backups", authenticate)
People = Call[Principal]


# ---- backups -------------------------------------------------------------------------------------------------------------


def _made(backup: Backup) -> Reply:
    view = BackupView.of(Seen(backup, ""))
    return Reply(view, location=f"/labs/{backup.lab_id}/backups/{backup.id}", status=202)


def _made_before(call: People, answer: dict[str, str]) -> Reply:
    return _made(service.backup_of(call.principal, call.path["lab_id"], answer["id"], call.now).backup)


@door.post(
    "/labs/{lab_id}/backups",
    summary="Back a lab up now",
    body=BackupRequest,
    reply=BackupView,
    status=202,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
    replay=_made_before,
)
def create_backup(call: People) -> Reply:
    """With `then` the lab is stopped or deleted afterwards, if the backup is finished; after a failed one nothing is done."""
    asked: BackupRequest = call.body
    keep = asked.data == "keep"
    return _made(service.request_backup(call.path["lab_id"], Asking.of(call), asked.after(), keep_data=keep))


@door.get(
    "/labs/{lab_id}/backups", summary="A lab's backups", query=PageQuery, reply=BackupList, scope="labs:read", errors=(NotFound,)
)
def list_backups(call: People) -> BackupList:
    """The newest first; also of a lab that is gone."""
    page = service.backups_of(call.principal, call.path["lab_id"], call.now, call.query.cursor, call.query.limit)
    return BackupList(items=[BackupView.of(one) for one in page.items], cursor=page.cursor)


@door.get("/labs/{lab_id}/backups/{backup_id}", summary="One backup", reply=BackupView, scope="labs:read", errors=(NotFound,))
def get_backup(call: People) -> BackupView:
    return BackupView.of(service.backup_of(call.principal, call.path["lab_id"], call.path["backup_id"], call.now))


@door.delete(
    "/labs/{lab_id}/backups/{backup_id}",
    summary="Delete a backup",
    status=204,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
)
def delete_backup(call: People) -> None:
    """For good. What other backups are made of stays."""
    service.delete_backup(call.path["lab_id"], call.path["backup_id"], Asking.of(call))


@door.get(
    "/labs/{lab_id}/backups/{backup_id}/files",
    summary="What is in a backup",
    query=FileQuery,
    reply=FileList,
    scope="labs:read",
    errors=(BadInput, NotFound, Forbidden, Conflict),
)
def list_backup_files(call: People) -> FileList:
    """Under a path, in order. Whoever does not lead the lab sees their own home."""
    asked: FileQuery = call.query
    lab_id, backup_id = call.path["lab_id"], call.path["backup_id"]
    page = service.files_of(call.principal, lab_id, backup_id, asked.path, asked.cursor, asked.limit)
    return FileList(items=[FileView.of(one) for one in page.items], cursor=page.cursor)


@door.get("/backups", summary="What I have in backups, and what it costs", query=PageQuery, reply=StockList, scope="labs:read")
def list_my_backups(call: People) -> StockList:
    """By lab, those included that are gone."""
    page = service.mine(call.principal, call.query.cursor, call.query.limit)
    return StockList(items=[StockView.of(one) for one in page.items], cursor=page.cursor)


# ---- restores ------------------------------------------------------------------------------------------------------------


def _restoring(restore: Restore) -> Reply:
    return Reply(RestoreView.of(restore), location=f"/labs/{restore.lab_id}/restores/{restore.id}", status=202)


def _restoring_again(call: People, answer: dict[str, str]) -> Reply:
    return _restoring(service.restore_of(call.principal, call.path["lab_id"], answer["id"]))


@door.post(
    "/labs/{lab_id}/restores",
    summary="Get files back",
    body=RestoreRequest,
    reply=RestoreView,
    status=202,
    scope="labs:write",
    errors=(BadInput, NotFound, Forbidden, Conflict),
    replay=_restoring_again,
)
def create_restore(call: People) -> Reply:
    """Beside what is there, unless `over` says otherwise. Everybody may have back what is in their own home."""
    asked: RestoreRequest = call.body
    lab_id, source = call.path["lab_id"], asked.source_lab or ""
    return _restoring(
        service.request_restore(lab_id, Asking.of(call), asked.backup_id, asked.paths, over=asked.over, source_lab=source)
    )


@door.get(
    "/labs/{lab_id}/restores/{restore_id}", summary="How a restore goes", reply=RestoreView, scope="labs:read", errors=(NotFound,)
)
def get_restore(call: People) -> RestoreView:
    return RestoreView.of(service.restore_of(call.principal, call.path["lab_id"], call.path["restore_id"]))


# ---- drills --------------------------------------------------------------------------------------------------------------


def _drilled_before(call: People, answer: dict[str, str]) -> Reply:
    return Reply(DrillView.of(service.drill_of(call.principal, call.path["lab_id"], answer["id"])), status=202)


@door.post(
    "/labs/{lab_id}/drills",
    summary="Rehearse a restore now",
    reply=DrillView,
    status=202,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
    replay=_drilled_before,
)
def create_drill(call: People) -> Reply:
    """The newest backup is read back whole and compared, as every week."""
    drill = service.request_drill(call.path["lab_id"], Asking.of(call))
    return Reply(DrillView.of(drill), location=f"/labs/{drill.lab_id}/drills/{drill.id}", status=202)


@door.get(
    "/labs/{lab_id}/drills",
    summary="What the rehearsals showed",
    query=PageQuery,
    reply=DrillList,
    scope="labs:read",
    errors=(NotFound,),
)
def list_drills(call: People) -> DrillList:
    """The newest first."""
    page = service.drills_of(call.principal, call.path["lab_id"], call.query.cursor, call.query.limit)
    return DrillList(items=[DrillView.of(one) for one in page.items], cursor=page.cursor)


@door.get("/labs/{lab_id}/drills/{drill_id}", summary="One rehearsal", reply=DrillView, scope="labs:read", errors=(NotFound,))
def get_drill(call: People) -> DrillView:
    return DrillView.of(service.drill_of(call.principal, call.path["lab_id"], call.path["drill_id"]))
