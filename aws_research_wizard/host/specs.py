"""What does Jupyter read of a kernel? Its kernel.json, its pictures, and the program that starts it (launch.py).

Keeps true: a specification is moved into place whole, so Jupyter never reads half of one; one that says what is wanted is left
alone; a folder of specifications serves any Jupyter, for what starts a kernel lies beside it.
"""

import shutil
from collections.abc import Callable, Mapping
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from aws_research_wizard.host import files
from aws_research_wizard.host.orders import Kernel

LAUNCHER = "launch.py"
START = ("python", "-I", f"{{resource_dir}}/{LAUNCHER}", "{connection_file}", "--")
"""Jupyter takes its own Python for the word `python`."""
Own = Callable[[Path], Mapping[str, Any]]
"""Puts what a language brings (pictures) into a folder, and returns its own kernel.json."""


def names(folder: Path) -> list[str]:
    """Return the names of the kernels that Jupyter finds in `folder`."""
    return sorted(spec.parent.name for spec in folder.glob("*/kernel.json"))


def write(folder: Path, kernel: Kernel, env: Mapping[str, str], own: Own) -> None:
    """Register a kernel in `folder`, where Jupyter looks."""
    place, launcher = folder / kernel.name, resources("aws_research_wizard.host").joinpath(LAUNCHER).read_text()
    hints = {"display_name": kernel.display_name, "env": dict(env)}
    if _says(place, kernel, hints, launcher):
        return
    beside = folder.with_name(".coming") / kernel.name
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    known = dict(own(beside))
    metadata = {**known.get("metadata", {}), "resources": dict(kernel.resources)}
    known |= {**hints, "argv": [*START, *known["argv"]], "metadata": metadata}
    files.write(beside / LAUNCHER, launcher)
    files.write_json(beside / "kernel.json", known, files.PUBLIC)
    shutil.rmtree(place, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.move(beside, place)


def _says(place: Path, kernel: Kernel, hints: Mapping[str, Any], launcher: str) -> bool:
    known = files.read_json(place / "kernel.json")
    if not known or {name: known.get(name) for name in hints} != hints:
        return False
    told = known.get("metadata", {}).get("resources") == dict(kernel.resources)
    return told and (place / LAUNCHER).is_file() and (place / LAUNCHER).read_text() == launcher
