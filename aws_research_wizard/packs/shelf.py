"""Where are packs? Beside the one at hand, in the checkout one stands in, and among those that ship."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import aws_research_wizard

PACK = "pack.yaml"
OLDER = "domain-pack.yaml"
SCHEMA = "_schema.json"
ENDINGS = (".yaml", ".yml")


class Shelf(NamedTuple):
    """Folders of packs; the first that has a pack of a name is where it is."""

    folders: tuple[Path, ...]

    def find(self, name: str) -> Path | None:
        """The folder of a pack. `name` may be anything that somebody wrote after `extends:`."""
        if not name.replace("_", "").isalnum():
            return None
        return next((one / name for one in self.folders if (one / name / PACK).is_file()), None)

    def names(self) -> tuple[str, ...]:
        """All that can be found, sorted."""
        return tuple(sorted({one.name for folder in self.folders for one in packs_of(folder)}))


def shipped() -> Path:
    """The packs that came with this program (in a checkout: its own)."""
    return Path(aws_research_wizard.__file__).resolve().parents[1] / "domain_packs"


def checkout() -> Path | None:
    """The packs of the checkout that the current folder belongs to."""
    here = Path.cwd()
    return next((one / "domain_packs" for one in (here, *here.parents) if (one / "domain_packs" / SCHEMA).is_file()), None)


def around(folder: Path | None = None) -> Shelf:
    """The places where a pack in this folder may find what it extends."""
    places = [folder.resolve().parent if folder else None, checkout(), shipped()]
    return Shelf(tuple(dict.fromkeys(one for one in places if one is not None)))


def packs_of(folder: Path) -> Iterator[Path]:
    """The folders of packs in a folder, sorted, ours and the older ones."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    yield from (one for one in inside if (one / PACK).is_file() or (one / OLDER).is_file())


def pack_file(path: Path) -> Path | None:
    """The file to read of a pack's folder, or the file itself; None for a folder that is no pack's."""
    if not path.is_dir():
        return path
    return next((path / name for name in (PACK, OLDER) if (path / name).is_file()), None)


def files_of(path: Path) -> Sequence[Path]:
    """Every pack file that a path means: a file, a pack's folder, a folder of packs, a folder of older files."""
    if own := pack_file(path):
        return (own,)
    if inside := [file for one in packs_of(path) if (file := pack_file(one))]:
        return inside
    try:
        return sorted(one for one in path.iterdir() if one.suffix in ENDINGS and one.is_file())
    except OSError:
        return ()
