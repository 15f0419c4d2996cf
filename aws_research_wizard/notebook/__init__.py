"""What a person imports in a notebook: `from aws_research_wizard import cost_tracker`.

Runs in the labs' kernels, which have a Python of their own choosing: needs the standard library of Python 3.9 and nothing else,
asks nobody, and works while the control plane is away. A lab's kernels load it as an IPython extension by themselves.
"""

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Note what cells cost, and offer `%%cost`."""
    from aws_research_wizard.notebook import magics

    magics.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Stop doing so."""
    from aws_research_wizard.notebook import magics

    magics.unload(shell)
