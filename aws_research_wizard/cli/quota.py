"""What may a team use at once, who uses it, and when does some of it come free?"""

from typing import TYPE_CHECKING, cast

import click

from aws_research_wizard.cli import labs, screen
from aws_research_wizard.cli.budget import first_team
from aws_research_wizard.cli.session import PROGRAM, Format, command, connect, emit, group

if TYPE_CHECKING:
    from aws_research_wizard.client.shapes import HeldView, QuotaRequest, TeamLimits

app = group("What a team may use at once: show, set.")
WORDS = {"labs": "Labs", "vcpus": "vCPUs", "gpus": "GPUs", "storage_gb": "Storage (GB)"}
RESET = click.Choice(["labs", "vcpus", "gpus", "storage_gb", "families"])
COUNT = click.IntRange(0)


@command(app, "show", "quota show", "quota show --team physics")
@click.option("--team", default="", metavar="TEAM", help="By default your first team.")
def show(team: str, output: Format) -> None:
    """Used of limit, by which labs, and when something comes free."""
    with connect() as calls:
        found = calls.team_limits(team or first_team(calls))
    emit(output, found, lambda: _page(found))


@command(app, "set", "quota set physics --vcpus 64 --gpus 0", "quota set physics --families r6i,m7i --reset labs")
@click.argument("team", metavar="TEAM")
@click.option("--labs", "most_labs", type=COUNT, help="Labs at once, stopped ones included.")
@click.option("--vcpus", type=COUNT, help="vCPUs of running labs.")
@click.option("--gpus", type=COUNT, help="GPUs of running labs.")
@click.option("--storage-gb", type=COUNT, help="Shared storage of all labs.")
@click.option("--families", metavar="NAMES", help="Instance families, separated by commas.")
@click.option("--reset", type=RESET, multiple=True, help="The stage's own limit again; several times.")
def set_quota(
    team: str,
    most_labs: int | None,
    vcpus: int | None,
    gpus: int | None,
    storage_gb: int | None,
    families: str | None,
    reset: tuple[str, ...],
    output: Format,
) -> None:
    """Decide what a team may use. For administrators."""
    numbers = {"labs": most_labs, "vcpus": vcpus, "gpus": gpus, "storage_gb": storage_gb}
    wish = cast("QuotaRequest", {name: value for name, value in numbers.items() if value is not None})
    if families is not None:
        wish["families"] = [name.strip() for name in families.split(",") if name.strip()]
    if reset:
        wish["reset"] = list(reset)  # type: ignore[arg-type] # click checked the words
    if not wish:
        raise click.UsageError("say what: for example --vcpus 64", click.get_current_context())
    with connect() as calls:
        found = labs.ask(lambda: calls.put_quota(team, wish), f"set the quotas of {team}")
    emit(output, found, lambda: _page(found))


def _page(found: "TeamLimits") -> str:
    rows = [(WORDS[one["what"]], str(one["used"]), _limit(one["limit"]), _limit(one["left"])) for one in found["quotas"]]
    lines = [f"Team {found['team']}", "", screen.table(("WHAT", "USED", "LIMIT", "LEFT"), rows)]
    lines.append(f"Families: {', '.join(found['families']) or 'all'}")
    if found["labs"]:
        lines += ["", screen.table(("LAB", "vCPUs", "GPUs", "GB", "FREES"), [_row(one) for one in found["labs"]])]
    running = any(one["vcpus"] for one in found["labs"])
    soon = screen.clock(found["frees_at"]) if found["frees_at"] else "not known"
    hint = "" if found["frees_at"] else f" (a lab that is stopped gives its vCPUs back: {PROGRAM} jupyter stop LAB)"
    return "\n".join([*lines, *(["", f"Next to come free: {soon}{hint}"] if running else [])])


def _row(one: "HeldView") -> tuple[str, ...]:
    frees = "not known" if one["vcpus"] else "it rests"
    if one["frees_at"]:
        frees = f"{screen.clock(one['frees_at'])}, {one['frees_why']}"
    return one["lab_id"], str(one["vcpus"]), str(one["gpus"]), str(one["storage_gb"]), frees


def _limit(value: int | None) -> str:
    return "no limit" if value is None else str(value)
