from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from aws_research_wizard.host import backup, chunks, walking
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.work import WorkFailed
from tests.fakes.bucket import Bucket, refusal
from tests.unit.host.keeping import ADA, Lab


@pytest.fixture
def lab(machine: Machine) -> Lab:
    return Lab(machine)


def test_backup_has_every_file_and_its_report_says_so(lab: Lab) -> None:
    (lab.home / "a.ipynb").write_text("{}")
    (lab.home / "deep").mkdir(mode=0o750)
    (lab.home / "deep/b.csv").write_text("1,2")
    (lab.home / "link").symlink_to("deep/b.csv")
    (lab.storage / "shared/team.txt").write_text("ours")
    (lab.storage / ".wizard").mkdir()
    (lab.storage / ".wizard/accounts.json").write_text("{}")
    report = lab.backup("b-1")
    found = lab.entries("b-1")
    names = ["homes", ADA, f"{ADA}/a.ipynb", f"{ADA}/deep", f"{ADA}/deep/b.csv", f"{ADA}/link", "shared", "shared/team.txt"]
    assert [path.decode() for path in found] == names
    assert found[f"{ADA}/link".encode()].target == b"deep/b.csv"
    assert found[f"{ADA}/deep".encode()].mode == 0o750
    assert {"files": 3, "bytes": 9, "new_bytes": 9, "new_chunks": 3, "skipped_count": 0}.items() <= report.items()
    assert report["manifest_key"] == "labs/base-k3x9/backups/b-1/manifest.jsonl.gz"
    assert lab.footer("b-1")["dirs"] == 4
    assert lab.bucket.of("PutObject")[-1] == report["manifest_key"], "the manifest is written last"


def test_paths_are_in_the_order_of_their_bytes(lab: Lab) -> None:
    for name in ("a", "a.b", "a-", "b", "A", "ä", "a b"):
        (lab.home / name).mkdir()
        (lab.home / name / "x").touch()
    (lab.home / "a/x.y").touch()
    lab.backup("b-1")
    found = list(lab.entries("b-1"))
    assert found == sorted(found)


def test_what_did_not_change_is_not_read_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.home / "old").write_text("old")
    (lab.home / "new").write_text("one")
    lab.backup("b-1")
    (lab.home / "new").write_text("two")
    calls = len(lab.bucket.calls)
    read: list[str] = []
    once = backup.Backup._once
    monkeypatch.setattr(backup.Backup, "_once", lambda self, found: (read.append(found.name), once(self, found))[1])
    report = lab.backup("b-2", base="b-1")
    assert read == [b"new"]
    assert (report["files"], report["new_chunks"]) == (2, 1)
    assert len(lab.bucket.calls) == calls + 4, "the base, which chunks there are, a chunk, the manifest"
    assert lab.entries("b-2")[f"{ADA}/old".encode()].digest == lab.entries("b-1")[f"{ADA}/old".encode()].digest


def test_file_changed_in_the_moment_of_its_backup_is_read_again(lab: Lab) -> None:
    (lab.home / "racy").write_text("one")
    lab.backup("b-1", later=0)
    before = (lab.home / "racy").stat()
    (lab.home / "racy").write_text("two")
    os.utime(lab.home / "racy", ns=(before.st_mtime_ns, before.st_mtime_ns))
    lab.backup("b-2", base="b-1")
    assert lab.entries("b-2")[f"{ADA}/racy".encode()].digest != lab.entries("b-1")[f"{ADA}/racy".encode()].digest


def test_file_put_back_with_its_old_time_is_noticed(lab: Lab) -> None:
    (lab.home / "sly").write_text("one")
    before = (lab.home / "sly").stat()
    lab.backup("b-1")
    (lab.home / "sly").write_text("two")
    os.utime(lab.home / "sly", ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert lab.backup("b-2", base="b-1")["new_chunks"] == 1


def test_only_changed_chunks_of_a_large_file_are_sent(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "SIZE", 1000)
    content = bytearray(os.urandom(10_000))
    (lab.home / "large").write_bytes(content)
    assert lab.backup("b-1")["new_chunks"] == 10
    content[4500] ^= 1
    (lab.home / "large").write_bytes(content)
    assert lab.backup("b-2", base="b-1")["new_chunks"] == 1


def test_odd_names_are_kept_as_they_are(lab: Lab) -> None:
    odd = [b"new\nline", b"\xff\xfe", b"b64:Zm9v", b"n" * 255, "été".encode(), b'quote"s\\', b" ", b"\x01"]
    for name in odd:
        (lab.home / os.fsdecode(name)).write_bytes(name)
    lab.backup("b-1")
    assert {path.rsplit(b"/", 1)[1] for path in lab.entries("b-1") if path.count(b"/") == 2} == set(odd)


def test_path_longer_than_the_system_takes_is_kept(lab: Lab) -> None:
    at = os.open(lab.home, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("d" * 200, dir_fd=at)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = deeper
    os.close(os.open("leaf", os.O_WRONLY | os.O_CREAT, dir_fd=at))
    os.close(at)
    lab.backup("b-1")
    assert max(len(path) for path in lab.entries("b-1")) > 8000


def test_links_are_never_followed(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("k")
    (lab.home / "out").symlink_to(tmp_path / "secret")
    (lab.home / "loop").symlink_to(".")
    (lab.home / "nowhere").symlink_to("gone")
    assert lab.backup("b-1")["files"] == 0
    assert lab.entries("b-1")[f"{ADA}/out".encode()].kind == "l"


def test_home_that_is_a_link_is_not_entered(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("k")
    (lab.storage / "homes/eve@example.org").symlink_to(tmp_path / "secret")
    assert lab.backup("b-1")["files"] == 0


def test_hard_links_are_files_whose_bytes_are_kept_once(lab: Lab) -> None:
    (lab.home / "a").write_text("same")
    os.link(lab.home / "a", lab.home / "b")
    report = lab.backup("b-1")
    assert (report["files"], report["new_chunks"]) == (2, 1)


def test_sockets_and_pipes_are_named_as_skipped(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(lab.home / "pipe")
    monkeypatch.chdir(lab.home)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("door")
        report = lab.backup("b-1")
    assert report["skipped"] == [{"p": f"{ADA}/door", "why": "a socket"}, {"p": f"{ADA}/pipe", "why": "a pipe"}]
    assert lab.footer("b-1")["skipped"] == report["skipped"]


def test_file_that_changes_while_it_is_read_is_read_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.home / "busy").write_text("one")
    changes = iter([b"two", b""])
    seen = Bucket.put_object

    def put(bucket: Bucket, **asked: object) -> object:
        if more := next(changes, b""):
            with (lab.home / "busy").open("ab") as file:
                file.write(more)
        return seen(bucket, **asked)

    monkeypatch.setattr(Bucket, "put_object", put)
    lab.backup("b-1")
    assert lab.entries("b-1")[f"{ADA}/busy".encode()].size == 6


def test_of_a_file_that_never_rests_the_last_good_version_stays(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.home / "log").write_text("one")
    lab.backup("b-1")
    (lab.home / "log").write_text("two")
    seen = Bucket.put_object

    def put(bucket: Bucket, **asked: object) -> object:
        with (lab.home / "log").open("ab") as file:
            file.write(b"more")
        return seen(bucket, **asked)

    monkeypatch.setattr(Bucket, "put_object", put)
    for number in (2, 3):
        report = lab.backup(f"b-{number}", base=f"b-{number - 1}")
        assert report["skipped"] == [{"p": f"{ADA}/log", "why": "changed while it was read"}]
        entry = lab.entries(f"b-{number}")[f"{ADA}/log".encode()]
        assert (entry.size, entry.carried) == (3, "b-1")


def test_file_that_vanishes_is_not_there(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (lab.home / name).write_text(name)
    once = backup.Backup._once

    def vanish(self: backup.Backup, found: walking.Found) -> object:
        if found.name == b"a":
            (lab.home / "a").unlink()
        return once(self, found)

    monkeypatch.setattr(backup.Backup, "_once", vanish)
    report = lab.backup("b-1")
    assert (report["files"], report["skipped_count"]) == (1, 0)


def test_unreadable_file_is_named_and_its_last_version_stays(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.home / "mine").write_text("one")
    lab.backup("b-1")
    (lab.home / "mine").write_text("two")
    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, *more, **named: refused(path, opened, *more, **named))
    report = lab.backup("b-2", base="b-1")
    assert report["skipped"] == [{"p": f"{ADA}/mine", "why": "Permission denied"}]
    assert lab.entries("b-2")[f"{ADA}/mine".encode()].carried == "b-1"


def refused(path: object, opened: object, *more: object, **named: object) -> int:
    if path in (b"mine", b"closed"):
        raise PermissionError(13, "Permission denied")
    return opened(path, *more, **named)  # type: ignore[operator, no-any-return]


def test_of_a_folder_that_cannot_be_entered_everything_stays(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.home / "closed/deep").mkdir(parents=True)
    (lab.home / "closed/deep/a").write_text("a")
    (lab.home / "closed.txt").write_text("b")
    lab.backup("b-1")
    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, *more, **named: refused(path, opened, *more, **named))
    report = lab.backup("b-2", base="b-1")
    assert report["skipped"] == [{"p": f"{ADA}/closed", "why": "Permission denied"}]
    assert list(lab.entries("b-2")) == list(lab.entries("b-1"))
    assert lab.entries("b-2")[f"{ADA}/closed/deep/a".encode()].carried == "b-1"


def test_other_file_systems_are_not_entered(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.home / "mounted").mkdir()
    fstat = os.fstat

    def far(handle: int) -> os.stat_result:
        seen = fstat(handle)
        if Path(f"/proc/self/fd/{handle}").readlink().name == "mounted":
            return os.stat_result((*seen[:2], 9999, *seen[3:]))
        return seen

    monkeypatch.setattr(walking.os, "fstat", far)
    assert lab.backup("b-1")["skipped"] == [{"p": f"{ADA}/mounted", "why": "another file system is mounted here"}]


def test_base_that_cannot_be_had_costs_only_time(lab: Lab) -> None:
    (lab.home / "a").write_text("a")
    lab.backup("b-1")
    key = lab.reports["b-1"]["manifest_key"]
    whole = lab.bucket.objects[key]
    for damaged in (whole[:-9], b"nonsense", None):
        lab.bucket.objects.pop(key)
        if damaged is not None:
            lab.bucket.objects[key] = damaged
        lab.backup("b-2", base="b-1")
        assert f"{ADA}/a".encode() in lab.entries("b-2")
        with lab.manifest("b-2") as reader:
            assert reader.header["base"] is None
        lab.bucket.objects[key] = whole


def test_chunk_that_is_there_is_not_sent_again(lab: Lab) -> None:
    (lab.home / "large").write_bytes(os.urandom(3 << 20))
    lab.backup("b-1")
    sent = lab.bucket.sent
    assert lab.backup("b-2")["new_bytes"] == 0
    assert lab.bucket.sent - sent < 2000, "the manifest alone"


def test_damaged_chunk_is_put_anew(lab: Lab) -> None:
    (lab.home / "small").write_text("small")
    (lab.home / "large").write_bytes(bytes(3 << 20))
    lab.backup("b-1")
    whole = dict(lab.bucket.objects)
    for key in [key for key in whole if "/chunks/" in key]:
        lab.bucket.objects[key] = lab.bucket.objects[key][:-1] + b"?"
    assert lab.backup("b-2")["new_chunks"] == 2
    assert {key: body for key, body in lab.bucket.objects.items() if "/chunks/" in key} == {
        key: body for key, body in whole.items() if "/chunks/" in key
    }


@pytest.mark.parametrize("how", [None, b"", b"short"])
def test_file_whose_chunk_was_lost_from_the_bucket_is_read_again(lab: Lab, how: bytes | None) -> None:
    for name in ("a", "b", "c"):
        (lab.home / name).write_text(f"content of {name}")
    lab.bucket.page = 2
    lab.backup("b-1")
    [lost] = [key for key, body in lab.bucket.objects.items() if body == b"content of b"]
    del lab.bucket.objects[lost]
    if how is not None:
        lab.bucket.objects[lost] = how
    assert lab.backup("b-2", base="b-1")["new_chunks"] == 1
    assert lab.bucket.objects[lost] == b"content of b"


def test_what_is_neither_readable_nor_in_the_bucket_is_not_promised(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.home / "mine").write_text("one")
    lab.backup("b-1")
    lab.bucket.objects = {key: body for key, body in lab.bucket.objects.items() if "/chunks/" not in key}
    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, *more, **named: refused(path, opened, *more, **named))
    report = lab.backup("b-2", base="b-1")
    assert (report["files"], report["skipped_count"]) == (0, 1)


def test_machine_that_may_not_list_the_bucket_backs_up_too(machine: Machine) -> None:
    lab = Lab(machine, Bucket(lists=False))
    (lab.home / "large").write_bytes(bytes(3 << 20))
    lab.backup("b-1")
    assert lab.backup("b-2", base="b-1")["new_chunks"] == 0


def test_bucket_that_refuses_fails_the_backup_in_words(lab: Lab) -> None:
    (lab.home / "a").write_text("a")

    def strike(verb: str, *_: str) -> None:
        raise refusal("SlowDown", verb, 503)

    lab.bucket.strike = strike
    with pytest.raises(WorkFailed, match=r"the backup bucket backups did not do as asked: .*SlowDown"):
        lab.backup("b-1")
    assert lab.bucket.objects == {}


def test_huge_file_with_holes_needs_no_room_in_memory(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with (lab.home / "holes").open("wb") as file:
        file.seek(200 << 20)
        file.write(b"end")
    report = lab.backup("b-1")
    assert (report["bytes"], report["new_chunks"]) == ((200 << 20) + 3, 2)


def test_shared_files_say_whose_they_are(lab: Lab) -> None:
    (lab.storage / ".wizard").mkdir()
    (lab.storage / ".wizard/accounts.json").write_text(f'{{"ada@example.org": {os.getuid()}}}')
    (lab.storage / "shared/a").write_text("a")
    (lab.home / "b").write_text("b")
    lab.backup("b-1")
    assert lab.entries("b-1")[b"shared/a"].person == "ada@example.org"
    assert lab.entries("b-1")[f"{ADA}/b".encode()].person == ""


def test_backup_on_a_full_machine_disk_is_made(lab: Lab) -> None:
    (lab.home / "a").write_text("a")
    lab.machine.state.parent.mkdir(parents=True)
    lab.machine.state.write_text("a file where the journal's folder would be")
    assert lab.backup("b-1")["files"] == 1


class Interrupted(BaseException):
    """The process was ended."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_backup_interrupted_at_any_call_and_begun_again_is_whole(
    machine: Machine, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "SIZE", 1000)
    monkeypatch.setattr(chunks, "ASK_FIRST", 1000)
    lab = Lab(machine)
    for number in range(5):
        (lab.home / f"file-{number}").write_bytes(os.urandom(2500 if number == 2 else 10))
    lab.backup("b-0")
    calls = len(lab.bucket.calls)
    plain = dict(lab.bucket.objects)
    for number in range(calls):
        lab.bucket.objects, lab.bucket.calls, left = {}, [], [number]

        def strike(verb: str, key: str, when: str, left: list[int] = left) -> None:
            if when == moment:
                left[0] -= 1
                if left[0] == -1:
                    raise Interrupted

        lab.bucket.strike = strike
        with pytest.raises(Interrupted):
            lab.backup("b-1")
        there = [key for key in lab.bucket.objects if "manifest" in key]
        assert not there or (moment, number) == ("after", calls - 1), "no manifest before its time"
        lab.bucket.strike = lambda *_: None
        before = set(lab.bucket.objects)
        lab.bucket.calls = []
        lab.backup("b-1")
        assert lab.bucket.chunks() == {key.rsplit("/", 1)[1] for key in plain if "/chunks/" in key}
        assert {one for entry in lab.entries("b-1").values() for one in entry.chunks} == lab.bucket.chunks()
        assert lab.footer("b-1")["files"] == 5
        again = [key for key in lab.bucket.of("PutObject") if key in before and "/chunks/" in key]
        assert len(again) <= backup.READERS, "only what was under way may be sent twice"


def test_backup_begun_again_reads_only_what_is_missing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        (lab.home / f"file-{number:02}").write_text(str(number))

    def strike(verb: str, key: str, when: str) -> None:
        if key.endswith("manifest.jsonl.gz"):
            raise Interrupted

    lab.bucket.strike = strike
    with pytest.raises(Interrupted):
        lab.backup("b-1")
    lab.bucket.strike = lambda *_: None
    read: list[bytes] = []
    once = backup.Backup._once
    monkeypatch.setattr(backup.Backup, "_once", lambda self, found: (read.append(found.name), once(self, found))[1])
    assert lab.backup("b-1")["files"] == 30
    assert read == []
    assert list((lab.machine.state / "backups").iterdir()) == []


def test_storage_moved_about_meanwhile_leads_nowhere(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("k")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (lab.home / "folder").mkdir(exist_ok=True)
            (lab.home / "folder/a").touch()
            (lab.home / "folder/a").unlink()
            (lab.home / "folder").rmdir()
            (lab.home / "folder").symlink_to(tmp_path / "secret")
            (lab.home / "folder").unlink()

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for number in range(30):
            lab.backup(f"b-{number}")
            assert not [path for path in lab.entries(f"b-{number}") if path.endswith(b"/key")]
    finally:
        stop.set()
        swapping.join()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_many_files_wait_in_a_window_not_in_memory(lab: Lab) -> None:
    for number in range(2000):
        (lab.home / f"{number}").write_text(str(number))
    assert lab.backup("b-1")["files"] == 2000
