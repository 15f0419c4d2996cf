"""How does a lab come to be: `deploy` for those who know what they want, `quick-start` for those who want to work."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from aws_research_wizard.cli import activating, board, cards, costs, labs, migrating, screen
from aws_research_wizard.cli.session import Format, connect, emit, no_wait

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import EventView, LabRequest, LabView

USERS = click.IntRange(1, 200)
GONE = frozenset({"FAILED", "DELETING", "DELETED"})


def size(_ctx: Any, _param: Any, text: str | None) -> str | None:
    """'500GB' or '1TB' as the API takes it; misuse (exit 2) for anything else."""
    if text is None:
        return None
    clean = text.strip().upper().replace(" ", "")
    if not re.fullmatch(r"[1-9]\d{0,5}(\.\d+)?(GB|TB)", clean):
        raise click.BadParameter(f"'{text}' is not a size; write 500GB or 1TB")
    return clean


domain = click.option("--domain", required=True, metavar="PACK", help="The field: a pack's name (see: packs list).")
name = click.option("--name", help="A name of your own for the lab.")
instance_type = click.option("--instance-type", metavar="TYPE", help="An EC2 instance type; by default the pack's choice.")
shared_storage = click.option("--shared-storage", metavar="SIZE", callback=size, help="Shared storage: 500GB, 1TB.")
migrate = click.option(
    "--migrate-from-python",
    "migrate",
    type=click.Path(path_type=Path, exists=True),
    metavar="CONFIG",
    help="Convert this older pack first, and make the lab of it.",
)
examples = click.option(
    "--notebook-examples/--no-notebook-examples", default=True, help="Put the pack's notebooks in ~/examples (the default)."
)


@domain
@click.option("--users", type=USERS, default=1, show_default=True, metavar="N", help="How many people may work in it at once.")
@instance_type
@shared_storage
@name
@click.option("--team", help="The team that owns it; yours by default.")
@examples
@activating.with_kernel
@migrate
@click.option(
    "--preserve-configurations",
    "preserve",
    is_flag=True,
    help="With it: keep the older pack's first machine and its storage, too.",
)
@no_wait
def deploy(migrate: Path | None, preserve: bool, no_wait: bool, output: Format, **wish: Any) -> None:
    """Make a lab as you say, and wait until it is ready.

    With --migrate-from-python, an older pack is converted first, on top of the field that --domain names; it becomes your
    team's own pack, and the lab is made of it.
    """
    if preserve and not migrate:
        raise click.UsageError("--preserve-configurations goes with --migrate-from-python CONFIG")
    prepared = migrating.prepare(migrate, str(wish["domain"]), output) if migrate else None
    with connect() as calls:
        if prepared:
            wish |= migrating.bring(calls, prepared, wish, preserve)
        lab = labs.ask(lambda: calls.create_lab(_said(wish)), "make a lab")
        if no_wait:
            emit(output, lab, lambda: labs.underway(lab))
            return
        lab, facts = labs.wait(calls, lab, {"READY"}, output)
        usage, cost = ("", "") if output is Format.JSON else (_usage(calls, lab), costs.line(calls, lab["id"]))
    emit(output, lab, lambda: cards.card(lab, _took(facts), "", usage, cost))


@domain
@click.option(
    "--team-size", type=USERS, default=5, show_default=True, metavar="N", help="How many people may work in it at once."
)
@examples
@activating.with_kernel
@name
@click.option("--reuse", is_flag=True, help="Take my lab of this domain and name if there is one; start it if stopped.")
@no_wait
def quick_start(
    domain: str,
    team_size: int,
    notebook_examples: bool,
    kernels: tuple[str, ...],
    name: str | None,
    reuse: bool,
    no_wait: bool,
    output: Format,
) -> None:
    """From nothing to a link, with sensible choices."""
    wish = _said({"domain": domain, "users": team_size, "notebook_examples": notebook_examples, "kernels": kernels, "name": name})
    with connect() as calls:
        found = _mine(calls, domain, name) if reuse else None
        lab = _again(calls, found, output) if found else labs.ask(lambda: calls.create_lab(wish), "make a lab")
        if no_wait:
            emit(output, lab, lambda: labs.underway(lab))
            return
        lab, facts = (lab, ()) if lab["phase"] == "READY" else labs.wait(calls, lab, {"READY"}, output)
        if output is Format.JSON:
            screen.say_json(lab)
            return
        link, usage, cost = calls.login(lab["id"]), _usage(calls, lab), costs.line(calls, lab["id"])
    screen.say(cards.card(lab, _took(facts), "" if link["tunnel"] else link["url"], usage, cost))


def _said(wish: dict[str, Any]) -> "LabRequest":
    return cast("LabRequest", {key: value for key, value in wish.items() if value not in (None, ())})


def _mine(calls: "Calls", domain: str, name: str | None) -> "LabView | None":
    """My best lab of the domain (and name) that works or can be made to; one that failed or is going is not reused."""
    me = calls.whoami()["email"]
    mine = [lab for lab in calls.labs() if lab["owner"] == me and lab["domain"] == domain and lab["phase"] not in GONE]
    fit = [lab for lab in mine if name is None or lab["name"] == name]
    return max(fit, key=lambda lab: (lab["phase"] == "READY", lab["created_at"]), default=None)


def _again(calls: "Calls", lab: "LabView", output: Format) -> "LabView":
    """A lab on its way to READY: started if it was stopped, after it stopped if it is stopping."""
    if lab["phase"] == "STOPPING":
        lab, _ = labs.wait(calls, lab, {"STOPPED"}, output)
    if lab["phase"] == "STOPPED":
        return labs.ask(lambda: calls.start_lab(lab["id"]), f"start {lab['id']}")
    return lab


def _usage(calls: "Calls", lab: "LabView") -> str:
    """How many labs the team has; a card without it is better than an error after a success."""
    from aws_research_wizard.client.errors import WizardError

    try:
        teams = calls.limits()["teams"]
    except WizardError:
        return ""
    mine = next((one for one in teams if one["team"] == lab["team"]), None)
    return f"{mine['labs']} of {mine['limit']} used by team {mine['team']}" if mine else ""


def _took(facts: "tuple[EventView, ...]") -> str:
    return screen.span(board.elapsed(facts)) if facts else ""
