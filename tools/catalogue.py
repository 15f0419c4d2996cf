"""What does every pack look like when it runs? The page docs/reference/catalogue.md: pictures and measured sizes.

The figures are those of the last kept run of the lessons. A pack whose lock has changed since says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chalicelib.packs.rules import Example, Pack
from tools import lessons
from tools.pack_pages import ROOT, lock_of, table

PAGE = ROOT / "docs" / "reference" / "catalogue.md"
HEAD = """# The catalogue

Every pack, what it brings, and a picture from its lessons. Written by `make generate`; figures and pictures are those of
`make packs RECORD=1` ({days}, in pieces, on two cores beside other work): each kernel installed from its lock,
each lesson run in it without a network, and what it must print compared with what it printed.

{total}
"""


def page(packs: Sequence[Pack]) -> str:
    """The whole page."""
    reports = {name: one for name, one in lessons.read(lessons.RECORD).items() if name in {pack.name for pack in packs}}
    days = sorted({one.day for one in reports.values()})
    spans = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}" if days else "never run"
    parts = [HEAD.format(days=spans, total=_total(packs, reports)), _measured(packs, reports)]
    return "\n".join([*parts, *(_section(pack) for pack in packs)])


def _total(packs: Sequence[Pack], reports: dict[str, lessons.Report]) -> str:
    passed = sum(not one.wrong for one in reports.values())
    count, cells = sum(one.lessons for one in reports.values()), sum(one.cells for one in reports.values())
    return f"{len(packs)} packs; {passed} of {len(reports)} that were run passed, with {count} lessons of {cells} code cells."


def _measured(packs: Sequence[Pack], reports: dict[str, lessons.Report]) -> str:
    heads = ("pack", "kernels run", "lessons", "cells", "MB", "Python installed in", "lessons ran in", "lock of", "result")
    return table(heads, [_row(pack, reports.get(pack.name)) for pack in packs])


def _row(pack: Pack, one: lessons.Report | None) -> tuple[str, ...]:
    name = f"[{pack.name}](#{pack.name})"
    if one is None:
        return (name, *7 * ("",), "not run")
    counts = (str(one.kernels), str(one.lessons), str(one.cells), f"{one.megabytes:,}")
    verdict = "; ".join(one.wrong).replace("\n", " ")[:200] if one.wrong else "pass"
    return (name, *counts, f"{one.installed:.0f} s", f"{one.seconds:.0f} s", _solved(pack, one), verdict)


def _solved(pack: Pack, one: lessons.Report) -> str:
    """The days of the locks that ran, and whether they are today's."""
    days = sorted({str(lock.day) for kernel in pack.installed_kernels if (lock := lock_of(kernel))})
    today = all((ROOT / lock).is_file() and lessons.digest(ROOT / lock) == digest for lock, digest in one.locks.items())
    return ", ".join(days) + ("" if today else " (an older one ran)")


def _section(pack: Pack) -> str:
    kernels = [f"{kernel.display_name}{' (when asked for)' if kernel.on_request else ''}" for kernel in pack.kernels]
    head = f"## {pack.name}\n\n**{pack.title}.** {' '.join(pack.purpose.split())}\n"
    more = f"\nKernels: {', '.join(kernels)}. [All of it](../../domain_packs/{pack.name}/README.md)\n"
    return head + more + "".join(_picture(pack, example) for example in pack.examples)


def _picture(pack: Pack, example: Example) -> str:
    file = lessons.ALBUM / f"{pack.name}--{Path(example.file).stem}.png"
    if not file.is_file():
        return ""
    return f"\n*{example.title}*\n\n![{example.title}](../images/packs/{file.name})\n"
