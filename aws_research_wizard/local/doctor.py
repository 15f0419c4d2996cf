"""What is missing on this machine, and how does one get it? Words, never a traceback.

Each check answers with a finding; one that is not needed for a lab is told but never counts as a fault. Nothing is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from aws_research_wizard.local.home import PREFERRED_PORTS, Home, is_free

NEEDED_PYTHON = (3, 11)
NEEDED_GB = 6.0
MODULES = ("ministack", "moto", "boto3", "psutil", "samtranslator")
NETWORK_SECONDS = 20


@dataclass(frozen=True)
class Finding:
    """One thing looked at: is it fine, what was seen, and what to do if not."""

    name: str
    ok: bool
    message: str
    remedy: str = ""


def checks(home: Path | None = None) -> list[Finding]:
    """Every finding, in the order in which to mend them."""
    place = Home.at(home)
    asked: list[tuple[str, Callable[[], Finding]]] = [
        ("python", python),
        ("venv", virtual_environments),
        ("git", lambda: program("git", "apt install git")),
        ("make", lambda: program("make", "apt install make")),
        ("uv", uv),
        ("local cloud", modules),
        ("home", lambda: writable(place)),
        ("disk", lambda: space(place)),
        ("ports", lambda: ports(place)),
        ("cloud", lambda: cloud_state(place)),
        ("packages", package_index),
        ("node", lambda: optional("node", "only the JupyterLab panel is built with it", "apt install nodejs npm")),
        ("apt-get", lambda: optional("apt-get", "a pack's system tools are skipped without it", "use Debian or Ubuntu")),
    ]
    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(lambda named: _safely(*named), asked))


def _safely(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # a doctor must not fall ill
        return Finding(name, False, f"could not be checked: {error}")


def python(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """Is this Python new enough?"""
    found = ".".join(map(str, version))
    if version >= NEEDED_PYTHON:
        return Finding("python", True, found)
    return Finding(
        "python", False, f"{found} is too old: 3.11 or newer is needed", "apt install python3.11, or uv python install 3.12"
    )


def virtual_environments() -> Finding:
    """Can Python make virtual environments?"""
    if find_spec("venv") and find_spec("ensurepip"):
        return Finding("venv", True, "available")
    return Finding("venv", False, "Python's venv module is missing", "apt install python3-venv")


def program(name: str, remedy: str) -> Finding:
    """Is a program on PATH?"""
    found = shutil.which(name)
    return Finding(name, True, found) if found else Finding(name, False, "not found", remedy)


def optional(name: str, use: str, remedy: str) -> Finding:
    """A program that is useful, but not needed for a lab."""
    found = shutil.which(name)
    return Finding(name, True, found) if found else Finding(name, True, f"not found; {use}", remedy)


def uv() -> Finding:
    """The installer that makes the kernels' environments."""
    from aws_research_wizard.local.machine import find_uv

    found = shutil.which(find_uv())
    if found:
        return Finding("uv", True, found)
    return Finding(
        "uv", False, "not found: it makes the kernels' environments", "pip install uv, in the environment of this program"
    )


def modules() -> Finding:
    """Are the emulators installed?"""
    missing = [name for name in MODULES if find_spec(name) is None]
    if not missing:
        return Finding("local cloud", True, "installed")
    return Finding("local cloud", False, f"missing: {', '.join(missing)}", "pip install 'aws-research-wizard[local]'")


def writable(place: Home) -> Finding:
    """May we write where the cloud keeps its things?"""
    folder = existing(place.root)
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            return Finding("home", True, str(place.root))
    except OSError as error:
        remedy = "make it yours, or name another place: export AWR_HOME=/some/folder"
        return Finding("home", False, f"{folder} cannot be written: {error.strerror}", remedy)


def existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    return path if path.exists() else existing(path.parent)


def space(place: Home, free_gb: Callable[[Path], float] = lambda path: shutil.disk_usage(path).free / 1e9) -> Finding:
    """Is there room for environments and data?"""
    free = free_gb(existing(place.root))
    if free >= NEEDED_GB:
        return Finding("disk", True, f"{free:.0f} GB free")
    remedy = f"free {NEEDED_GB - free:.0f} GB, or put the cloud on another disk: export AWR_HOME=/other/disk/awr"
    return Finding("disk", False, f"only {free:.1f} GB free, {NEEDED_GB:.0f} GB are needed", remedy)


def ports(place: Home, free: Callable[[int], bool] = is_free) -> Finding:
    """Are the usual ports free? If not, others are taken, which is no fault."""
    ours = place.ports()
    taken = [port for name, port in PREFERRED_PORTS.items() if ours.get(name) != port and not free(port)]
    if not taken:
        return Finding("ports", True, ", ".join(str(ours.get(name, port)) for name, port in PREFERRED_PORTS.items()))
    return Finding("ports", True, f"{', '.join(map(str, taken))} in use by another program; other ports are taken instead")


def cloud_state(place: Home) -> Finding:
    """Is there a local cloud that is neither up nor down?"""
    from aws_research_wizard.local.cloud import status

    found = status(place.root)
    if found.problems:
        return Finding("cloud", False, "; ".join(found.problems), "aws-research-wizard local up mends it, and no lab is lost")
    return Finding("cloud", True, f"up at {found.api_url}" if found.healthy else "not running")


def package_index() -> Finding:
    """Does the configured package index answer? Asked as an installation would ask, so that the person's own settings count."""
    from aws_research_wizard.local.machine import find_uv

    installer = shutil.which(find_uv())
    if installer is None:
        return Finding("packages", False, "cannot be asked without uv", "pip install uv")
    command = [installer, "pip", "compile", "--quiet", "--no-deps", "--no-header", "--refresh-package", "pip", "-"]
    env = {**os.environ, "UV_HTTP_TIMEOUT": "10", "UV_HTTP_RETRIES": "0"}
    try:
        done = subprocess.run(
            command, input="pip\n", capture_output=True, text=True, timeout=NETWORK_SECONDS, env=env, check=False
        )
    except subprocess.TimeoutExpired:
        return _no_index(f"no answer within {NETWORK_SECONDS} s")
    if done.returncode == 0:
        return Finding("packages", True, "the package index answers")
    words = done.stderr.strip().splitlines()
    return _no_index(words[-1].lstrip(" ╰─▶") if words else "refused")


def _no_index(why: str) -> Finding:
    remedy = "check the network and HTTPS_PROXY, or name a mirror in UV_DEFAULT_INDEX; kernels made before still start"
    return Finding("packages", False, f"the package index does not answer: {why}", remedy)
