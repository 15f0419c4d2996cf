"""The whole cloud on this machine: bring it up, look at it, take it down, forget it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import live, screen
from aws_research_wizard.cli.board import State, Step
from aws_research_wizard.cli.session import PROGRAM, Format, command, emit, group

if TYPE_CHECKING:
    from aws_research_wizard.local.cloud import Status

app = group("The whole cloud on this machine.")
MISSING = f"pip install 'aws-research-wizard[local]', then {PROGRAM} doctor"


class Told:
    """Progress as `local.cloud` reports it, a word at a time: each word ends the step before it."""

    def __init__(self, shown: live.Display) -> None:
        self._shown, self._began, self._steps = shown, time.monotonic(), list[Step]()

    def __call__(self, words: str) -> None:
        """The next step begins."""
        self.end()
        self._steps.append(Step(words, words, State.RUNNING, time.monotonic() - self._began))
        self._shown.show(self._steps)

    def end(self, state: State = State.DONE) -> None:
        """The step that runs is over."""
        if self._steps and self._steps[-1].state is State.RUNNING:
            last = self._steps[-1]
            self._steps[-1] = replace(last, state=state, seconds=time.monotonic() - self._began - last.at)
            self._shown.show(self._steps)


@contextmanager
def _progress(output: Format) -> Iterator[Told]:
    with live.display(quiet=output is Format.JSON) as shown:
        told = Told(shown)
        try:
            yield told
        except BaseException:
            told.end(State.FAILED)
            raise
        told.end()


def _cloud() -> ModuleType:
    """The local cloud's own module; what it is missing is said in words."""
    from aws_research_wizard.client.errors import WizardError

    try:
        from aws_research_wizard.local import cloud
    except ImportError as error:
        raise WizardError(f"the local cloud is not installed ({error.name or error} is missing)", MISSING) from error
    return cloud


def _state(found: "Status") -> str:
    if found.healthy:
        return f"{screen.paint('✔', 'green')} The cloud on this machine is up"
    if found.problems:
        return f"{screen.paint('✘', 'red')} The cloud on this machine is half dead; mend it: {PROGRAM} local up"
    return f"· The cloud on this machine is down; start it: {PROGRAM} local up"


def _page(found: "Status") -> str:
    """Where it is and how it does."""
    pairs = [
        ("API", found.api_url),
        ("Parts", " · ".join(f"{name} {how}" for name, how in found.processes.items())),
        ("Ports", " · ".join(found.endpoints.values())),
        ("Machines", " · ".join(f"{name} {state}" for name, state in found.machines.items())),
        ("Home", found.home),
        *(("Problem", problem) for problem in found.problems),
    ]
    return screen.block(pairs)


@command(app, "up", "local up")
def up(output: Format) -> None:
    """Start it, or mend what is half dead; labs are where they were."""
    with _progress(output) as progress:
        found = _cloud().up(None, progress)
    emit(output, found.as_dict(), lambda: f"{_state(found)}\n{_page(found)}")


@command(app, "status", "local status")
def status(output: Format) -> None:
    """Whether it runs, where it listens, and which machines it has."""
    found = _cloud().status()
    emit(output, found.as_dict(), lambda: f"{_state(found)}\n{_page(found)}")
    if found.problems:
        raise click.exceptions.Exit(1)


@command(app, "down", "local down")
def down(output: Format) -> None:
    """Stop everything; labs and files are kept."""
    with _progress(output) as progress:
        found = _cloud().down(None, progress)
    emit(
        output,
        found.as_dict(),
        f"{screen.paint('✔', 'green')} The cloud on this machine is down; labs and files are kept\n  Again   {PROGRAM} local up",
    )


@command(app, "reset", "local reset --yes")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def reset(yes: bool, output: Format) -> None:
    """Stop everything and forget it: labs, files, people, tokens."""
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody is here to be asked: add --yes", click.get_current_context())
        if not click.confirm("Forget every lab on this machine with all its files?", err=True):
            screen.tell("Nothing was removed.")
            raise click.exceptions.Exit(1)
    with _progress(output) as progress:
        found = _cloud().reset(None, progress)
    emit(output, found.as_dict(), f"{screen.paint('✔', 'green')} Forgotten. A new one: {PROGRAM} local up")
