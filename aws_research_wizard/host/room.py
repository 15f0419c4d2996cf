"""Is there room to work? Asked of a home before its owner's server starts, and of the machine's own disk all the time.

Keeps true: it is asked by writing, as the person (a quota is theirs, and root may write where nobody else can any more); a
machine whose disk filled up overnight has a reserve to let go, so that its hub can still write down who came in.
"""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

LEAST_BYTES, LEAST_FILES = 8 << 20, 64
"""With less than this, saving a notebook may fail: not a day's work is begun on it."""
RESERVE, LOW = 32 << 20, 16 << 20
PROBE = ".wizard-room"
_WRITE = (
    "import os, sys\n"
    "try:\n"
    "    handle = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)\n"
    "    try:\n"
    "        os.write(handle, bytes(262144)); os.fsync(handle)\n"
    "    finally:\n"
    "        os.close(handle); os.unlink(sys.argv[1])\n"
    "except OSError as error:\n"
    "    print(error.errno)\n"
)
Owner = tuple[int, int] | None


class Lack(StrEnum):
    """What is missing."""

    SPACE = "space"
    FILES = "files"
    QUOTA = "quota"
    READ_ONLY = "read-only"


WORDS = {
    Lack.SPACE: "is full",
    Lack.FILES: "holds as many files as it can",
    Lack.QUOTA: "has used up its quota",
    Lack.READ_ONLY: "cannot be written to",
}
CAUSES = {errno.ENOSPC: Lack.SPACE, errno.EDQUOT: Lack.QUOTA, errno.EROFS: Lack.READ_ONLY}


def scratch() -> Path:
    """Return where programs keep what they need for the moment (asked of nobody who would try to write there)."""
    return Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 (it is only looked at)


def lack_of(error: OSError) -> Lack | None:
    """Return what an error says is missing; None when it says something else."""
    return CAUSES.get(error.errno or 0)


def lacking(place: Path, owner: Owner = None) -> Lack | None:
    """Return what a folder lacks for `owner` (uid, gid) to work in it; None when there is room."""
    seen = os.statvfs(place)
    if seen.f_flag & os.ST_RDONLY:
        return Lack.READ_ONLY
    if seen.f_bavail * seen.f_frsize < LEAST_BYTES:
        return Lack.SPACE
    if seen.f_files and seen.f_favail < LEAST_FILES:
        return Lack.FILES
    return _tried(place / PROBE, owner)


def same_storage(home: Path, storage: Path) -> bool:
    """Say whether a home shares its room with everybody's (it has no file system of its own)."""
    return not home.exists() or home.stat().st_dev == storage.stat().st_dev


def _tried(probe: Path, owner: Owner) -> Lack | None:
    """Write a little, as the person; return what that failed for."""
    words = [sys.executable, "-I", "-S", "-c", _WRITE, str(probe)]
    become = {"user": owner[0], "group": owner[1], "extra_groups": []} if owner else {}
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30, **become)  # type: ignore[call-overload]
    said = done.stdout.strip()
    return CAUSES.get(int(said)) if said.isdigit() else None


def reserve(state: Path) -> str:
    """Keep a reserve on the machine's disk, or let it go when that is full; return what was done."""
    kept = state / "reserve"
    with suppress(OSError):
        free = os.statvfs(state)
        space = free.f_bavail * free.f_frsize
        if space < LOW and kept.exists():
            kept.unlink()
            return "the machine's disk is full: its reserve was let go"
        if space > 4 * RESERVE and not kept.exists():
            _fill(kept)
            return "a reserve was laid up"
    return ""


def _fill(kept: Path) -> None:
    try:
        with kept.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE)
    except OSError:
        kept.unlink(missing_ok=True)
        raise
