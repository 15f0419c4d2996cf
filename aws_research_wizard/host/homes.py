"""What does a person find in their home? Their files, `shared`, and examples of the lab's packs (examples.py).

Keeps true: a file that is there is never overwritten, renamed or removed; whatever a person's e-mail looks like, their
home is one directory below `homes`.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from aws_research_wizard.host import examples
from aws_research_wizard.host.examples import Offer
from aws_research_wizard.host.walking import Folder


def settle_in(storage: Path, person: str, offered: Sequence[Offer] = (), owner: tuple[int, int] | None = None) -> Path:
    """Make sure of `person`'s home and what belongs in it; return it. `owner` is (uid, gid) where people have accounts."""
    home = place(storage, person)
    if not home.exists():
        home.mkdir(parents=True)
        home.chmod(0o700)
        if owner:
            os.chown(home, *owner, follow_symlinks=False)
    link = home / "shared"
    if not link.is_symlink() and not link.exists():
        link.symlink_to(storage / "shared")
    examples.lay(Folder.at(home), offered, owner)
    return home


def place(storage: Path, person: str) -> Path:
    """Return where a person's home is."""
    if not person or person.startswith(".") or "/" in person or "\0" in person:
        raise ValueError(f"{person!r} is no name for a home")
    return storage / "homes" / person
