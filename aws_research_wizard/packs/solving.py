"""Which versions fit together? One solver a language; a new lock is its answer under our first line.

What has no solution is `Unsolvable`, with the solver's own words.
"""

import subprocess
import tempfile
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from aws_research_wizard.host.steps import CommandFailed
from aws_research_wizard.packs import debian, julia
from aws_research_wizard.packs.locks import LATER, PLATFORM, SOLVED, Kernel, first_line
from aws_research_wizard.packs.production import packs

Solver = Callable[[Kernel, str | None, bool], str]


class Unsolvable(RuntimeError):  # noqa: N818 - said to a pack's author
    """The solver's own last words."""


def solve(kernel: Kernel, old: str | None, upgrade: bool, today: date) -> str:
    """The text of a new lock: pins of the `old` one are kept where they fit, unless all are to `upgrade`."""
    try:
        body = SOLVERS[kernel.language](kernel, old, upgrade)
        later = kernel.language is packs.Language.JULIA and "[manifest]" not in body
        return first_line(kernel, today, LATER if later else SOLVED) + body
    except CommandFailed as error:
        raise Unsolvable(error.cause) from error


def _python(kernel: Kernel, old: str | None, upgrade: bool) -> str:
    """What uv compiles for the labs' platform, wheels only: no lab builds a package."""
    words = ["uv", "pip", "compile", "-", "--quiet", "--generate-hashes", "--no-header", "--no-annotate"]
    words += ["--only-binary", ":all:", "--python-version", kernel.version, "--python-platform", PLATFORM]
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "lock.txt"
        file.write_text(old or "")
        words += ["--output-file", str(file), *(["--upgrade"] if upgrade else [])]
        asked = "\n".join(kernel.requirements)
        done = subprocess.run(words, input=asked, text=True, capture_output=True, check=False)
        if done.returncode:
            raise Unsolvable(done.stderr.strip())
        lines = file.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("#", "--index", "--find")))


SOLVERS: Mapping[packs.Language, Solver] = {
    packs.Language.PYTHON: _python,
    packs.Language.R: debian.solve,
    packs.Language.JULIA: julia.solve,
}
