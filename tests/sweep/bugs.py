"""Do the tests bite? Each planted bug is put into a copy of the tree, one at a time, and hunted until something fails.

A bug that nothing catches is a hole in the laws or in the tests. The working tree is never touched.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue

import yaml

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "tests/planted/bugs.yaml"
PAGE = ROOT / "docs/reference/planted-bugs.md"
REPORT = ROOT / "build/bugs.json"
COPIED = (
    "app.py", "pyproject.toml", "requirements.txt", ".chalice/config.json", ".chalice/policies", ".chalice/resources.json",
    ".chalice/reasons.json", "aws_research_wizard", "chalicelib", "domain_packs", "requirements", "state_machines", "tests",
    "tools", "README.md",
)  # fmt: skip
PATIENCE = 900  # seconds for one look


@dataclass(frozen=True)
class Bug:
    """`old` stands in `file` once; `hunt` says where to look for what breaks, in order."""

    bug: str
    law: str
    file: str
    old: str
    new: str
    hunt: tuple[str, ...]

    def stands(self, root: Path = ROOT) -> int:
        """How often the text to be changed stands in its file."""
        path = root / self.file
        return path.read_text().count(self.old) if path.exists() else 0


@dataclass(frozen=True)
class Hunted:
    bug: str
    law: str
    file: str
    caught_by: str  # "" when nothing failed
    what: str
    seconds: float


def bugs() -> list[Bug]:
    return [Bug(**{**one, "hunt": tuple(one["hunt"])}) for one in yaml.safe_load(LIST.read_text())]


def copy_to(folder: Path) -> Path:
    """A copy of all that a hunt needs."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules", ".git"))
        elif source.exists():
            shutil.copy2(source, target)
    (folder / "vendor").mkdir()
    (folder / "vendor/domain_packs").symlink_to("../domain_packs")
    return folder


def hunt(bug: Bug, tree: Path) -> Hunted:
    """Plant it, look for it, take it out again."""
    path, began = tree / bug.file, time.perf_counter()
    sound = path.read_text()
    if sound.count(bug.old) != 1:
        raise ValueError(f"{bug.bug}: its text stands {sound.count(bug.old)} times in {bug.file}")
    path.write_text(sound.replace(bug.old, bug.new))
    try:
        caught_by, what = next(_caught(bug, tree), ("", ""))
    finally:
        path.write_text(sound)
    return Hunted(bug.bug, bug.law, bug.file, caught_by, what, round(time.perf_counter() - began, 1))


def _caught(bug: Bug, tree: Path) -> Iterator[tuple[str, str]]:
    for where in bug.hunt:
        told = looked(where, tree)
        if told:
            yield _named(*where.split(":", 1)), told


def looked(where: str, tree: Path) -> str:
    """What broke when this was run in that tree; "" when nothing did."""
    kind, _, rest = where.partition(":")
    quick = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    words = [*quick, *_pytest_words(rest)] if kind == "test" else _probe(kind, rest)
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"{tree}:{tree}/vendor"}
    try:
        told = subprocess.run(
            [sys.executable, *words], cwd=tree, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    if kind == "test" and told.returncode not in (0, 1):
        raise ValueError(f"{where} could not be run: {_said(told.stdout, told.stderr)}")
    return _said(told.stdout, told.stderr) if told.returncode else ""


def _pytest_words(rest: str) -> list[str]:
    path, _, words = rest.partition(" -k ")
    return [path, *(["-k", words] if words else [])]


def _probe(kind: str, rest: str) -> list[str]:
    return ["-W", "ignore", "-m", "tests.sweep.probe", kind, rest]


def _named(kind: str, rest: str) -> str:
    names = {"flow": "single faults of ", "pairs": "pairs of faults of ", "soak": "soak of seed ", "test": ""}
    return f"{names[kind]}{rest}"


def _said(out: str, err: str) -> str:
    """The line that tells what broke."""
    lines = [line.strip() for line in (out + "\n" + err).splitlines() if line.strip()]
    told = [line for line in lines if re.match(r"(broken: |FAILED |ERROR |E  +\S)", line)]
    found = told[0] if told else (lines[-1] if lines else "")
    return re.sub(r"^(broken: |FAILED |E +)", "", found)[:160]


class Unsound(Exception):  # noqa: N818 - what the tree is
    """Something fails although nothing was planted."""


def hunt_all(wanted: Sequence[Bug], workers: int) -> Iterator[Hunted]:
    """All of them, each worker with a copy of its own. Unsound when what caught one also fails where nothing was planted."""
    with tempfile.TemporaryDirectory(prefix="planted-") as scratch:
        trees: Queue[Path] = Queue()
        for number in range(workers):
            trees.put(copy_to(Path(scratch) / str(number)))
        sound: dict[str, str] = {}

        def one(bug: Bug) -> Hunted:
            tree = trees.get()
            try:
                done = hunt(bug, tree)
                if done.caught_by and done.caught_by not in sound:
                    sound[done.caught_by] = looked(_place(bug, done.caught_by), tree)
                return done
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(workers) as pool:
            for hunted in as_completed([pool.submit(one, bug) for bug in wanted]):
                done = hunted.result()
                if sound.get(done.caught_by):
                    raise Unsound(f"{done.caught_by}, although nothing is planted: {sound[done.caught_by]}")
                yield done


def _place(bug: Bug, caught_by: str) -> str:
    return next(where for where in bug.hunt if _named(*where.split(":", 1)) == caught_by)


# ---- the page ------------------------------------------------------------------------------------------------------------

HEAD = """# Planted bugs

Written by `make bugs`: each bug of `tests/planted/bugs.yaml` is put into a copy of the tree, one at a time, and hunted by the
fault sweep, the soak or the tests of its slice until something fails. In the sound tree none of these fails. The law is the
promise it breaks (`tests/fakes/sim/invariants.py` names those that the sweep looks at).

"""


def page(done: Iterable[Hunted]) -> str:
    rows = list(done)
    caught = sum(bool(one.caught_by) for one in rows)
    text = HEAD + f"**{caught} of {len(rows)} caught.**\n\n| bug | law | caught by | what it said | s |\n|---|---|---|---|---|\n"
    return text + "".join(map(_row, rows))


def _row(one: Hunted) -> str:
    cells = (f"{_cell(one.bug)}<br>`{one.file}`", one.law, _cell(one.caught_by) or "**nothing**", _cell(one.what))
    return f"| {' | '.join(cells)} | {one.seconds:.0f} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def known() -> dict[str, Hunted]:
    """What earlier runs found."""
    return {one["bug"]: Hunted(**one) for one in json.loads(REPORT.read_text())} if REPORT.exists() else {}


def remember(done: Iterable[Hunted], *, whole: bool) -> list[Hunted]:
    """Keep the results; those of a part of the list replace the same bugs' earlier ones."""
    fresh = {one.bug: one for one in done}
    earlier = {} if whole else known()
    order = [bug.bug for bug in bugs()]
    rows = sorted(({**earlier, **fresh}).values(), key=lambda one: order.index(one.bug) if one.bug in order else -1)
    rows = [one for one in rows if one.bug in order]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([asdict(one) for one in rows], indent=1))
    return rows
