"""Which pins would a pack's kernels get, and what changes with them? Solved first, all of them; written after, or not at all."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from aws_research_wizard.packs import linting, locks, solving
from aws_research_wizard.packs.findings import Severity
from aws_research_wizard.packs.production import kernels, packs
from aws_research_wizard.packs.solving import SOLVERS, Unsolvable

OFFLINE = re.compile(
    r"(?i)failed to fetch|error sending request|dns error|connection (refused|reset)|could not connect|timed out"
    r"|network is unreachable|temporary failure|tunnel error|not found in the cache|network (connectivity )?(is|was) disabled"
)
AT_MOST = 500


class LockRefused(Exception):  # noqa: N818 - said to a pack's author
    """Why nothing was solved or written, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Solved(NamedTuple):
    """A kernel with the lock it has and the one it would get."""

    kernel: packs.Kernel
    file: Path
    old: str | None
    new: str

    @property
    def changes(self) -> tuple["Change", ...]:
        """Pin by pin."""
        before = _pins(self.old)
        return tuple(changes(before, locks.parse(self.new).pins))

    @property
    def stale(self) -> bool:
        """Whether the new one says anything that the old one does not; the day alone is nothing."""
        same = self.old is not None and self.old.splitlines()[1:] == self.new.splitlines()[1:]
        return not same or bool(locks.findings(self.kernel, self.old))


class Change(NamedTuple):
    """A package whose pin moved; '' where it is not there."""

    package: str
    old: str
    new: str


def kernels_of(file: Path) -> tuple[packs.Kernel, ...]:
    """The kernels whose locks stand in this pack's folder and that can be solved. LockRefused when the pack is broken."""
    subject, found = linting.subject(file, "us-east-1", date.min)
    wrong = [one for one in found if one.severity is Severity.ERROR]
    if subject is None or subject.pack is None or wrong:
        said = f"{wrong[0].place}: {wrong[0].said}" if wrong else f"{file} is no pack"
        raise LockRefused(said, f"packs lint {file.parent} tells all of it")
    return tuple(one for one in subject.pack.kernels if one.pack == subject.name and one.language in SOLVERS)


def lock_file(kernel: packs.Kernel, folder: Path) -> Path:
    """Where a kernel's lock stands in its pack's folder."""
    return folder / "locks" / PurePosixPath(kernels.lock_path(kernel)).name


def solve(file: Path, upgrade: bool, today: date) -> Iterator[Solved]:
    """Each kernel solved, none written."""
    for kernel in kernels_of(file):
        place = lock_file(kernel, file.parent)
        old = _text(place)
        yield Solved(kernel, place, old, _solution(kernel, old, upgrade, today))


def _solution(kernel: packs.Kernel, old: str | None, upgrade: bool, today: date) -> str:
    try:
        return solving.solve(kernel, old, upgrade, today)
    except FileNotFoundError as error:
        raise LockRefused(
            f"{error.filename or 'uv'}, which solves environments, is not installed here", "pip install uv"
        ) from None
    except Unsolvable as error:
        said = str(error)
        if OFFLINE.search(said):
            raise LockRefused(
                "the package index cannot be reached from here", "solve where there is a network; lint needs none"
            ) from None
        raise LockRefused(f"{kernel.name} has no solution: {words(said)}", "loosen or remove one of the versions named") from None


def words(said: str) -> str:
    """What a solver said, on one line, without its address and its advice."""
    text = " ".join(said.partition("\n\nhint:")[0].split())
    text = re.sub(r"^(error: |\W |No solution found when resolving dependencies:?( cause:)? |╰─▶ )+", "", text).replace(
        "╰─▶ ", ""
    )
    text = re.sub(r",? (and )?we can conclude that your requirements are unsatisfiable\.?$", "", text)
    return text if len(text) <= AT_MOST else text[: AT_MOST - 1].rsplit(" ", 1)[0] + "…"


def write(solved: Sequence[Solved]) -> list[Solved]:
    """The locks that changed, each written whole; which they were."""
    changed = [one for one in solved if one.stale]
    for one in changed:
        one.file.parent.mkdir(parents=True, exist_ok=True)
        beside = one.file.with_name(f".{one.file.name}.new")
        beside.write_text(one.new, "utf-8")
        beside.replace(one.file)
    return changed


def changes(before: dict[str, str], after: dict[str, str]) -> Iterator[Change]:
    """What moved, came and went, by name."""
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Change(name, before.get(name, ""), after.get(name, ""))


def _text(file: Path) -> str | None:
    try:
        return file.read_text("utf-8") if file.is_file() else None
    except UnicodeDecodeError:
        return None


def _pins(text: str | None) -> dict[str, str]:
    try:
        return locks.parse(text or "").pins
    except ValueError:
        return {}
