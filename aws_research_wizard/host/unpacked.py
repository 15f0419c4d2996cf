"""What has to change in programs that lie unpacked beside the system, so that they find their own parts?

Debian's packages are built for `/`. Keeps true: only what the same tree brings is pointed into it, all else stays the system's; a
tree may be made in one place and moved to the one that it is told of.
"""

import os
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aws_research_wizard.host import commands, files

SCRIPT_BYTES = 200_000
AT = ".at"
"""Names the place that a tree's scripts were pointed at."""
_OWN_PART = re.compile(rb"(?<![\w/.-])/usr/(?:lib|libexec|share)/[\w.+-]+")
_QUIET = {"LC_ALL": "C"}
PROGRAMS = ("usr/bin", "bin", "usr/local/bin", "usr/games")


def unpack(debs: Sequence[Path], tree: Path, place: Path, log: Path) -> None:
    """Unpack packages into `tree`, which is about to be moved to `place`."""
    tree.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(lambda deb: commands.run(["dpkg", "-x", str(deb), str(tree)], log, _QUIET), sorted(debs)))
    point_at(place, tree)
    relink(tree)
    (tree / AT).write_text(str(place))


def point_at(place: Path, tree: Path) -> None:
    """Make scripts that look for their own parts below /usr look for them below `place`."""

    def moved(found: re.Match[bytes]) -> bytes:
        there = found.group().decode()
        return f"{place}{there}".encode() if (tree / there.lstrip("/")).exists() else found.group()

    for file in tree.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.stat().st_size < SCRIPT_BYTES:
            text = file.read_bytes()
            if text.startswith(b"#!"):
                file.write_bytes(_OWN_PART.sub(moved, text))


def come_here(place: Path) -> None:
    """Point scripts here that were pointed at another place: the tree came in an image, whose files nobody writes into."""
    now = str(place)
    before = (place / AT).read_text() if (place / AT).exists() else now
    if before == now:
        return
    for file in place.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.stat().st_size < SCRIPT_BYTES:
            text = file.read_bytes()
            if text.startswith(b"#!") and before.encode() in text:
                beside = file.with_name(f".{file.name}.moved")
                beside.write_bytes(text.replace(before.encode(), now.encode()))
                shutil.copymode(file, beside)
                beside.replace(file)
    files.write(place / AT, now)


def relink(tree: Path) -> None:
    """Make links that lead to the system's own `/etc` or `/usr` lead to what the tree brings there."""
    for link in list(tree.rglob("*")):
        if link.is_symlink() and (goal := str(link.readlink())).startswith("/"):
            own = tree / goal.lstrip("/")
            if own.exists() or own.is_symlink():
                link.unlink()
                link.symlink_to(os.path.relpath(own, link.parent))


def programs(place: Path) -> tuple[str, ...]:
    """Return the tree's directories for PATH."""
    return tuple(str(folder) for name in PROGRAMS if (folder := place / name).is_dir())


def libraries(place: Path) -> tuple[str, ...]:
    """Return the tree's directories of shared libraries; those of BLAS and LAPACK are found by links that no one made here."""
    triplets = [f"{base}/{os.uname().machine}-linux-gnu" for base in ("usr/lib", "lib")]
    inner = [f"{triplet}/{name}" for triplet in triplets for name in ("blas", "lapack")]
    return tuple(str(folder) for name in (*inner, *triplets, "usr/lib", "lib") if (folder := place / name).is_dir())
