"""How does IPython note what cells cost? Two of its events, and a line that may stand first in a cell: `%%cost`.

Keeps true: a cell runs as it would without us (also one that fails, awaits, or begins with another magic below `%%cost`);
whatever goes wrong here fails nobody's cell.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aws_research_wizard.notebook.cost_tracker import Tracker, tracker

MAGIC = "%%cost"
_hooks: dict[int, Hooks] = {}


class Hooks:
    """What one shell calls."""

    def __init__(self, shell: Any, tracks: Tracker) -> None:
        self.shell, self.tracks = shell, tracks
        self.depth, self.told = 0, False

    def before(self, info: Any = None) -> None:
        """A cell begins; one that runs inside another is part of it."""
        self.depth += 1
        if self.depth > 1:
            return
        with suppress(Exception):
            raw = str(getattr(info, "raw_cell", "") or "")
            self.told = wants(raw)
            self.tracks.current = self.tracks.ledger.begin(name_of(raw), notebook())

    def after(self, _result: Any = None) -> None:
        """It is over."""
        self.depth = max(0, self.depth - 1)
        if self.depth or self.tracks.current is None:
            return
        with suppress(Exception):
            over = self.tracks.ledger.end(self.tracks.current)
            self.tracks.current = None
            if self.told:
                print(self.tracks.cost(over))

    def without_magic(self, lines: list[str]) -> list[str]:
        """Return a cell's lines without ours."""
        return lines[1:] if lines and wants(lines[0]) else lines


def load(shell: Any) -> None:
    """Begin."""
    if id(shell) in _hooks:
        return
    hooks = _hooks[id(shell)] = Hooks(shell, tracker())
    shell.events.register("pre_run_cell", hooks.before)
    shell.events.register("post_run_cell", hooks.after)
    shell.input_transformers_cleanup.append(hooks.without_magic)
    shell.register_magic_function(_help, magic_kind="cell", magic_name="cost")


def unload(shell: Any) -> None:
    """End."""
    hooks = _hooks.pop(id(shell), None)
    if hooks:
        shell.events.unregister("pre_run_cell", hooks.before)
        shell.events.unregister("post_run_cell", hooks.after)
        shell.input_transformers_cleanup.remove(hooks.without_magic)


def wants(cell: str) -> bool:
    """Say whether a cell begins with our magic."""
    first = cell.lstrip("\n").split("\n", 1)[0].strip()
    return first == MAGIC or first.startswith(f"{MAGIC} ")


def notebook(env: Mapping[str, str] = os.environ) -> str:
    """Return the notebook of this kernel, from the home on; blank when it has none."""
    path = env.get("JPY_SESSION_NAME", "")
    home = f"{env.get('HOME', '')}/"
    return path[len(home) :] if len(home) > 1 and path.startswith(home) else path


def name_of(cell: str) -> str:
    """Return the first line of a cell that says something, shortened."""
    lines = [line.strip() for line in cell.splitlines() if line.strip() and not wants(line)]
    return lines[0][:60] if lines else ""


def _help(_line: str, _cell: str) -> None:
    """Say what this cell cost, once it is done: put %%cost into its first line."""
