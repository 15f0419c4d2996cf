"""Write the table and the chart of docs/topics/savings.md from the month that ships, so that the page cannot say something else.

python -m tools.savings            write them (tests/unit/simulate/test_laws.py tells when they are stale)
"""

from __future__ import annotations

import re
from pathlib import Path

from aws_research_wizard.cli.simulate import draw
from aws_research_wizard.simulate import pages, synthetic
from aws_research_wizard.simulate.policies import named
from aws_research_wizard.simulate.replay import Replay, replay

PAGE = Path(__file__).resolve().parent.parent / "docs" / "topics" / "savings.md"
CHART = PAGE.parent.parent / "images" / "savings.svg"
BEGIN, END = "<!-- table: python -m tools.savings -->", "<!-- end of table -->"


def table(replayed: Replay) -> str:
    """The answer as Markdown."""
    heads = [head.capitalize() for head in pages.HEADS]
    rule = ["---", *["--:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *pages.rows(replayed)))


def main() -> None:
    """Write both."""
    replayed = replay(synthetic.month(), named("default,always-on,stricter,laxer,last-request,off-hours"))
    text = PAGE.read_text(encoding="utf-8")
    shown = f"{BEGIN}\n{table(replayed)}\n{END}"
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: shown, text, flags=re.DOTALL), encoding="utf-8")
    CHART.parent.mkdir(exist_ok=True)
    draw(replayed, CHART)


if __name__ == "__main__":
    main()
