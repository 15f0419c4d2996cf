"""How long a person waits for the command line: `--help`, and `jupyter list` against the local cloud.

The peer is an argparse program that prints a line: what any Python command costs on this machine at least.
"""

from __future__ import annotations

import sys
from typing import Any

from bench.measure import by_turns, seconds_of

FLOOR = [sys.executable, "-c", "import argparse; argparse.ArgumentParser().print_usage()"]
WIZARD = [sys.executable, "-m", "aws_research_wizard.cli.main"]


def run(turns: int = 15) -> dict[str, Any]:
    """Seconds and ratios; the local cloud must be up and the command line signed in to it."""
    report: dict[str, Any] = {}
    for name, words, aim in (("help", ["--help"], 0.150), ("jupyter_list", ["jupyter", "list"], 0.400)):
        seconds_of([*WIZARD, *words])
        figures = by_turns(lambda words=words: seconds_of([*WIZARD, *words]), lambda: seconds_of(FLOOR), turns).as_json()
        report[name] = figures | {"aim_s": aim, "held": figures["ours_s"] <= aim}
    return report
