"""Which system account is a person's, on every machine this lab will ever have?

Keeps true: a person's number is the same on the next machine (it is written on the lab's file system, which outlives
machines), and no two people share one. Used on AWS only: on a laptop everybody works as the one who started the cloud.
"""

import fcntl
import hashlib
import pwd
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aws_research_wizard.host import files, homes, room

FIRST = 20_000
"""The first number given: above what systems use for people and services."""
SPARE = 256 << 10


@dataclass(frozen=True)
class Account:
    """A person's account name and number (also of its group)."""

    name: str
    uid: int


def ensure(storage: Path, person: str) -> Account:
    """Return the person's account, made on this machine if it was not yet."""
    account = Account(name_of(person), _number(storage, person))
    try:
        pwd.getpwnam(account.name)
    except KeyError:
        _add(account, homes.place(storage, person))
    return account


def name_of(person: str) -> str:
    """Return a name that Linux accepts, that people recognise, and that no other e-mail shares: `ada-3f9c1b`."""
    readable = re.sub(r"[^a-z0-9]+", "-", person.split("@")[0].lower()).strip("-")[:20] or "user"
    if not readable[0].isalpha():
        readable = f"u{readable}"
    return f"{readable}-{hashlib.sha256(person.encode()).hexdigest()[:6]}"


def assign(known: Mapping[str, int], person: str) -> dict[str, int]:
    """Return `known` with a number for `person`: theirs, or the next that was never given."""
    return {**known, person: known[person] if person in known else max([FIRST - 1, *known.values()]) + 1}


def _number(storage: Path, person: str) -> int:
    book = storage / ".wizard" / "accounts.json"
    numbers: dict[str, int] = files.read_json(book) or {}
    if person in numbers:  # a number never changes: it is known on a storage too that nothing can be written to
        return numbers[person]
    book.parent.mkdir(parents=True, exist_ok=True)
    with book.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = files.read_json(book) or {}
        numbers = assign(known, person)
        if numbers != known:
            _write(book, numbers)
    return numbers[person]


def _write(book: Path, numbers: Mapping[str, int]) -> None:
    """Write the numbers down, on a full storage too: a little room is kept for that."""
    spare = book.with_name("spare")
    try:
        files.write_json(book, numbers)
        if not spare.exists():
            spare.write_bytes(bytes(SPARE))
    except OSError as error:
        if not room.lack_of(error):
            raise
        spare.unlink(missing_ok=True)
        files.write_json(book, numbers)


def _add(account: Account, home: Path) -> None:
    number = str(account.uid)
    subprocess.run(["groupadd", "--gid", number, account.name], check=False, capture_output=True)
    words = [
        "useradd",
        "--uid",
        number,
        "--gid",
        number,
        "--no-create-home",
        "--home-dir",
        str(home),
        "--shell",
        "/bin/bash",
        account.name,
    ]
    subprocess.run(words, check=True, capture_output=True)
