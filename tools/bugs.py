"""make bugs: plant each bug of tests/planted/bugs.yaml in a copy of the tree and hunt it. Every one must be caught.

python -m tools.bugs [--only WORDS] [--missing] [--workers N]     writes build/bugs.json and docs/reference/planted-bugs.md
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from tests.sweep import bugs, cores


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bugs", description="Plant bugs; each must be caught.")
    parser.add_argument("--only", default="", help="bugs whose name has these words")
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--missing", action="store_true", help="only those that were not caught yet")
    options = parser.parse_args()
    caught_before = {name for name, one in bugs.known().items() if one.caught_by} if options.missing else set()
    wanted = [one for one in bugs.bugs() if options.only in one.bug and one.bug not in caught_before]
    console, done = Console(highlight=False), list[bugs.Hunted]()
    console.print(f"{len(wanted)} bugs; whatever catches one must find nothing in the sound tree")
    for one in bugs.hunt_all(wanted, options.workers):
        mark = "[green]caught[/green]" if one.caught_by else "[red]ALIVE [/red]"
        console.print(f"{mark} {one.seconds:6.1f} s  {one.bug}  ·  {one.caught_by or 'nothing failed'}", soft_wrap=True)
        done.append(one)
        bugs.PAGE.write_text(
            bugs.page(bugs.remember(done, whole=not (options.only or options.missing) and len(done) == len(wanted)))
        )
    caught = sum(bool(one.caught_by) for one in done)
    console.print(f"{caught} of {len(done)} caught")
    return 0 if caught == len(done) else 1


if __name__ == "__main__":
    sys.exit(main())
