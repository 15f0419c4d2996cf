"""Where are the packs, and what do their files say? The one place that knows YAML and the `domain_packs` folder.

Nothing is read before it is asked for, and only the file asked for: a cold Lambda that needs `genomics` parses two
small files, not the catalogue. YAML is imported here and nowhere else, with libyaml's parser where there is one.
"""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from chalicelib.runtime.errors import PackBroken

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
MAX_BYTES = 256 * 1024


def names() -> tuple[str, ...]:
    """All packs, sorted, by their folders; no file is opened."""
    return tuple(sorted(one.name for one in _folder().iterdir() if NAME.fullmatch(one.name) and (one / "pack.yaml").is_file()))


def read(name: str) -> dict[str, Any] | None:
    """What the pack's own file says, or None when there is no such pack. `name` may be anything a stranger typed."""
    if not NAME.fullmatch(name):
        return None
    file = _folder() / name / "pack.yaml"
    return parse(name, file.read_text("utf-8")) if file.is_file() else None


def parse(name: str, text: str) -> dict[str, Any]:
    """A mapping, or `PackBroken` with the line at fault. Aliases are refused: a pack needs none and a bomb does."""
    import yaml

    if len(text) > MAX_BYTES:
        raise PackBroken(f"pack {name}: pack.yaml is larger than {MAX_BYTES // 1024} KB")
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        node = loader.get_single_node()
        fault = _fault(node, set())
        values = None if fault or node is None else loader.construct_document(node)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PackBroken(f"pack {name}: {_said(error)}", "pack.yaml must be plain YAML") from error
    if fault:
        raise PackBroken(f"pack {name}: {fault}")
    if not isinstance(values, dict):
        raise PackBroken(f"pack {name}: pack.yaml holds no mapping")
    return values


def _folder() -> Traversable:
    return files("domain_packs")


def _fault(node: Any, seen: set[int]) -> str:
    """What YAML would let pass in silence: a key given twice (the last one wins) and an alias to an earlier part."""
    if node is None or id(node) in seen:
        return f"line {node.start_mark.line + 1}: aliases (&, *) are not used in packs" if node else ""
    seen.add(id(node))
    if not isinstance(node.value, list):
        return ""
    pairs = [part for part in node.value if isinstance(part, tuple)]
    keys: set[Any] = set()
    for key, _ in pairs:
        if str(key.value) in keys:
            return f"line {key.start_mark.line + 1}: '{key.value}' stands here twice"
        keys.add(str(key.value))
    below = [one for pair in pairs for one in pair] or node.value
    return next((fault for one in below if (fault := _fault(one, seen))), "")


def _said(error: Exception) -> str:
    """The parser's own words, in one line."""
    mark = getattr(error, "problem_mark", None)
    line = f"line {mark.line + 1}: " if mark else ""
    return line + str(getattr(error, "problem", None) or error).splitlines()[0]
