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
        needed = [one for one in found if one.on_request]
        emit(output, _told(copies, str(folder), needed), lambda: _copies(copies, str(folder), needed, "LAB"))
    elif lab:
        found_lab, copies, lacking = _into(lab, found)
        place = f"{found_lab}:~/{FOLDER}"
        emit(output, _told(copies, place, lacking), lambda: _copies(copies, place, lacking, found_lab))
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


def _into(word: str, found: "list[Template]") -> "tuple[str, list[Copied], list[Template]]":
    """Copies in one's home; in which lab that is, and those whose kernel it lacks."""
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
        there = mine.kernels()
    return lab["id"], copies, [one for one in found if one.kernel not in there]


def _told(copies: "list[Copied]", place: str, lacking: "list[Template]") -> dict[str, object]:
    listed = [
        {"pack": one.template.pack, "file": one.template.file, "name": one.name, "state": one.state.value} for one in copies
    ]
    return {"place": place, "notebooks": listed, "kernels_lacking": sorted({one.kernel for one in lacking})}


def _copies(copies: "list[Copied]", place: str, lacking: "list[Template]", lab: str) -> str:
    tick = screen.paint("✔", "green")
    lines = [
        f"{tick} {one.name} {one.state.value}" + (f" (for {one.template.file})" if one.name != one.template.file else "")
        for one in copies
    ]
    lines.append(f"  Place   {place}")
    for kernel in sorted({one.kernel for one in lacking}):
        mine = [one for one in lacking if one.kernel == kernel]
        who = f"lab {lab} does not have" if lab != "LAB" else "a lab has on request only"
        lines.append(
            f"{screen.paint('!', 'yellow')} {', '.join(one.file for one in mine)}: made for kernel {kernel}, which {who}"
        )
        lines.append(f"  Get it  {_way(mine[0], lab)}")
    return "\n".join(lines)


def _way(template: "Template", lab: str) -> str:
    """How a lab gets the kernel of a template."""
    also = f" --kernel {template.on_request}" if template.on_request else ""
    return f"{PROGRAM} jupyter activate {lab} --domain {template.pack}{also}"


def _kernel(one: "Template") -> str:
    return f"{one.kernel}, on request: {_way(one, 'LAB')}" if one.on_request else one.kernel


def _list(found: "list[Template]", pack: str) -> str:
    if not pack:
        rows = [(one.pack, one.file, one.title) for one in found]
        return screen.table(("PACK", "NOTEBOOK", "TITLE"), rows) + f"\n\nOne pack's: {PROGRAM} packs notebooks genomics"
    blocks = [
        screen.block([("Notebook", one.file), ("Title", one.title), ("Kernel", _kernel(one)), ("Teaches", one.teaches)])
        for one in found
    ]
    hint = f"Copy them: {PROGRAM} packs notebooks {pack} --copy-to DIR, or --lab LAB"
    return "\n\n".join([*blocks, hint]) if blocks else f"Pack {pack} has no notebooks."
