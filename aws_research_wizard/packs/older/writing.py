"""Where does a converted pack go? Into a folder of its own, whole or not at all, over nothing but what was converted before."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.packs import documents, shelf
from aws_research_wizard.packs.older import judging, shapes
from aws_research_wizard.packs.older.converting import Converted, convert
from aws_research_wizard.packs.production import near_miss

HEAD = """\
# yaml-language-server: $schema=../_schema.json
# Converted by `aws-research-wizard packs convert`; a second conversion writes it anew.
"""


class ConvertRefused(WizardError):  # noqa: N818 - as the others are called
    """Nothing can be made of this; the words are for a person."""


class Written(NamedTuple):
    """A converted pack and its folder."""

    source: Path
    folder: Path
    made: Converted


def read(file: Path, extends: str = "", with_r: bool = True) -> Converted:
    """The pack that an older file becomes. `extends`: the shipped pack below it; without it, the nearest by name, or base."""
    document, found = documents.read(file, documents.OLDER_BYTES)
    if document is None or found:
        raise ConvertRefused(f"{found[0].place}: {found[0].said}", found[0].remedy)
    if shapes.of(document.values) is None:
        raise ConvertRefused(f"{file} is in none of the older formats", "packs lint says what it is")
    read_, more = judging.read(file, document)
    if more:
        raise ConvertRefused(f"{more[0].place}: {more[0].said}", more[0].remedy)
    shipped = shelf.Shelf((shelf.shipped(),)).names()
    if extends and extends not in shipped:
        raise ConvertRefused(
            f"no pack '{extends[:64]}' is shipped", near_miss(extends, shipped) or f"one of: {', '.join(shipped)}"
        )
    return convert(read_, extends or _nearest(document.values, shipped), shipped, with_r)


def _nearest(values: dict[str, object], shipped: Sequence[str]) -> str:
    domains = values.get("primary_domains")
    said = [values.get("domain"), values.get("name"), values.get("category"), *(domains if isinstance(domains, list) else ())]
    words = [one.lower().strip().replace(" ", "_").replace("-", "_") for one in said if isinstance(one, str)]
    return next((one for word in words for one in shipped if one == word or word.startswith(f"{one}_")), "base")


def write(made: Converted, into: Path) -> Path:
    """The pack's folder, all of it at once."""
    place = into / str(made.pack["name"])
    if place.exists() and not _ours(place):
        raise ConvertRefused(f"{place} is there already, and no conversion made it", "name another folder with --into")
    text = HEAD + _text(made.pack)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=f".{place.name}.") as beside:
        new, old = Path(beside) / "new", Path(beside) / "old"
        new.mkdir()
        (new / shelf.PACK).write_text(text, "utf-8", newline="\n")
        if place.exists():
            place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    return place


def _text(pack: dict[str, Any]) -> str:
    """As a person would write it: `purpose` in its two lines, short lists in one."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def said(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    def listed(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
        short = all(isinstance(one, str) for one in values)
        return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=short)

    Dumper.add_representer(str, said)
    Dumper.add_representer(list, listed)
    return str(yaml.dump(pack, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120))


def _ours(place: Path) -> bool:
    """A conversion's, and nothing was added to it since but locks."""
    try:
        names = {one.name for one in place.iterdir()}
        return names <= {shelf.PACK, "locks"} and (place / shelf.PACK).read_text("utf-8").startswith(HEAD)
    except (OSError, UnicodeDecodeError):
        return False
