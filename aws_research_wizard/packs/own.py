"""A team's own pack as a folder: is it whole, is its lock about what it asks for, and what is to be uploaded?

What the control plane would refuse is told before anything is sent, in the words of the same reading code.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_research_wizard.packs import locks
from aws_research_wizard.packs.environments import shipped
from aws_research_wizard.packs.environments.lines import ImportRefused
from aws_research_wizard.packs.production import PackBroken, kernels, packs

PACK = "pack.yaml"
MOST_BYTES = 8 * 1024 * 1024
SOLVE = "aws-research-wizard packs lock"


@dataclass(frozen=True)
class Folder:
    """The files of a pack, by the names they are uploaded under."""

    name: str
    files: Mapping[str, Path]

    def wishes(self) -> list[dict[str, Any]]:
        """Name, size and SHA-256 of each."""
        contents = {name: file.read_bytes() for name, file in self.files.items()}
        return [{"name": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()} for name, body in contents.items()]


def read(place: Path) -> Folder:
    """The pack of a folder (or of its pack.yaml). ImportRefused when it cannot be added, and why."""
    file = place if place.is_file() else place / PACK
    if not file.is_file():
        raise ImportRefused(f"there is no pack in {place}", "name the folder that holds its pack.yaml")
    own = _said(file)
    name = str(own.get("name") or "")
    _check_parent(name, own)
    try:
        pack = shipped.resolved(name, own)
    except PackBroken as error:
        raise ImportRefused(error.message, error.hint) from None
    found = {PACK: file}
    for kernel in pack.kernels:
        if kernel.pack == name:
            lock = _lock(kernel, file.parent)
            found[lock.name] = lock
    return Folder(name, found)


def _lock(kernel: packs.Kernel, folder: Path) -> Path:
    path = folder / "locks" / Path(kernels.lock_path(kernel)).name
    if kernel.language is not packs.Language.PYTHON:
        raise ImportRefused(f"{kernel.display_name} is of {kernel.language}: a pack of one's own brings Python's kernels", "")
    wrong = locks.findings(kernel, path.read_text("utf-8") if path.is_file() else None)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise ImportRefused(f"{path}: {wrong[0]}{more}", f"solve it anew: {SOLVE} {folder}")
    if path.stat().st_size > MOST_BYTES:
        raise ImportRefused(f"{path} has more than {MOST_BYTES // 1024 // 1024} MB", "a pack has some hundreds of packages")
    return path


def _check_parent(name: str, own: Mapping[str, Any]) -> None:
    if name in shipped.names():
        raise ImportRefused(f"{name} is a pack that is shipped", "give yours another name, and let it extend that one")
    parent = own.get("extends")
    if parent is not None and parent not in shipped.names():
        raise ImportRefused(f"pack {name[:64]}: extends '{str(parent)[:64]}', which is not shipped", "for example: extends: base")


def _said(file: Path) -> Mapping[str, Any]:
    import yaml

    try:
        own = yaml.safe_load(file.read_text("utf-8")) if file.stat().st_size <= 256 * 1024 else None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ImportRefused(f"{file}: {str(error).splitlines()[0]}", "pack.yaml must be plain YAML, in UTF-8") from None
    if not isinstance(own, dict):
        raise ImportRefused(f"{file} holds no pack", "see docs/howto/bring-your-environment.md")
    return own
