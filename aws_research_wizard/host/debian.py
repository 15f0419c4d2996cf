"""How do a pack's system tools (samtools, bwa …) reach its kernels?

On AWS they are installed. On a laptop nothing of the host is changed: packages that the host lacks are downloaded with
apt's own checks and unpacked into a cache, and the kernel's environment names that place. Where there is no apt, the step
says so and the lab goes on without these tools.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_research_wizard.host import commands, files, unpacked
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.steps import CommandFailed

_STATUS = Path("/var/lib/dpkg/status")
_INSTALL = re.compile(r"^Inst (\S+)", re.MULTILINE)
ONE_AT_A_TIME = threading.Lock()
PATIENCE_SECONDS = 300.0
"""How long the system's own package work may hold us up."""
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


@dataclass(frozen=True)
class Tools:
    """What a kernel's environment gains: directories for PATH and for shared libraries, and a word for the step."""

    path: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    detail: str = ""
    place: Path | None = None


def provide(machine: Machine, packages: Sequence[str], log: Path) -> Tools:
    """Make `packages` usable by kernels."""
    if not packages:
        return Tools()
    if shutil.which("apt-get") is None:
        return Tools(detail=f"no apt on this system: {', '.join(packages)} left out")
    if not machine.local:
        return _install(packages, log)
    try:
        return _unpack(machine.cache or machine.opt / "cache", packages, log)
    except CommandFailed as error:
        return Tools(detail=f"{', '.join(packages)} left out: {error.cause}")


def require(program: str, package: str, log: Path) -> None:
    """Make sure of a program that the machine itself needs (on AWS only)."""
    if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
        _install([package], log)


def _install(packages: Sequence[str], log: Path) -> Tools:
    with ONE_AT_A_TIME:
        if _installed(packages):
            return Tools(detail="all on this system already")
        apt(["update", "-q"], log)
        apt(["install", "-y", "-q", "--no-install-recommends", *packages], log)
    return Tools(detail=f"{len(packages)} packages installed")


def _installed(packages: Sequence[str]) -> bool:
    """Say whether the system has them all, as an image has that was made with them."""
    words = ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}\n", *packages]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return False
    states = done.stdout.split()
    return not done.returncode and len(states) >= len(packages) and all(state == "ii" for state in states)


def apt(words: Sequence[str], log: Path) -> None:
    """Run apt; while the system's own upgrades hold it, wait."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            commands.run(["apt-get", "-o", "DPkg::Lock::Timeout=60", *words], log, _QUIET)
        except CommandFailed as error:
            if "lock" not in error.cause or time.monotonic() > end:
                raise
            time.sleep(3)
        else:
            return


def _unpack(cache: Path, packages: Sequence[str], log: Path) -> Tools:
    missing = _missing(cache, packages, log)
    if not missing:
        return Tools(detail="all on this system already")
    place = cache / "debian" / _name(missing)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _fetch(place, missing, log)
        unpacked.come_here(place)
    return _tools(place, len(missing))


def _missing(cache: Path, packages: Sequence[str], log: Path) -> list[str]:
    """Return the packages, and those they depend on, that the host lacks; apt is asked again when the host has changed."""
    known = cache / "debian" / f"missing-{_name(packages)}.json"
    state = _STATUS.stat().st_mtime_ns if _STATUS.exists() else 0
    kept = files.read_json(known)
    if kept and kept["state"] == state:
        return [str(name) for name in kept["missing"]]
    missing = _asked(packages, log)
    files.write_json(known, {"state": state, "missing": missing}, files.PUBLIC)
    return missing


def _asked(packages: Sequence[str], log: Path) -> list[str]:
    """Ask apt what it would install."""
    words = ["apt-get", "--simulate", "-o", "Debug::NoLocking=true", "install", "--no-install-recommends", "-y", *packages]
    return sorted(_INSTALL.findall(commands.run(words, log, _QUIET, timeout=120)))


def _fetch(place: Path, packages: Sequence[str], log: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent) as beside:
        debs, tree = Path(beside) / "debs", Path(beside) / "tree"
        debs.mkdir()
        commands.run(["sh", "-c", 'cd "$1" && shift && exec apt-get download -q "$@"', "sh", str(debs), *packages], log, _QUIET)
        unpacked.unpack(list(debs.glob("*.deb")), tree, place, log)
        tree.replace(place)


def _name(packages: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(sorted(packages)).encode()).hexdigest()[:20]


def _tools(place: Path, count: int) -> Tools:
    return Tools(unpacked.programs(place), unpacked.libraries(place), f"{count} packages unpacked beside this system")
