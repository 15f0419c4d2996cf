"""How do people bring what they work with today? Two lists in; a pack, and word of every line that stayed behind, out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import own_packs, screen
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit

if TYPE_CHECKING:
    from aws_research_wizard.client.shapes import OwnPackView
    from aws_research_wizard.packs.environments.making import Made

SHOWN = 40
KERNELS, PACKAGES = "jupyter kernelspec list > current_kernels.txt", "pip freeze > current_packages.txt"
file = click.Path(path_type=Path)


@click.option("--packages", "packages_file", type=file, required=True, metavar="FILE", help=f"Made by: {PACKAGES}")
@click.option("--kernels", "kernels_file", type=file, metavar="FILE", help=f"Made by: {KERNELS} (--json tells more)")
@click.option("--domain", "name", default="custom", show_default=True, metavar="NAME", help="What the pack is to be called.")
@click.option("--title", default="", metavar="TEXT", help="Its name for people; without it, made of the other.")
@click.option("--leave-out", "unwanted", multiple=True, metavar="PACKAGE", help="Go on without it; may be given again.")
@click.option(
    "--to", "folder", type=file, default=Path("packs"), show_default=True, metavar="DIR", help="Where the pack's folder is put."
)
@click.option("--dry-run", is_flag=True, help="Write the folder, and add nothing to the control plane.")
def import_environment(
    packages_file: Path,
    kernels_file: Path | None,
    name: str,
    title: str,
    unwanted: tuple[str, ...],
    folder: Path,
    dry_run: bool,
    output: Format,
) -> None:
    """Make a pack of the environment that you work in today.

    Reads what `pip freeze` and `jupyter kernelspec list` printed (also conda's lists), solves it anew for labs with every file
    known by its hash, and says of each line that could not be carried why.
    """
    from aws_research_wizard.packs.environments import making, texts

    packages = texts.read(packages_file, PACKAGES)
    kernels = texts.read(kernels_file, KERNELS) if kernels_file else ""
    wish = making.Wish(name, packages, kernels, title, unwanted)
    made = making.make(wish, screen.today().date())
    place = making.write(made, folder)
    there = None if dry_run else _uploaded(place)
    emit(output, _told(made, place, there), lambda: _page(made, place, there))


def _uploaded(place: Path) -> "OwnPackView":
    """The pack on the control plane. What was made stays in its folder, whatever comes of it."""
    from aws_research_wizard.client.errors import WizardError
    from aws_research_wizard.packs import own

    try:
        with connect() as calls:
            return own_packs.upload(calls, own.read(place))
    except WizardError as error:
        hint = f"it is in {place}: {error.hint or 'when that is mended'}, then {PROGRAM} packs add {place}"
        raise WizardError(f"the pack was made, but could not be added: {error.message}", hint) from error


def _told(made: "Made", place: Path, there: "OwnPackView | None") -> dict[str, Any]:
    return {
        "pack": made.name,
        "folder": str(place),
        "version": there["version"] if there else None,
        "packages": made.locked,
        "carried": [{"line": one.line, "requirement": one.requirement, "note": one.note} for one in (*made.carried, *made.tools)],
        "left": [{"file": one.file, "line": one.line, "text": one.text, "why": one.why} for one in made.left],
        "notes": list(made.notes),
    }


def _page(made: "Made", place: Path, there: "OwnPackView | None") -> str:
    lines = [
        f"{screen.paint('✔', 'green')} Pack {made.name}: {_count(len(made.carried), 'package')} asked for, {made.locked} locked"
    ]
    if made.tools:
        lines.append(f"  Debian's tools: {', '.join(one.requirement for one in made.tools)}")
    lines += [f"  {screen.paint('!', 'yellow')} {note}" for note in made.notes]
    lines += _changed(made)
    if made.left:
        lines += [f"{_count(len(made.left), 'line')} could not be carried:"]
        lines += [f"  {one.file} {one.line}: {one.text}\n      {one.why}" for one in made.left[:SHOWN]]
        lines += [f"  and {len(made.left) - SHOWN} more; all of them: --output json"] if len(made.left) > SHOWN else []
    lines.append(f"  Folder  {place}")
    return "\n".join([*lines, own_packs.added(there) if there else f"  Upload  {PROGRAM} packs add {place}"])


def _changed(made: "Made") -> list[str]:
    """What is in the pack, but not quite as it was listed; many of one kind are counted."""
    kinds: dict[str, list[int]] = {}
    for one in made.carried:
        if one.note:
            kinds.setdefault(one.note, []).append(one.line)
    return [f"  {screen.paint('·', 'yellow')} {note} ({_lines(numbers)})" for note, numbers in kinds.items()]


def _lines(numbers: list[int]) -> str:
    return f"line {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} lines, the first is {numbers[0]}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"
