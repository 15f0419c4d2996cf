"""A person's server: JupyterHub's own, which begins its work a little sooner.

JupyterLab asks Node.js, where there is one, from which registry it would be built: a third of a second of every start, for an
answer that nobody needs here, where what is installed is the lab's matter. What is loaded once stays loaded, so the collector
of garbage has nothing to look for meanwhile.
"""

import gc
import os
import sys


def main() -> int:
    """Become the server; return its exit code."""
    gc.disable()
    path, os.environ["PATH"] = os.environ.get("PATH", ""), os.devnull  # an empty one would mean the usual places
    try:
        import jupyterlab.labapp  # noqa: F401 (asks while it is imported)
    finally:
        os.environ["PATH"] = path
    from jupyterhub.singleuser import main as serve

    gc.freeze()
    gc.enable()
    return serve() or 0


if __name__ == "__main__":
    sys.exit(main())
