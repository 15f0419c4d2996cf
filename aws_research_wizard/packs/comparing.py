"""What differs between two packs, or between two states of a lock? Values by their way, pins by their package."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from aws_research_wizard.packs import linting, locks
from aws_research_wizard.packs.findings import Severity
from aws_research_wizard.packs.locking import LockRefused, lock_file
from aws_research_wizard.packs.production import packs, reading

Values = Mapping[str, str]


class Side(NamedTuple):
    """One of the two: (kind → what → how it is there)."""

    name: str
    parts: Mapping[str, Values]


class Row(NamedTuple):
    """One difference; '' where it is not there."""

    kind: str
    what: str
    left: str
    right: str


def rows(left: Side, right: Side) -> Iterator[Row]:
    """Every difference, by kind; pins last."""
    for kind in dict.fromkeys((*left.parts, *right.parts)):
        before, after = left.parts.get(kind, {}), right.parts.get(kind, {})
        for what in sorted({*before, *after}):
            if before.get(what) != after.get(what):
                yield Row(kind, what, before.get(what, ""), after.get(what, ""))


def side(path: Path, find: Callable[[str], Path | None]) -> Side:
    """A pack's folder or file, a lock, or a folder of locks. LockRefused when it is none of them. `find`: a pack by its name."""
    if path.suffix == ".txt" and path.is_file():
        return Side(str(path), {"pins": _lock(path)})
    if path.is_dir() and not (path / "pack.yaml").is_file():
        found = sorted(path.glob("*.txt"))
        if not found:
            raise LockRefused(f"there is no pack and no lock in {path}", "name a pack, a lock, or a folder of locks")
        pins = {f"{file.stem} {name}": pin for file in found for name, pin in _lock(file).items()}
        return Side(str(path), {"pins": pins})
    return _pack(path / "pack.yaml" if path.is_dir() else path, find)


def _pack(file: Path, find: Callable[[str], Path | None]) -> Side:
    subject, found = linting.subject(file, "us-east-1", date.min)
    wrong = [one for one in found if one.severity is Severity.ERROR]
    if subject is None or subject.pack is None:
        raise LockRefused(f"{wrong[0].place}: {wrong[0].said}" if wrong else f"{file} is no pack", f"packs lint {file.parent}")
    pack, pins = subject.pack, dict[str, str]()
    for kernel in pack.kernels:
        home = subject.folder if kernel.pack == subject.name else find(kernel.pack)
        lock = lock_file(kernel, home) if home else None
        if lock and lock.is_file():
            pins |= {f"{kernel.key} {name}": pin for name, pin in _lock(lock).items()}
    return Side(subject.name, {**_said(pack), "pins": pins})


def _said(pack: packs.Pack) -> dict[str, Values]:
    kernels = {one.key: f"{one.display_name}{' (on request)' if one.on_request else ''}" for one in pack.kernels}
    packages: dict[str, str] = {}
    system: dict[str, str] = {}
    for one in pack.kernels:
        packages |= {f"{one.key} {reading.distribution(asked)}": asked for asked in one.requirements}
        system |= {f"{one.key} {name}": name for name in one.system}
    data = {one.name: f"s3://{one.bucket}/{one.prefix} ({one.region}, {one.access.value})" for one in pack.datasets}
    machines = {f"team {size.value}": ", ".join(types) for size, types in pack.instances.team.items()}
    machines |= {f"job {job.value}": ", ".join(types) for job, types in pack.instances.job.items()}
    return {
        "kernels": kernels,
        "packages": packages,
        "system": system,
        "notebooks": {one.file: one.title for one in pack.examples},
        "data": data,
        "instances": machines,
        "idle": dict(_idle(pack.idle._asdict())),
    }


def _idle(values: Mapping[str, Any], way: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if hasattr(value, "_asdict"):
            yield from _idle(value._asdict(), f"{way}{key}.")
        else:
            yield f"{way}{key}", f"{value:g}"


def _lock(file: Path) -> dict[str, str]:
    try:
        return locks.parse(file.read_text("utf-8")).pins
    except (OSError, ValueError) as error:
        raise LockRefused(f"{file} cannot be read: {error}", "a lock begins with '# solved …'; packs lock writes them") from None
