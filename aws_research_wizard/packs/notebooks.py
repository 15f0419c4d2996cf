"""Are the promised notebooks there, whole, in the pack's own kernel, and do they end with the promised line?

Nothing is run here; `executing` does that.
"""

import ast
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aws_research_wizard.packs.findings import Finding, Place, finding
from aws_research_wizard.packs.production import packs
from aws_research_wizard.packs.subject import Subject

MOST_BYTES = 20 * 1024 * 1024
LEAST = 2
CELL = re.compile(r'"cell_type"\s*:')
MAGIC = re.compile(r"^(\s*)(?:[A-Za-z_][\w.,\s]*=\s*)?[%!].*$|^(\s*)[^#\n'\"]*\?\??\s*$", re.MULTILINE)
KEPT = re.compile(r"%%(time|timeit|capture|cost|prun)\b[^\n]*")


class Notebook(NamedTuple):
    """`cells`: as the file has them; `lines`: where each stands in the file."""

    file: str
    values: dict[str, Any]
    cells: list[dict[str, Any]]
    lines: list[int]


def findings(subject: Subject) -> Iterator[Finding]:
    """Of the promised notebooks, and of those nobody promised."""
    pack = subject.pack
    if pack is None:
        return
    known = {kernel.key: kernel for kernel in pack.kernels}
    for number, example in enumerate(pack.examples):
        place = subject.document.at("examples", number)
        file = subject.folder / "notebooks" / example.file
        if known[example.kernel].on_request:
            yield finding("P509", place, f"{example.file} needs {example.kernel}, which a new lab does not get")
        if not file.is_file():
            yield finding("P501", place, f"notebooks/{example.file} is not there")
            continue
        notebook = read(file)
        if isinstance(notebook, Finding):
            yield notebook
            continue
        yield from _cells(notebook, known[example.kernel])
        yield from _promise(notebook, example, known[example.kernel])
    yield from _others(subject, {example.file for example in pack.examples})


def read(file: Path) -> "Notebook | Finding":
    """The notebook, or what keeps the file from being one."""
    place = Place(str(file))
    try:
        if file.stat().st_size > MOST_BYTES:
            return finding("P502", place, f"the file is larger than {MOST_BYTES // 1024 // 1024} MB", "clear its outputs")
        text = file.read_text("utf-8")
        values = json.loads(text)
    except json.JSONDecodeError as error:
        return finding("P502", Place(str(file), error.lineno, error.colno), f"no JSON: {error.msg}")
    except RecursionError:
        return finding("P502", place, "no notebook nests so deep")
    except (OSError, ValueError) as error:
        return finding("P502", place, f"the file cannot be read: {error}")
    if wrong := _unlike(values):
        return finding("P502", place, wrong)
    starts = [text.count("\n", 0, found.start()) + 1 for found in CELL.finditer(text)]
    cells = values["cells"]
    lines = starts if len(starts) == len(cells) else [1] * len(cells)
    return Notebook(str(file), values, cells, lines)


def place(file: Path, number: int) -> Place:
    """Where a cell stands, counted from 1."""
    notebook = read(file)
    line = notebook.lines[number - 1] if isinstance(notebook, Notebook) and number <= len(notebook.lines) else 1
    return Place(str(file), line)


def _unlike(values: object) -> str:
    """What a notebook of format 4 has and this lacks."""
    if not isinstance(values, dict) or not isinstance(values.get("cells"), list):
        return "the file has no cells"
    if values.get("nbformat") != 4:
        return f"its format is {str(values.get('nbformat'))[:16]}, not 4"
    for number, cell in enumerate(values["cells"], 1):
        if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
            return f"cell {number} is no cell"
        source = cell.get("source")
        if not isinstance(source, str) and not (isinstance(source, list) and all(isinstance(one, str) for one in source)):
            return f"cell {number} has no source"
    return "" if isinstance(values.get("metadata", {}), dict) else "its metadata are no mapping"


def source(cell: dict[str, Any]) -> str:
    """A cell's text, which the format writes in one piece or in lines."""
    return "".join(cell["source"])


def _cells(notebook: Notebook, kernel: packs.Kernel) -> Iterator[Finding]:
    code = [(number, cell) for number, cell in enumerate(notebook.cells) if cell["cell_type"] == "code"]
    outputs = [number for number, cell in code if cell.get("outputs") or cell.get("execution_count") is not None]
    if outputs:
        place = Place(notebook.file, notebook.lines[outputs[0]])
        yield finding("P506", place, f"{len(outputs)} cells were saved with what they printed")
    if kernel.language is not packs.Language.PYTHON:
        return
    for number, cell in code:
        if wrong := _bad(source(cell)):
            yield finding("P503", Place(notebook.file, notebook.lines[number]), f"cell {number + 1}{wrong}")


def _bad(text: str) -> str:
    """Why Python cannot read a cell; '' when it can. What only IPython reads (%magic, !shell, name?) is let pass."""
    if text.startswith("%%"):
        if not KEPT.match(text):
            return ""
        text = text.partition("\n")[2]
    plain = MAGIC.sub(lambda found: f"{found[1] or found[2] or ''}pass", text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(plain, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        return f", line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return f": {str(error) or type(error).__name__}"
    return ""


def _promise(notebook: Notebook, example: packs.Example, kernel: packs.Kernel) -> Iterator[Finding]:
    spec = notebook.values.get("metadata", {}).get("kernelspec")
    name = spec.get("name") if isinstance(spec, dict) else None
    if name != kernel.name:
        said = f"it is saved for {str(name)[:64] if name else 'no kernel'}, the pack runs it in {kernel.name}"
        yield finding("P504", Place(notebook.file, _line_of(notebook)), said)
    code = [number for number, cell in enumerate(notebook.cells) if cell["cell_type"] == "code"]
    last = source(notebook.cells[code[-1]]) if code else ""
    if "check:" not in last:
        place = Place(notebook.file, notebook.lines[code[-1]] if code else 1)
        yield finding("P505", place, f"its last code cell prints no '{example.expect[:60]}'")


def _line_of(notebook: Notebook) -> int:
    """Where the kernel is named: after the cells in most files."""
    text = Path(notebook.file).read_text("utf-8")
    spot = text.find('"kernelspec"')
    return text.count("\n", 0, spot) + 1 if spot >= 0 else 1


def _others(subject: Subject, promised: set[str]) -> Iterator[Finding]:
    folder = subject.folder / "notebooks"
    try:
        there = sorted(one.name for one in folder.glob("*.ipynb"))
    except OSError:
        there = []
    for name in there:
        if name not in promised:
            yield finding("P507", Place(str(folder / name)), f"notebooks/{name} is not in `examples`")
    if len(promised) < LEAST:
        count = "one notebook" if promised else "no notebook"
        yield finding("P508", subject.document.at("examples"), f"{subject.name} has {count}")
