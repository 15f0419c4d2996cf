"""Which lab did the person mean, and how does a wait for it go?"""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aws_research_wizard.cli import board, live, screen
from aws_research_wizard.cli.session import PROGRAM, Format, impatient

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import EventView, LabView

Done = TypeVar("Done")
LOG_TAIL = 12


def _complete(_ctx: Any, _param: Any, incomplete: str) -> list[str]:
    """Lab names for the shell; silent when the API is away."""
    try:
        with impatient() as calls:
            return [lab["id"] for lab in calls.labs() if lab["id"].startswith(incomplete)]
    except Exception:  # a completion must never print an error into the line being typed
        return []


lab = click.argument("lab", metavar="LAB", shell_complete=_complete)
any_lab = click.argument("lab", metavar="[LAB]", default="", shell_complete=_complete)


def find(calls: "Calls", word: str) -> "LabView":
    """The lab of that id or name, or of that beginning; the only lab when `word` is empty; else WizardError."""
    from aws_research_wizard.client.errors import NotFound

    if "-" in word:
        try:
            return calls.lab(word)
        except NotFound:
            pass
    labs = list(calls.labs())
    fitting = _fitting(labs, word)
    if len(fitting) == 1:
        return calls.lab(fitting[0]["id"])  # a list tells less of each lab than asking for it
    raise _which(labs, fitting, word)


def _fitting(labs: "list[LabView]", word: str) -> "list[LabView]":
    """The labs a word may mean, by the strictest reading that fits any."""
    if not word:
        return labs
    readings: list[Callable[[LabView], bool]] = [
        lambda lab: lab["id"] == word,
        lambda lab: lab["name"] == word,
        lambda lab: lab["id"].startswith(word) or (lab["name"] or "").startswith(word),
    ]
    return next((found for reading in readings if (found := [lab for lab in labs if reading(lab)])), [])


def _which(labs: "list[LabView]", fitting: "list[LabView]", word: str) -> Exception:
    from aws_research_wizard.client.errors import WizardError

    if not labs:
        return WizardError("you have no labs", f"make one: {PROGRAM} jupyter quick-start --domain genomics")
    if fitting:
        names = ", ".join(lab["id"] for lab in fitting[:6])
        return WizardError(f"'{word}' may be any of: {names}" if word else f"which lab? You have: {names}", "say more of its id")
    from difflib import get_close_matches  # only who mistypes pays for it

    near = get_close_matches(word, [name for lab in labs for name in (lab["id"], lab["name"]) if name], n=1, cutoff=0.5)
    return WizardError(f"no lab '{word}'", f"did you mean '{near[0]}'?" if near else f"see them: {PROGRAM} jupyter list")


def ask(act: Callable[[], Done], doing: str) -> Done:
    """A write; whoever interrupts it is told that it may have been taken."""
    try:
        return act()
    except KeyboardInterrupt:
        screen.tell(f"\nInterrupted while asking to {doing}: it may have been accepted. Look: {PROGRAM} jupyter list")
        raise click.exceptions.Exit(130) from None


def wait(
    calls: "Calls", lab: "LabView", wanted: Collection[str], output: Format = Format.TABLE
) -> "tuple[LabView, tuple[EventView, ...]]":
    """The lab once it rests in a `wanted` phase, and its facts. Shows the steps; LabFailed if it failed."""
    from aws_research_wizard.client.errors import LabFailed, WizardError

    lab, facts = watch(calls, lab, output)
    if lab["phase"] in wanted:
        return lab, facts
    if lab["phase"] == "FAILED" or lab["cause"]:
        how = "failed" if lab["phase"] == "FAILED" else f"is {lab['phase']}"
        raise LabFailed(
            lab["id"], f"lab {lab['id']} {how}: {lab['cause'] or 'no cause was reported'}", _after_failure(calls, lab)
        )
    raise WizardError(
        f"lab {lab['id']} is {lab['phase']} now: somebody changed it meanwhile", f"{PROGRAM} jupyter events {lab['id']}"
    )


def watch(calls: "Calls", lab: "LabView", output: Format = Format.TABLE) -> "tuple[LabView, tuple[EventView, ...]]":
    """Follow a lab until it rests, showing its steps; Ctrl-C says that the lab goes on, and how to watch it (exit 130)."""
    from aws_research_wizard.client.watching import follow

    facts: tuple[EventView, ...] = ()
    try:
        with live.display(quiet=output is Format.JSON) as shown:
            for update in follow(calls, lab["id"], since=lab):
                lab, facts = update.lab, update.facts
                shown.show(board.steps(facts, rested=update.at_rest), update.trouble)
    except KeyboardInterrupt:
        going = "is still being made" if lab["phase"] == "PROVISIONING" else f"goes on {lab['phase'].lower()}"
        screen.tell(f"Lab {lab['id']} {going}. Watch it: {PROGRAM} jupyter status {lab['id']} --watch")
        raise click.exceptions.Exit(130) from None
    return lab, facts


def _after_failure(calls: "Calls", lab: "LabView") -> str:
    """Shows the machine's last words on stderr; returns what to do."""
    from aws_research_wizard.client.errors import WizardError

    try:
        lines = [entry["text"] for entry in calls.last_lines(lab["id"], LOG_TAIL)]
    except WizardError:
        lines = []
    for text in lines:
        screen.tell(f"  {screen.paint('|', 'dim')} {text}")
    return lab["hint"] or f"{PROGRAM} jupyter logs {lab['id']}"


def underway(lab: "LabView") -> str:
    """What to say about a lab that is not waited for."""
    return f"Lab {lab['id']} is {lab['phase']}. Watch it: {PROGRAM} jupyter status {lab['id']} --watch"
