"""Do a pack's notebooks run in its own kernels, offline, and print what they promise?

Each kernel is installed for real from its lock, once while the lock stays the same. The notebooks run in a folder of their
own and must leave it empty.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aws_research_wizard.host import lessons, locked, orders, r
from aws_research_wizard.host.steps import CommandFailed
from aws_research_wizard.packs import notebooks, shelf
from aws_research_wizard.packs.findings import Finding, Place, finding
from aws_research_wizard.packs.production import kernels, packs

MOST_SECONDS = 60
PATIENCE = 240
Register = Callable[[Path], None]


class NotHere(Exception):  # noqa: N818 - said to a pack's author
    """Why this machine cannot make the kernel."""


def findings(pack: packs.Pack, folder: Path) -> Iterator[Finding]:
    """What running every notebook showed. Notebooks that cannot be read are told by the checks that run nothing."""
    known = {kernel.key: kernel for kernel in pack.kernels}
    for example in pack.examples:
        file = folder / "notebooks" / example.file
        if isinstance(notebooks.read(file), Finding):
            continue
        try:
            register = registrar(known[example.kernel], folder)
        except NotHere as error:
            yield finding("P512", Place(str(file)), f"{example.file} was not run: {error}")
            continue
        yield from _run(file, example, known[example.kernel], register)


def registrar(kernel: packs.Kernel, folder: Path) -> Register:
    """What writes the kernel's specification, once its environment is there; NotHere when that fails."""
    if kernel.language is packs.Language.R:
        return _r(kernel, folder)
    python = environment(kernel, folder)
    return lambda place: _register(kernel, python, place)


def _r(kernel: packs.Kernel, folder: Path) -> Register:
    """R beside this system, by the code of a lab's machine."""
    pins, log = locked.read(_lock(kernel, folder).read_text()), cache() / f"{kernel.name}.log"
    try:
        tools = locked.beside(cache(), locked.lacking(pins, log), log)
    except CommandFailed as error:
        raise NotHere(error.cause) from None
    wanted = orders.Kernel(kernel.name, kernel.display_name, "r", kernel.version, "", env=kernel.env)
    return lambda place: r.register(place / "kernels", wanted, tools, log)


def environment(kernel: packs.Kernel, folder: Path) -> Path:
    """The Python of a virtualenv with exactly what the lock pins, from the cache or made now; NotHere when that fails."""
    if kernel.language is not packs.Language.PYTHON:
        raise NotHere(f"kernels of {kernel.language.value} are made on a lab's machine")
    lock = _lock(kernel, folder)
    home = cache() / f"{kernel.name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not home.is_dir():
        _make(home, kernel.version, lock)
    return home / "bin" / "python"


def _lock(kernel: packs.Kernel, folder: Path) -> Path:
    home = folder if kernel.pack == folder.name else shelf.around(folder).find(kernel.pack) or folder
    lock = home / "locks" / Path(kernels.lock_path(kernel)).name
    if not lock.is_file():
        raise NotHere(f"{kernel.name} has no lock")
    return lock


def cache() -> Path:
    """Where installed kernels wait for the next run."""
    import platformdirs

    return Path(os.environ.get("AWR_TEST_CACHE") or platformdirs.user_cache_path("aws-research-wizard") / "kernels")


def _make(home: Path, version: str, lock: Path) -> None:
    """Made beside and moved into place, so that nobody sees half of one."""
    home.parent.mkdir(parents=True, exist_ok=True)
    making = home.with_name(f"{home.name}.{os.getpid()}")
    install = ["uv", "pip", "install", "--quiet", "--python", str(making / "bin" / "python"), "--require-hashes", "-r", str(lock)]
    try:
        _uv(["uv", "venv", "--quiet", "--python", version, str(making)])
        _uv(install)
        if not home.exists():
            making.rename(home)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _uv(words: list[str]) -> None:
    try:
        done = subprocess.run(words, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        raise NotHere("uv is not installed (pip install uv)") from None
    if done.returncode:
        raise NotHere(" ".join(done.stderr.split())[-240:])


def _run(file: Path, example: packs.Example, kernel: packs.Kernel, register: Register) -> Iterator[Finding]:
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    except ImportError:
        yield finding("P512", Place(str(file)), "running notebooks needs nbclient", "pip install nbclient ipykernel")
        return
    notebook = nbformat.read(file, as_version=4)
    with tempfile.TemporaryDirectory() as place, lessons.offline(Path(place), str(Path(place) / "jupyter")):
        register(Path(place) / "jupyter")
        home = Path(place) / "home"
        home.mkdir()
        notebook.metadata.kernelspec = {"name": kernel.name, "display_name": kernel.display_name}
        began = time.monotonic()
        try:
            client = NotebookClient(notebook, timeout=PATIENCE, resources={"metadata": {"path": str(home)}})
            client.execute(stderr=subprocess.DEVNULL)  # what a kernel tells about itself
        except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError) as error:
            yield _failed(file, notebook, error)
            return
        took, left = time.monotonic() - began, sorted(one.name for one in home.iterdir())
    yield from _kept(file, example, lessons.last_line(notebook), took, left)


def _kept(file: Path, example: packs.Example, said: str, took: float, left: list[str]) -> Iterator[Finding]:
    """Whether the run kept what the pack promises."""
    place = Place(str(file))
    if said != example.expect:
        yield finding("P511", place, f"it printed '{said[-120:]}', not '{example.expect}'")
    if took > MOST_SECONDS:
        yield finding("P513", place, f"it took {took:.0f} s")
    if left:
        yield finding("P514", place, f"it left {', '.join(left[:5])} behind")


def _failed(file: Path, notebook: Any, error: Exception) -> Finding:
    """The first cell that ended with an error, in its own last words."""
    for number, cell in enumerate(notebook.cells, 1):
        for out in cell.get("outputs", ()):
            if out.get("output_type") == "error":
                place = notebooks.place(file, number)
                return finding("P510", place, f"cell {number}: {out.get('ename')}: {out.get('evalue')}")
    return finding("P510", Place(str(file)), str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__)


def _register(kernel: packs.Kernel, python: Path, folder: Path) -> None:
    """A kernel spec as a lab's machine writes it."""
    words = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": words, "language": kernel.language.value, "display_name": kernel.display_name, "env": {**kernel.env}}
    home = folder / "kernels" / kernel.name
    home.mkdir(parents=True)
    (home / "kernel.json").write_text(json.dumps(spec))
