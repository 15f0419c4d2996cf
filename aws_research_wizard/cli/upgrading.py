"""How does a lab get the newest release? Asked, followed while people go on working, and told how it ended."""

import time
from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import labs, live, screen
from aws_research_wizard.cli.board import State, Step
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit, no_wait

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import LabView

PAUSE_SECONDS = 2.0
DOING = "Trying the new release in private, then switching"


@labs.lab
@click.option("--backup", is_flag=True, help="Make a backup first; without a good one nothing is upgraded.")
@no_wait
def upgrade(lab: str, backup: bool, no_wait: bool, output: Format) -> None:
    """Bring a lab to the newest release while people work.

    Servers and kernels go on; the machine goes back by itself when the new release does not serve. A stopped lab gets it with its
    next start.
    """
    if backup and no_wait:
        raise click.UsageError("--backup is waited for: leave --no-wait out", click.get_current_context())
    with connect() as calls:
        found = labs.find(calls, lab)
        if backup:
            _backed_up(calls, found, output)
        asked = labs.ask(lambda: calls.upgrade_lab(found["id"]), f"upgrade {found['id']}")
        if not asked["upgrading"] or no_wait:
            emit(output, asked, lambda: _at_once(asked))
            return
        done = _followed(calls, asked, output)
        if done["newer_release"]:
            raise _failed(done)
        emit(output, done, lambda: f"{_tick()} Lab {done['id']} runs release {done['release']}; nobody was interrupted")


def _backed_up(calls: "Calls", lab: "LabView", output: Format) -> None:
    from aws_research_wizard.cli import backups

    made = labs.ask(lambda: calls.backup_lab(lab["id"], {"then": None}), f"back {lab['id']} up")
    backups.finished(calls, made, output)


def _followed(calls: "Calls", lab: "LabView", output: Format) -> "LabView":
    """The lab once its upgrade is over, whichever way; Ctrl-C leaves it going on."""
    begun, seconds = time.monotonic(), 0.0
    try:
        with live.display(quiet=output is Format.JSON) as shown:
            while lab["upgrading"]:
                seconds = time.monotonic() - begun
                shown.show([Step("upgrade", DOING, State.RUNNING, 0.0)])
                time.sleep(PAUSE_SECONDS)
                lab = calls.lab(lab["id"])
            shown.show([Step("upgrade", DOING, State.FAILED if lab["newer_release"] else State.DONE, seconds, seconds)])
    except KeyboardInterrupt:
        screen.tell(f"The upgrade of lab {lab['id']} goes on. Look: {PROGRAM} jupyter status {lab['id']}")
        raise click.exceptions.Exit(130) from None
    return lab


def _failed(lab: "LabView") -> Exception:
    from aws_research_wizard.client.errors import LabFailed

    cause = lab["release_note"] or "no cause was reported"
    return LabFailed(lab["id"], f"lab {lab['id']} was not upgraded: {cause}", f"{PROGRAM} jupyter logs {lab['id']}")


def _at_once(lab: "LabView") -> str:
    """What to say when there is nothing to wait for."""
    if lab["upgrading"]:
        return f"Lab {lab['id']} is being upgraded. Look: {PROGRAM} jupyter status {lab['id']}"
    if lab["newer_release"]:
        return f"{_tick()} Lab {lab['id']}: {lab['release_note']}\n  Start   {PROGRAM} jupyter start {lab['id']}"
    return f"{_tick()} Lab {lab['id']} runs the newest release already, {lab['release']}"


def _tick() -> str:
    return screen.paint("✔", "green")
