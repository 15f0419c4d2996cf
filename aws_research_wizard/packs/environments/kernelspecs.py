"""Which kernels does somebody have today? Read from `jupyter kernelspec list`, as text or with --json.

One list of packages is one environment, and so one kernel: Python's. The others are told, with what it takes to bring them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_research_wizard.packs.environments.lines import ImportRefused, Left

ROW = re.compile(r"\s*(?P<name>[A-Za-z0-9._-]+)\s+(?P<place>(/|~|[A-Za-z]:[\\/]|\\\\).*)")
VERSION = re.compile(r"[Pp]ython\s*(3\.\d+)")
LANGUAGES = (("python", "python"), ("pypy", "python"), ("xpython", "python"), ("ir", "R"), ("xr", "R"), ("julia", "Julia"))
PRIVATE = re.compile(r"(?i)token|secret|passw|credential|api_?key|access_?key|private|_key$|auth")
OWN = frozenset({"PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "JUPYTER_PATH", "HOME", "R_HOME"})
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
MOST_KERNELS = 200


@dataclass(frozen=True)
class Spec:
    """One kernel as it was listed; `version` of Python, where something tells it."""

    line: int
    name: str
    language: str
    display_name: str = ""
    version: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Chosen:
    """The kernel that the list of packages belongs to, and what of the list could not be carried."""

    spec: Spec | None
    env: dict[str, str]
    left: list[Left]


def read(text: str) -> Chosen:
    """The kernel to carry: `python3`, or the first one of Python."""
    specs, left = _specs(text)
    pythons = [one for one in specs if one.language == "python"]
    spec = next((one for one in pythons if one.name == "python3"), pythons[0] if pythons else None)
    for one in specs:
        if one is not spec:
            left.append(Left(one.line, one.name, _why_not(one, spec), "kernels"))
    env, private = _environment(spec) if spec else ({}, [])
    return Chosen(spec, env, [*left, *private])


def _why_not(one: Spec, spec: Spec | None) -> str:
    if one.language == "python":
        taken = spec.name if spec else ""
        return f"the list of packages is taken for that of {taken}: import this kernel by itself, with its own list"
    if one.language:
        return f"a kernel of {one.language}, whose packages are not in the list: extend a pack that has one"
    return "a kernel of a language that labs do not have"


def _environment(spec: Spec) -> tuple[dict[str, str], list[Left]]:
    """The variables that mean the same in a lab; none that is a place on that machine, or may be a secret."""
    env: dict[str, str] = {}
    left: list[Left] = []
    for name, value in spec.env.items():
        why = _private(name, value)
        if why:
            left.append(Left(spec.line, f"{spec.name}: {name[:60]}", why, "kernels"))
        else:
            env[name] = value
    return env, left


def _private(name: str, value: str) -> str:
    if not NAME.fullmatch(name):
        return "no name for a variable"
    if PRIVATE.search(name):
        return "it may be a secret: a pack is read by everybody"
    if name.upper() in OWN or value.startswith(("/", "~", "\\")) or value[1:3] in (":\\", ":/"):
        return "it names a place on that machine"
    return "its value is too long" if len(value) > 1000 or "\n" in value else ""


def _specs(text: str) -> tuple[list[Spec], list[Left]]:
    listed = _json(text)
    found = list(listed) if listed is not None else list(_rows(text))
    specs = [one for one in found if isinstance(one, Spec)]
    if not specs:
        raise ImportRefused("the list of kernels names none", "make it by: jupyter kernelspec list --json > current_kernels.txt")
    if len(specs) > MOST_KERNELS:
        raise ImportRefused(f"the list names {len(specs)} kernels", f"at most {MOST_KERNELS} are read")
    return specs, [one for one in found if isinstance(one, Left)]


def _rows(text: str) -> Iterator[Spec | Left]:
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip()
        if not words or words.lower() in ("available kernels:", "available kernels") or words.startswith(("[", "#")):
            continue
        row = ROW.fullmatch(line.rstrip())
        if row is None:
            yield Left(number, words[:120], "no line of `jupyter kernelspec list`", "kernels")
        else:
            version = re.search(r"python(3\.\d+)", row["place"])
            yield Spec(number, row["name"], _language(row["name"]), version=version[1] if version else "")


def _json(text: str) -> Iterator[Spec | Left] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ImportRefused(f"the list of kernels is no JSON: {error}", "make it anew: jupyter kernelspec list --json") from None
    kernels = said.get("kernelspecs") if isinstance(said, dict) else None
    return _entries(text, kernels) if isinstance(kernels, dict) else iter(())


def _entries(text: str, kernels: Mapping[str, Any]) -> Iterator[Spec | Left]:
    for name, entry in kernels.items():
        line = text.count("\n", 0, max(text.find(json.dumps(name)), 0)) + 1
        spec = entry.get("spec") if isinstance(entry, dict) else None
        if not isinstance(spec, dict):
            yield Left(line, name[:120], "an entry without a specification", "kernels")
            continue
        shown, raw = str(spec.get("display_name") or ""), spec.get("env")
        env = {str(key): str(value) for key, value in raw.items()} if isinstance(raw, dict) else {}
        version = VERSION.search(shown) or re.search(r"python(3\.\d+)", json.dumps([spec.get("argv"), entry.get("resource_dir")]))
        yield Spec(line, name, _language(name, spec.get("language")), shown[:80], version[1] if version else "", env)


def _language(name: str, said: object = "") -> str:
    """python, R, Julia; blank for others. The text form names no language: there a name that is nobody else's is Python's."""
    word = str(said or "").lower()
    for beginning, language in LANGUAGES:
        if word == beginning or (not word and re.fullmatch(rf"{beginning}[\d._-]*(-.*)?", name.lower())):
            return language
    others = (
        "bash",
        "sos",
        "scala",
        "java",
        "node",
        "javascript",
        "octave",
        "matlab",
        "c++",
        "xcpp",
        "rust",
        "go",
        "sql",
        "sagemath",
    )
    if word:
        return {"r": "R", "julia": "Julia"}.get(word, "")
    return "" if name.lower().startswith(others) else "python"
