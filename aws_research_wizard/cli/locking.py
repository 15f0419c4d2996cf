"""Which exact versions does a pack bring, which newer ones are there, and what differs between two packs?"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import linting, screen
from aws_research_wizard.cli.session import PROGRAM, Format, emit

if TYPE_CHECKING:
    from aws_research_wizard.packs.comparing import Row, Side
    from aws_research_wizard.packs.locking import Solved

SHOWN = 12


@click.argument("pack", metavar="PACK|PATH")
@click.option(
    "--upgrade", is_flag=True, help="Move every pin to the newest version that fits; without it they stay where they fit."
)
def lock(pack: str, upgrade: bool, output: Format) -> None:
    """Solve a pack's kernels again, and write their locks.

    All kernels are solved before any lock is written. A solution that is not there is told in the solver's own words.
    """
    from aws_research_wizard.packs import locking

    solved = [one for file in _own(pack) for one in _solved(file, upgrade, output)]
    written = {one.file for one in locking.write(solved)}
    emit(
        output, [_plain(one, one.file in written) for one in solved], lambda: "\n".join(_written(one, written) for one in solved)
    )


@click.argument("pack", metavar="[PACK|PATH]", required=False, default="all")
def outdated(pack: str, output: Format) -> None:
    """Pins for which a newer version fits; nothing is written.

    Asks the package index. `packs lock --upgrade` takes them.
    """
    solved = [one for file in linting.found(pack) for one in _solved(file, upgrade=True, output=output)]
    rows = [(one.kernel.name, change.package, change.old, change.new) for one in solved for change in one.changes]
    keys = ("kernel", "package", "pinned", "newest")
    emit(output, [dict(zip(keys, row, strict=True)) for row in rows], lambda: _behind(rows, len(solved)))


@click.argument("left", metavar="A")
@click.argument("right", metavar="B")
def diff(left: str, right: str, output: Format) -> None:
    """What differs between two packs, or two locks.

    Kernels, packages, pins, tools, notebooks, data, machines, idle. A and B are packs (names, folders or files), locks, or
    folders of locks.
    """
    from aws_research_wizard.packs import comparing

    one, other = _side(left), _side(right)
    rows = list(comparing.rows(one, other))
    plain = {"left": one.name, "right": other.name, "differences": [row._asdict() for row in rows]}
    emit(output, plain, lambda: _differences(rows, one, other))


# ---- what is solved


def _own(word: str) -> Sequence[Path]:
    """The pack files to write beside; those that came with the program are not anybody's to change."""
    from aws_research_wizard.client.errors import WizardError
    from aws_research_wizard.packs import shelf

    files = linting.found(word)
    if (
        any(file.resolve().is_relative_to(shelf.shipped()) for file in files)
        and not (shelf.shipped().parent / "Makefile").is_file()
    ):
        raise WizardError(f"{word} came with this program", "copy its folder, give it a name of your own, and lock that")
    return files


def _solved(file: Path, upgrade: bool, output: Format) -> "list[Solved]":
    from aws_research_wizard.client.errors import WizardError
    from aws_research_wizard.packs import locking

    found, began = [], time.monotonic()
    try:
        for one in locking.solve(file, upgrade, linting.today()):
            found.append(one)
            if output is not Format.JSON:
                screen.tell(f"{screen.paint('✔', 'green')} Solved {one.kernel.name}  {screen.span(time.monotonic() - began)}")
            began = time.monotonic()
    except locking.LockRefused as error:
        raise WizardError(error.message, error.hint) from None
    return found


def _plain(one: "Solved", written: bool) -> dict[str, Any]:
    from aws_research_wizard.packs import locks

    changes = [change._asdict() for change in one.changes]
    pins = len(locks.parse(one.new).pins)
    return {"kernel": one.kernel.name, "file": str(one.file), "packages": pins, "written": written, "changes": changes}


def _written(one: "Solved", written: set[Path]) -> str:
    from aws_research_wizard.packs import locks

    count = len(locks.parse(one.new).pins)
    if one.file not in written:
        return f"{one.kernel.name}: {count} packages, as they were"
    moved = [f"{change.package} {change.old or 'new'} → {change.new or 'gone'}" for change in one.changes]
    more = f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
    said = f": {', '.join(moved[:SHOWN])}{more}" if moved and one.old else ""
    changed = f", {len(moved)} changed" if one.old else ""
    return screen.hanging(f"{one.kernel.name}: {count} packages in {one.file}{changed}{said}", 2)


def _behind(rows: list[tuple[str, str, str, str]], kernels: int) -> str:
    checked = f"{kernels} kernel{'s' * (kernels != 1)}"
    if not rows:
        return f"{screen.paint('✔', 'green')} {checked}: every pin is the newest that fits"
    shown = [(kernel, package, old or "—", new or "—") for kernel, package, old, new in rows]
    table = screen.table(("KERNEL", "PACKAGE", "PINNED", "NEWEST THAT FITS"), shown)
    return f"{table}\n\n{len(rows)} pins of {checked}; take them with: {PROGRAM} packs lock PACK --upgrade"


# ---- what differs


def _side(word: str) -> "Side":
    from aws_research_wizard.client.errors import WizardError
    from aws_research_wizard.packs import comparing, locking, shelf

    path = Path(word)
    if not path.exists():
        (path,) = linting.found(word)
    elif path.is_file() and path.suffix not in (".txt", *shelf.ENDINGS):
        raise WizardError(f"{word} is no pack and no lock", "name a pack, a lock, or a folder of locks")
    try:
        return comparing.side(path, shelf.around().find)
    except locking.LockRefused as error:
        raise WizardError(error.message, error.hint) from None


def _differences(rows: "list[Row]", one: "Side", other: "Side") -> str:
    if not rows:
        return f"{screen.paint('✔', 'green')} {one.name} and {other.name} are the same"
    shown = [(row.kind, row.what, row.left or "—", row.right or "—") for row in rows]
    counts = ", ".join(f"{sum(row.kind == kind for row in rows)} {kind}" for kind in dict.fromkeys(row.kind for row in rows))
    return f"{screen.table(('', 'WHAT', one.name, other.name), shown)}\n\n{len(rows)} differences: {counts}"
