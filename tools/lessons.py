"""Does every example notebook run in its own kernel, offline, and print the line its pack promises?

    python -m tools.lessons all              every pack, two at a time
    python -m tools.lessons genomics …       some packs
    … --record --pictures                    keep what came out for docs/reference/catalogue.md

Each kernel is installed for real from its lock, once while the lock stays the same (in AWR_TEST_CACHE or .cache/kernels).
A pack passes when all its lessons print what they promise and leave no file behind. The report goes to build/packs.json;
packs that were not asked for keep their last one there, so that a run can be made in pieces.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "vendor")]

from aws_research_wizard.host import kernels as host_kernels  # noqa: E402
from aws_research_wizard.host import locked, r  # noqa: E402
from aws_research_wizard.host.debian import Tools  # noqa: E402
from aws_research_wizard.host.lessons import Lesson, executed  # noqa: E402
from aws_research_wizard.host.orders import Kernel  # noqa: E402
from chalicelib.kernels import service as kernels  # noqa: E402
from chalicelib.kernels.rules import KernelPlan  # noqa: E402
from chalicelib.packs import service, yaml_files  # noqa: E402
from chalicelib.packs.rules import Example, Pack  # noqa: E402
from tools import pictures  # noqa: E402

if TYPE_CHECKING:
    import nbformat

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # two lessons that take both cores each wait for each other: 149 s, not 7
MOST_SECONDS = 60
MADE_IN = "made-in-seconds"
RECORD = ROOT / "docs" / "reference" / "packs-run.json"
ALBUM = ROOT / "docs" / "images" / "packs"


class LessonFailed(Exception):  # noqa: N818 - said to a pack's author
    """One sentence of what went wrong."""


@dataclass(frozen=True)
class Report:
    """How a pack's lessons went. `megabytes` is the size of its environments, `installed` the seconds that making them
    took, whenever that was, `locks` the files they were made from."""

    pack: str
    day: str
    locks: dict[str, str]
    kernels: int
    lessons: int
    cells: int
    megabytes: int
    installed: float
    seconds: float
    wrong: tuple[str, ...]


def digest(lock: Path) -> str:
    """Which lock it was, in twelve letters."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:12]


def plan_of(pack: Pack, example: Example) -> KernelPlan:
    """The kernel that a lesson runs in, also one that labs get only when asked."""
    plans = kernels.plan(pack, also=tuple(kernel.key for kernel in pack.kernels))
    return {kernel.key: plan for kernel, plan in zip(pack.kernels, plans, strict=True)}[example.kernel]


def environment(plan: KernelPlan) -> Path:
    """What the lock pins, and nothing else, in a place of its own."""
    return _packages(plan).place or Path("/usr/lib/R") if plan.language == "r" else _virtualenv(plan)


def _cache() -> Path:
    return Path(os.environ.get("AWR_TEST_CACHE", ROOT / ".cache" / "kernels"))


def _packages(plan: KernelPlan) -> Tools:
    """Debian's packages beside this system, as a laptop's lab has them."""
    log = _cache() / f"{plan.name}.log"
    return locked.beside(_cache(), locked.lacking(locked.read((ROOT / plan.lock).read_text()), log), log)


def _virtualenv(plan: KernelPlan) -> Path:
    """A virtualenv; made beside and moved into place, so that nobody sees half of one."""
    lock = ROOT / plan.lock
    home = _cache() / f"{plan.name}-{digest(lock)}"
    if home.is_dir():
        return home
    making, began = home.with_name(f"{home.name}.{os.getpid()}"), time.monotonic()
    patient = {**os.environ, "UV_HTTP_RETRIES": "8"}  # hundreds of megabytes, now and then over a line that breaks off
    try:
        subprocess.run(["uv", "venv", "--quiet", "--python", plan.version, str(making)], check=True)
        install = ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", str(making / "bin" / "python")]
        subprocess.run([*install, "--require-hashes", "-r", str(lock)], check=True, env=patient)
        (making / MADE_IN).write_text(f"{time.monotonic() - began:.1f}\n")
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    if not home.exists():
        making.rename(home)
    return home


def register(plan: KernelPlan, folder: Path) -> None:
    """A kernel's specification as a lab's machine writes it; its environment is made first where there is none yet."""
    kernel, specs, log = Kernel.parse(asdict(plan)), folder / "kernels", _cache() / f"{plan.name}.log"
    if plan.language == "r":
        r.register(specs, kernel, _packages(plan), log)
    else:
        host_kernels.register(specs, kernel, _virtualenv(plan), Tools(), log)


def run(pack: Pack, example: Example) -> tuple[nbformat.NotebookNode, float]:
    """The lesson with its outputs, and how many seconds it took. LessonFailed when it does not keep what it promises."""
    plan, file = plan_of(pack, example), ROOT / "domain_packs" / pack.name / "notebooks" / example.file
    with tempfile.TemporaryDirectory() as place, mock.patch.dict(os.environ, dict.fromkeys(THREADS, "1")):
        register(plan, Path(place))  # while there is a network
        lesson = Lesson(str(file), plan.name, place, example.expect, 4 * MOST_SECONDS)
        taught, notebook = executed(lesson)
    if not taught.ok:
        raise LessonFailed(f"{example.file} {taught.said}")
    return notebook, taught.seconds


def teach(name: str, album: Path | None = None) -> Report:
    """Install one pack's kernels and run all its lessons; a picture of each goes to `album`."""
    pack, wrong = service.resolve(name), []
    plans = {plan.name: plan for plan in (plan_of(pack, example) for example in pack.examples)}
    homes = [environment(plan) for plan in plans.values()]
    installed, cells, seconds = sum(map(_made_in, homes)), 0, 0.0
    for example in pack.examples:
        try:
            notebook, took = run(pack, example)
        except Exception as error:
            wrong.append(str(error)[-600:])
            continue
        if took > MOST_SECONDS:
            wrong.append(f"{example.file} took {took:.0f} s, more than {MOST_SECONDS}")
        if album:
            pictures.keep(notebook, album / f"{name}--{Path(example.file).stem}.png")
        cells, seconds = cells + sum(cell.cell_type == "code" for cell in notebook.cells), seconds + took
    size = sum(_megabytes(home) for home in homes)
    today, locks = str(datetime.now(UTC).date()), {plan.lock: digest(ROOT / plan.lock) for plan in plans.values()}
    counts = (len(plans), len(pack.examples), cells, size, round(installed, 1), round(seconds, 1))
    return Report(name, today, locks, *counts, tuple(wrong))


def _made_in(home: Path) -> float:
    said = home / MADE_IN
    return float(said.read_text()) if said.is_file() else 0.0


def _megabytes(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_symlink()) // 1_000_000


def _show(reports: Sequence[Report]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("Pack", "Kernels", "Lessons", "Cells", "MB", "Installed in", "Ran in", "")
    for one in reports:
        verdict = "[red]FAIL[/]" if one.wrong else "[green]pass[/]"
        counts = (str(one.kernels), str(one.lessons), str(one.cells), str(one.megabytes))
        table.add_row(one.pack, *counts, f"{one.installed} s", f"{one.seconds} s", verdict)
    Console(width=100).print(table)
    for one in reports:
        for said in one.wrong:
            print(f"{one.pack}: {said}", file=sys.stderr)


def read(file: Path) -> dict[str, Report]:
    """The reports that are kept there, by pack."""
    kept = json.loads(file.read_text()) if file.is_file() else []
    return {one["pack"]: Report(**one | {"wrong": tuple(one["wrong"])}) for one in kept}


def write(file: Path, reports: Sequence[Report]) -> None:
    """These reports in place of older ones of the same packs; packs that are gone go."""
    kept = {**read(file), **{one.pack: one for one in reports}}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(kept[name]) for name in yaml_files.names() if name in kept], indent=2) + "\n")


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.lessons", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("packs", nargs="+", help="packs' names, or all")
    parser.add_argument("--jobs", type=int, default=2, help="packs at a time")
    parser.add_argument("--pictures", action="store_true", help=f"keep a picture of each lesson in {ALBUM.relative_to(ROOT)}")
    parser.add_argument("--record", action="store_true", help=f"keep the reports in {RECORD.relative_to(ROOT)}")
    asked = parser.parse_args(words)
    known = yaml_files.names()
    names = known if asked.packs == ["all"] else asked.packs
    if unknown := sorted({*names} - {*known}):
        parser.error(f"no pack {', '.join(unknown)}; there are: {', '.join(known)}")
    with ProcessPoolExecutor(asked.jobs) as pool:
        reports = list(pool.map(partial(teach, album=ALBUM if asked.pictures else None), names))
    _show(reports)
    for file in (ROOT / "build/packs.json", RECORD)[: 2 if asked.record else 1]:
        write(file, reports)
    return 1 if any(one.wrong for one in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
