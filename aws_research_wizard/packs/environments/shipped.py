"""What does an import need to know of the packs that this release ships? Names, what they say, which Debian tools they take."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from aws_research_wizard.packs.production import packs, reading


@cache
def names() -> tuple[str, ...]:
    """Every shipped pack, sorted; the one that all others extend stands among them."""
    return tuple(sorted(one.name for one in _folder().iterdir() if (one / "pack.yaml").is_file()))


@cache
def tools() -> frozenset[str]:
    """Every Debian package that some shipped pack takes."""
    kernels = [kernel for name in names() for kernel in (said(name).get("kernels") or {}).values()]
    return frozenset(tool for kernel in kernels for tool in kernel.get("system") or ())


@cache
def said(name: str) -> Mapping[str, Any]:
    """What a shipped pack's own file says."""
    import yaml

    loaded: Mapping[str, Any] = yaml.safe_load((_folder() / name / "pack.yaml").read_text("utf-8"))
    return loaded


def resolved(name: str, own: Mapping[str, Any]) -> packs.Pack:
    """A pack of somebody's own with all it extends laid under it. PackBroken when it is none."""
    line: list[tuple[str, Mapping[str, Any]]] = [(name, own)]
    while parent := line[0][1].get("extends"):
        line.insert(0, (str(parent), said(str(parent))))
    return reading.resolve(line)


def _folder() -> Traversable:
    return files("domain_packs")
