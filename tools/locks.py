"""Which exact files make up each kernel, and are the locks still about what the packs ask for?

    python -m tools.locks genomics            solve again (keeps pins that still fit; --upgrade moves all of them)
    python -m tools.locks all --check         offline: every lock is about today's pack file and pins every package by hash

A lock is a requirements file with hashes and names no index, so that it installs the same from any mirror. Its first
line carries the day it was solved, the platform, and a fingerprint of what was asked for.
"""

import argparse
import hashlib
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "vendor")]

from chalicelib.kernels.rules import lock_path  # noqa: E402
from chalicelib.packs import service, yaml_files  # noqa: E402
from chalicelib.packs.rules import Kernel, Language  # noqa: E402
from chalicelib.runtime.errors import AppError  # noqa: E402

PLATFORM = "x86_64-manylinux_2_28"
FIRST_LINE = re.compile(r"# solved (?P<day>\d{4}-\d\d-\d\d) for python \S+ on \S+, asked (?P<asked>[0-9a-f]{64})")
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Lock:
    day: date
    asked: str
    pins: dict[str, str]
    unhashed: tuple[str, ...]


def fingerprint(kernel: Kernel) -> str:
    """What the lock answers to: the packages asked for, the Python and the platform."""
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


def solve(kernel: Kernel, old: str | None, upgrade: bool, today: date) -> str:
    """The text of a new lock. The solver's own last words are raised as RuntimeError."""
    file = ROOT / "build" / "locks" / lock_path(kernel).replace("/", "--")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(old or "")
    words = [
        "uv",
        "pip",
        "compile",
        "-",
        "--quiet",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--only-binary",
        ":all:",
    ]
    words += ["--python-version", kernel.version, "--python-platform", PLATFORM, "--output-file", str(file)]
    words += ["--upgrade"] if upgrade else []
    done = subprocess.run(words, input="\n".join(kernel.requirements), text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    body = "".join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith(("#", "--index", "--find")))
    return f"# solved {today} for python {kernel.version} on {PLATFORM}, asked {fingerprint(kernel)}\n{body}"


def own_kernels(pack: str) -> list[Kernel]:
    """The Python kernels whose lock stands in this pack's own folder."""
    return [one for one in service.resolve(pack).kernels if one.pack == pack and one.language is Language.PYTHON]


def _text(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def _check(kernel: Kernel) -> bool:
    wrong = findings(kernel, _text(ROOT / lock_path(kernel)))
    for said in wrong:
        print(f"{lock_path(kernel)}: {said}", file=sys.stderr)
    return not wrong


def _solve(kernel: Kernel, upgrade: bool) -> bool:
    path = ROOT / lock_path(kernel)
    old = _text(path)
    try:
        text = solve(kernel, old, upgrade, datetime.now(UTC).date())
    except RuntimeError as error:
        print(f"{kernel.name} has no solution:\n{error}", file=sys.stderr)
        return False
    if old is None or text.splitlines()[1:] != old.splitlines()[1:] or findings(kernel, old):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"{kernel.name}: {len(parse(path.read_text()).pins)} packages")
    return True


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.locks", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pack", help="a pack's name, or all")
    parser.add_argument("--check", action="store_true", help="offline: say what is stale, change nothing")
    parser.add_argument("--upgrade", action="store_true", help="move every pin to the newest that fits")
    asked = parser.parse_args(words)
    try:
        names = yaml_files.names() if asked.pack == "all" else (asked.pack,)
        kernels = [kernel for name in names for kernel in own_kernels(name)]
    except AppError as error:
        parser.exit(1, f"{error.message}. {error.hint}\n")
    good = [_check(one) if asked.check else _solve(one, asked.upgrade) for one in kernels]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
