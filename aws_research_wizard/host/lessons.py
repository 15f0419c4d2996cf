"""Does a pack's example notebook run in its own kernel, offline, and print the line that the pack promises?

`python -m aws_research_wizard.host.lessons` reads lessons from its input, one JSON object a line, and answers each with one line;
it runs in the hub's environment, where the notebook client is, and in nobody's home. A pack's author runs the same code by
`make packs`. Keeps true: a lesson runs where it can leave nothing, and no proxy leads it out; it never raises: what
went wrong is in its answer.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

DEAD_END = "http://127.0.0.1:9"  # nothing listens on the discard port
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
MOST_WORDS = 600


@dataclass(frozen=True)
class Lesson:
    """A notebook to run: in which kernel, where that is registered, what its last cell must print, how long a cell may take."""

    notebook: str
    kernel: str
    specs: str
    expect: str
    seconds: float = 240.0


@dataclass(frozen=True)
class Taught:
    """How it went: code cells run, seconds, whether it kept its promise; `said` is what it printed, or what went wrong."""

    file: str
    kernel: str
    cells: int
    seconds: float
    ok: bool
    said: str


def teach(lesson: Lesson) -> Taught:
    """Run a lesson; tell how it went."""
    return executed(lesson)[0]


def executed(lesson: Lesson) -> tuple[Taught, Any]:
    """Run a lesson; return how it went, and the notebook with its outputs (None when it could not be read)."""
    began, notebook = time.monotonic(), None
    try:
        notebook, left = _run(lesson)
        said = last_line(notebook)
        wrong = f"printed '{said}', not '{lesson.expect}'" if said != lesson.expect else left
    except Exception as error:
        said, wrong = "", _short(error)
    cells = sum(cell.cell_type == "code" and bool(cell.execution_count) for cell in notebook.cells) if notebook else 0
    took = round(time.monotonic() - began, 1)
    return Taught(Path(lesson.notebook).name, lesson.kernel, cells, took, not wrong, wrong or said), notebook


def _run(lesson: Lesson) -> tuple[Any, str]:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(lesson.notebook, as_version=4)
    with tempfile.TemporaryDirectory() as place, offline(Path(place), lesson.specs):
        home = Path(place) / "home"
        home.mkdir()
        where = {"metadata": {"path": str(home)}}
        NotebookClient(notebook, timeout=lesson.seconds, kernel_name=lesson.kernel, resources=where).execute()
        left = sorted(file.name for file in home.iterdir())
    return notebook, f"left {', '.join(left)} behind" if left else ""


def last_line(notebook: Any) -> str:
    """Return what the last cell printed."""
    printed = [
        out.text for cell in notebook.cells[-1:] for out in cell.outputs if out.output_type == "stream" and out.name == "stdout"
    ]
    return "".join(printed).strip()


@contextmanager
def offline(place: Path, specs: str) -> Iterator[None]:
    """An environment in which kernels are looked for under `specs` first, nobody's settings count, and no proxy leads out."""
    own = {
        "JUPYTER_PATH": specs,
        "JUPYTER_NO_CONFIG": "1",
        "JUPYTER_RUNTIME_DIR": str(place / "runtime"),
        "JUPYTER_DATA_DIR": str(place / "data"),
        "IPYTHONDIR": str(place / "ipython"),
    }
    with mock.patch.dict(os.environ, own | dict.fromkeys(PROXIES, DEAD_END)):
        yield


def _short(error: Exception) -> str:
    """A cell's error as Python names it; any other in its own words."""
    named = f"{error.ename}: {error.evalue}" if hasattr(error, "ename") and hasattr(error, "evalue") else str(error).strip()
    return (named or type(error).__name__)[-MOST_WORDS:]


def main() -> int:
    """Answer each lesson on the input."""
    with tempfile.TemporaryDirectory() as home, mock.patch.dict(os.environ, {"HOME": home}):
        for line in sys.stdin:
            if line.strip():
                print(json.dumps(asdict(teach(Lesson(**json.loads(line))))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
