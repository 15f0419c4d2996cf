"""Which domains are there, and what does a lab of one get?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import baking, converting, library, linting, locking, own_packs, screen
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


@command(app, "show", "packs show genomics", "packs show genomics --resolved --why")
@click.argument("pack", metavar="PACK")
@click.option("--resolved", is_flag=True, help="Every value that a lab gets, with all that the pack extends merged in.")
@click.option("--why", is_flag=True, help="And which pack each value came from.")
def show(pack: str, resolved: bool, why: bool, output: Format) -> None:
    """One domain: kernels, machines, notebooks, data."""
    with connect() as calls:
        found = calls.pack(pack, resolved=resolved or why)
    emit(output, found, lambda: _values(found, why) if resolved or why else _page(found))


command(app, "bake", "packs bake genomics", "packs bake genomics --no-wait")(baking.bake)
command(app, "images", "packs images", "packs images --pack genomics")(baking.images)
command(app, "lint", "packs lint all", "packs lint ./my_field --execute", "packs lint genomics --output json")(linting.lint)
command(
    app,
    "notebooks",
    "packs notebooks",
    "packs notebooks genomics",
    "packs notebooks genomics --copy-to ./teaching",
    "packs notebooks climate_modeling --lab genomics-k3x9",
)(library.notebooks)
command(app, "add", "packs add packs/my_group")(own_packs.add)
command(app, "remove", "packs remove my_group")(own_packs.remove)
command(app, "convert", "packs convert old/genomics.yaml --into domain_packs", "packs convert old/genomics --extends genomics")(
    converting.convert
)
command(app, "lock", "packs lock ./my_field", "packs lock ./my_field --upgrade")(locking.lock)
command(app, "outdated", "packs outdated genomics")(locking.outdated)
command(app, "diff", "packs diff genomics climate_modeling", "packs diff old.txt new.txt")(locking.diff)


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


# ---- every value, and where it came from


def _values(pack: "PackView", why: bool) -> str:
    came = pack.get("why") or {}
    rows = [(way, value, came.get(way, "default")) for way, value in _flat(pack)]
    lineage = " → ".join(pack["lineage"])
    table = screen.table(("VALUE", "IS", "FROM") if why else ("VALUE", "IS"), [row if why else row[:2] for row in rows])
    return f"{table}\n\n{pack['name']} is {lineage}" if why else table


def _flat(pack: "PackView") -> Iterator[tuple[str, str]]:
    """(the way to a value as `why` names it, the value)."""
    from aws_research_wizard.packs.production import reading

    for kernel in pack["kernels"]:
        way = f"kernels.{_key(pack, kernel)}"
        for name in ("display_name", "language", "version", "on_request"):
            yield f"{way}.{name}", _word(kernel[name])
        for name, listed in (("packages", kernel["packages"]), ("system", kernel["system"]), ("widgets", kernel["widgets"])):
            yield from ((f"{way}.{name}.{reading.distribution(one)}", one) for one in listed)
        yield from ((f"{way}.env.{name}", value) for name, value in kernel["env"].items())
        yield from ((f"{way}.resources.{name}", _word(value)) for name, value in kernel["resources"].items())
    yield from (("examples", one["title"]) for one in pack["examples"])
    yield from ((f"datasets.{one['name']}", f"s3://{one['bucket']}/{one['prefix']}") for one in pack["datasets"])
    for kind, sizes in (("team", pack["instances"]["team"]), ("job", pack["instances"]["job"])):
        yield from ((f"instances.{kind}.{size}", ", ".join(types)) for size, types in sizes.items())
    for name, value in pack["idle"].items():
        if isinstance(value, dict):
            yield from ((f"idle.{name}.{limit}", _word(one)) for limit, one in value.items())
        else:
            yield f"idle.{name}", _word(value)
    yield "cost_tracking", _word(pack["cost_tracking"])


def _key(pack: "PackView", kernel: "PackKernel") -> str:
    """What the pack file calls a kernel: its name without the pack that has the last word on it."""
    owner = max((one for one in pack["lineage"] if kernel["name"].startswith(f"{one}-")), key=len, default="")
    return kernel["name"].removeprefix(f"{owner}-")


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
