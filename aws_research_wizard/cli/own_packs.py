"""How does a team bring a pack of its own to its control plane, and take it away again?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import screen
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import OwnPackView
    from aws_research_wizard.packs.own import Folder

TRIES = 3


@click.argument("place", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--team", default="", metavar="TEAM", help="Whose it is; without it, your first team.")
def add(place: Path, team: str, output: Format) -> None:
    """Add your team's own pack, or a new version of it.

    New labs are made with this version; a lab keeps the one it was made with. For admins and whoever leads the team.
    """
    from aws_research_wizard.packs import own

    folder = own.read(place)
    with connect() as calls:
        made = upload(calls, folder, team)
    emit(output, made, lambda: added(made))


@click.argument("name", metavar="NAME")
def remove(name: str, output: Format) -> None:
    """Remove your team's own pack; refused while a lab uses it."""
    with connect() as calls:
        calls.remove_pack(name)
    emit(output, {"pack": name, "removed": True}, f"{screen.paint('✔', 'green')} Pack {name} is gone")


def upload(calls: "Calls", folder: "Folder", team: str = "") -> "OwnPackView":
    """Put the files where the control plane says, then name them. Nothing counts before the last word."""
    from aws_research_wizard.client.errors import WizardError

    wishes = folder.wishes()
    request: Any = {"files": wishes}
    for offer in calls.offer_pack_uploads(request)["items"]:
        status = 0
        for _ in range(TRIES):
            status = calls.wire.put(offer["url"], offer["headers"], folder.files[offer["name"]])
            if 0 < status < 300:
                break
        else:
            said = status or "nothing"
            raise WizardError(f"{offer['name']} could not be uploaded: the bucket answers {said}", "run the same command again")
    named: Any = {"name": folder.name, "files": [{"name": one["name"], "sha256": one["sha256"]} for one in wishes]}
    return calls.add_pack(named | ({"team": team} if team else {}))


def added(made: "OwnPackView") -> str:
    """What to say of a pack that is there now."""
    first = f"{screen.paint('✔', 'green')} Pack {made['name']} is there for team {made['team']} (version {made['version']})"
    return f"{first}\n  Try     {PROGRAM} jupyter quick-start --domain {made['name']}"
