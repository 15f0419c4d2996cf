"""How is a lab changed: stopped, started, scaled, deleted? Each asks, waits with the steps shown, and says how it ended."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import click

from aws_research_wizard.cli import backups, cards, labs, making, screen
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit, no_wait

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import LabView, ScaleRequest

first_a_backup = click.option("--backup", is_flag=True, help="Back it up first; if that fails, nothing is done.")


@labs.lab
@first_a_backup
@no_wait
def stop(lab: str, backup: bool, no_wait: bool, output: Format) -> None:
    """Stop a lab's machine; files and people stay."""
    with connect() as calls:
        found = labs.find(calls, lab)
        if backup:
            _after_backup(calls, found, "stop", "STOPPED", no_wait, output, _stopped)
            return
        answer = labs.ask(lambda: calls.stop_lab(found["id"]), f"stop {found['id']}")
        _end(calls, answer, "STOPPED", no_wait, output, _stopped)


@labs.lab
@no_wait
def start(lab: str, no_wait: bool, output: Format) -> None:
    """Start a stopped lab; everything is where it was."""
    with connect() as calls:
        found = labs.find(calls, lab)
        answer = labs.ask(lambda: calls.start_lab(found["id"]), f"start {found['id']}")
        _end(calls, answer, "READY", no_wait, output, _started)


@labs.lab
@click.option("--users", type=making.USERS, metavar="N", help="How many people may work in it at once.")
@making.instance_type
@making.shared_storage
@first_a_backup
@no_wait
def scale(lab: str, backup: bool, no_wait: bool, output: Format, **wish: Any) -> None:
    """More people, another machine, more storage.

    Another machine means a stop of some minutes; files stay. A stopped lab is changed and stays stopped.
    """
    changes = {name: value for name, value in wish.items() if value is not None}
    if not changes:
        raise click.UsageError("nothing to change: say --users, --instance-type or --shared-storage", click.get_current_context())
    with connect() as calls:
        found = labs.find(calls, lab)
        if backup:
            backups.before(calls, found, None, output)
        answer = labs.ask(lambda: calls.scale_lab(found["id"], cast("ScaleRequest", changes)), f"scale {found['id']}")
        _end(calls, answer, "STOPPED" if found["phase"] == "STOPPED" else "READY", no_wait, output, _scaled)


@labs.lab
@click.option("--keep-data", is_flag=True, help="Keep the files; the receipt says what that costs.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask. Without --keep-data the files go too.")
@first_a_backup
@no_wait
def delete(lab: str, keep_data: bool, yes: bool, backup: bool, no_wait: bool, output: Format) -> None:
    """Take a lab down, with a receipt.

    It says what is gone, seen to be gone, and what is kept at which monthly cost. Backups always stay.
    """
    with connect() as calls:
        found = labs.find(calls, lab)
        if not yes:
            _confirm(found, keep_data)
        if backup:
            data = "keep" if keep_data else "delete"
            _after_backup(calls, found, "delete", "DELETED", no_wait, output, cards.receipt, data)
            return
        answer = labs.ask(lambda: calls.delete_lab(found["id"], keep_data=keep_data), f"delete {found['id']}")
        _end(calls, answer, "DELETED", no_wait, output, cards.receipt)


def _after_backup(
    calls: "Calls",
    lab: "LabView",
    then: str,
    wanted: str,
    no_wait: bool,
    output: Format,
    words: "Callable[[LabView], str]",
    data: str = "keep",
) -> None:
    """Back up first; the control plane goes on by itself once the backup is good, and does nothing after one that is not."""
    if no_wait:
        asked: Any = {"then": then, "data": data}
        made = labs.ask(lambda: calls.backup_lab(lab["id"], asked), f"back {lab['id']} up")
        told = f"Lab {lab['id']} is being backed up; then comes the {then}. Look: {PROGRAM} jupyter events {lab['id']}"
        emit(output, made, told)
        return
    backups.before(calls, lab, then, output, data)
    _end(calls, calls.lab(lab["id"]), wanted, no_wait, output, words)


def _end(calls: "Calls", lab: "LabView", wanted: str, no_wait: bool, output: Format, words: "Callable[[LabView], str]") -> None:
    """Wait unless asked not to, then say how the lab is."""
    if no_wait:
        emit(output, lab, lambda: labs.underway(lab))
        return
    done = lab if lab["phase"] == wanted else labs.wait(calls, lab, {wanted}, output)[0]
    emit(output, done, lambda: words(done))


def _confirm(lab: "LabView", keep_data: bool) -> None:
    """Files are never deleted unasked: whoever lets them go types the lab's name."""
    if not sys.stdin.isatty():
        context = click.get_current_context()
        raise click.UsageError("nobody is here to be asked: add --yes (and --keep-data to keep the files)", context)
    used = cards.used(lab)
    if keep_data:
        agreed = click.confirm(f"Delete lab {lab['id']} and keep its files?", err=True)
    else:
        whose = f"lab {lab['id']} of {lab['owner']} with all its files{f' ({used})' if used else ''}"
        screen.tell(f"This deletes {whose}. --keep-data would keep them.")
        typed = click.prompt("Type the lab's name to go on", err=True, default="", show_default=False)
        agreed = typed.strip() in {lab["id"], lab["name"] or lab["id"]}
    if not agreed:
        screen.tell("Nothing was deleted.")
        raise click.exceptions.Exit(1)


def _stopped(lab: "LabView") -> str:
    return f"{_tick()} Lab {lab['id']} stopped; files are kept\n  Start   {PROGRAM} jupyter start {lab['id']}"


def _started(lab: "LabView") -> str:
    return f"{cards.ready(lab)}\n  Open    {PROGRAM} jupyter open {lab['id']}"


def _scaled(lab: "LabView") -> str:
    now = f"{lab['instance_type']}, up to {lab['users']} people, {screen.gigabytes(lab['shared_storage_gb'])}"
    return f"{_tick()} Lab {lab['id']} is {lab['phase']}: {now}"


def _tick() -> str:
    return screen.paint("✔", "green")
