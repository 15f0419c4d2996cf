"""AWS Research Wizard for Jupyter: what people install (client, commands, notebook library, a lab's machine, the local cloud)."""

from typing import Any

__version__ = "0.1.0"
_NOTEBOOK = ("cost_tracker",)
"""What notebooks import from here: `from aws_research_wizard import cost_tracker`."""


def __getattr__(name: str) -> Any:
    if name in _NOTEBOOK:
        from importlib import import_module

        return import_module(f"aws_research_wizard.notebook.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
