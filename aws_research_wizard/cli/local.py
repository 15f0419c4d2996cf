"""The whole cloud on this machine: bring it up, look at it, take it down, forget it."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass, replace
from typing import Any

import click

from aws_research_wizard.cli import live, screen
from aws_research_wizard.cli.board import State, Step
from aws_research_wizard.cli.session import PROGRAM, Format, command, emit, group

app = group("The whole cloud on this machine.")
MISSING = f"pip install 'aws-research-wizard[local]', then {PROGRAM} doctor"


def home() -> Any:
    """The folder of the local cloud (AWR_HOME, or the user's data folder)."""
    from aws_research_wizard.local.home import Home

    return Home.at()


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


@contextmanager
def _cloud() -> Iterator[Any]:
    """The local cloud's own module; what it is missing is said in words."""
    from aws_research_wizard.client.errors import WizardError

    try:
        from aws_research_wizard.local import cloud
    except ImportError as error:
        raise WizardError(f"the local cloud is not installed ({error.name or error} is missing)", MISSING) from error
    yield cloud


def _plain(found: Any) -> dict[str, Any]:
    if is_dataclass(found) and not isinstance(found, type):
        return asdict(found)
    return dict(found) if isinstance(found, Mapping) else {}


def _page(found: Mapping[str, Any]) -> str:
    """Names and values as they come; a mapping inside becomes lines of its own."""
    pairs: list[tuple[str, str]] = []
    for name, value in found.items():
        inner = value.items() if isinstance(value, Mapping) else None
        pairs += [(f"{name} {key}", str(one)) for key, one in inner] if inner is not None else [(name, _words(value))]
    return screen.block(pairs)


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@command(app, "up", "local up")
def up(output: Format) -> None:
    """Start it, or mend what is half dead; labs are where they were."""
    with _cloud() as cloud, _progress(output) as progress:
        found = _plain(cloud.up(home(), progress))
    emit(output, found, lambda: f"{screen.paint('✔', 'green')} The cloud on this machine is up\n{_page(found)}")


@command(app, "status", "local status")
def status(output: Format) -> None:
    """Whether it runs, where it listens, and which machines it has."""
    with _cloud() as cloud:
        found = _plain(cloud.status(home()))
    emit(output, found, lambda: _page(found))


@command(app, "down", "local down")
def down(output: Format) -> None:
    """Stop everything; labs, files and people are kept for the next `up`."""
    with _cloud() as cloud, _progress(output) as progress:
        found = _plain(cloud.down(home(), progress))
    emit(
        output,
        found,
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
    with _cloud() as cloud, _progress(output) as progress:
        found = _plain(cloud.reset(home(), progress))
    emit(output, found, f"{screen.paint('✔', 'green')} Forgotten. A new one: {PROGRAM} local up")
