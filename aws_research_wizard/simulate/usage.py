"""What did people and programs do, and when? The ground truth that policies are judged by.

A trace is lines of JSON: one about the trace, one for each lab, one for each span of time in which something was so (see
docs/reference/usage-trace.md and trace.schema.json). Moments are whole seconds since 1970, UTC; spans hold from `begins` until
before `ends`, and are kept in one order, so that a trace read back is the very trace that was written.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

VERSION = 1
PRESENT, CELL, TERMINAL, UPLOAD, TAB, SILENCE = "present", "cell", "terminal", "upload", "tab", "silence"
MACHINE_WORK = frozenset({CELL, TERMINAL, UPLOAD})
KINDS = (PRESENT, CELL, TERMINAL, UPLOAD, TAB, SILENCE)
EVERY_S = 300


class Lab(NamedTuple):
    """A lab; `policy`: what its domain pack says of idleness, where that is not the default."""

    name: str
    domain: str
    region: str
    instance_type: str
    team: str = ""
    zone: str = "UTC"
    policy: Mapping[str, float] = {}


class Span(NamedTuple):
    """Something that was so for a time. Loads: `cpu` and `gpu` in percent of a core and of the card. `every_s`: how often who is
    present does something. `prints`: the cell's output flows. `work`: nobody would miss it if this is false (a hung cell)."""

    begins: int
    ends: int
    kind: str
    lab: str
    user: str = ""
    cpu: float = 0.0
    memory_gb: float = 0.0
    gpu: float = 0.0
    every_s: int = EVERY_S
    prints: bool = False
    work: bool = True

    @property
    def counts(self) -> bool:
        """Is it work that a stop must not meet?"""
        return self.kind == PRESENT or (self.kind in MACHINE_WORK and self.work)


class Usage(NamedTuple):
    """A whole trace."""

    begins: int
    ends: int
    labs: tuple[Lab, ...]
    spans: tuple[Span, ...]
    source: str = ""

    def of(self, lab: str) -> list[Span]:
        """Everything that happened in one lab."""
        return [span for span in self.spans if span.lab == lab]

    def by_lab(self) -> dict[str, list[Span]]:
        """The same for all labs at once."""
        found: dict[str, list[Span]] = {lab.name: [] for lab in self.labs}
        for span in self.spans:
            found[span.lab].append(span)
        return found


def usage(begins: int, ends: int, labs: Iterable[Lab], spans: Iterable[Span], source: str = "") -> Usage:
    """A trace in its one order, cut to its time."""
    cut = (span._replace(begins=max(span.begins, begins), ends=min(span.ends, ends)) for span in spans)
    return Usage(begins, ends, tuple(sorted(labs)), tuple(sorted(span for span in cut if span.begins < span.ends)), source)


def moment(seconds: int) -> datetime:
    """A moment as the rules want it."""
    return datetime.fromtimestamp(seconds, UTC)


def stamp(seconds: int) -> str:
    """A moment as a trace writes it: 2026-10-05T08:00:00Z."""
    return moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def lines(trace: Usage) -> Iterator[str]:
    """The trace as it is written to a file."""
    whole = {"line": "trace", "version": VERSION, "from": stamp(trace.begins), "to": stamp(trace.ends), "source": trace.source}
    for said in (whole, *map(_of_lab, trace.labs), *map(_of_span, trace.spans)):
        yield json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _of_lab(lab: Lab) -> dict[str, Any]:
    said = {"line": "lab", "lab": lab.name, "domain": lab.domain, "region": lab.region, "instance_type": lab.instance_type}
    return said | _filled({"team": lab.team, "zone": lab.zone if lab.zone != "UTC" else "", "policy": dict(lab.policy)})


def _of_span(span: Span) -> dict[str, Any]:
    said = {"line": span.kind, "lab": span.lab, **_filled({"user": span.user})}
    said |= {"from": stamp(span.begins), "to": stamp(span.ends)}
    if span.kind == PRESENT:
        return said | ({"every_s": span.every_s} if span.every_s != EVERY_S else {})
    rest = {"cpu": span.cpu, "memory_gb": span.memory_gb, "gpu": span.gpu, "prints": span.prints}
    return said | _filled(rest) | ({} if span.work else {"work": False})


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
