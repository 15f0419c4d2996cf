"""A tree into a bucket: whole, once, and going on where it broke off."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws_research_wizard.uploads import sending, tree
from aws_research_wizard.uploads.s3 import MIB, Bucket, State
from aws_research_wizard.uploads.sending import Way
from aws_research_wizard.uploads.tree import Destination

PART = 5 * MIB
TO = Destination("notebooks", "lab/")


class Watched:
    """A client that notes what it is asked, and breaks off where it is told to."""

    def __init__(self, real: Any) -> None:
        self.real, self.asked = real, list[str]()
        self.break_at = ""

    def __getattr__(self, name: str) -> Any:
        act = getattr(self.real, name)
        if not name.startswith(("put_", "upload_", "create_", "complete_", "head_")):
            return act

        def asked(**words: Any) -> Any:
            self.asked.append(f"{name} {words['Key']}{' ' + str(words['PartNumber']) if 'PartNumber' in words else ''}")
            if self.break_at and self.break_at in self.asked[-1]:
                raise OSError("the line broke off")
            return act(**words)

        return asked


@pytest.fixture
def client() -> Iterator[Watched]:
    with mock_aws():
        real = boto3.client("s3", region_name="us-east-1")
        real.create_bucket(Bucket="notebooks")
        yield Watched(real)


def sent(client: Watched, root: Path, **way: Any) -> dict[str, State]:
    files, _ = tree.look(root, TO)
    bucket = Bucket("notebooks", client, PART)
    outcomes = list(sending.send(bucket, files, TO, Way(**way), lambda _file: lambda _count: None))
    return {one.file.name: one.state for one in outcomes}


def there(client: Watched) -> dict[str, bytes]:
    listed = client.real.list_objects_v2(Bucket="notebooks").get("Contents", ())
    return {one["Key"]: client.real.get_object(Bucket="notebooks", Key=one["Key"])["Body"].read() for one in listed}


def put(root: Path, **files: bytes) -> Path:
    for name, content in files.items():
        (root / name).write_bytes(content)
    return root


LARGE = bytes(range(256)) * (2 * PART // 256) + b"the end"


def test_every_file_arrives_under_its_name(client: Watched, tmp_path: Path) -> None:
    (tmp_path / "sub folder").mkdir()
    put(tmp_path, **{"a.ipynb": b"{}", "sub folder/été.ipynb": b"[]", "empty.txt": b"", "large.bin": LARGE})
    assert set(sent(client, tmp_path).values()) == {State.UPLOADED}
    assert there(client) == {
        "lab/a.ipynb": b"{}",
        "lab/sub folder/été.ipynb": b"[]",
        "lab/empty.txt": b"",
        "lab/large.bin": LARGE,
    }


def test_what_is_there_is_not_sent_again(client: Watched, tmp_path: Path) -> None:
    put(tmp_path, **{"a.ipynb": b"{}", "large.bin": LARGE})
    sent(client, tmp_path)
    client.asked.clear()
    assert set(sent(client, tmp_path).values()) == {State.THERE}
    assert {one.split()[0] for one in client.asked} == {"head_object"}


def test_a_large_file_that_broke_off_goes_on_with_the_parts_that_are_there(client: Watched, tmp_path: Path) -> None:
    put(tmp_path, **{"large.bin": LARGE})
    client.break_at = "upload_part lab/large.bin 3"
    assert sent(client, tmp_path) == {"large.bin": State.FAILED}
    assert there(client) == {}
    client.break_at = ""
    client.asked.clear()
    assert sent(client, tmp_path) == {"large.bin": State.UPLOADED}
    assert [one for one in client.asked if not one.startswith("head")] == [
        "upload_part lab/large.bin 3",
        "complete_multipart_upload lab/large.bin",
    ]
    assert there(client) == {"lab/large.bin": LARGE}


def test_parts_of_another_content_are_not_used(client: Watched, tmp_path: Path) -> None:
    put(tmp_path, **{"large.bin": LARGE})
    client.break_at = "upload_part lab/large.bin 3"
    sent(client, tmp_path)
    client.break_at = ""
    changed = b"other" + LARGE[5:]
    put(tmp_path, **{"large.bin": changed})
    assert sent(client, tmp_path) == {"large.bin": State.UPLOADED}
    assert there(client) == {"lab/large.bin": changed}


def test_somebody_elses_file_of_the_same_name_is_not_overwritten_unless_asked(client: Watched, tmp_path: Path) -> None:
    client.real.put_object(Bucket="notebooks", Key="lab/a.ipynb", Body=b"theirs")
    put(tmp_path, **{"a.ipynb": b"mine"})
    assert sent(client, tmp_path) == {"a.ipynb": State.OTHER}
    assert there(client) == {"lab/a.ipynb": b"theirs"}
    assert sent(client, tmp_path, replace=True) == {"a.ipynb": State.UPLOADED}
    assert there(client) == {"lab/a.ipynb": b"mine"}


def test_one_that_fails_does_not_stop_the_others(client: Watched, tmp_path: Path) -> None:
    put(tmp_path, **{"a.ipynb": b"1", "b.ipynb": b"2", "c.ipynb": b"3"})
    client.break_at = "put_object lab/b"
    assert sent(client, tmp_path) == {"a.ipynb": State.UPLOADED, "b.ipynb": State.FAILED, "c.ipynb": State.UPLOADED}


def test_a_dry_run_sends_nothing(client: Watched, tmp_path: Path) -> None:
    put(tmp_path, **{"a.ipynb": b"1", "large.bin": LARGE})
    assert set(sent(client, tmp_path, dry_run=True).values()) == {State.PLANNED}
    assert {one.split()[0] for one in client.asked} == {"head_object"}
    assert there(client) == {}


def test_whoever_stops_listening_stops_the_rest(client: Watched, tmp_path: Path) -> None:
    put(tmp_path, **{f"{number:03}.ipynb": b"x" for number in range(100)})
    files, _ = tree.look(tmp_path, TO)
    outcomes = sending.send(Bucket("notebooks", client), files, TO, Way(at_once=2), lambda _file: lambda _count: None)
    next(outcomes)
    outcomes.close()
    assert len(there(client)) < 20
    assert set(sent(client, tmp_path).values()) == {State.UPLOADED, State.THERE}
    assert len(there(client)) == 100


def test_the_checksum_is_the_one_that_s3_keeps(client: Watched, tmp_path: Path) -> None:
    put(tmp_path, **{"a.ipynb": b"{}"})
    sent(client, tmp_path)
    kept = client.real.head_object(Bucket="notebooks", Key="lab/a.ipynb", ChecksumMode="ENABLED")["ChecksumSHA256"]
    assert base64.b64decode(kept) == hashlib.sha256(b"{}").digest()
