"""A person's server begins without asking Node.js; what it starts later finds everything again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ASKS = "import gc, shutil\nfound, collecting = shutil.which('node'), gc.isenabled()\n"
SERVES = """
import gc, json, shutil, sys
from jupyterlab import labapp
def main():
    print(json.dumps([labapp.found, labapp.collecting, shutil.which("node"), gc.isenabled(), sys.argv[1:]]))
"""


def test_node_is_hidden_while_jupyterlab_is_loaded_and_only_then(tmp_path: Path) -> None:
    for name, text in (("jupyterlab/labapp", ASKS), ("jupyterhub/singleuser", SERVES)):
        module = tmp_path / "modules" / f"{name}.py"
        module.parent.mkdir(parents=True)
        module.write_text(text)
        (module.parent / "__init__.py").touch()
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\n")
    node.chmod(0o755)
    there = os.environ | {"PYTHONPATH": str(tmp_path / "modules"), "PATH": f"{node.parent}:{os.environ['PATH']}"}
    words = [sys.executable, "-P", "-m", "aws_research_wizard.host.singleuser", "--allow-root"]

    done = subprocess.run(words, env=there, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [None, False, str(node), True, ["--allow-root"]]
