"""What is there, how is it, what happened to it: the commands that only read, and the way in."""

import json
import time
from collections import deque
from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import cards, costs, doorway, labs, screen
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import EventView, LabView, LineView

PAUSE = 1.5
NONE_YET = f"No labs yet. Make one: {PROGRAM} jupyter quick-start --domain genomics"
follow = click.option("--follow", "-f", is_flag=True, help="Go on as more comes; Ctrl-C ends it.")


def list_labs(output: Format) -> None:
    """The labs you may see."""
    with connect() as calls:
        found = list(calls.labs())
    emit(output, found, lambda: cards.listing(found) if found else NONE_YET)


@labs.any_lab
@click.option("--watch", "-w", is_flag=True, help="Show its steps until it rests.")
def status(lab: str, watch: bool, output: Format) -> None:
    """One lab: phase, cause, machine, storage, people."""
    with connect() as calls:
        found = labs.find(calls, lab)
        if watch:
            found, _ = labs.watch(calls, found, output)
        cost = "" if output is Format.JSON else costs.line(calls, found["id"])
    emit(output, found, lambda: cards.page(found, cost) + (f"\n{cards.receipt(found)}" if found["receipt"] else ""))


@labs.any_lab
@click.option("--browser/--no-browser", default=True, help="Also open it in this machine's browser (the default).")
@click.option("--start", is_flag=True, help="Start it first, if it is stopped.")
@click.option("--forget", is_flag=True, help="Take back your key of its page.")
def open_lab(lab: str, browser: bool, start: bool, forget: bool, output: Format) -> None:
    """A link that signs you in, opened.

    For a stopped lab it is your own link to its page, which starts it when you ask it to. Where a lab is reached through
    SSM, the tunnel is opened too, and stays until Ctrl-C.
    """
    with connect() as calls:
        found = labs.find(calls, lab)
        if forget:
            labs.ask(lambda: calls.take_wake_key_back(found["id"]), "take your key back")
            return emit(
                output, {"lab": found["id"], "forgotten": True}, f"Your links to the page of {found['id']} open nothing now"
            )
        if found["phase"] in ("STOPPED", "FAILED", "STARTING", "STOPPING"):
            if not start:
                return _wake_link(calls, found["id"], found["phase"], output)
            found = _started(calls, found, output)
        link = labs.ask(lambda: calls.login(found["id"]), f"open {found['id']}")
    if output is Format.JSON:
        screen.say_json(doorway.described(link))
    elif link["tunnel"]:
        doorway.through_tunnel(link, link["tunnel"], browser=browser)
    else:
        screen.say(link["url"])
        doorway.browse(link["url"], wanted=browser)


def _wake_link(calls: "Calls", lab_id: str, phase: str, output: Format) -> None:
    """The lab's lasting address with this person's own key behind the #, where no server sees it."""
    from aws_research_wizard.client.errors import WizardError

    key = labs.ask(lambda: calls.give_wake_key(lab_id), "make a link")
    if key["key"] is None:
        raise WizardError("a key was made, but it got lost on the way", f"make another: {PROGRAM} jupyter open {lab_id}")
    address = f"{calls.wire.url.rstrip('/')}{key['path']}"
    if output is Format.JSON:
        return screen.say_json(
            {"phase": phase, "address": address, "url": f"{address}#{key['key']}", "expires_at": key["expires_at"]}
        )
    screen.say(f"{address}#{key['key']}")
    screen.tell(f"{lab_id} is {phase}. This page starts it when you ask it to, and takes you in. The link is yours alone;")
    screen.tell(
        f"to others give {address}, where each needs their own key. Start it now: {PROGRAM} jupyter open {lab_id} --start"
    )


def _started(calls: "Calls", found: "LabView", output: Format) -> "LabView":
    if found["phase"] in ("STOPPED", "FAILED"):
        stopped = found
        found = labs.ask(lambda: calls.start_lab(stopped["id"]), f"start {stopped['id']}")
    return labs.wait(calls, found, ("READY",), output)[0]


@labs.any_lab
@follow
def events(lab: str, follow: bool, output: Format) -> None:
    """What happened to a lab, oldest first."""
    from aws_research_wizard.client.watching import Trail

    with connect() as calls:
        trail = Trail(calls, labs.find(calls, lab)["id"])
        facts = trail.news()
        if not follow:
            emit(output, list(facts), lambda: screen.table(("WHEN", "WHAT", "DETAILS", "BY"), map(_row, facts), spare=["BY"]))
            return
        while True:
            for fact in facts:
                screen.say(json.dumps(fact) if output is Format.JSON else "  ".join(_row(fact)))
            _pause()
            facts = trail.news()


@labs.any_lab
@follow
@click.option(
    "--tail", "--lines", "-n", type=click.IntRange(0), default=200, show_default=True, metavar="N", help="The last N; 0: all."
)
@click.option("--newest-first", is_flag=True, help="The last line on top.")
def logs(lab: str, follow: bool, tail: int, newest_first: bool, output: Format) -> None:
    """What a lab's machine wrote, oldest first."""
    if follow and newest_first:
        raise click.UsageError("what follows comes at the end: --follow or --newest-first, not both", click.get_current_context())
    from aws_research_wizard.client.watching import Lines

    with connect() as calls:
        lab_id = labs.find(calls, lab)["id"]
        more = Lines(calls, lab_id)
        told = calls.last_lines(lab_id, tail) if tail and not follow else list(deque(more.news(), maxlen=tail or None))
        told = told[::-1] if newest_first else told
        if not told:
            screen.tell(f"The machine of {lab_id} has not written anything yet.")
        if not follow:
            emit(output, told, lambda: "\n".join(map(_log_line, told)))
            return
        while True:
            for entry in told:
                screen.say(json.dumps(entry) if output is Format.JSON else _log_line(entry))
            _pause()
            told = list(more.news())


def _pause() -> None:
    """Ctrl-C is how one ends a --follow: no failure."""
    try:
        time.sleep(PAUSE)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(0) from None


def _log_line(entry: "LineView") -> str:
    return f"{screen.paint(screen.clock(entry['at']), 'dim')}  {entry['text']}"


def _row(fact: "EventView") -> tuple[str, str, str, str]:
    told = [(name, value) for name, value in (fact["data"] or {}).items() if value not in (None, "", [], {})]
    return (screen.clock(fact["at"]), fact["name"], " ".join(f"{name}={_short(value)}" for name, value in told), fact["by"])


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
