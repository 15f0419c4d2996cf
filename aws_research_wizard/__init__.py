"""AWS Research Wizard for Jupyter: what people install (client, commands, a lab's machine, the local cloud)."""

__version__ = "0.1.0"
