"""How does a function start fast? Lambda's code folder is read-only, so Python would compile every module at every cold start.

`tidy` writes the package anew: each module beside its compiled form (one that Python uses without looking at the source's date),
in sorted order with one fixed date, so that equal contents give an equal file. Stubs and leftovers stay out.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

EPOCH = (2020, 1, 1, 0, 0, 0)
LEFT_OUT = (".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h")
MAGIC = importlib.util.MAGIC_NUMBER
MARSHAL = 2  # later versions write down which objects the process shares, which differs from run to run
UNCHECKED = (1).to_bytes(4, "little")  # hash-based, and the hash is not compared


def tidy(made: Path, target: Path, cache: Path) -> None:
    """Rewrite Chalice's zip `made` as `target`; compiled modules are kept in `cache` by what they were compiled from."""
    cache.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as result:
        for name, content in sorted(_contents(source, cache)):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            result.writestr(entry, content)


def _contents(source: zipfile.ZipFile, cache: Path) -> Iterator[tuple[str, bytes]]:
    for entry in source.infolist():
        name = PurePosixPath(entry.filename)
        if entry.is_dir() or "__pycache__" in name.parts or name.suffix in LEFT_OUT:
            continue
        content = source.read(entry)
        yield entry.filename, content
        if name.suffix == ".py":
            yield compiled_name(name), _compiled(entry.filename, content, cache)


def compiled_name(module: PurePosixPath) -> str:
    """Where Python looks for a module's compiled form."""
    return str(module.parent / "__pycache__" / f"{module.stem}.{sys.implementation.cache_tag}.pyc")


def _compiled(name: str, content: bytes, cache: Path) -> bytes:
    kept = cache / f"{hashlib.sha256(name.encode() + content).hexdigest()[:32]}-{MAGIC.hex()}-{MARSHAL}.pyc"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            made = Path(folder, "module.pyc")
            made.write_bytes(compiled(name, content))
            made.rename(kept)
    return kept.read_bytes()


def compiled(name: str, content: bytes) -> bytes:
    """A .pyc that Python uses unchecked, the same whatever else this process has loaded."""
    code = compile(content, name, "exec", dont_inherit=True)
    return MAGIC + UNCHECKED + importlib.util.source_hash(content) + marshal.dumps(code, MARSHAL)
