"""How does a lab's kernel come by the notebook library? Its few files are laid into its environment, and loaded at its start.

Keeps true: nothing of ours but these files comes into a kernel, and no variable that what it starts would inherit; a kernel that
runs goes on with the files it has read.
"""

from importlib.resources import files as resources
from pathlib import Path

from aws_research_wizard.host import files

PACKAGE = "aws_research_wizard"
STARTUP = "etc/ipython/startup/50-aws-research-wizard.py"
LOAD = """try:
    get_ipython().run_line_magic("load_ext", "aws_research_wizard.notebook")
except Exception as _wizard_error:
    print(f"cells are not tracked: {_wizard_error}")
"""


def provide(place: Path) -> None:
    """Lay the library into the environment of a Python kernel."""
    for packages in place.glob("lib/python3*/site-packages"):
        for name, text in contents().items():
            files.write(packages / PACKAGE / name, text)
    files.write(place / STARTUP, LOAD)


def contents() -> dict[str, str]:
    """Return the library's files: name in the package → text. (This process may run from an archive.)"""
    package = resources(PACKAGE)
    modules = [one for one in package.joinpath("notebook").iterdir() if one.name.endswith(".py")]
    return {
        "__init__.py": package.joinpath("__init__.py").read_text(),
        **{f"notebook/{one.name}": one.read_text() for one in modules},
    }
