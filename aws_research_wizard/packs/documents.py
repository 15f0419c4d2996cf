"""What does a YAML file say, and on which line does each value stand? Whatever the file holds, the answer is values or findings.

The events are watched first, which takes neither recursion nor memory: depth, size, anchors, tags. Only what passed is
built into values, key by key, so that each keeps its place.
"""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aws_research_wizard.packs.findings import Finding, Place, finding

MOST_BYTES = 256 * 1024  # as production has it
OLDER_BYTES = 1024 * 1024
DEEPEST = 32
MOST_NODES = 50_000
STEPS = tuple[str | int, ...]
BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
CORE = "tag:yaml.org,2002:"
PLAIN_TAGS = {f"{CORE}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")}


class Document(NamedTuple):
    """`places`: the way to a value (`("kernels", "python", "packages", 0)`) → where its key or its dash stands."""

    file: str
    values: Any
    places: dict[STEPS, Place]
    text: str

    def at(self, *steps: str | int) -> Place:
        """Where a value stands, or the nearest thing around it that the file holds."""
        for count in range(len(steps), 0, -1):
            if steps[:count] in self.places:
                return self.places[steps[:count]]
        return Place(self.file)


def read(path: Path, most: int = MOST_BYTES, shown: str = "") -> tuple[Document | None, list[Finding]]:
    """The file's values with their places; None when there are none, and then at least one finding."""
    name = shown or str(path)
    try:
        if not path.is_file():
            return None, [finding("P001", Place(name), f"{name} is {'a folder' if path.is_dir() else 'no file'}")]
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return None, [finding("P001", Place(name), f"{name} cannot be read: {said}")]
    return parse(data, name, most)


def parse(data: bytes, name: str, most: int = MOST_BYTES) -> tuple[Document | None, list[Finding]]:
    """Like `read`, of bytes."""
    if len(data) > most:
        return None, [finding("P005", Place(name), f"the file is larger than {most // 1024} KB")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, [_foreign(data, name, error)]
    if not text.strip():
        return None, [finding("P002", Place(name), "the file is empty")]
    return _values(text, name)


def _foreign(data: bytes, name: str, error: UnicodeDecodeError) -> Finding:
    line = data.count(b"\n", 0, error.start) + 1
    column = error.start - data.rfind(b"\n", 0, error.start)
    what = BOMS.get(data[:2]) or ("binary" if b"\0" in data[:4096] else "")
    said = f"the file is {what}, not UTF-8" if what else f"byte 0x{data[error.start]:02x} is not UTF-8"
    return finding("P003", Place(name, line, column), said)


def _values(text: str, name: str) -> tuple[Document | None, list[Finding]]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if faults := list(_faults(yaml.parse(text, Loader=loader), name)):
            return None, faults
        reader = loader(text)
        node = reader.get_single_node()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return None, [_broken(error, text, name)]
    if node is None:
        return None, [finding("P002", Place(name), "the file holds comments only")]
    builder = _Builder(name, reader)
    values = builder.build(node, ())
    return Document(name, values, builder.places, text), builder.faults


def _faults(events: Iterator[Any], name: str) -> Iterator[Finding]:
    """What makes a file unfit before any value is built. Stops at the first of its kind that could grow without end."""
    import yaml

    depth = nodes = documents = 0
    for event in events:
        place = _place(event.start_mark, name)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                yield finding("P008", place, "the file holds a second document after '---'", "one pack a file")
                return
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            mark = "*" if isinstance(event, yaml.AliasEvent) else "&"
            yield finding("P006", place, f"'{mark}{event.anchor}' is an {'alias' if mark == '*' else 'anchor'}")
            return
        tag = getattr(event, "tag", None)
        if tag and tag not in PLAIN_TAGS and tag != "!":
            yield finding("P009", place, f"the tag '{tag}'")
            return
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST or nodes > MOST_NODES:
            what = f"values stand more than {DEEPEST} deep" if depth > DEEPEST else f"there are more than {MOST_NODES} values"
            yield finding("P005", place, what)
            return


def _place(mark: Any, name: str) -> Place:
    return Place(name, mark.line + 1, mark.column + 1)


def _broken(error: Exception, text: str, name: str) -> Finding:
    """The parser's own words, at its own place."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = _place(mark, name) if mark else Place(name)
    position = getattr(error, "position", None)
    if mark is None and isinstance(position, int):
        before = text[:position]
        place = Place(name, before.count("\n") + 1, position - before.rfind("\n"))
    said = " ".join(str(part) for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part)
    return finding("P004", place, said or (str(getattr(error, "reason", "")) or str(error) or "no YAML"), _advice(said))


def _advice(said: str) -> str:
    if "\\t" in said or "tab character" in said:
        return "indent with spaces, not with tabs"
    if "mapping values are not allowed" in said:
        return 'put the text in quotes: a ": " within it reads as a key'
    return ""


class _Builder:
    """Nodes become values; what has no place in plain data becomes a finding."""

    def __init__(self, name: str, reader: Any) -> None:
        self.name, self.reader = name, reader
        self.places: dict[STEPS, Place] = {}
        self.faults: list[Finding] = []

    def build(self, node: Any, steps: STEPS) -> Any:
        import yaml

        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, steps)
        if isinstance(node, yaml.SequenceNode):
            return [self._one(node.value[number], (*steps, number)) for number in range(len(node.value))]
        return self._scalar(node)

    def _one(self, node: Any, steps: STEPS) -> Any:
        self.places[steps] = _place(node.start_mark, self.name)
        return self.build(node, steps)

    def _mapping(self, node: Any, steps: STEPS) -> dict[str, Any]:
        import yaml

        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(key_node.start_mark, self.name)
            if not isinstance(key_node, yaml.ScalarNode):
                self.faults.append(finding("P103", place, "a key must be a word"))
                continue
            key = key_node.value
            if key in found:
                first = self.places[(*steps, key)].line
                self.faults.append(finding("P007", place, f"'{key[:64]}' stands on line {first} already"))
                continue
            self.places[(*steps, key)] = place
            found[key] = self.build(value_node, (*steps, key))
        return found

    def _scalar(self, node: Any) -> Any:
        try:
            value = self.reader.construct_object(node)
        except Exception as error:  # whatever a scalar's constructor makes of a stranger's digits
            said = f"'{node.value[:40]}' cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
            self.faults.append(finding("P004", _place(node.start_mark, self.name), said, "put it in quotes if it is text"))
            return node.value
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def leaves(values: Any, steps: STEPS = ()) -> Iterator[tuple[STEPS, Any]]:
    """Every value that holds no other, with the way to it; an empty list or mapping is one, too."""
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from leaves(value, (*steps, key))
    elif isinstance(values, list) and values:
        for number, value in enumerate(values):
            yield from leaves(value, (*steps, number))
    else:
        yield steps, values


def written(steps: Sequence[str | int]) -> str:
    """The way to a value as people write it: kernels.python.packages[0]."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return re.sub(r"^\.", "", text)
