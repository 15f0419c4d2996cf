"""How does a pack in an older format become one of ours, and what of it could not be carried?"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import linting, screen
from aws_research_wizard.cli.session import PROGRAM, Format, emit

if TYPE_CHECKING:
    from aws_research_wizard.packs.older.converting import Converted
    from aws_research_wizard.packs.older.writing import Written

DIR = click.Path(path_type=Path, file_okay=False)


@click.argument("path", metavar="PATH")
@click.option("--into", type=DIR, default=Path("packs"), show_default=True, metavar="DIR", help="Where the pack's folder is put.")
@click.option(
    "--extends", "extends", default="", metavar="PACK", help="The shipped pack below it; by default the nearest by name."
)
def convert(path: str, into: Path, extends: str, output: Format) -> None:
    """Make a pack of ours from one in an older format.

    Reads one YAML a field (Spack packages, machines by role) and folders with a domain-pack.yaml. Every line that could not be
    carried is told, with its number and the reason.
    """
    from aws_research_wizard.packs.older import writing

    made = [(file, writing.read(file, extends)) for file in linting.found(path)]
    written = [writing.Written(file, writing.write(one, into), one) for file, one in made]
    emit(output, [plain(one) for one in written], lambda: "\n\n".join("\n".join(page(one)) for one in written))


def plain(one: "Written") -> dict[str, Any]:
    """For programs: the pack, and what became of every value."""
    books = one.made.books
    carried = [
        {"file": entry.place.file, "line": entry.place.line, "text": entry.text, "to": entry.way, "note": entry.but}
        for book in books
        for entry in book.carried.values()
    ]
    left = [
        {"file": entry.place.file, "line": entry.place.line, "text": entry.text, "why": entry.why}
        for book in books
        for entry in book.left.values()
    ]
    return {"pack": one.made.pack["name"], "folder": str(one.folder), "carried": carried, "left": left, "notes": one.made.notes}


def page(one: "Written") -> Iterator[str]:
    """For people."""
    pack, books = one.made.pack, one.made.books
    carried, left = (sum(len(getattr(book, part)) for book in books) for part in ("carried", "left"))
    yield f"{screen.paint('✔', 'green')} {one.source} → {one.folder / 'pack.yaml'}, extends {pack['extends']}"
    yield f"  {carried} of {carried + left} values carried, {left} left behind"
    yield from (f"  {screen.paint('!', 'yellow')} {note}" for note in one.made.notes)
    yield from _changed(one.made)
    yield from _left(one.made)
    yield f"  Next    {PROGRAM} packs lock {one.folder}"
    yield f"          {PROGRAM} packs lint {one.folder}"


def _changed(made: "Converted") -> Iterator[str]:
    """What is carried, but not all of it."""
    rows = [(entry, entry.but) for book in made.books for entry in book.carried.values() if entry.but]
    if rows:
        yield screen.paint("Carried, with a difference", "bold")
        for entry, but in rows:
            yield _line(entry.place.line, entry.text, f"{entry.way}: {but}")


def _left(made: "Converted") -> Iterator[str]:
    for book in made.books:
        if book.left:
            yield screen.paint(f"Left behind of {book.document.file}", "bold")
        for entry in sorted(book.left.values(), key=lambda one: one.place):
            yield _line(entry.place.line, entry.text, entry.why)


def _line(number: int, text: str, why: str) -> str:
    return f"{str(number).rjust(6)}  {screen.hanging(text, 8)}\n        {screen.paint('→', 'dim')} {screen.hanging(why, 10)}"
