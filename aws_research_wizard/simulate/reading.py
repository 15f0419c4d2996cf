# ruff: noqa: N818 (errors are named for what happened)
"""Is this a trace? Every line that is not one is named with its number and the reason; none is passed over in silence.

A trace that says nothing, has no head, or mixes time zones is refused as a whole: what it means would be a guess.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.simulate.policies import FIELDS
from aws_research_wizard.simulate.usage import EVERY_S, KINDS, PRESENT, SILENCE, VERSION, Lab, Span, Usage, usage

FORMAT = "the format stands in docs/reference/usage-trace.md"
LAB_WORDS = ("domain", "region", "instance_type")
LAB_FIELDS = frozenset({"line", "lab", *LAB_WORDS, "team", "zone", "policy"})
SPAN_FIELDS = frozenset({"line", "lab", "user", "from", "to"})
LOADS = ("cpu", "memory_gb", "gpu")
WORK_FIELDS = frozenset({*SPAN_FIELDS, *LOADS, "prints", "work"})
OF_KIND = {PRESENT: SPAN_FIELDS | {"every_s"}, SILENCE: SPAN_FIELDS - {"user"}, "tab": SPAN_FIELDS}


class BadTrace(WizardError):
    """A trace that cannot be replayed at all."""


class Malformed(NamedTuple):
    """A line that is none."""

    line: int
    reason: str


class Wrong(ValueError):
    """Why a line is none."""


class Trace(NamedTuple):
    """What was read, and what could not be."""

    usage: Usage
    malformed: tuple[Malformed, ...]


def read(path: Path) -> Trace:
    """The trace in a file."""
    try:
        with path.open(encoding="utf-8") as file:
            return parse(file)
    except UnicodeDecodeError:
        raise BadTrace(f"{path.name} is not text", "a trace is lines of JSON in UTF-8; " + FORMAT) from None


def parse(text: Iterable[str]) -> Trace:
    """The trace in lines."""
    known = _Known()
    malformed = []
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            known.take(number, _object(line))
        except Wrong as wrong:
            malformed.append(Malformed(number, str(wrong)))
    return Trace(known.whole(malformed), tuple(malformed))


class _Known:
    """What the lines so far have said."""

    def __init__(self) -> None:
        self.head: tuple[int, int, str] | None = None
        self.labs: dict[str, Lab] = {}
        self.spans: list[Span] = []
        self.zone: tuple[int, str] | None = None  # the line that set it, and what

    def take(self, number: int, said: Mapping[str, Any]) -> None:
        match said.get("line"):
            case "trace":
                self._trace(number, said)
            case "lab":
                lab = _lab(said)
                if lab.name in self.labs:
                    raise Wrong(f"lab {lab.name} was described before")
                self.labs[lab.name] = lab
            case kind if kind in KINDS:
                self.spans.append(self._span(number, said))
            case kind:
                raise Wrong(f"'line' is {json.dumps(kind)}; it may be trace, lab, {', '.join(KINDS)}")

    def whole(self, malformed: list[Malformed]) -> Usage:
        first = f" (line {malformed[0].line}: {malformed[0].reason})" if malformed else ""
        if self.head is None and not (self.labs or self.spans or malformed):
            raise BadTrace("the trace is empty", FORMAT)
        if self.head is None:
            raise BadTrace(f"the trace has no line 'trace'{first}", f"it says from when to when the trace goes; {FORMAT}")
        if not self.labs or not self.spans:
            raise BadTrace(f"the trace is empty: it has no {'usage' if self.labs else 'lab'}{first}", FORMAT)
        begins, ends, source = self.head
        return usage(begins, ends, self.labs.values(), self.spans, source)

    def _trace(self, number: int, said: Mapping[str, Any]) -> None:
        _only(said, frozenset({"line", "version", "from", "to", "source"}))
        if said.get("version") != VERSION:
            raise Wrong(f"'version' is {json.dumps(said.get('version'))}; this program reads {VERSION}")
        if self.head is not None:
            raise Wrong("there was a line 'trace' before")
        self.head = (*self._times(number, said), _text(said, "source", needed=False))

    def _span(self, number: int, said: Mapping[str, Any]) -> Span:
        kind = str(said["line"])
        _only(said, OF_KIND.get(kind, WORK_FIELDS))
        lab = _text(said, "lab")
        if lab not in self.labs:
            raise Wrong(f"lab {lab} is not described by a line before")
        user = "" if kind == SILENCE else _text(said, "user")
        begins, ends = self._times(number, said)
        every = _number(said, "every_s", EVERY_S)
        if every < 1:
            raise Wrong("'every_s' must be at least 1")
        cpu, memory, gpu = (_number(said, name, 0.0) for name in LOADS)
        prints, work = _flag(said, "prints", False), _flag(said, "work", True)
        return Span(begins, ends, kind, lab, user, cpu, memory, gpu, int(every), prints, work)

    def _times(self, number: int, said: Mapping[str, Any]) -> tuple[int, int]:
        begins, ends = (self._time(number, said, name) for name in ("from", "to"))
        if ends <= begins:
            raise Wrong("'to' is not after 'from'")
        return begins, ends

    def _time(self, number: int, said: Mapping[str, Any], name: str) -> int:
        text = _text(said, name)
        try:
            then = datetime.fromisoformat(text)
        except ValueError:
            raise Wrong(f"'{name}' is no moment: {text}; for example 2026-10-05T08:00:00Z") from None
        if then.tzinfo is None:
            raise Wrong(f"'{name}' has no time zone: {text}; write 2026-10-05T08:00:00Z")
        zone = then.strftime("%z")
        if self.zone is None:
            self.zone = (number, zone)
        elif self.zone[1] != zone:
            raise BadTrace(
                f"the trace mixes time zones: line {self.zone[0]} is in {self.zone[1]}, line {number} in {zone}",
                "write every time in one zone, best in UTC: 2026-10-05T08:00:00Z",
            )
        return round(then.astimezone(UTC).timestamp())


def _object(line: str) -> Mapping[str, Any]:
    try:
        said = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Wrong("it is not JSON") from None
    if not isinstance(said, dict):
        raise Wrong("it is not a JSON object")
    return said


def _no_number(name: str) -> float:
    raise ValueError(name)


def _lab(said: Mapping[str, Any]) -> Lab:
    _only(said, LAB_FIELDS)
    zone = _text(said, "zone", needed=False) or "UTC"
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise Wrong(f"'zone' is no time zone: {zone}; for example Europe/Berlin") from None
    name, domain, region, kind = (_text(said, word) for word in ("lab", *LAB_WORDS))
    return Lab(name, domain, region, kind, _text(said, "team", needed=False), zone, _policy(said.get("policy", {})))


def _policy(said: Any) -> dict[str, float]:
    if not isinstance(said, dict):
        raise Wrong("'policy' is not an object")
    for name in said:
        if name not in FIELDS:
            raise Wrong(f"'policy' has '{name}', which is no setting of a policy")
    return {name: _number(said, name, 0.0) for name in said}


def _only(said: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(set(said) - known):
        raise Wrong(f"a line '{said['line']}' has no '{unknown[0]}'")


def _text(said: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    value = said.get(name, "")
    if not isinstance(value, str):
        raise Wrong(f"'{name}' is not text")
    if needed and not value:
        raise Wrong(f"'{name}' is missing")
    return value


def _number(said: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = said.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(f"'{name}' is not a number")
    if value < 0:
        raise Wrong(f"'{name}' is negative")
    if value > 1e9:
        raise Wrong(f"'{name}' is too large")
    return value


def _flag(said: Mapping[str, Any], name: str, otherwise: bool) -> bool:
    value = said.get(name, otherwise)
    if not isinstance(value, bool):
        raise Wrong(f"'{name}' is not true or false")
    return value
