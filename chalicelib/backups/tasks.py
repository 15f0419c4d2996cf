"""The steps of backup_lab, restore_lab and drill_backup, one Lambda function each. All may be delivered twice.

An event is {"lab_id", "correlation_id"} and a "backup_id", "restore_id" or "drill_id"; after a Catch also {"error": {"Error",
"Cause"}}. A step that cannot do everything in its time answers {"more": true}, and is called again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from chalice.app import Blueprint

from chalicelib.backups import drilling, making, recovery, restoring
from chalicelib.runtime import clock
from chalicelib.runtime.entries import task

bp = Blueprint(__name__)
Event = dict[str, Any]
SPARE_MS = 20_000  # of its time-out, to write down how far it is


def within(context: Any) -> Callable[[], bool]:
    """Says when this invocation should come to an end."""
    left = max(1_000, context.get_remaining_time_in_millis() - SPARE_MS)
    until = clock.now() + timedelta(milliseconds=left)
    return lambda: clock.now() >= until


@bp.lambda_function(name="begin_backup")
@task(clients=("s3",))
def begin_backup(event: Event, _context: Any) -> dict[str, Any]:
    return making.begin(event["lab_id"], event["backup_id"])


@bp.lambda_function(name="check_backup")
@task(clients=("s3",))
def check_backup(event: Event, context: Any) -> dict[str, Any]:
    line = int((event.get("check") or {}).get("line", 0))
    return making.check(event["lab_id"], event["backup_id"], event["report"], line, within(context))


@bp.lambda_function(name="copy_backup")
@task(clients=("s3",))
def copy_backup(event: Event, context: Any) -> dict[str, Any]:
    return making.copy(event["lab_id"], event["backup_id"], clock.now(), within(context))


@bp.lambda_function(name="finish_backup")
@task(clients=("s3", "stepfunctions"))
def finish_backup(event: Event, _context: Any) -> None:
    making.finish(event["lab_id"], event["backup_id"], clock.now())


@bp.lambda_function(name="fail_backup")
@task
def fail_backup(event: Event, _context: Any) -> None:
    making.fail(event["lab_id"], event["backup_id"], clock.now(), making.explain(event["error"]))


@bp.lambda_function(name="begin_restore")
@task(clients=("s3",))
def begin_restore(event: Event, _context: Any) -> dict[str, Any]:
    return restoring.begin(event["lab_id"], event["restore_id"])


@bp.lambda_function(name="bring_over")
@task(clients=("s3",))
def bring_over(event: Event, context: Any) -> dict[str, Any]:
    return restoring.bring_over(event["lab_id"], event["restore_id"], within(context))


@bp.lambda_function(name="finish_restore")
@task
def finish_restore(event: Event, _context: Any) -> None:
    restoring.finish(event["lab_id"], event["restore_id"], event["report"], clock.now())


@bp.lambda_function(name="fail_restore")
@task
def fail_restore(event: Event, _context: Any) -> None:
    restoring.fail(event["lab_id"], event["restore_id"], clock.now(), making.explain(event["error"]))


@bp.lambda_function(name="drill_part")
@task(clients=("s3",))
def drill_part(event: Event, context: Any) -> dict[str, Any]:
    return drilling.part(event["lab_id"], event["drill_id"], within(context))


@bp.lambda_function(name="finish_drill")
@task
def finish_drill(event: Event, _context: Any) -> dict[str, Any]:
    return drilling.finish(event["lab_id"], event["drill_id"], clock.now())


@bp.lambda_function(name="fail_drill")
@task
def fail_drill(event: Event, _context: Any) -> None:
    drilling.fail(event["lab_id"], event["drill_id"], clock.now(), making.explain(event["error"]))


@bp.lambda_function(name="rebuild_stage")
@task(clients=("s3", "scheduler", "stepfunctions"), door="operator")
def rebuild_stage(event: Event, _context: Any) -> dict[str, Any]:
    """An operator's: one step of beginning again in this region."""
    return recovery.step(event, clock.now())
