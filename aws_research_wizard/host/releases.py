"""Which release does this machine run, which was it before, and what if it died while it was changing?

    opt/bundle/bundle-<release>   what a release is made of          opt/hubs/<release>   its environment
    opt/current                   a link to the bundle that runs     opt/asked            the bundle that user data last asked for
    state/upgrade.json            the last change: from, to, phase, cause

A release is the first twelve hex digits of its bundle's SHA-256. Keeps true: `current` names one whole release at any moment; a
change that was not seen through is taken back by whoever comes next, the agent or the next boot; the release that runs and the
one before it stay on the disk, and so does any that a live process came from.

Needs nothing but the standard library: the boot reads it before anything is installed.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from aws_research_wizard.host import files
from aws_research_wizard.host.machine import Machine

COMPLETE = ".complete"
TRYING = ("preparing", "proving")
"""Phases in which nothing has changed yet for anybody."""
SWITCHED = ("switching", "watching")
"""Phases in which `current` may name a release that has not yet shown that it serves."""
AT_START = "start"
"""Id of a change that came with a start of the machine, not with an order."""


@dataclass(frozen=True)
class Record:
    """One change of release: preparing → proving → switching → watching → done, or failed with its cause."""

    id: str
    origin: str
    to: str
    phase: str
    cause: str = ""

    @property
    def open(self) -> bool:
        """Say whether it is still under way."""
        return self.phase in TRYING + SWITCHED


def bundle(machine: Machine, release: str) -> Path:
    """Where a release's bundle is."""
    return machine.opt / "bundle" / f"bundle-{release}"


def environment(machine: Machine, release: str) -> Path:
    """Where a release's environment is."""
    return machine.opt / "hubs" / release


def whole(machine: Machine, release: str) -> bool:
    """Say whether a release is on this machine."""
    return bool(release) and (bundle(machine, release) / COMPLETE).exists()


def current(machine: Machine) -> str:
    """Return the release that `current` names; blank before the first."""
    try:
        return (machine.opt / "current").readlink().name.removeprefix("bundle-")
    except OSError:
        return ""


def point(machine: Machine, release: str) -> None:
    """Make `release` the one that runs: a single rename, so that no reader ever finds none."""
    beside = machine.opt / f".current.{os.getpid()}"
    beside.unlink(missing_ok=True)
    beside.symlink_to(Path("bundle") / f"bundle-{release}")
    beside.replace(machine.opt / "current")
    _sync(machine.opt)


def load(machine: Machine) -> Record | None:
    """Return the last change of release, or None when there was none."""
    raw = files.read_json(machine.state / "upgrade.json")
    try:
        return Record(**{name: str(raw.get(name, "")) for name in Record.__dataclass_fields__}) if raw else None
    except AttributeError:
        return None


def save(machine: Machine, record: Record) -> Record:
    """Write the change down; return it."""
    files.write_json(machine.state / "upgrade.json", asdict(record))
    _sync(machine.state)
    return record


def told(machine: Machine) -> str:
    """Return the release to tell of: one that has not yet shown that it serves is not told of."""
    record = load(machine)
    return record.origin if record and record.phase in SWITCHED else machine.release


def lock(machine: Machine) -> IO[str] | None:
    """Return the right to change the release, held as long as the file is open somewhere; None when another, alive, has it."""
    machine.state.mkdir(parents=True, exist_ok=True)
    file = (machine.state / "upgrade.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def held(machine: Machine) -> Iterator[bool]:
    """Hold the right to change the release while inside; False when somebody else, alive, has it."""
    file = lock(machine)
    try:
        yield file is not None
    finally:
        if file:
            file.close()


def take_back(machine: Machine, record: Record, cause: str) -> Record:
    """Return to where an unfinished change began; the record says why. Safe to repeat after a crash within."""
    if record.phase in SWITCHED and whole(machine, record.origin):
        point(machine, record.origin)
    return save(machine, replace(record, phase="failed", cause=cause))


# ---- at the start of a machine -------------------------------------------------------------------------------------------


def at_boot(machine: Machine, asked: str) -> str:
    """Return the release to boot, after putting right what a crash left. `asked` is the bundle that user data names.

    The release of `machine` is the one whose boot runs now. It is kept when it is the current one, or when it is the very one
    that is asked for at this start and was not before: then it is on trial until it is `confirmed`.
    """
    record = load(machine)
    if record and record.open:
        _settle(machine, record, asked)
    now, here = current(machine), machine.release
    if not whole(machine, now):
        now = _before(machine) or here
        point(machine, now)
    if here == now:
        if not asked or f"bundle-{here}" == asked:
            note_asked(machine, asked)
        return now
    if f"bundle-{here}" != asked or last_asked(machine) == asked:
        return now
    save(machine, Record(AT_START, now, here, "switching"))
    point(machine, here)
    return here


def _settle(machine: Machine, record: Record, asked: str) -> None:
    """Take an unfinished change back; what user data asked for is not tried a second time."""
    take_back(machine, record, "the machine ended while the release was being tried")
    if record.id == AT_START:
        note_asked(machine, asked)


def _before(machine: Machine) -> str:
    """Return the release that a machine ran before `current` was kept: the newest other bundle; blank when there is none."""
    others = [place for place in (machine.opt / "bundle").glob(f"bundle-*/{COMPLETE}") if place.parent != machine.bundle]
    newest = max(others, key=lambda place: place.stat().st_mtime, default=None)
    return newest.parent.name.removeprefix("bundle-") if newest else ""


def confirm(machine: Machine, asked: str) -> None:
    """A release that came with this start serves: it stays."""
    record = load(machine)
    if record and record.id == AT_START and record.open and record.to == machine.release:
        save(machine, replace(record, phase="done"))
    if asked == f"bundle-{machine.release}":
        note_asked(machine, asked)


def give_up(machine: Machine, asked: str, cause: str) -> str:
    """A release that came with this start does not serve: return the one to boot instead, blank when it was on no trial."""
    record = load(machine)
    if not record or record.id != AT_START or not record.open or not whole(machine, record.origin):
        return ""
    take_back(machine, record, cause)
    note_asked(machine, asked)
    return record.origin


def last_asked(machine: Machine) -> str:
    """Return the bundle that user data named when it was last followed; blank before."""
    try:
        return (machine.opt / "asked").read_text().strip()
    except OSError:
        return ""


def note_asked(machine: Machine, asked: str) -> None:
    """Remember which bundle user data named."""
    if asked and last_asked(machine) != asked:
        files.write(machine.opt / "asked", asked)


# ---- tidying up ----------------------------------------------------------------------------------------------------------


def prune(machine: Machine, in_use: str = "") -> list[str]:
    """Remove releases other than the one that runs, the one before, and those named in `in_use` (the words of live processes)."""
    record = load(machine)
    kept = {current(machine), machine.release, *((record.origin,) if record else ())}
    found = {place.name.removeprefix("bundle-") for place in (machine.opt / "bundle").glob("bundle-*")}
    found |= {place.name for place in (machine.opt / "hubs").glob("[0-9a-f]*")}
    gone = sorted(name for name in found - kept if f"/{name}/" not in in_use and f"bundle-{name}" not in in_use)
    for name in gone:
        for place in (bundle(machine, name), environment(machine, name)):
            away(place)
    return gone


def away(place: Path) -> None:
    """Remove a folder so that nobody ever meets half of it."""
    if not place.exists():
        return
    beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=".gone."))
    with suppress(OSError):
        place.replace(beside / "it")
    shutil.rmtree(beside, ignore_errors=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
