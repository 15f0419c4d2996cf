"""Bundles of releases that never were: the one of this tree with some of its files changed, under its own right name."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

Change = Callable[[str], str]
HOST = "aws_research_wizard/host"


def changed(bundle: Path, changes: Mapping[str, Change]) -> Path:
    """Write beside `bundle` what it would be with these files of its wheel (or of itself) changed."""
    with tarfile.open(bundle, "r:gz") as tar:
        content = {member.name: (member, tar.extractfile(member).read()) for member in tar if member.isfile()}  # type: ignore[union-attr]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, (member, data) in content.items():
            new = _wheel(data, changes) if name.endswith(".whl") else _text(name, data, changes)
            member.size = len(new)
            tar.addfile(member, io.BytesIO(new))
    packed = gzip.compress(out.getvalue(), 6, mtime=0)
    path = bundle.with_name(f"bundle-{hashlib.sha256(packed).hexdigest()[:12]}.tar.gz")
    path.write_bytes(packed)
    return path


def release_of(bundle: Path) -> str:
    return bundle.name.removeprefix("bundle-").removesuffix(".tar.gz")


def _wheel(data: bytes, changes: Mapping[str, Change]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info, _text(info.filename, old.read(info), changes))
    return out.getvalue()


def _text(name: str, data: bytes, changes: Mapping[str, Change]) -> bytes:
    return changes[name](data.decode()).encode() if name in changes else data
