"""A small index of one's own: a folder of wheels that hold nothing but their names, versions and needs."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

BASE = ("ipykernel", "numpy", "pandas", "matplotlib", "scipy", "ipywidgets")


def wheel(folder: Path, name: str, version: str, requires: Sequence[str] = ()) -> Path:
    """Write one wheel; nothing of it is ever run."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def only(folder: Path, scratch: Path) -> dict[str, str]:
    """The environment in which uv looks there and nowhere else."""
    empty = scratch / "empty"
    empty.mkdir(exist_ok=True)
    return {"UV_DEFAULT_INDEX": empty.as_uri(), "UV_FIND_LINKS": str(folder), "UV_CACHE_DIR": str(scratch / "cache")}


def index(folder: Path) -> Path:
    """What `base` asks for, in one version each."""
    for name in BASE:
        wheel(folder, name, "1.0")
    return folder
