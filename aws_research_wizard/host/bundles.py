"""How does another release's bundle come onto this machine? Fetched beside the one that runs, checked, unpacked, then named.

Keeps true: a bundle whose content is not what its name says never gets that name; what was half fetched is gone afterwards; what
is wrong is told in one line.
"""

import gzip
import hashlib
import re
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Any

from aws_research_wizard.host import releases
from aws_research_wizard.host.machine import Machine

ROOM_BYTES, ROOM_LOCAL_BYTES = 2_000_000_000, 200_000_000
"""What a release needs while it is made beside another; on a laptop its environment is linked, not copied."""
NEEDED = ("requirements-host.txt",)
_RELEASE = re.compile(r"[0-9a-f]{12}")


class BundleRefused(Exception):  # noqa: N818
    """This bundle cannot be used; the words are for a person."""


def fetch(machine: Machine, uri: str, release: str) -> Path:
    """Return where the bundle of `release` is unpacked; fetched from `uri` (s3://bucket/key) unless it is there already."""
    place = releases.bundle(machine, release)
    if not _RELEASE.fullmatch(release) or Path(uri).name != f"{place.name}.tar.gz":
        raise BundleRefused(f"'{uri[:200]}' is no bundle of release '{release[:40]}'")
    if releases.whole(machine, release):
        return place
    room(machine)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".coming.") as beside:
        archive, unpacked = Path(beside) / "bundle.tar.gz", Path(beside) / "bundle"
        _download(machine, uri, archive)
        _check(archive, release)
        _unpack(archive, unpacked)
        releases.away(place)
        unpacked.replace(place)
    return place


def room(machine: Machine) -> None:
    """Refuse to begin on a disk that would be full before the end."""
    needed = ROOM_LOCAL_BYTES if machine.local else ROOM_BYTES
    machine.opt.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(machine.opt).free
    if free < needed:
        raise BundleRefused(f"the machine's disk has {free / 1e9:.1f} GB free, and a new release needs {needed / 1e9:.1f} GB")


def _download(machine: Machine, uri: str, target: Path) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        with target.open("wb") as file:
            shutil.copyfileobj(_client(machine).get_object(Bucket=bucket, Key=key)["Body"], file, 1 << 20)
    except (ClientError, BotoCoreError) as error:
        raise BundleRefused(f"the bundle could not be fetched from {uri}: {error}") from None


def _client(machine: Machine) -> Any:
    import boto3
    from botocore.config import Config

    patient = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})
    return boto3.client("s3", region_name=machine.region, config=patient)


def _check(archive: Path, release: str) -> None:
    with archive.open("rb") as file:
        seen = hashlib.file_digest(file, "sha256").hexdigest()
    if not seen.startswith(release):
        raise BundleRefused(f"the bundle is damaged: its content has the sum {seen[:12]}, not {release}")


def _unpack(archive: Path, target: Path) -> None:
    """Unpack plain files and folders below `target`, and nothing else."""
    target.mkdir()
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if not (member.isfile() or member.isdir()) or member.name.startswith("/") or ".." in Path(member.name).parts:
                    raise BundleRefused(f"the bundle holds '{member.name[:80]}', which is no plain file of it")
                tar.extract(member, target, set_attrs=False)
                (target / member.name).chmod(0o755 if member.isdir() or member.mode & 0o100 else 0o644)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BundleRefused(f"the bundle is damaged: {error}") from None
    missing = [name for name in NEEDED if not (target / name).is_file()]
    if missing or len(list(target.glob("*.whl"))) != 1:
        raise BundleRefused(f"the bundle lacks {', '.join(missing) or 'its one wheel'}")
    (target / releases.COMPLETE).touch()
