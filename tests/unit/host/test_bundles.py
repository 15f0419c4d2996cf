"""Bundles of other releases: what is wrong with one is said in a line, and nothing of it stays."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from aws_research_wizard.host import bundles, releases
from aws_research_wizard.host.bundles import BundleRefused
from aws_research_wizard.host.machine import Machine

WHOLE = {"aws_research_wizard-1-py3-none-any.whl": b"wheel", "requirements-host.txt": b"jupyterhub", "bin/uv": b"uv"}
Bucket = Callable[[bytes], str]


def packed(files: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(data) if kind == tarfile.REGTYPE else 0, kind, "/etc/passwd"
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Put bytes into the bucket; the release that they are."""

    def put(data: bytes) -> str:
        monkeypatch.setattr(bundles, "_download", lambda _machine, _uri, target: target.write_bytes(data))
        return hashlib.sha256(data).hexdigest()[:12]

    return put


def fetched(machine: Machine, release: str) -> Path:
    return bundles.fetch(machine, f"s3://artifacts/host/bundle-{release}.tar.gz", release)


def test_a_bundle_is_unpacked_under_its_name(machine: Machine, bucket: Bucket) -> None:
    release = bucket(packed(WHOLE))
    place = fetched(machine, release)
    assert place == releases.bundle(machine, release)
    assert releases.whole(machine, release)
    assert (place / "requirements-host.txt").read_bytes() == b"jupyterhub"
    bucket(b"gone")
    assert fetched(machine, release) == place


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (packed({"requirements-host.txt": b""}), "lacks its one wheel"),
        (packed({"a.whl": b""}), "lacks requirements-host.txt"),
        (packed({"../out": b"x"}), "no plain file"),
        (packed({"/etc/x": b"x"}), "no plain file"),
        (packed({"link": b""}, tarfile.SYMTYPE), "no plain file"),
        (b"no archive at all", "damaged"),
        (packed(WHOLE)[:150], "damaged"),
    ],
    ids=["no wheel", "no lock", "outside", "absolute", "link", "no archive", "torn"],
)
def test_what_is_wrong_with_a_bundle_is_said_and_nothing_stays(machine: Machine, bucket: Bucket, data: bytes, words: str) -> None:
    release = bucket(data)
    with pytest.raises(BundleRefused, match=words):
        fetched(machine, release)
    assert list((machine.opt / "bundle").iterdir()) == []


def test_content_that_is_not_what_the_name_says_is_refused(machine: Machine, bucket: Bucket) -> None:
    bucket(packed(WHOLE))
    with pytest.raises(BundleRefused, match="damaged: its content has the sum"):
        fetched(machine, "0" * 12)


@pytest.mark.parametrize(
    ("uri", "release"), [("s3://b/host/bundle-1.tar.gz", "1"), ("s3://b/x.tar.gz", "0" * 12), ("", "../../x")]
)
def test_a_name_that_is_none_is_refused(machine: Machine, uri: str, release: str) -> None:
    with pytest.raises(BundleRefused, match="no bundle of release"):
        bundles.fetch(machine, uri, release)


def test_a_full_disk_is_refused_before_anything_is_fetched(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))(100, 90, 10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(BundleRefused, match=r"the machine's disk has 0\.0 GB free"):
        fetched(machine, "0" * 12)
