"""Which notebooks do people find of the packs that were activated in their lab? Each pack's in a folder of its own.

`~/examples` holds those of the lab's own pack; of every other one they are in `~/examples/<pack>`. Homes that are there get them
at once (nobody's server starts anew for it), all others when their server starts (homes.py). Keeps true: what is there is never
written over, and nothing is written through a link that somebody put there.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from aws_research_wizard.host import placing
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Orders
from aws_research_wizard.host.placing import Owner
from aws_research_wizard.host.walking import Folder

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def root(machine: Machine) -> Path:
    """Where servers look for the notebooks of activated packs when they start: a link for each."""
    return machine.opt / "examples"


def offer(machine: Machine, orders: Orders) -> None:
    """Bring the links to what is active; lay the notebooks of packs that came into the homes that are there."""
    wanted = {name: machine.bundle / "domain_packs" / name / "notebooks" for name in orders.packs if name != orders.domain}
    place = root(machine)
    place.mkdir(parents=True, exist_ok=True)
    for link in place.iterdir():
        if link.name not in wanted or not orders.examples:
            link.unlink()
    for name, notebooks in wanted.items():
        link = place / name
        if orders.examples and notebooks.is_dir() and not (link.is_symlink() and link.readlink() == notebooks):
            link.unlink(missing_ok=True)
            for home in _homes(machine):
                _lay(notebooks, home, name, None if machine.local else _owner(home))
            link.symlink_to(notebooks)


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


def _lay(notebooks: Path, home: Folder, pack: str, owner: Owner) -> None:
    """Lay one pack's notebooks into one home, as far as that can be done; the rest comes with the next start."""
    with suppress(OSError, placing.Misplaced):
        folder = _into(_into(home, b"examples", owner), pack.encode(), owner)
        _copy_new(notebooks, folder, owner)


def _copy_new(source: Path, folder: Folder, owner: Owner) -> None:
    for file in sorted(source.iterdir()):
        name = os.fsencode(file.name)
        if file.is_dir():
            _copy_new(file, _into(folder, name, owner), owner)
        else:
            with suppress(FileExistsError):
                _copy(file, folder, name, owner)


def _into(within: Folder, name: bytes, owner: Owner) -> Folder:
    try:
        return Folder.at(name, within)
    except FileNotFoundError:
        return placing.make_folder(within, name, 0o755, owner)


def _copy(file: Path, folder: Folder, name: bytes, owner: Owner) -> None:
    handle = os.open(name, NEW, 0o644, dir_fd=folder.handle)
    try:
        with os.fdopen(handle, "wb") as there, file.open("rb") as source:
            shutil.copyfileobj(source, there)
            if owner:
                os.fchown(there.fileno(), *owner)
    except OSError:
        os.unlink(name, dir_fd=folder.handle)
        raise
