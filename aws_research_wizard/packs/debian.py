"""Which Debian packages make up an R kernel? apt's own solver answers, as if nothing were installed yet.

So the answer holds for any machine: it has all that R needs, down to the C library. Its data are fetched anew for each run, into
a place of its own; nothing of this system is changed, and nobody has to be root.
"""

import re
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from aws_research_wizard.host.locked import Apt, Pin, read
from aws_research_wizard.host.steps import CommandFailed
from aws_research_wizard.packs.locks import CODENAME, Kernel

KERNEL = "r-cran-irkernel"
NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
CHOSEN = re.compile(r"^Inst (\S+) \((\S+) ", re.MULTILINE)


def solve(kernel: Kernel, old: str | None, upgrade: bool) -> str:
    """Return the lines of a lock; pins of the old one stay while Debian offers them, unless all are to `upgrade`.

    Raises CommandFailed with apt's own words.
    """
    asked = (*kernel.requirements, *kernel.system)
    if wrong := [name for name in asked if not NAME.fullmatch(name)]:
        raise CommandFailed(f"'{wrong[0]}' is no Debian package", [])
    if KERNEL not in kernel.requirements:
        raise CommandFailed(f"an R kernel needs {KERNEL} among its packages", [])
    apt = _apt()
    chosen = dict(CHOSEN.findall(apt.run([*_SIMULATED, f"Dir::State::status={_empty()}", "install", *sorted(asked)])))
    if old and not upgrade:
        offered = apt.offered(chosen)
        chosen |= {pin.name: pin.version for pin in read(old) if pin.version in offered.get(pin.name, ())}
    return "".join(f"{pin.name}={pin.version} sha256:{pin.sha256}\n" for pin in _pins(apt, chosen))


_SIMULATED = [
    "apt-get",
    "--simulate",
    "--no-install-recommends",
    "-y",
    "-o",
    "Debug::NoLocking=true",
    "-o",
    "APT::Architecture=amd64",
    "-o",
]


def _pins(apt: Apt, chosen: dict[str, str]) -> Sequence[Pin]:
    """Ask for the hashes of all of them at once."""
    told = apt.run(["apt-cache", "show", *(f"{name}={version}" for name, version in chosen.items())])
    known = {}
    for stanza in told.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if re.match(r"(Package|Version|SHA256): ", line))
        if fields:
            known[fields["Package"], fields["Version"]] = fields["SHA256"]
    return [Pin(name, version, known[name, version]) for name, version in sorted(chosen.items())]


@cache
def _place() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="awr-apt-")


@cache
def _empty() -> Path:
    status = Path(_place().name) / "status"
    status.touch()
    return status


@cache
def _apt() -> Apt:
    """Return what Debian offers today, fetched once a run."""
    place = Path(_place().name)
    apt = Apt(place / "log", place / "lists")
    apt.refresh()
    if CODENAME not in apt.run(["apt-get", "indextargets", "--format", "$(CODENAME)"]).split():
        raise CommandFailed(f"R kernels are solved where apt knows Debian {CODENAME}, the labs' system", [])
    return apt
