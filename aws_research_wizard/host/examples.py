"""Which notebooks do people find in their homes? Those of the lab's packs whose kernel is in this lab.

`~/examples` holds those of the lab's own pack; of every other one they are in `~/examples/<pack>`. A home gets them when its
person's server starts (homes.py), and homes that are there get what comes later at once (nobody's server starts anew for it): a
pack that is activated, or a kernel that was asked for. Keeps true: a notebook whose kernel is not here is not laid; what is there
is never written over, and nothing is written through a link that somebody put there.
"""

import errno
import json
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from aws_research_wizard.host import files, placing, specs
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Orders
from aws_research_wizard.host.placing import Owner
from aws_research_wizard.host.walking import Folder

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
IN_THE_WAY = (errno.ELOOP, errno.ENOTDIR)
ANY = "*"


class Offer(NamedTuple):
    """A pack's notebooks, the folder below `examples` where they go (blank: itself), and for which kernels they are laid."""

    folder: str
    notebooks: Path
    kernels: Collection[str]


def root(machine: Machine) -> Path:
    """Where servers look for the notebooks of activated packs when they start: a link for each."""
    return machine.opt / "examples"


def offers(own: Path | None, more: Path | None, registered: Path) -> list[Offer]:
    """Return what a home shall have, when the lab's own notebooks are `own` and `registered` is where its kernels are."""
    there = [ANY, *specs.names(registered)]
    others = sorted(more.iterdir()) if more is not None and more.is_dir() else []
    named = [("", own)] if own is not None else []
    found = [*named, *((one.name, one.resolve()) for one in others)]
    return [Offer(folder, place, there) for folder, place in found if place.is_dir()]


def offer(machine: Machine, orders: Orders) -> None:
    """Bring the links to what is active; lay what came, pack or kernel, into the homes that are there."""
    known = {name: machine.lessons(name) for name in (orders.domain, *orders.packs)}
    wanted = {name: place for name, place in known.items() if orders.examples and place.is_dir()}
    _link(root(machine), {name: place for name, place in wanted.items() if name != orders.domain})
    there = {name: [str(place), *specs.names(machine.kernel_specs)] for name, place in wanted.items()}
    noted = root(machine).with_suffix(".json")
    before = files.read_json(noted) or {}
    if there == before:
        return
    came = [
        Offer("" if name == orders.domain else name, place, _came(before.get(name, []), there[name]))
        for name, place in wanted.items()
    ]
    for home in _homes(machine):
        with suppress(OSError):  # the rest comes with the next start of its server
            lay(home, came, None if machine.local else _owner(home))
    files.write_json(noted, there)


def _link(place: Path, wanted: dict[str, Path]) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for link in place.iterdir():
        if link.name not in wanted or link.readlink() != wanted[link.name]:
            link.unlink()
    for name, notebooks in wanted.items():
        if not (place / name).is_symlink():
            (place / name).symlink_to(notebooks)


def _came(before: Sequence[str], there: Sequence[str]) -> Collection[str]:
    """The kernels whose notebooks are new: all of a place that is new, else those of kernels that are."""
    return [ANY, *there[1:]] if before[:1] != there[:1] else set(there[1:]) - set(before[1:])


def _homes(machine: Machine) -> Iterator[Folder]:
    try:
        homes = Folder.at(machine.storage / "homes")
    except OSError:
        return
    for name in sorted(os.listdir(homes.handle)):  # noqa: PTH208 (an open folder, not a path)
        with suppress(OSError):
            yield Folder.at(os.fsencode(name), homes)


def _owner(home: Folder) -> Owner:
    seen = os.fstat(home.handle)
    return seen.st_uid, seen.st_gid


def lay(home: Folder, offered: Sequence[Offer], owner: Owner) -> None:
    """Lay notebooks into one home, as far as nothing of a person is in the way."""
    for one in offered:
        try:
            folder = _into(home, b"examples", owner)
            _copy_new(one.notebooks, _into(folder, one.folder.encode(), owner) if one.folder else folder, owner, one.kernels)
        except placing.Misplaced:
            continue
        except OSError as error:
            if error.errno not in IN_THE_WAY:
                raise


def _copy_new(source: Path, folder: Folder, owner: Owner, kernels: Collection[str]) -> None:
    for file in sorted(source.iterdir()):
        name = os.fsencode(file.name)
        if file.is_dir():
            _copy_new(file, _into(folder, name, owner), owner, kernels)
        elif placing.look(folder, name) is None and kernel_of(file) in kernels:
            with suppress(FileExistsError):
                _copy(file, folder, name, owner)


def kernel_of(file: Path) -> str:
    """Return the kernel that a notebook names; for what is no notebook, or names none, any is right."""
    if file.suffix != ".ipynb":
        return ANY
    try:
        return str(json.loads(file.read_text("utf-8"))["metadata"]["kernelspec"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ANY


def _into(within: Folder, name: bytes, owner: Owner) -> Folder:
    try:
        return Folder.at(name, within)
    except FileNotFoundError:
        return placing.make_folder(within, name, 0o755, owner)


def _copy(file: Path, folder: Folder, name: bytes, owner: Owner) -> None:
    """Copy a file whole, or not at all: half an example would be taken for the person's own ever after."""
    handle = os.open(name, NEW, 0o644, dir_fd=folder.handle)
    try:
        with os.fdopen(handle, "wb") as there, file.open("rb") as source:
            shutil.copyfileobj(source, there)
            if owner:
                os.fchown(there.fileno(), *owner)
    except OSError:
        os.unlink(name, dir_fd=folder.handle)
        raise
