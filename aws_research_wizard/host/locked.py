"""Are exactly the Debian packages here that a lock names?

A lock pins one package a line, with all that it needs: `name=version sha256:…`. What the system has already is the system's own.
What it lacks is fetched through apt and compared with the lock byte by byte; then it is installed (on AWS) or unpacked beside
the system (on a laptop).

Keeps true: where Debian offers a pinned version no more (a security fix took its place), the newest is taken and named in the
step's detail; an R package of another release than the pinned one is refused, for results may hang on it.
See docs/decisions/0033-a-lock-of-debian-packages-may-drift.md.
"""

import fcntl
import hashlib
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aws_research_wizard.host import commands, debian, files, unpacked
from aws_research_wizard.host.debian import Tools
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.steps import CommandFailed

PIN = re.compile(r"^([a-z0-9][a-z0-9+.-]+)=(\S+) sha256:([0-9a-f]{64})$", re.MULTILINE)
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
_HERE = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n"]
SHOWN = 3


class Pin(NamedTuple):
    """One line of a lock."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Apt:
    """apt's own data: the system's, or (with `lists`) a copy that nobody has to be root to refresh."""

    log: Path
    lists: Path | None = None

    def run(self, words: Sequence[str], here: Path | None = None) -> str:
        """Run `apt-get` or `apt-cache` with the words after it."""
        own = ["-o", f"Dir::State::lists={self.lists}", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]
        whole = [words[0], *(own if self.lists else []), *words[1:]]
        if here:
            whole = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(here), *whole]
        return commands.run(whole, self.log, _QUIET)

    def refresh(self) -> None:
        """Ask Debian what it offers now."""
        if self.lists:
            (self.lists / "partial").mkdir(parents=True, exist_ok=True)
        self.run(["apt-get", "update", "-q"])

    def offered(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return the versions of each package that can be fetched, newest first."""
        found: dict[str, list[str]] = {}
        for line in self.run(["apt-cache", "madison", *names]).splitlines():
            name, version, *rest = (part.strip() for part in line.split("|"))
            if rest and rest[0].endswith("Packages"):
                found.setdefault(name, []).append(version)
        return found


def read(text: str) -> tuple[Pin, ...]:
    """Return a lock's pins."""
    return tuple(Pin(*found) for found in PIN.findall(text))


def provide(machine: Machine, lock: Path, log: Path) -> Tools:
    """Make what the lock names usable; raise CommandFailed with the reason when it cannot be."""
    pins = read(lock.read_text())
    missing = lacking(pins, log)
    if machine.local or not missing:
        return beside(machine.cache or machine.opt / "cache", missing, log)
    return _installed(missing, log)


def lacking(pins: Sequence[Pin], log: Path) -> tuple[Pin, ...]:
    """Return those that the system has in no version."""
    try:
        rows = commands.run(_HERE, log, _QUIET).splitlines()
    except CommandFailed as error:
        raise CommandFailed(f"Debian's packages are not to be had on this system: {error.cause}", error.log_tail) from None
    here = {name for state, _, name in (row.partition(" ") for row in rows) if state == "installed"}
    return tuple(pin for pin in pins if pin.name not in here)


def choose(pins: Iterable[Pin], offered: Mapping[str, Sequence[str]]) -> dict[Pin, str]:
    """Return the version to fetch of each pin: the pinned one, or the newest where that is allowed to be another."""
    return {pin: pin.version if pin.version in offered.get(pin.name, ()) else _newest(pin, offered) for pin in pins}


def _newest(pin: Pin, offered: Mapping[str, Sequence[str]]) -> str:
    versions = offered.get(pin.name)
    if not versions:
        raise CommandFailed(f"{pin.name} {pin.version} is locked, and this system's Debian offers no {pin.name}", [])
    if pin.name.startswith("r-") and release(versions[0]) != release(pin.version):
        raise CommandFailed(f"{pin.name} {pin.version} is locked and no longer offered, only {versions[0]}; lock it again", [])
    return versions[0]


def release(version: str) -> str:
    """Return the version without Debian's own counting: `1:1.6-0+dfsg-1+deb12u2` → `1.6-0+dfsg`."""
    return version.partition(":")[2 if ":" in version else 0].rpartition("-")[0] or version


def beside(cache: Path, missing: Sequence[Pin], log: Path) -> Tools:
    """Unpack what is missing into `cache`, or find it there."""
    if not missing:
        return Tools(detail="all on this system already")
    place = cache / "debian" / f"locked-{hashlib.sha256(repr(missing).encode()).hexdigest()[:20]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=place.parent) as beside:
                debs, tree = Path(beside) / "debs", Path(beside) / "tree"
                newer = _fetch(cache, missing, debs, log)
                unpacked.unpack(list(debs.glob("*.deb")), tree, place, log)
                files.write_json(tree / "newer.json", newer, files.PUBLIC)
                tree.chmod(0o755)
                tree.replace(place)
        unpacked.come_here(place)
    words = f"{len(missing)} packages unpacked beside this system"
    return Tools(unpacked.programs(place), unpacked.libraries(place), _told(words, files.read_json(place / "newer.json")), place)


def _installed(missing: Sequence[Pin], log: Path) -> Tools:
    """Install from files that were compared with the lock; apt fetches nothing else unless a newer one asks for it."""
    with debian.ONE_AT_A_TIME, tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        newer = _fetch(None, missing, Path(place), log)
        debian.apt(["install", "-y", "-q", "--no-install-recommends", *map(str, sorted(Path(place).glob("*.deb")))], log)
    return Tools(detail=_told(f"{len(missing)} packages installed", newer))


def _fetch(cache: Path | None, pins: Sequence[Pin], debs: Path, log: Path) -> list[str]:
    """Fetch the packages into `debs`; return what is newer than the lock says."""
    debs.mkdir(exist_ok=True)
    apt, chosen = _source(cache, pins, log)
    apt.run(["apt-get", "download", "-q", *(f"{pin.name}={version}" for pin, version in chosen.items())], debs)
    fetched = {file.name.partition("_")[0]: file for file in debs.glob("*.deb")}
    for pin, version in chosen.items():
        if version == pin.version and _sha256(fetched[pin.name]) != pin.sha256:
            raise CommandFailed(f"{pin.name} {version}: what was fetched is not what the lock names", [])
    return [f"{pin.name} {version}" for pin, version in chosen.items() if version != pin.version]


def _source(cache: Path | None, pins: Sequence[Pin], log: Path) -> tuple[Apt, dict[Pin, str]]:
    """Return where to fetch from: what apt knows; when that lacks a pinned version, after a look at what Debian offers now."""
    apt = Apt(log)
    if cache is None:
        debian.apt(["update", "-q"], log)
    offered = apt.offered(pin.name for pin in pins)
    if cache is not None and any(pin.version not in offered.get(pin.name, ()) for pin in pins):
        try:
            fresh = Apt(log, cache / "debian" / "lists")
            fresh.refresh()
            apt, offered = fresh, fresh.offered(pin.name for pin in pins)
        except CommandFailed as error:
            if not offered:
                raise CommandFailed(f"apt could not be asked what Debian offers: {error.cause}", error.log_tail) from None
    return apt, choose(pins, offered)


def _told(words: str, newer: Sequence[str]) -> str:
    if not newer:
        return words
    shown = ", ".join(newer[:SHOWN]) + (f" and {len(newer) - SHOWN} more" if len(newer) > SHOWN else "")
    return f"{words}, {len(newer)} newer than locked: {shown}"


def _sha256(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
