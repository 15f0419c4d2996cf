"""Which exact files make up a kernel, and is a lock still about what the pack asks for?

A lock names no host, so that it installs the same from any mirror. Its first line carries the day it was solved, the platform,
and a fingerprint of what was asked for. Below it stands, for Python, a requirements file with hashes; for R, a Debian package
a line (`name=version sha256:…`); for Julia, its release, project and manifest, or no manifest where no Julia could solve it yet.
Pure: texts in, values out; `solving` makes new ones.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from datetime import date

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aws_research_wizard.packs.production import packs

Kernel = packs.Kernel
Language = packs.Language
PLATFORM, CODENAME = "x86_64-manylinux_2_28", "bookworm"
PLATFORMS = {Language.PYTHON: PLATFORM, Language.R: "debian-12-amd64", Language.JULIA: "x86_64-linux-gnu"}
SOLVED, LATER = "solved", "to be solved on the first bake, written"
FIRST_LINE = re.compile(
    rf"# (?P<how>{SOLVED}|{LATER}) (?P<day>\d{{4}}-\d\d-\d\d) for (?P<language>\S+) \S+ on \S+, asked (?P<asked>[0-9a-f]{{64}})"
)
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
DEBIAN_PIN = re.compile(r"^([a-z0-9][a-z0-9+.-]+)=(\S+)(?: sha256:([0-9a-f]{64}))?$", re.MULTILINE)


@dataclass(frozen=True)
class Lock:
    """`pins`: normalised name → version; `unhashed`: pins that name no hash; not `solved`: its versions are still bounds."""

    day: date
    asked: str
    pins: dict[str, str]
    unhashed: tuple[str, ...]
    solved: bool = True


def first_line(kernel: Kernel, today: date, how: str = SOLVED) -> str:
    """What a lock begins with."""
    where = PLATFORMS[kernel.language]
    return f"# {how} {today} for {kernel.language} {kernel.version} on {where}, asked {fingerprint(kernel)}\n"


def fingerprint(kernel: Kernel) -> str:
    """What the lock answers to: the packages asked for, the language's version and the platform."""
    asked = "\n".join((kernel.language, kernel.version, PLATFORMS[kernel.language], *asked_for(kernel)))
    return hashlib.sha256(asked.encode()).hexdigest()


def asked_for(kernel: Kernel) -> tuple[str, ...]:
    """What must be in the lock; of R the system's packages too, since they come from the same place."""
    return (*kernel.requirements, *sorted(kernel.system)) if kernel.language is Language.R else kernel.requirements


def parse(text: str) -> Lock:
    """ValueError when the first line is not one of ours."""
    found = FIRST_LINE.match(text)
    if not found:
        raise ValueError("its first line does not say when and for what it was solved")
    read = {Language.R: _debian, Language.JULIA: _julia}.get(Language(found["language"]), _requirements)
    pins, hashed = read(text)
    unhashed = tuple(sorted(pins.keys() - hashed))
    return Lock(date.fromisoformat(found["day"]), found["asked"], pins, unhashed, found["how"] == SOLVED)


def _requirements(text: str) -> tuple[dict[str, str], set[str]]:
    pins: dict[str, str] = {}
    hashed: set[str] = set()
    name = ""
    for line in text.splitlines():
        if pin := PIN.match(line):
            name = canonicalize_name(pin[1])
            pins[name] = pin[2]
        if HASH.search(line):
            hashed.add(name)
    return pins, hashed


def _debian(text: str) -> tuple[dict[str, str], set[str]]:
    rows = DEBIAN_PIN.findall(text)
    return {name: version for name, version, _ in rows}, {name for name, _, digest in rows if digest}


def _julia(text: str) -> tuple[dict[str, str], set[str]]:
    """What stands in its project; a manifest pins by the hash of each package's tree."""
    try:
        bounds = dict(tomllib.loads(text)["compat"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"it is no project of Julia: {error}") from None
    pins = {str(name): str(bound) for name, bound in bounds.items() if name != "julia"}
    return pins, set(pins)


def findings(kernel: Kernel, text: str | None) -> list[str]:
    """What is wrong with a kernel's lock, each as a sentence; nothing when all is well."""
    if text is None:
        return ["there is no lock"]
    try:
        lock = parse(text)
    except ValueError as error:
        return [str(error)]
    wrong = [] if lock.asked == fingerprint(kernel) else ["the pack asks for other packages than the lock was solved for"]
    wrong += [f"{name} is pinned without a hash" for name in lock.unhashed]
    if kernel.language is Language.JULIA:
        known = {f"{name}@{bound}" for name, bound in lock.pins.items()}
        return wrong + [f"{one} is asked for and not in the lock" for one in asked_for(kernel) if one not in known]
    if kernel.language is Language.R:
        return wrong + [f"{one} is asked for and not in the lock" for one in asked_for(kernel) if one not in lock.pins]
    return wrong + [said for one in kernel.requirements if (said := _unmet(one, lock))]


def _unmet(asked: str, lock: Lock) -> str:
    try:
        requirement = Requirement(asked)
    except InvalidRequirement:
        return f"'{asked}' is no requirement"
    version = lock.pins.get(canonicalize_name(requirement.name))
    if version is None:
        return f"{requirement.name} is asked for and not in the lock"
    return "" if requirement.specifier.contains(version, prereleases=True) else f"{asked} is asked for, {version} is pinned"
