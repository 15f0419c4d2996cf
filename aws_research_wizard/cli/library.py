"""Which notebooks are there to begin from, and how does one get them into a folder or a lab?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import doorway, labs, screen
from aws_research_wizard.cli.session import PROGRAM, Format, connect, emit, session

if TYPE_CHECKING:
    from aws_research_wizard.packs.library import Copied, Template

FOLDER = "examples"


@click.argument("pack", metavar="[PACK]", default="")
@click.option("--copy-to", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Copy them into a folder here.")
@click.option("--lab", "lab", default="", metavar="LAB", help=f"Copy them into your home in a running lab ({FOLDER}/).")
@click.option("--only", "names", multiple=True, metavar="FILE", help="Not all of them: this one; may be given again.")
def notebooks(pack: str, folder: Path | None, lab: str, names: tuple[str, ...], output: Format) -> None:
    """Notebooks to begin from, by field.

    Each teaches something of its field and runs as it is. Copies never take the place of a file that is there: where another one
    has the name, the copy gets the next.
    """
    from aws_research_wizard.packs import library

    if folder and lab:
        raise click.UsageError("name --copy-to or --lab, not both", click.get_current_context())
    if (folder or lab) and not pack:
        raise click.UsageError("name the pack whose notebooks are to be copied", click.get_current_context())
    found = _only(library.templates(pack), names)
    if folder:
        copies = library.copy_to(folder, found)
        emit(output, _told(copies, str(folder)), lambda: _copies(copies, str(folder), set()))
    elif lab:
        place, copies, lacking = _into(lab, found)
        emit(output, _told(copies, place), lambda: _copies(copies, place, lacking))
    else:
        emit(output, [vars(one) for one in found], lambda: _list(found, pack))


def _only(found: "list[Template]", names: tuple[str, ...]) -> "list[Template]":
    from aws_research_wizard.client.errors import WizardError

    wanted = [one for one in found if not names or one.file in names]
    missing = set(names) - {one.file for one in wanted}
    if missing:
        known = ", ".join(one.file for one in found[:12])
        raise WizardError(f"no notebook '{min(missing)[:80]}'", f"there are: {known}")
    return wanted


def _into(word: str, found: "list[Template]") -> "tuple[str, list[Copied], set[str]]":
    """Copies in one's home; where they are, and kernels that the lab lacks."""
    from aws_research_wizard.client.errors import WizardError
    from aws_research_wizard.client.home import home
    from aws_research_wizard.packs import library

    with connect() as calls:
        lab = labs.find(calls, word)
        if lab["phase"] != "READY":
            raise WizardError(f"lab {lab['id']} is {lab['phase']}", f"start it: {PROGRAM} jupyter start {lab['id']}")
        link = labs.ask(lambda: calls.login(lab["id"]), f"open {lab['id']}")
    with doorway.reachable(link) as url, home(url, session.transport) as mine:
        mine.folder(FOLDER)
        read, write = (lambda name: mine.read(f"{FOLDER}/{name}")), (lambda name, text: mine.write(f"{FOLDER}/{name}", text))
        copies = [library.placed(one, read, write) for one in found]
        return f"{lab['id']}:~/{FOLDER}", copies, {one.kernel for one in found} - mine.kernels()


def _told(copies: "list[Copied]", place: str) -> dict[str, object]:
    listed = [
        {"pack": one.template.pack, "file": one.template.file, "name": one.name, "state": one.state.value} for one in copies
    ]
    return {"place": place, "notebooks": listed}


def _copies(copies: "list[Copied]", place: str, lacking: set[str]) -> str:
    tick = screen.paint("✔", "green")
    lines = [
        f"{tick} {one.name} {one.state.value}" + (f" (for {one.template.file})" if one.name != one.template.file else "")
        for one in copies
    ]
    lines += [
        f"{screen.paint('!', 'yellow')} the lab has no kernel {one}: choose another when you open them" for one in sorted(lacking)
    ]
    return "\n".join([*lines, f"  Place   {place}"])


def _list(found: "list[Template]", pack: str) -> str:
    if not pack:
        rows = [(one.pack, one.file, one.title) for one in found]
        return screen.table(("PACK", "NOTEBOOK", "TITLE"), rows) + f"\n\nOne pack's: {PROGRAM} packs notebooks genomics"
    blocks = [
        screen.block([("Notebook", one.file), ("Title", one.title), ("Kernel", one.kernel), ("Teaches", one.teaches)])
        for one in found
    ]
    hint = f"Copy them: {PROGRAM} packs notebooks {pack} --copy-to DIR, or --lab LAB"
    return "\n\n".join([*blocks, hint]) if blocks else f"Pack {pack} has no notebooks."
