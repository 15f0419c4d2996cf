"""How do two lists become a pack that can be installed anywhere? Read, laid over `base`, solved, written whole or not at all.

Keeps true: a folder that is there and no import made is never touched; a pack without a solution leaves nothing behind.
"""

import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from aws_research_wizard.packs import locks, solving
from aws_research_wizard.packs.environments import kernelspecs, packages, shipped
from aws_research_wizard.packs.environments.lines import Carried, ImportRefused, Left, Sorted
from aws_research_wizard.packs.production import PackBroken, kernels, packs

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
PYTHON = "3.11"
MADE_BY = "# Made by `aws-research-wizard jupyter import-environment`; a second import writes it anew."
ROUNDS = 40
MOST_WORDS = 500
UNKNOWN = re.compile(r"Because (?P<name>[a-z0-9][a-z0-9._-]*) was not found in the package registry")
AT_FAULT = re.compile(r"(?:there is no version of |Because )(?P<name>[a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==")


@dataclass(frozen=True)
class Wish:
    """What somebody wants imported: the texts of both lists, and the pack's name."""

    name: str
    packages: str
    kernels: str = ""
    title: str = ""
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """A pack that was not there before: its files by name, what went in and what did not."""

    name: str
    files: dict[str, str]
    carried: tuple[Carried, ...]
    tools: tuple[Carried, ...]
    left: tuple[Left, ...]
    notes: tuple[str, ...]
    locked: int


def make(wish: Wish, today: date) -> Made:
    """The pack with its lock. ImportRefused: it cannot be made, and why."""
    name = checked(wish.name)
    found = packages.read(wish.packages, shipped.tools(), wish.leave_out)
    chosen = kernelspecs.read(wish.kernels) if wish.kernels else kernelspecs.Chosen(None, {}, [])
    if not found.carried and not found.tools:
        why = found.left[0].why if found.left else "it holds no package"
        raise ImportRefused(
            f"nothing of the list can be carried (line 1: {why})", "make it anew: pip freeze > current_packages.txt"
        )
    lock, pack = _solved(name, wish, found, chosen, today)
    kernel = next(one for one in pack.kernels if one.pack == name)
    files = {"pack.yaml": _written(_own(name, wish, found, chosen)), _inside(kernels.lock_path(kernel)): lock}
    pins = len(locks.parse(lock).pins)
    left = sorted((*found.left, *chosen.left), key=lambda one: (one.file, one.line))
    return Made(name, files, tuple(found.carried), tuple(found.tools), tuple(left), _notes(chosen), pins)


def checked(name: str) -> str:
    """The name, if a team's own pack may bear it."""
    if not NAME.fullmatch(name):
        raise ImportRefused(f"'{name[:64]}' is no name for a pack", "small letters, digits and '_', a letter first: my_group")
    if name in shipped.names():
        raise ImportRefused(f"{name} is a pack that is shipped", "give yours another name, for example " + f"my_{name}"[:64])
    return name


def write(made: Made, folder: Path) -> Path:
    """The pack as a folder, all of it at once; one that an import made before is replaced."""
    place = folder / made.name
    if place.exists() and not _ours(place):
        raise ImportRefused(
            f"{place} is there already, and no import made it", "name another folder with --to, or another --domain"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{made.name}.") as beside:
        new, old = Path(beside) / "new", Path(beside) / "old"
        for name, text in made.files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(text, "utf-8", newline="\n")
        if place.exists():
            place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    return place


def _ours(place: Path) -> bool:
    try:
        return (place / "pack.yaml").read_text("utf-8").startswith(MADE_BY)
    except (OSError, UnicodeDecodeError):
        return False


# ---- the pack ------------------------------------------------------------------------------------------------------------


def _own(name: str, wish: Wish, found: Sorted, chosen: kernelspecs.Chosen) -> dict[str, Any]:
    """What the pack's file says."""
    title = wish.title or name.replace("_", " ").strip().capitalize()
    kernel: dict[str, Any] = {"display_name": f"{title} (Python {PYTHON})"}
    kernel["packages"] = sorted((one.requirement for one in found.carried), key=str.lower)
    if found.tools:
        kernel["system"] = sorted(one.requirement for one in found.tools)
    if chosen.env:
        kernel["env"] = dict(chosen.env)
    purpose = f"The environment that its owners worked in before: {len(found.carried)} packages, as they were listed.\n"
    return {"name": name, "title": title, "purpose": purpose, "extends": "base", "kernels": {"python": kernel}}


def _written(own: dict[str, Any]) -> str:
    import yaml

    text = yaml.safe_dump(own, sort_keys=False, allow_unicode=True, width=120)
    return f"{MADE_BY}\n{text}"


def _inside(path: str) -> str:
    """A lock's place within its pack's folder."""
    return path.split("/", 2)[2]


def _notes(chosen: kernelspecs.Chosen) -> tuple[str, ...]:
    spec = chosen.spec
    if spec and spec.version and spec.version != PYTHON:
        return (f"{spec.name} ran Python {spec.version}; a lab's is {PYTHON}, and the packages are solved for that",)
    return ()


# ---- the lock ------------------------------------------------------------------------------------------------------------


def _solved(name: str, wish: Wish, found: Sorted, chosen: kernelspecs.Chosen, today: date) -> tuple[str, packs.Pack]:
    """The lock of what can be had. A loose name that the index does not know is no Python package, and is left behind."""
    for _ in range(ROUNDS):
        pack = _resolved(name, _own(name, wish, found, chosen))
        try:
            return solving.solve(next(one for one in pack.kernels if one.pack == name), None, False, today), pack
        except FileNotFoundError:
            raise ImportRefused("uv, which solves environments, is not installed here", "pip install uv") from None
        except solving.Unsolvable as error:
            unknown = UNKNOWN.search(words(str(error), 10_000))
            loose = unknown and next(
                (one for one in found.carried if one.loose and packages.name_of(one.requirement) == unknown["name"]), None
            )
            if not loose:
                raise _unsolvable(str(error), found) from None
            found.carried.remove(loose)
            found.leave(loose.line, loose.requirement, "the index has no package of this name: it is conda's own, or a program")
    raise ImportRefused(f"more than {ROUNDS} of the names are not on the index", "give the list that pip makes: pip freeze")


def _resolved(name: str, own: dict[str, Any]) -> packs.Pack:
    try:
        return shipped.resolved(name, own)
    except PackBroken as error:
        raise ImportRefused(error.message, error.hint) from None


def _unsolvable(said: str, found: Sorted) -> ImportRefused:
    """The solver's own words, and the line they are about, if they are about one."""
    short = words(said)
    fault = UNKNOWN.search(short) or AT_FAULT.search(short)
    line = next((one.line for one in found.carried if fault and packages.name_of(one.requirement) == fault["name"]), 0)
    where = f"line {line}: " if line else ""
    hint = (
        f"change that line, or go on without it: --leave-out {fault['name']}" if fault and line else "loosen or remove a version"
    )
    return ImportRefused(f"the packages have no solution: {where}{short}", hint)


def words(said: str, most: int = MOST_WORDS) -> str:
    """What a solver said, without its address and its advice, on one line."""
    text = said.partition("\n\nhint:")[0]
    text = re.sub(r"\s+", " ", text).strip()
    text = text.replace("error: No solution found when resolving dependencies cause: ", "").removeprefix("error: ")
    text = re.sub(r", we can conclude that your requirements are unsatisfiable\.?$", "", text)
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"
