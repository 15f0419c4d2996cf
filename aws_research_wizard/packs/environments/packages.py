"""What does a list of packages hold, whichever program made it?

`pip freeze`, `uv pip freeze`, `pip list`, a requirements file, the lists of conda, and both as JSON: each line is read by itself,
so that lists which were pasted together are read as well.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aws_research_wizard.packs.environments import conda, freeze
from aws_research_wizard.packs.environments.lines import Carried, ImportRefused, Left, Sorted

MOST = 20_000
COLUMNS = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s+([0-9][^\s]*)(?:\s+(/\S.*|[A-Za-z]:\\.*))?")
"""A line of `pip list`; an editable project's folder stands in the third column."""
HEAD = re.compile(r"(Package\s+Version(\s+.*)?|-{3,}(\s+-{3,})*|Using Python .*|@EXPLICIT)")
TARGET: Mapping[str, str] = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.0",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": "3.11.0",
    "platform_python_implementation": "CPython",
    "python_version": "3.11",
    "sys_platform": "linux",
}
"""What a lab's machine is, in the words of markers."""


def read(text: str, tools: Collection[str], leave_out: Collection[str] = ()) -> Sorted:
    """Every line, carried or left; of a package that is listed twice the first one counts."""
    found, seen = Sorted(), dict[str, int]()
    unwanted = {canonicalize_name(name) for name in leave_out}
    for number, line, read in _lines(text, tools):
        if number > MOST:
            raise ImportRefused(f"the list has more than {MOST:,} lines", "an environment lists some hundreds of packages")
        match read:
            case Left():
                found.left.append(read)
            case Carried():
                _take(found, read, line, seen, tools, unwanted)
    return found


def _take(
    found: Sorted, carried: Carried, line: str, seen: dict[str, int], tools: Collection[str], unwanted: Collection[str]
) -> None:
    name = name_of(carried.requirement)
    if name in unwanted:
        found.leave(carried.line, freeze.shown(line), "you asked to leave it out")
    elif name in seen:
        found.leave(carried.line, freeze.shown(line), f"{name} stands on line {seen[name]} already")
    else:
        seen[name] = carried.line
        (found.tools if carried.requirement in tools and carried.note else found.carried).append(carried)


def name_of(requirement: str) -> str:
    """The package that a requirement is about."""
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return requirement


def _lines(text: str, tools: Collection[str]) -> Iterator[tuple[int, str, Carried | Left | None]]:
    listed = _json(text)
    if listed is not None:
        for number, entry in enumerate(listed, 1):
            yield number, str(entry)[:120], _entry(number, entry, tools)
        return
    for number, line in enumerate(text.split("\n"), 1):
        yield number, line, _line(number, line, tools)


def _line(number: int, raw: str, tools: Collection[str]) -> Carried | Left | None:
    line = raw.strip()
    if not line or line.startswith("#") or HEAD.fullmatch(line):
        return None
    if columns := COLUMNS.fullmatch(line):
        if columns[3]:
            return Left(number, freeze.shown(line), freeze.OWN_FOLDER)
        return freeze.read(number, f"{columns[1]}=={columns[2]}", TARGET)
    if found := conda.match(line):
        return conda.read(number, line, found, tools)
    return freeze.read(number, raw, TARGET)


def _json(text: str) -> list[Any] | None:
    """The entries of `pip list --format json` or `conda list --json`; None when the text is no JSON."""
    if not text.lstrip().startswith("[{") and not re.match(r"\s*\[\s*\{", text):
        return None
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return listed if isinstance(listed, list) else None


def _entry(number: int, entry: Any, tools: Collection[str]) -> Carried | Left:
    name, version = (str(entry.get(key) or "") for key in ("name", "version")) if isinstance(entry, dict) else ("", "")
    if not name or not version:
        return Left(number, freeze.shown(str(entry)), "an entry without a name and a version")
    if entry.get("editable_project_location"):
        return Left(number, freeze.shown(f"{name} {version}"), freeze.OWN_FOLDER)
    if "build_string" in entry or "channel" in entry:
        line = f"{name} {version} {entry.get('build_string') or '-'} {entry.get('channel') or '-'}"
        found = conda.match(line)
        return conda.read(number, line, found, tools) if found else Left(number, freeze.shown(line), "no package of conda's")
    return freeze.read(number, f"{name}=={version}", TARGET) or Left(number, freeze.shown(name), "no package")
