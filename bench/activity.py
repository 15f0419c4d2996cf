"""What do a lab's heartbeats cost in a month? A simulated day of beats through the rule that decides which are written.

    python -m bench.activity          a table: writes a day, units, dollars a month, with a naive write of every beat beside it

One beat each half minute of a lab that runs all day. A write is a transaction with a condition: two units for each begun KB.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import ceil
from typing import Any

from chalicelib.labs import evidence
from chalicelib.labs.evidence import Limits

LIMITS = Limits(5, 5, 50)
BEATS, LEASE = 2880, 10  # a day; beats to a lease
REST = 520  # bytes of the machine's item beside the evidence
WRITE, READ = 0.625e-6, 0.125e-6  # dollars a unit, on demand, us-east-1
KINDS = ("idle", "busy", "mixed")


def beats(kind: str, people: int) -> Iterator[dict[str, Any]]:
    """A day: everybody idle, everybody busy, or people who run short cells from 9 to 18 and rest in between."""
    for beat in range(BEATS):
        at_work = 9 * 120 <= beat < 18 * 120
        yield {"servers": [_server(n, _busy(kind, beat, n, at_work), beat) for n in range(people)], "cpu": 7.0, "memory": 30.0}


def _busy(kind: str, beat: int, person: int, at_work: bool) -> bool:
    return kind == "busy" or (kind == "mixed" and at_work and (beat + 17 * person) % 120 < 60 and (beat + person) % 5 < 2)


def _server(person: int, busy: bool, beat: int) -> dict[str, Any]:
    kernel: dict[str, Any] = {
        "id": f"4f1c0a9e-0000-4000-8000-{person:012d}",
        "name": "genomics-python",
        "state": "busy" if busy else "idle",
    }
    kernel |= {"for_s": float(beat % 97), "connections": 1, "notebook": "analysis/variants.ipynb"}
    rest = {
        "started_s": 30.0 * beat,
        "requests_s": float(beat % 41),
        "cpu": 60.0 if busy else 0.4,
        "memory_mb": 900.0,
        "connections": 2,
    }
    return {"user": f"person{person}@university.edu", "kernels": [kernel], **rest}


def day(kind: str, people: int) -> tuple[int, int]:
    """Writes a day, and bytes of an item."""
    written, last, kept, most = 0, -LEASE, None, 0
    for beat, report in enumerate(beats(kind, people)):
        said = evidence.kept(report)
        if kept is None or beat - last >= LEASE or evidence.differs(kept, said, LIMITS):
            written, last, kept = written + 1, beat, said
            most = max(most, REST + len(json.dumps(said, separators=(",", ":"))))
    return written, most


def dollars(writes: int, size: int) -> float:
    return writes * 30 * 2 * ceil(size / 1024) * WRITE


def main() -> int:
    print(f"{'people':>6} {'day':>6} {'writes':>7} {'bytes':>6} {'$ / month':>10} {'every beat':>11} {'ratio':>6}")
    for people in (1, 10):
        for kind in KINDS:
            writes, size = day(kind, people)
            naive = dollars(BEATS, size)
            ratio = naive / dollars(writes, size)
            print(f"{people:>6} {kind:>6} {writes:>7} {size:>6} {dollars(writes, size):>10.4f} {naive:>11.4f} {ratio:>5.1f}x")
    what = "the machine by its token, the lab with its people, its open work"
    print(f"reads, either way: {BEATS * 30 * 2 * READ:.4f} $ a month ({what})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
