from __future__ import annotations

import os
import stat
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aws_research_wizard.host import accounts, choosing, chunks, placing
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.manifest import Entry, Writer
from aws_research_wizard.host.placing import Misplaced
from aws_research_wizard.host.restore import Restore
from aws_research_wizard.host.work import WorkFailed
from tests.unit.host.keeping import ADA, LABEL, Lab, elsewhere, tree


@pytest.fixture
def lab(machine: Machine) -> Lab:
    """A lab with a little of everything, backed up."""
    made = Lab(machine)
    (made.home / "a.ipynb").write_text("one")
    (made.home / "deep/er").mkdir(parents=True)
    (made.home / "deep/b.csv").write_text("1,2")
    (made.home / "deep/er/c").write_text("c")
    (made.home / "deep").chmod(0o750)
    (made.home / "link").symlink_to("deep/b.csv")
    (made.storage / "shared/team.txt").write_text("ours")
    os.utime(made.home / "a.ipynb", ns=(1, 1_700_000_000_123_456_789))
    made.backup("b-1")
    return made


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def test_file_comes_back_beside_what_is_there(lab: Lab) -> None:
    (lab.home / "a.ipynb").write_text("changed")
    report = lab.restore("b-1", f"{ADA}/a.ipynb")
    back = lab.home / f"a (restored {LABEL}).ipynb"
    assert (back.read_text(), (lab.home / "a.ipynb").read_text()) == ("one", "changed")
    assert back.stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert report["restored"] == [{"path": f"{ADA}/a.ipynb", "to": f"{ADA}/a (restored {LABEL}).ipynb"}]
    assert {"files": 1, "bytes": 3, "failed": []}.items() <= report.items()
    assert not (lab.storage / ".wizard/restoring").exists()


def test_folder_comes_back_as_a_folder_beside(lab: Lab) -> None:
    lab.restore("b-1", f"{ADA}/deep")
    assert tree(lab.home / f"deep (restored {LABEL})") == tree(lab.home / "deep")
    assert (lab.home / f"deep (restored {LABEL})").stat().st_mode & 0o777 == 0o750


def test_home_and_shared_come_back_inside_themselves(lab: Lab) -> None:
    before, shared = tree(lab.home), tree(lab.storage / "shared")
    report = lab.restore("b-1")
    assert tree(lab.home / f"ada@example.org (restored {LABEL})") == before
    assert tree(lab.storage / f"shared/shared (restored {LABEL})") == shared
    assert [one["path"] for one in report["restored"]] == [ADA, "shared"]
    assert names(lab.storage / "homes") == {"ada@example.org"}


def test_one_folder_above_all_homes_means_each_of_them(lab: Lab) -> None:
    report = lab.restore("b-1", "homes/", f"{ADA}/a.ipynb")
    assert [one["path"] for one in report["restored"]] == [ADA]


def test_restoring_twice_changes_nothing(lab: Lab) -> None:
    lab.restore("b-1")
    lab.restore("b-1", f"{ADA}/a.ipynb")
    once = tree(lab.storage)
    fetched = len(lab.bucket.of("GetObject"))
    lab.restore("b-1")
    lab.restore("b-1", f"{ADA}/a.ipynb")
    assert {path: what for path, what in tree(lab.storage).items() if b".wizard" not in path} == {
        path: what for path, what in once.items() if b".wizard" not in path
    }
    assert len(lab.bucket.of("GetObject")) == fetched + 2, "the manifests alone"


def test_name_that_is_taken_by_something_else_gets_a_number(lab: Lab) -> None:
    taken = lab.home / f"a (restored {LABEL}).ipynb"
    taken.write_text("mine")
    report = lab.restore("b-1", f"{ADA}/a.ipynb")
    assert taken.read_text() == "mine"
    assert (lab.home / f"a (restored {LABEL}) (2).ipynb").read_text() == "one"
    assert report["restored"][0]["to"] == f"{ADA}/a (restored {LABEL}) (2).ipynb"


def test_over_keeps_what_it_replaces(lab: Lab) -> None:
    (lab.home / "a.ipynb").write_text("changed")
    (lab.home / "new").write_text("new")
    (lab.home / "deep/b.csv").unlink()
    lab.restore("b-1", ADA, mode="over")
    assert (lab.home / "a.ipynb").read_text() == "one"
    assert (lab.home / f"a (before restore {LABEL}).ipynb").read_text() == "changed"
    assert (lab.home / "deep/b.csv").read_text() == "1,2"
    assert names(lab.home) == {"a.ipynb", f"a (before restore {LABEL}).ipynb", "new", "deep", "link"}


def test_over_again_keeps_every_version(lab: Lab) -> None:
    for number in range(3):
        (lab.home / "a.ipynb").write_text(f"changed {number}")
        lab.restore("b-1", f"{ADA}/a.ipynb", mode="over")
        lab.restore("b-1", f"{ADA}/a.ipynb", mode="over")
    kept = {one.read_text() for one in lab.home.glob("a (before*")}
    assert kept == {"changed 0", "changed 1", "changed 2"}


def test_over_moves_aside_what_is_of_another_kind(lab: Lab) -> None:
    (lab.home / "a.ipynb").unlink()
    (lab.home / "a.ipynb").mkdir()
    (lab.home / "a.ipynb/x").touch()
    (lab.home / "link").unlink()
    (lab.home / "link").write_text("no link")
    (lab.home / "deep").rename(lab.home / "gone")
    (lab.home / "deep").write_text("no folder")
    lab.restore("b-1", ADA, mode="over")
    assert (lab.home / "a.ipynb").read_text() == "one"
    assert (lab.home / f"a.ipynb (before restore {LABEL})/x").exists()
    assert (lab.home / "link").readlink() == Path("deep/b.csv")
    assert (lab.home / f"link (before restore {LABEL})").read_text() == "no link"
    assert (lab.home / f"deep (before restore {LABEL})").read_text() == "no folder"
    assert (lab.home / "deep/er/c").read_text() == "c"


@pytest.mark.parametrize("mode", ["over", "beside"])
def test_link_in_the_way_leads_nowhere(lab: Lab, tmp_path: Path, mode: str) -> None:
    outside = tmp_path / "outside"
    (outside / "er").mkdir(parents=True)
    (lab.home / "deep").rename(lab.home / "gone")
    (lab.home / "deep").symlink_to(outside)
    with pytest.raises(WorkFailed, match="deep is no folder"):
        lab.restore("b-1", f"{ADA}/deep/b.csv", mode=mode)
    lab.restore("b-1", ADA, mode=mode)
    assert tree(outside, times=False) == {b"er": (stat.S_IFDIR, 0o755, None, 0)}


def test_over_a_link_replaces_the_link_and_not_what_it_leads_to(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    (lab.home / "a.ipynb").unlink()
    (lab.home / "a.ipynb").symlink_to(tmp_path / "outside")
    lab.restore("b-1", f"{ADA}/a.ipynb", mode="over")
    assert (tmp_path / "outside").read_text() == "outside"
    assert (lab.home / "a.ipynb").read_text() == "one"
    assert (lab.home / f"a.ipynb (before restore {LABEL})").is_symlink()


@pytest.mark.parametrize(
    "path", ["../etc/passwd", "/etc/passwd", "homes/../../etc", "etc/passwd", "homes//x", "homes/./x", ".wizard/x", "homes/a\0b"]
)
def test_place_outside_the_storage_is_none(path: str) -> None:
    with pytest.raises(Misplaced):
        placing.parts_of(path.encode())


@pytest.mark.parametrize("mode", ["over", "beside"])
def test_manifest_that_leads_outside_leads_nowhere(lab: Lab, tmp_path: Path, mode: str) -> None:
    [digest] = [one for one in lab.bucket.chunks() if lab.bucket.objects[f"labs/base-k3x9/chunks/{one[:2]}/{one}"] == b"one"]
    writer = Writer({"backup_id": "b-9"})
    evil = [f"{ADA}/../../../evil", "homes/../evil", "../evil", "/evil", f"{ADA}/x/../../evil"]
    writer.add(Entry(ADA.encode(), "d", 0o755, 0))
    for path in evil:
        writer.add(Entry(path.encode(), "f", 0o644, 0, 3, digest, (digest,)))
    sha = writer.finish({"files": 1})
    lab.bucket.objects["evil"] = writer.file.read()
    writer.file.close()
    before = tree(tmp_path, times=False)
    with pytest.raises(WorkFailed, match="no place in a lab's storage"):
        lab.restore("b-1", *(path for path in evil if path != "/evil"), mode=mode, manifest_key="evil", manifest_sha256=sha)
    report = lab.restore("b-1", mode=mode, manifest_key="evil", manifest_sha256=sha)
    assert report["files"] == 0
    after = {path for path in tree(tmp_path, times=False) if b"restored" not in path and not path.endswith(b".wizard")}
    assert after == before.keys()


def test_file_that_is_not_in_the_backup_is_named(lab: Lab) -> None:
    with pytest.raises(WorkFailed, match=f"{ADA}/none: it is not in this backup"):
        lab.restore("b-1", f"{ADA}/none")
    report = lab.restore("b-1", f"{ADA}/none", f"{ADA}/a.ipynb")
    assert report["failed"] == [{"path": f"{ADA}/none", "why": "it is not in this backup"}]
    assert report["files"] == 1


def spoil(lab: Lab, content: bytes, how: bytes | None) -> None:
    [key] = [key for key, body in lab.bucket.objects.items() if body == content and "/chunks/" in key]
    if how is None:
        del lab.bucket.objects[key]
    else:
        lab.bucket.objects[key] = how


@pytest.mark.parametrize(("how", "words"), [(None, "is not in the backup any more"), (b"on?", "is damaged"), (b"", "is damaged")])
def test_damaged_file_gets_no_name_and_keeps_no_other_back(lab: Lab, how: bytes | None, words: str) -> None:
    spoil(lab, b"one", how)
    with pytest.raises(WorkFailed, match=words):
        lab.restore("b-1", f"{ADA}/a.ipynb")
    report = lab.restore("b-1", ADA)
    assert [one["path"] for one in report["failed"]] == [f"{ADA}/a.ipynb"]
    assert report["files"] == 2
    assert names(lab.home / f"ada@example.org (restored {LABEL})") == {"deep", "link"}


def test_file_whose_parts_are_exchanged_is_not_named(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = lab.entries("b-1")[f"{ADA}/a.ipynb".encode()]
    other = lab.entries("b-1")[f"{ADA}/deep/b.csv".encode()]
    writer = Writer({"backup_id": "b-9"})
    writer.add(replace(entry, chunks=other.chunks))
    sha = writer.finish({"files": 1})
    lab.bucket.objects["swapped"] = writer.file.read()
    writer.file.close()
    with pytest.raises(WorkFailed, match="not the one that was backed up"):
        lab.restore("b-1", f"{ADA}/a.ipynb", manifest_key="swapped", manifest_sha256=sha)


@pytest.mark.parametrize("how", ["changed", "torn", "gone"])
def test_manifest_that_is_not_the_one_ordered_restores_nothing(lab: Lab, how: str) -> None:
    key = lab.reports["b-1"]["manifest_key"]
    whole = lab.bucket.objects.pop(key)
    if how != "gone":
        lab.bucket.objects[key] = whole[:-1] if how == "torn" else whole[:-1] + b"?"
    before = tree(lab.storage)
    with pytest.raises(WorkFailed, match=r"backup b-1 cannot be restored: .*(SHA-256|not in the backup)"):
        lab.restore("b-1")
    assert tree(lab.storage) == before


def test_no_room_is_said_before_anything_is_written(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    room = SimpleNamespace(f_bavail=70, f_frsize=1 << 20, f_files=0, f_favail=0)
    monkeypatch.setattr(choosing.os, "statvfs", lambda _: room)
    (lab.home / "large").write_bytes(os.urandom(8 << 20))
    lab.backup("b-2")
    before = tree(lab.storage)
    with pytest.raises(WorkFailed, match=r"it needs 8.4 MB and 73.4 MB are free: make room, or restore single paths"):
        lab.restore("b-2")
    assert tree(lab.storage) == before
    lab.restore("b-2", f"{ADA}/a.ipynb")
    room.f_files, room.f_favail, room.f_bavail = 1000, 101, 10**6
    with pytest.raises(WorkFailed, match="it is 10 files, and there is room for 101"):
        lab.restore("b-2")


def test_storage_that_fills_up_meanwhile_is_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aws_research_wizard.host.restore._write", full)
    with pytest.raises(WorkFailed, match="the storage became full; 0 files are back"):
        lab.restore("b-1")
    assert not (lab.storage / ".wizard/restoring").exists()


def test_hole_comes_back_as_a_hole(lab: Lab) -> None:
    with (lab.home / "holes").open("wb") as file:
        file.seek(200 << 20)
        file.write(b"end")
    lab.backup("b-2")
    lab.restore("b-2", f"{ADA}/holes")
    back = (lab.home / f"holes (restored {LABEL})").stat()
    assert back.st_size == (200 << 20) + 3
    assert back.st_blocks * 512 < 1 << 20


def test_special_powers_do_not_come_back(lab: Lab) -> None:
    (lab.home / "tool").write_text("#!")
    (lab.home / "tool").chmod(0o6755)
    (lab.home / "common").mkdir()
    (lab.home / "common").chmod(0o2775)
    lab.backup("b-2")
    lab.restore("b-2", f"{ADA}/tool", f"{ADA}/common")
    assert stat.S_IMODE((lab.home / f"tool (restored {LABEL})").stat().st_mode) == 0o755
    assert stat.S_IMODE((lab.home / f"common (restored {LABEL})").stat().st_mode) == 0o2775


def test_folder_that_lets_nobody_write_comes_back_with_all_that_is_in_it(lab: Lab, tmp_path: Path) -> None:
    (lab.home / "deep/er").chmod(0o555)
    (lab.home / "deep").chmod(0o500)
    lab.backup("b-2")
    other = elsewhere(lab, tmp_path / "other")
    for _ in range(2):
        other.restore("b-2")
        assert tree(other.home / f"ada@example.org (restored {LABEL})") == tree(lab.home)


def test_person_who_was_never_here_gets_their_home_back(lab: Lab, tmp_path: Path) -> None:
    other = elsewhere(lab, tmp_path / "other")
    other.home.rmdir()
    other.restore("b-1", f"{ADA}/deep/b.csv")
    assert (other.home / f"deep/b (restored {LABEL}).csv").read_text() == "1,2"
    assert other.home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("name", "words", "folder", "expected"),
    [
        (b"a.ipynb", "restored x", False, b"a (restored x).ipynb"),
        (b"a.b.csv", "restored x", False, b"a.b (restored x).csv"),
        (b".bashrc", "restored x", False, b".bashrc (restored x)"),
        (b"a.b", "restored x", True, b"a.b (restored x)"),
        (b"a", "re/st\0ored", False, b"a (re-stored)"),
        (b"a. and then a long sentence", "x", False, b"a. and then a long sentence (x)"),
    ],
)
def test_name_says_what_it_is(name: bytes, words: str, folder: bool, expected: bytes) -> None:
    assert placing.named(name, words, folder) == expected


def test_name_is_never_longer_than_a_name_may_be() -> None:
    long = placing.named("é".encode() * 120 + b".ipynb", "restored " + "9" * 200)
    assert len(long) <= 255
    assert long.decode().endswith(".ipynb")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to others")
def test_files_on_aws_are_the_homes_owners(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.storage / ".wizard").mkdir(exist_ok=True)
    (lab.storage / ".wizard/accounts.json").write_text('{"grace@example.org": 12345}')
    os.chown(lab.storage / "shared/team.txt", 12345, 12345)
    lab.backup("b-2")
    numbers = {"ada@example.org": 20_001, "grace@example.org": 20_002}
    monkeypatch.setattr(accounts, "ensure", lambda _, person: accounts.Account(person, numbers[person]))
    other = elsewhere(lab, tmp_path / "other")
    other.machine = replace(other.machine, local=False, root=Path("/"))
    os.chown(other.storage / "shared", 7, 7)
    other.restore("b-2", mode="over")
    home, shared = other.storage / ADA, other.storage / "shared"
    assert {one.lstat().st_uid for one in home.rglob("*")} == {20_001}
    assert (shared / "team.txt").stat().st_uid == 20_002


class Interrupted(BaseException):
    """The process was ended."""


@pytest.mark.parametrize("mode", ["over", "beside"])
def test_restore_interrupted_at_any_call_and_begun_again_is_whole(lab: Lab, tmp_path: Path, mode: str) -> None:
    (lab.home / "a.ipynb").write_text("changed")
    plain = elsewhere(lab, tmp_path / "plain")
    (plain.home / "a.ipynb").write_text("changed")
    begun = len(lab.bucket.calls)
    plain.restore("b-1", mode=mode)
    calls = len(lab.bucket.calls) - begun
    assert calls >= 4
    for number in range(calls):
        other = elsewhere(lab, tmp_path / f"{number}")
        (other.home / "a.ipynb").write_text("changed")
        left = [number]

        def strike(verb: str, key: str, when: str, left: list[int] = left) -> None:
            left[0] -= when == "after"
            if left[0] == -1:
                left[0] = -2
                raise Interrupted

        other.bucket.strike = strike
        with pytest.raises(Interrupted):
            other.restore("b-1", mode=mode)
        other.bucket.strike = lambda *_: None
        assert not list(other.storage.rglob("restoring/*"))
        assert other.restore("b-1", mode=mode)["failed"] == []
        skip = (b"homes", b"shared", ADA.encode(), b".wizard")
        wanted = {path: what for path, what in tree(plain.storage).items() if path not in skip}
        got = {path: what for path, what in tree(other.storage).items() if path not in skip}
        assert {p: w[:3] for p, w in got.items()} == {p: w[:3] for p, w in wanted.items()}


def test_leftovers_of_a_killed_restore_are_removed_by_the_next(lab: Lab) -> None:
    corner = lab.storage / ".wizard/restoring"
    corner.mkdir(parents=True)
    (corner / "17").write_text("half")
    lab.restore("b-1", f"{ADA}/a.ipynb")
    assert not corner.exists()


def test_one_file_comes_back_in_three_earlier_versions(lab: Lab) -> None:
    for number in (2, 3):
        (lab.home / "a.ipynb").write_text(f"version {number}")
        lab.backup(f"b-{number}", base=f"b-{number - 1}")
    for number in (1, 2, 3):
        lab.restore(f"b-{number}", f"{ADA}/a.ipynb", label=f"v{number}")
    read = [(lab.home / f"a (restored v{number}).ipynb").read_text() for number in (1, 2, 3)]
    assert read == ["one", "version 2", "version 3"]


def test_file_of_many_chunks_is_put_together(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "SIZE", 1000)
    content = os.urandom(9999)
    (lab.home / "large").write_bytes(content)
    lab.backup("b-2")
    lab.restore("b-2", f"{ADA}/large")
    assert (lab.home / f"large (restored {LABEL})").read_bytes() == content


def test_restore_tells_how_far_it_is(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aws_research_wizard.host.paces.TELL_SECONDS", 0.01)
    told: list[Any] = []
    lab.bucket.strike = lambda *_: time.sleep(0.01)
    Restore(lab.machine, lab.order("b-1"), lab.bucket).run(told.append)
    assert told[-1].keys() == {"files", "bytes", "read_bytes"}
