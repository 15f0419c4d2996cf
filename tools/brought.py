"""An environment that a team brings: what base has, and one package more. For rehearsals, where it must come back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_research_wizard.packs import locks
from tools.smoke import ROOT, wizard

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
    wizard("jupyter", "import-environment", *lists, "--domain", PACK, "--to", str(folder), env=env)
    return newest(env)


def change(env: Mapping[str, str], folder: Path) -> str:
    """Another version of it, which new labs would get."""
    pack = next(folder.rglob("pack.yaml"))
    pack.write_text(pack.read_text() + "\n# of another day\n")
    wizard("packs", "add", str(pack.parent), env=env)
    return newest(env)


def newest(env: Mapping[str, str]) -> str:
    return str(wizard("packs", "show", PACK, env=env)["version"])


def locked(lab: Mapping[str, Any]) -> str:
    """Which lock the lab's machine says that the pack's kernel was made from."""
    return next((str(one["lock"]) for one in lab["kernels"] if one["name"] == KERNEL and one["lock"]), "")
