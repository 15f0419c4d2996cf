"""Which domains are there, and what does a lab of one get?"""

from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import baking, linting, own_packs, screen
from aws_research_wizard.cli.session import PROGRAM, Format, command, connect, emit, group

if TYPE_CHECKING:
    from aws_research_wizard.client.shapes import PackKernel, PackView

app = group("Domains a lab can be made for: kernels, notebooks, data.")


@command(app, "list", "packs list")
def list_packs(output: Format) -> None:
    """The domains a lab can be made for."""
    with connect() as calls:
        packs = list(calls.packs())
    rows = [(pack["name"], pack["title"], ", ".join(pack["kernels"])) for pack in packs]
    emit(output, packs, lambda: screen.table(("PACK", "FIELD", "KERNELS"), rows))


@command(app, "show", "packs show genomics")
@click.argument("pack", metavar="PACK")
def show(pack: str, output: Format) -> None:
    """One domain: kernels, machines, notebooks, data."""
    with connect() as calls:
        found = calls.pack(pack)
    emit(output, found, lambda: _page(found))


command(app, "bake", "packs bake genomics", "packs bake genomics --no-wait")(baking.bake)
command(app, "images", "packs images", "packs images --pack genomics")(baking.images)
command(app, "lint", "packs lint all", "packs lint ./my_field --execute", "packs lint genomics --output json")(linting.lint)
command(app, "add", "packs add packs/my_group")(own_packs.add)
command(app, "remove", "packs remove my_group")(own_packs.remove)


def _page(pack: "PackView") -> str:
    return screen.block(
        [
            ("Pack", pack["name"]),
            ("Field", pack["title"]),
            ("For", " ".join(pack["purpose"].split())),
            ("Extends", ", ".join(pack["lineage"][:-1])),
            *(("Kernel", _kernel(kernel)) for kernel in pack["kernels"]),
            *(("Notebook", example["title"]) for example in pack["examples"]),
            *(("Data", f"{one['title']} (s3://{one['bucket']}/{one['prefix']}, {one['access']})") for one in pack["datasets"]),
            *(("Machine", f"{team} team: {', '.join(types)}") for team, types in pack["instances"]["team"].items()),
            *(("Machine", f"{job} job: {', '.join(types)}") for job, types in pack["instances"]["job"].items()),
            ("Idle", f"stops after {pack['idle']['auto_shutdown']} min without anybody at work"),
            ("Try", f"{PROGRAM} jupyter quick-start --domain {pack['name']}"),
        ]
    )


def _kernel(kernel: "PackKernel") -> str:
    tools = [*kernel["packages"], *kernel["system"]]
    asked = ", on request" if kernel["on_request"] else ""
    return f"{kernel['display_name']}{asked}: {', '.join(tools[:8])}{f' and {len(tools) - 8} more' if len(tools) > 8 else ''}"
