"""Write docs/reference/command-line.md from the commands' own help, so that the page cannot say something else.

python -m tools.command_pages            write the page
python -m tools.command_pages --check    exit 1 when it is stale
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from tools import fresh

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "command-line.md"


def helps(command: click.Command, path: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Every command that does something, with its help at 100 columns."""
    context = click.Context(command, info_name=path.rsplit(" ", 1)[-1], parent=parent, terminal_width=100, max_content_width=100)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from helps(child, f"{path} {name}", context)
    else:
        yield path, command.get_help(context)


def page() -> str:
    """The whole page."""
    from aws_research_wizard.cli.main import app

    parts = ["# Command line", "", "Generated from the commands' own help. `arw` is a short name for `aws-research-wizard`.", ""]
    for path, text in helps(app, "aws-research-wizard"):
        body = "\n".join(line.rstrip() for line in text.splitlines())
        parts += [f"## {path.removeprefix('aws-research-wizard ')}", "", "```", body, "```", ""]
    return "\n".join(parts)


def main() -> int:
    """Write, or check."""
    return fresh.keep(PAGE, page())


if __name__ == "__main__":
    sys.exit(main())
