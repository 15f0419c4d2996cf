"""How does somebody make backups, see them, get files back, and know that it would work? Each as one command."""

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aws_research_wizard.cli import labs, live, screen
from aws_research_wizard.cli.board import State, Step
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit, no_wait

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import BackupView, DrillView, FileView, LabView, RestoreView, StockView

Piece = TypeVar("Piece", "BackupView", "RestoreView", "DrillView")
LAB_ID = re.compile(r"[a-z][a-z0-9]{0,19}-[a-z0-9]{4}")
FOLLOWS = 60.0  # seconds until what was to follow a backup must have begun


# ---- make one ------------------------------------------------------------------------------------------------------------


@labs.lab
@click.option("--then", type=click.Choice(["stop", "delete"]), help="What to do with the lab afterwards, if all went well.")
@no_wait
def backup(lab: str, then: Any, no_wait: bool, output: Format) -> None:
    """Back a running lab up now; people go on working.

    Homes and the shared directory; only what changed since the last backup is read. Every lab that runs is backed up each night,
    too. Of a deleted lab the backups stay.
    """
    with connect() as calls:
        found = labs.find(calls, lab)
        if then == "delete":
            _sure(f"Back lab {found['id']} up, and then delete it? Its files are kept.")
        made = labs.ask(lambda: calls.backup_lab(found["id"], {"then": then}), f"back {found['id']} up")
        if not no_wait:
            made = finished(calls, made, output)
    emit(output, made, lambda: _underway("backup", made) if no_wait else _made(made))


def before(calls: "Calls", lab: "LabView", then: Any, output: Format, data: Any = "keep") -> "BackupView":
    """A backup that is followed by something: once it is good, and what follows has begun. WizardError if it did not."""
    made = labs.ask(lambda: calls.backup_lab(lab["id"], {"then": then, "data": data}), f"back {lab['id']} up")
    made = finished(calls, made, output)
    until = time.monotonic() + FOLLOWS
    while then and time.monotonic() < until and calls.lab(lab["id"])["phase"] == "READY":
        made = calls.backup(lab["id"], made["id"])
        if made["then_failed"]:
            raise _failure(f"{made['then_failed']}", f"the backup is good: {PROGRAM} jupyter backups {lab['id']}")
        time.sleep(0.5)
    return made


def finished(calls: "Calls", made: "BackupView", output: Format) -> "BackupView":
    """The backup once it is over, shown meanwhile; WizardError with its cause when it failed."""

    def steps(one: "BackupView", seconds: float) -> list[Step]:
        checked = bool(one["files"] or one["finished_at"])
        shown = [_step("put", "The lab's machine puts what changed into the bucket", None if not checked else seconds)]
        if checked:
            shown.append(_step("check", "Everything that belongs to it was found there", seconds))
        return shown

    done = _followed(made, lambda: calls.backup(made["lab_id"], made["id"]), steps, output, "backup")
    if done["state"] == "FAILED":
        left = f"; {done['then_failed']}" if done["then_failed"] else ""
        raise _failure(f"backup {done['id']} failed: {done['cause']}{left}", f"{PROGRAM} jupyter backup {done['lab_id']}")
    return done


# ---- look ----------------------------------------------------------------------------------------------------------------


@labs.any_lab
@click.argument("backup", metavar="[BACKUP]", default="")
@click.option("--files", is_flag=True, help="List what is in it.")
@click.option("--path", default="", metavar="PATH", help="List only what is under this path.")
@click.option("--delete", is_flag=True, help="Delete this backup, for good.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def backups(lab: str, backup: str, files: bool, path: str, delete: bool, yes: bool, output: Format) -> None:
    """The backups of a lab, or what all of them cost.

    Also of a lab that is gone. Without LAB: of all your labs, with what a month costs. BACKUP is one of them, or `newest`.
    Kept are 7 daily, 4 weekly and 6 monthly ones, the newest, and for a week what somebody asked for.
    """
    if (files or path or delete) and not backup:
        raise click.UsageError("say which backup: its id, or newest", click.get_current_context())
    with connect() as calls:
        if not lab:
            stock = list(calls.all_backups())
            emit(output, stock, lambda: _stock(stock))
            return
        lab_id = _lab_id(calls, lab)
        if delete:
            _delete(calls, lab_id, backup, yes, output)
        elif files or path:
            found = list(calls.backup_files(lab_id, backup, path))
            emit(output, found, lambda: _files(found))
        elif backup:
            one = calls.backup(lab_id, backup)
            emit(output, one, lambda: _page(one))
        else:
            every = list(calls.backups(lab_id))
            emit(output, every, lambda: _listing(lab_id, every))


def _delete(calls: "Calls", lab_id: str, backup: str, yes: bool, output: Format) -> None:
    one = calls.backup(lab_id, backup)
    if not yes:
        _sure(f"Delete backup {one['id']} of {lab_id} for good?")
    labs.ask(lambda: calls.delete_backup(lab_id, one["id"]), f"delete {one['id']}")
    emit(output, {"id": one["id"], "deleted": True}, f"{_tick()} Backup {one['id']} is deleted")


# ---- get files back ------------------------------------------------------------------------------------------------------


@labs.lab
@click.option("--from", "source", required=True, metavar="BACKUP", help="Which backup, or newest.")
@click.option("--path", "-p", "paths", multiple=True, metavar="PATH", help="A file or folder; ~ is your home. May be repeated.")
@click.option("--over", is_flag=True, help="Put it over what is there now; what is replaced is kept beside it.")
@click.option("--from-lab", default="", metavar="LAB", help="Another lab of yours that the backup is of, also one that is gone.")
@no_wait
def restore(lab: str, source: str, paths: Sequence[str], over: bool, from_lab: str, no_wait: bool, output: Format) -> None:
    """Get files back from a backup, beside what is there.

    Whoever works in a lab may have back what is in their own home, without asking anyone; whoever leads it, everything.
    """
    with connect() as calls:
        found = labs.find(calls, lab)
        asked: Any = {"backup_id": source, "paths": list(paths), "over": over, "source_lab": from_lab or None}
        made = labs.ask(lambda: calls.restore_lab(found["id"], asked), f"restore into {found['id']}")
        if not no_wait:
            fetch = lambda: calls.restore(found["id"], made["id"])  # noqa: E731
            doing = f"The lab's machine brings back what was there at {made['label']} UTC"
            made = _followed(made, fetch, lambda _, seconds: [_step("restore", doing, seconds or None)], output, "restore")
            if made["state"] == "FAILED":
                raise _failure(f"restore {made['id']} failed: {made['cause']}", "nothing that is there was changed")
    emit(output, made, lambda: _underway("restore", made) if no_wait else _restored(made))


# ---- rehearse ------------------------------------------------------------------------------------------------------------


@labs.lab
@click.option("--now", is_flag=True, help="Rehearse now: the newest backup is read back whole and compared.")
@no_wait
def drills(lab: str, now: bool, no_wait: bool, output: Format) -> None:
    """What the weekly rehearsals of a restore showed.

    LOST is the work that the newest backup lacked, TOOK how long it took to read everything back.
    """
    with connect() as calls:
        lab_id = _lab_id(calls, lab)
        if not now:
            every = list(calls.drills(lab_id))
            emit(output, every, lambda: _drills(lab_id, every))
            return
        made = labs.ask(lambda: calls.drill_lab(lab_id), f"rehearse a restore of {lab_id}")
        if not no_wait:
            doing = f"Reading {made['backup_id']} back and comparing every checksum"
            fetch = lambda: calls.drill(lab_id, made["id"])  # noqa: E731
            made = _followed(made, fetch, lambda _, seconds: [_step("drill", doing, seconds or None)], output, "drill")
    if made["state"] == "FAILED":
        for one in made["failed"]:
            screen.tell(f"  {screen.paint('|', 'dim')} {one['path']}: {one['why']}")
        count = made["failed_count"]
        said = f"{_many(count)} of {made['backup_id']} would not come back" if count else made["cause"]
        raise _failure(f"drill {made['id']} failed: {said}", f"make a new backup: {PROGRAM} jupyter backup {lab_id}")
    emit(output, made, lambda: _underway("drill", made) if no_wait else _passed(made))


# ---- following -----------------------------------------------------------------------------------------------------------


def _followed(
    made: Piece, fetch: Callable[[], Piece], steps: Callable[[Piece, float], list[Step]], output: Format, word: str
) -> Piece:
    """The piece once it is over; Ctrl-C leaves it going on."""
    from aws_research_wizard.client.watching import news

    began = time.monotonic()
    try:
        with live.display(quiet=output is Format.JSON) as shown:
            for made in news(fetch, made):  # noqa: B020 - the last one is what it came to
                over = made["state"] != "RUNNING"
                marked = steps(made, time.monotonic() - began if over else 0.0)
                shown.show([_failed_step(one) for one in marked] if made["state"] == "FAILED" else marked)
    except KeyboardInterrupt:
        screen.tell(f"The {word} {made['id']} of lab {made['lab_id']} goes on. Look: {PROGRAM} jupyter events {made['lab_id']}")
        raise click.exceptions.Exit(130) from None
    return made


def _step(key: str, label: str, seconds: float | None) -> Step:
    return Step(key, label, State.RUNNING if seconds is None else State.DONE, 0.0, seconds)


def _failed_step(step: Step) -> Step:
    return Step(step.key, step.label, State.FAILED, step.at, step.seconds)


def _failure(message: str, hint: str) -> Exception:
    from aws_research_wizard.client.errors import WizardError

    return WizardError(message, hint)


def _lab_id(calls: "Calls", word: str) -> str:
    """The lab that was meant; an id is taken at its word, for the lab may be gone."""
    return word if LAB_ID.fullmatch(word) else labs.find(calls, word)["id"]


def _sure(question: str) -> None:
    import sys

    if not sys.stdin.isatty():
        raise click.UsageError("nobody is here to be asked: add --yes", click.get_current_context())
    if not click.confirm(question, err=True):
        screen.tell("Nothing was done.")
        raise click.exceptions.Exit(1)


# ---- words ---------------------------------------------------------------------------------------------------------------


def _underway(word: str, made: Any) -> str:
    return f"{word.capitalize()} {made['id']} goes on by itself. Look: {PROGRAM} jupyter events {made['lab_id']}"


def _made(one: "BackupView") -> str:
    new = screen.size(one["new_bytes"])
    lines = [f"{_tick()} Backup {one['id']}: {_many(one['files'])}, {screen.size(one['bytes'])}, {new} of it new"]
    lines += [f"  {screen.paint('!', 'yellow')} {skip['path']}: {skip['why']}" for skip in one["skipped"][:5]]
    if one["copied_at"]:
        lines.append("  It is in the second region, too")
    return "\n".join([*lines, f"  Restore {PROGRAM} jupyter restore {one['lab_id']} --from {one['id']} --path PATH"])


def _listing(lab_id: str, every: "list[BackupView]") -> str:
    if not every:
        return f"No backups of {lab_id} yet. Make one: {PROGRAM} jupyter backup {lab_id}"
    heads = ("BACKUP", "WHEN", "FILES", "SIZE", "NEW", "STATE")
    rows = [
        (
            one["id"],
            screen.ago(one["asked_at"]),
            str(one["files"]),
            screen.size(one["bytes"]),
            screen.size(one["new_bytes"]),
            _state(one),
        )
        for one in every
    ]
    newest = next((one for one in every if one["state"] == "FINISHED"), None)
    warning = f"\n{screen.paint('!', 'yellow')} The newest was {newest['stale_reason']}" if newest and newest["stale"] else ""
    return screen.table(heads, rows, spare=["NEW"]) + warning


def _state(one: "BackupView") -> str:
    """In one word; what is wrong with it, if anything is."""
    words = {"FAILED": f"failed: {one['cause']}", "RUNNING": "being made"}
    said = words.get(one["state"], "good")
    return f"{said}, {one['skipped_count']} skipped" if one["skipped_count"] else said


def _page(one: "BackupView") -> str:
    pairs = [
        ("Backup", one["id"]),
        ("State", _state(one)),
        ("Asked for", f"{screen.clock(one['asked_at'])} by {one['asked_by']}"),
        ("Files", f"{one['files']}, {screen.size(one['bytes'])}, {screen.size(one['new_bytes'])} of it new"),
        ("Stands on", one["base"] or ""),
        ("Copied", screen.clock(one["copied_at"]) if one["copied_at"] else ""),
        ("Beware", one["stale_reason"] or ""),
        ("Not done", one["then_failed"] or ""),
    ]
    skipped = [f"  {screen.paint('!', 'yellow')} {skip['path']}: {skip['why']}" for skip in one["skipped"]]
    return "\n".join([screen.block(pairs), *skipped])


def _files(found: "list[FileView]") -> str:
    sizes = {"folder": "", "link": ""}
    rows = [(one["path"], sizes.get(one["kind"], screen.size(one["bytes"])), screen.clock(one["modified_at"])) for one in found]
    return screen.table(("PATH", "SIZE", "CHANGED"), rows, spare=["CHANGED"]) if rows else "Nothing is there."


def _stock(stock: "list[StockView]") -> str:
    if not stock:
        return f"No backups yet. Make one: {PROGRAM} jupyter backup LAB"
    rows = [
        (
            one["lab_id"],
            screen.phase(one["phase"]),
            str(one["backups"]),
            screen.ago(one["newest_at"]),
            screen.size(one["stored_bytes"]),
            screen.money(one["monthly_cost"], "month"),
            one["owner"],
        )
        for one in stock
    ]
    return screen.table(("LAB", "PHASE", "BACKUPS", "NEWEST", "SIZE", "COST", "OWNER"), rows, spare=["OWNER", "PHASE"])


def _restored(one: "RestoreView") -> str:
    lines = [f"{_tick()} {_many(one['files'])}, {screen.size(one['bytes'])}, as of {one['label']} UTC"]
    lines += [f"  {put['path']} → {put['to']}" for put in one["restored"][:20]]
    lines += [f"  {screen.paint('!', 'yellow')} {skip['path']}: {skip['why']}" for skip in one["failed"][:20]]
    more = one["failed_count"] - len(one["failed"][:20])
    return "\n".join([*lines, *([f"  and {more} more would not come back"] if more > 0 else [])])


def _drills(lab_id: str, every: "list[DrillView]") -> str:
    if not every:
        return f"No rehearsal of {lab_id} yet. Have one: {PROGRAM} jupyter drills {lab_id} --now"
    rows = [
        (
            one["id"],
            screen.ago(one["asked_at"]),
            one["backup_id"],
            one["state"].lower() + (f": {one['cause']}" if one["cause"] else ""),
            screen.span(one["rpo_seconds"]),
            screen.span(one["rto_seconds"]),
        )
        for one in every
    ]
    return screen.table(("DRILL", "WHEN", "BACKUP", "OUTCOME", "LOST", "TOOK"), rows, spare=["BACKUP"])


def _passed(one: "DrillView") -> str:
    took, lost = screen.span(one["rto_seconds"]), screen.span(one["rpo_seconds"])
    whole = f"{_many(one['files'])}, {screen.size(one['bytes'])}"
    said = f"{_tick()} Backup {one['backup_id']} would come back whole: {whole}, read back in {took}"
    return f"{said}\n  Work of {lost} would be lost" if one["rpo_seconds"] else f"{said}; no work would be lost"


def _many(files: int) -> str:
    return f"{files} file{'s' * (files != 1)}"


def _tick() -> str:
    return screen.paint("✔", "green")
