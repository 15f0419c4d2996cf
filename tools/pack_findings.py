"""The page that explains every finding of `packs lint`, from the table they are made from.

python -m tools.pack_findings          writes docs/reference/pack-findings.md
python -m tools.pack_findings --check  fails when it is stale
"""

from __future__ import annotations

import sys
from pathlib import Path

from aws_research_wizard.packs.findings import CODES, Severity
from tools import fresh

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "pack-findings.md"
GROUPS = {
    "P0": "The file",
    "P1": "Its shape, and what it extends",
    "P2": "Kernels and locks",
    "P3": "Machines and money",
    "P4": "Data",
    "P5": "Notebooks",
    "P7": "Older formats",
}
HEAD = """\
# Findings of `packs lint`

Generated from `aws_research_wizard/packs/findings.py`. Each finding names its code, its place (file, line, column),
what was seen there and a remedy; a remedy that knows more than this page (a near miss, the registry's bucket) stands
in its place. An **error** keeps a pack from working, a **warning** lets it work otherwise than one thinks, a **note**
is worth knowing. `packs lint` ends with 1 when there is an error. [How to write a pack](../howto/write-a-pack.md).
"""


def written() -> str:
    """The page."""
    parts = [HEAD]
    for start, title in GROUPS.items():
        rows = [
            f"| `{code}` | {one.severity.value} | {one.means} | {one.remedy} |"
            for code, one in CODES.items()
            if code.startswith(start)
        ]
        parts.append("\n".join((f"## {title}\n", "| code | | what it means | what to do |", "|---|---|---|---|", *rows, "")))
    counts = {severity: sum(one.severity is severity for one in CODES.values()) for severity in Severity}
    parts.append(", ".join(f"{count} {severity.value}s" for severity, count in counts.items()) + ".\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(fresh.keep(PAGE, written()))
