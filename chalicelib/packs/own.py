"""What is a team's own pack, and may a lab be installed from its lock?

A version is its content: the same files are the same version on every stage, and no version ever changes. Pure: texts in, values
out; every complaint is `PackBroken` with the line at fault.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from chalicelib.packs.reading import distribution
from chalicelib.packs.rules import Kernel, Language, Pack, StoredLock, lock_file
from chalicelib.runtime.errors import BadInput, PackBroken

PACK = "pack.yaml"
MOST_FILES = 6
MOST_BYTES = 8 * 1024 * 1024
FILE = re.compile(r"pack\.yaml|[a-z0-9][a-z0-9_.-]{0,100}\.txt")
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
RESERVED = frozenset({"uploads"})
PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9._,-]+\])?==(?P<version>[A-Za-z0-9._!+-]+)( *;[^\\@]{1,200})?"
)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


class OwnPack(NamedTuple):
    """One version of a team's own pack. `files`: name → SHA-256; `text`: what its pack.yaml says."""

    name: str
    version: str
    team: str
    by: str
    added_at: datetime
    files: Mapping[str, str]
    text: str


def version_of(files: Mapping[str, str]) -> str:
    """Sixteen hex digits over every file's name and content."""
    said = "".join(f"{name}\0{digest}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def checked_name(name: str, shipped: Iterable[str]) -> str:
    """BadInput when a team may not call its pack so."""
    if not NAME.fullmatch(name) or name in RESERVED:
        raise BadInput(f"'{name[:64]}' is no name for a pack", "small letters, digits and '_', a letter first: my_group")
    if name in shipped:
        raise BadInput(f"{name} is a pack that is shipped", "give yours another name, and let it extend that one")
    return name


def checked_files(names: Iterable[str]) -> None:
    """BadInput unless these are a pack.yaml and some locks."""
    found = list(names)
    if PACK not in found or len(set(found)) != len(found) or len(found) > MOST_FILES:
        raise BadInput(f"a pack is {PACK} and up to {MOST_FILES - 1} locks", "each of them once")
    odd = next((name for name in found if not FILE.fullmatch(name)), None)
    if odd is not None:
        raise BadInput(f"'{odd[:64]}' is no file of a pack", f"{PACK}, or a lock such as python-py311-x86_64.txt")


def checked_parent(name: str, own: Mapping[str, object], shipped: Iterable[str]) -> None:
    """PackBroken unless it extends a shipped pack, or none."""
    parent = own.get("extends")
    if parent is None:
        return
    if parent == name:
        raise PackBroken(f"pack {name}: extends itself", "a pack extends another one, or none")
    if not isinstance(parent, str) or parent not in shipped:
        said = str(parent)[:64]
        raise PackBroken(f"pack {name}: extends '{said}', which is not shipped", f"shipped are: {', '.join(shipped)}"[:300])


def own_kernels(pack: Pack) -> tuple[Kernel, ...]:
    """The kernels whose lock the pack itself must bring. PackBroken for a language that cannot be brought."""
    found = tuple(kernel for kernel in pack.kernels if kernel.pack == pack.name)
    for kernel in found:
        if kernel.language is not Language.PYTHON:
            raise PackBroken(
                f"pack {pack.name}: its kernel {kernel.key} is of {kernel.language}",
                "a pack of one's own brings Python's kernels; others come with the pack it extends",
            )
    return found


def located(pack: Pack, own: OwnPack, bucket: str) -> Pack:
    """The pack with where each lock of its own is."""
    files = {kernel.key: lock_file(kernel) for kernel in own_kernels(pack)}
    locks = {
        key: StoredLock(f"s3://{bucket}/{key_of(own.name, own.version, file)}", own.files[file]) for key, file in files.items()
    }
    return pack._replace(version=own.version, locks=locks)


def key_of(name: str, version: str, file: str) -> str:
    return f"packs/{name}/{version}/{file}"


# ---- locks ---------------------------------------------------------------------------------------------------------------


def check_lock(kernel: Kernel, file: str, text: str) -> None:
    """PackBroken unless every line pins one package by hash, nothing names a host, and all that was asked for is there."""
    pinned: set[str] = set()
    for number, line in _logical(text):
        words = line.split(" --hash=")
        pin = PIN.fullmatch(words[0].strip())
        if pin is None:
            raise PackBroken(f"{file}, line {number}: '{_shown(line)}' pins no package", _why(line))
        hashes = re.findall(r"--hash=\S+", line)
        if not hashes or not all(HASH.fullmatch(one) for one in hashes):
            raise PackBroken(f"{file}, line {number}: {pin['name']} is pinned without a SHA-256", "solve it anew: packs lock")
        if re.sub(r" --hash=\S+", "", line).strip() != words[0].strip():
            raise PackBroken(f"{file}, line {number}: '{_shown(line)}' says more than a pin and its hashes", _why(line))
        pinned.add(distribution(pin["name"]))
    missing = sorted({distribution(one) for one in kernel.requirements} - pinned)
    if missing:
        raise PackBroken(f"{file}: {', '.join(missing[:5])} is asked for and not in the lock", "solve it anew: packs lock")
    if "ipykernel" not in pinned:
        raise PackBroken(f"{file}: ipykernel is not in the lock, so no kernel can start", "add ipykernel to its packages")


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines as pip reads them: those that end with a backslash go on; comments and blank ones are left out."""
    begun, parts = 0, list[str]()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not parts and (not line or line.startswith("#")):
            continue
        begun = begun if parts else number
        parts.append(line.removesuffix("\\").strip())
        if not line.endswith("\\"):
            yield begun, " ".join(parts)
            parts = []
    if parts:
        yield begun, " ".join(parts)


def _shown(line: str) -> str:
    return re.sub(r"//[^/@\s]+@", "//…@", line)[:60]


def _why(line: str) -> str:
    if "://" in line or line.startswith("-"):
        return "a lock names no index, no host and no option: a lab installs from whichever index it is given"
    return "each line of a lock is name==version and its hashes: packs lock makes one"
