"""Which exact files make up a kernel, and is a lock still about what the pack asks for?

A lock is a requirements file with hashes and names no index, so that it installs the same from any mirror. Its first
line carries the day it was solved, the platform, and a fingerprint of what was asked for. Pure: texts in, values out;
`solving` makes new ones.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import date

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aws_research_wizard.packs.production import packs

Kernel = packs.Kernel
PLATFORM = "x86_64-manylinux_2_28"
FIRST_LINE = re.compile(r"# solved (?P<day>\d{4}-\d\d-\d\d) for python \S+ on \S+, asked (?P<asked>[0-9a-f]{64})")
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Lock:
    """`pins`: normalised name → version; `unhashed`: pins that name no hash."""

    day: date
    asked: str
    pins: dict[str, str]
    unhashed: tuple[str, ...]


def first_line(kernel: Kernel, today: date) -> str:
    """What a lock begins with."""
    return f"# solved {today} for {kernel.language} {kernel.version} on {PLATFORM}, asked {fingerprint(kernel)}\n"


def fingerprint(kernel: Kernel) -> str:
    """What the lock answers to: the packages asked for, the language's version and the platform."""
    asked = "\n".join((kernel.language, kernel.version, PLATFORM, *kernel.requirements))
    return hashlib.sha256(asked.encode()).hexdigest()


def parse(text: str) -> Lock:
    """ValueError when the first line is not one of ours."""
    found = FIRST_LINE.match(text)
    if not found:
        raise ValueError("its first line does not say when and for what it was solved")
    pins: dict[str, str] = {}
    hashed: set[str] = set()
    name = ""
    for line in text.splitlines():
        if pin := PIN.match(line):
            name = canonicalize_name(pin[1])
            pins[name] = pin[2]
        if HASH.search(line):
            hashed.add(name)
    day = date.fromisoformat(found["day"])
    return Lock(day, found["asked"], pins, tuple(sorted(pins.keys() - hashed)))


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
