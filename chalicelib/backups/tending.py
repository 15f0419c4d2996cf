"""What do backups need that nobody asks for? Made every night, tried every week, ended after a crash, thrown away by the policy.

Keeps true: one lab's trouble never keeps another from being tended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from chalicelib.backups import drilling, making, pruning, restoring, rules, store, telling
from chalicelib.backups.making import IsOver
from chalicelib.backups.rules import Backup, Drill, Restore, Shelf, State
from chalicelib.backups.starting import begin, start_backup, start_drill, workflow_of
from chalicelib.labs import service as labs
from chalicelib.runtime import aws, settings
from chalicelib.runtime.errors import AppError
from chalicelib.runtime.log import logger

LONG_AGO = datetime.min.replace(tzinfo=UTC)
BROKE_OFF = "its workflow was interrupted"


@dataclass
class Tended:
    """What a round did, for the log."""

    begun: int = 0
    mended: int = 0
    troubled: int = 0


def _patiently(lab_id: str, act: Callable[[], object], done: Tended) -> bool:
    try:
        return bool(act())
    except (AppError, ClientError):
        logger().exception("a lab's backups could not be tended", lab_id=lab_id)
        done.troubled += 1
        return False


# ---- every night ---------------------------------------------------------------------------------------------------------


def nightly(now: datetime) -> Tended:
    """Back up every running lab whose night has come; end what a crash left behind."""
    done = Tended()
    for lab_id, word, name in list(store.running()):
        done.mended += _patiently(lab_id, lambda: mend(lab_id, word, name, now), done)  # noqa: B023 - called at once
    ready = list(labs.ready_ids())
    for start in range(0, len(ready), 100):
        shelves = store.shelves(ready[start : start + 100])
        for lab_id in ready[start : start + 100]:
            done.begun += _patiently(lab_id, lambda: _if_due(lab_id, shelves.get(lab_id), now), done)  # noqa: B023
    return done


def _if_due(lab_id: str, shelf: Shelf | None, now: datetime) -> bool:
    if not rules.is_due(shelf, LONG_AGO, None, now):  # without looking at the lab: what cannot be due is not
        return False
    lab = labs.as_it_is(lab_id)
    if not rules.is_due(shelf, lab.ready_at, labs.last_session(lab_id, now), now):
        return False
    start_backup(lab, now, telling.WIZARD, f"night-{now:%Y%m%d}", by_hand=False)
    return True


# ---- after a crash -------------------------------------------------------------------------------------------------------


def mend(lab_id: str, word: str, name: str, now: datetime) -> bool:
    """A backup, restore or drill whose workflow ended without a word has failed; one that never began, begins."""
    piece = _piece(lab_id, word, name)
    if piece is None or piece.state is not State.RUNNING:
        return False
    machine, run = workflow_of(piece)
    status = _status(machine, run)
    if status == "RUNNING" and now - piece.asked_at < making.LONGEST:
        return False
    if status == "":
        begin(piece)
        return True
    {"BACKUP": making.fail, "RESTORE": restoring.fail, "DRILL": drilling.fail}[word](lab_id, name, now, BROKE_OFF)
    return True


def _piece(lab_id: str, word: str, name: str) -> Backup | Restore | Drill | None:
    match word:
        case "BACKUP":
            return store.piece(Backup, lab_id, name)
        case "RESTORE":
            return store.piece(Restore, lab_id, name)
        case _:
            return store.piece(Drill, lab_id, name)


def _status(machine: str, run: str) -> str:
    arn = settings.current().execution_arn(machine, run)
    try:
        return str(aws.client("stepfunctions").describe_execution(executionArn=arn)["status"])
    except ClientError as error:
        if aws.error_code(error) == "ExecutionDoesNotExist":
            return ""
        raise


def broke_off(arn: str, now: datetime) -> None:
    """An execution failed, timed out or was aborted: if it was one of ours and left something open, that is closed."""
    run = arn.rpartition(":")[2]
    for word, kind in (("BACKUP", "b"), ("RESTORE", "r"), ("DRILL", "d")):
        lab_id, sep, rest = run.partition(f"-{kind}-2")
        name = f"{kind}-2{rest}"
        if sep and rules.is_id(name, kind):
            mend(lab_id, word, name, now)


# ---- every week ----------------------------------------------------------------------------------------------------------


def drills(now: datetime) -> Tended:
    """Rehearse the newest backup of every lab that has one."""
    done = Tended()
    for lab_id in _every_shelf():
        done.begun += _patiently(lab_id, lambda: _rehearse(lab_id, now), done)  # noqa: B023 - called at once
    return done


def _rehearse(lab_id: str, now: datetime) -> bool:
    known = store.shelf(lab_id)
    if known is None or not known.shelf.newest:
        return False
    start_drill(known.shelf, now, telling.WIZARD, f"week-{now:%G%V}")
    return True


def _every_shelf() -> Iterator[str]:
    cursor: str | None = None
    while True:
        page = store.all_shelves(cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


# ---- every day -----------------------------------------------------------------------------------------------------------


def prune_all(now: datetime, is_over: IsOver) -> Tended:
    """Every lab that was not pruned today, as far as the time goes; the rest the next time."""
    done = Tended()
    for lab_id in _every_shelf():
        if is_over():
            break
        done.begun += _patiently(lab_id, lambda: pruning.prune(lab_id, now, is_over), done)  # noqa: B023 - called at once
    return done
