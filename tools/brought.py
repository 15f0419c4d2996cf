"""An environment that a team brings: what base has, and one package more. For rehearsals, where it must come back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_research_wizard.packs import locks
from tools.storm.ground import ROOT

PACK, KERNEL = "brought", "brought-python"
BASE_LOCK = ROOT / "domain_packs/base/locks/python-py311-x86_64.txt"
VERSION = "4.9.0"
SEEN = "import humanize; print(humanize.__version__)"


def bring(env: Mapping[str, str], folder: Path) -> str:
    """Import it, as a person does; returns the version that a lab gets."""
    folder.mkdir(parents=True)
    pins = [f"{name}=={version}" for name, version in locks.parse(BASE_LOCK.read_text()).pins.items()]
    (folder / "packages.txt").write_text("\n".join([*pins, f"humanize=={VERSION}"]))
    (folder / "kernels.txt").write_text("Available kernels:\n  python3    /opt/share/jupyter/kernels/python3\n")
    lists = ("--packages", str(folder / "packages.txt"), "--kernels", str(folder / "kernels.txt"))
    said(env, "jupyter", "import-environment", *lists, "--domain", PACK, "--to", str(folder))
    return newest(env)


def change(env: Mapping[str, str], folder: Path) -> str:
    """Another version of it, which new labs would get."""
    pack = next(folder.rglob("pack.yaml"))
    pack.write_text(pack.read_text() + "\n# of another day\n")
    said(env, "packs", "add", str(pack.parent))
    return newest(env)


def newest(env: Mapping[str, str]) -> str:
    return str(said(env, "packs", "show", PACK)["version"])


def said(env: Mapping[str, str], *words: str) -> Any:
    """What a command says."""
    command = [sys.executable, "-m", "aws_research_wizard.cli.main", *words, "--output", "json"]
    done = subprocess.run(command, cwd=ROOT, env=dict(env), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def locked(lab: Mapping[str, Any]) -> str:
    """Which lock the lab's machine says that the pack's kernel was made from."""
    return next((str(one["lock"]) for one in lab["kernels"] if one["name"] == KERNEL and one["lock"]), "")
