from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from aws_research_wizard.host import accounts, boot, commands, examples, files, homes, large, rescue, room, storage
from aws_research_wizard.host.large import Place, Search
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.rescue import Rescue
from aws_research_wizard.host.room import Lack


def disk(**changed: int) -> Any:
    """A file system with plenty of room."""
    return SimpleNamespace(**{"f_flag": 0, "f_bavail": 10**6, "f_frsize": 4096, "f_files": 10**6, "f_favail": 10**6, **changed})


@pytest.mark.parametrize(
    ("seen", "lack"),
    [
        (disk(), None),
        (disk(f_bavail=0), Lack.SPACE),
        (disk(f_bavail=2047), Lack.SPACE),
        (disk(f_favail=3), Lack.FILES),
        (disk(f_files=0, f_favail=0), None),
        (disk(f_flag=os.ST_RDONLY, f_bavail=0), Lack.READ_ONLY),
    ],
)
def test_room_is_seen_before_a_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Any, lack: Lack | None
) -> None:
    monkeypatch.setattr(room.os, "statvfs", lambda _: seen)
    assert room.lacking(tmp_path) is lack
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "lack"),
    [(errno.EDQUOT, Lack.QUOTA), (errno.ENOSPC, Lack.SPACE), (errno.EROFS, Lack.READ_ONLY), (errno.EACCES, None)],
)
def test_room_is_tried_by_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, lack: Lack | None) -> None:
    monkeypatch.setattr(room, "_WRITE", f"print({number})")
    assert room.lacking(tmp_path) is lack


@pytest.mark.skipif(os.getuid() != 0, reason="only root writes as somebody else")
def test_room_is_tried_as_the_person(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    (tmp_path / "mine").mkdir()
    os.chown(tmp_path / "mine", 12345, 12345)
    assert room.lacking(tmp_path / "mine", (12345, 12345)) is None
    assert list((tmp_path / "mine").iterdir()) == []


def test_reserve_is_laid_up_let_go_and_laid_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = disk()
    monkeypatch.setattr(room.os, "statvfs", lambda _: seen)
    monkeypatch.setattr(room, "RESERVE", 1 << 20)
    assert room.reserve(tmp_path) == "a reserve was laid up"
    assert (room.reserve(tmp_path), (tmp_path / "reserve").stat().st_size) == ("", 1 << 20)
    seen.f_bavail = 10
    assert "let go" in room.reserve(tmp_path)
    assert (room.reserve(tmp_path), list(tmp_path.iterdir())) == ("", [])
    seen.f_bavail = 10**6
    assert room.reserve(tmp_path) == "a reserve was laid up"


def test_machine_that_has_no_state_yet_needs_no_reserve(tmp_path: Path) -> None:
    assert room.reserve(tmp_path / "none") == ""


def rescued(tmp_path: Path, **changed: Any) -> Rescue:
    return Rescue(
        **{
            "corner": tmp_path / "corner",
            "home": tmp_path / "home",
            "shared": tmp_path / "shared",
            "lack": Lack.SPACE,
            "place": "home",
            **changed,
        }
    )


def test_rescued_server_writes_nothing_at_home(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    made = rescued(tmp_path)
    made.prepare(None)
    env = made.environment()
    places = [env[name] for name in env if name.startswith(("JUPYTER_", "XDG_", "IPYTHON", "TMP"))]
    assert len(places) == 9
    assert all(Path(place).is_relative_to(made.corner) and Path(place).is_dir() for place in places)
    assert "HOME" not in env, "the terminal opens at home"
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.corner.rglob("*")} == {0o700, 0o600}
    settings = json.loads((made.corner / "config/jupyter_server_config.json").read_text())
    assert settings["FileContentsManager"] == {"delete_to_trash": False, "always_delete_dir": True}


def test_rescue_begins_afresh(tmp_path: Path) -> None:
    made = rescued(tmp_path)
    made.prepare(None)
    (made.corner / "tmp/old").touch()
    made.prepare(None)
    assert not (made.corner / "tmp/old").exists()


def test_person_whose_home_could_not_be_made_starts_too(tmp_path: Path) -> None:
    assert rescued(tmp_path).environment()["HOME"] == str(tmp_path / "corner")


@pytest.mark.parametrize(
    ("lack", "place", "words"),
    [
        (Lack.SPACE, "home", "Rescue mode: your home is full."),
        (Lack.QUOTA, "home", "Rescue mode: your home has used up its quota."),
        (Lack.FILES, "storage", "Rescue mode: the lab's storage holds as many files as it can."),
        (Lack.SPACE, "machine", "Rescue mode: the machine's own disk is full."),
    ],
)
def test_notice_says_what_is_missing_where(tmp_path: Path, lack: Lack, place: str, words: str) -> None:
    assert rescued(tmp_path, lack=lack, place=place).notice == words


def test_server_of_a_full_machine_keeps_its_files_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescue, "MEMORY", tmp_path / "shm")
    assert rescue.corner(tmp_path / "run", "ada") == tmp_path / "run/ada"
    monkeypatch.setattr(rescue.os, "statvfs", lambda path: disk(f_bavail=0 if path.name == "run" else 10**6))
    assert rescue.corner(tmp_path / "run", "ada") == tmp_path / f"shm/wizard-{os.getuid()}-ada"


def test_largest_files_and_folders_come_first(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/large").write_bytes(bytes(1 << 20))
    (tmp_path / "small").write_bytes(b"x" * 5000)
    (tmp_path / "link").symlink_to("/usr")
    os.link(tmp_path / "deep/er/large", tmp_path / "also")
    search = Search((Place("home", tmp_path),))
    search.run()
    told = search.told()
    assert told["over"]
    assert sorted(one["path"] for one in told["files"][:1]) in (["deep/er/large"], ["also"]), "counted once, under one name"
    assert told["files"][1]["path"] == "small"
    assert told["size"] < 1.2 * (1 << 20)
    assert {one["path"] for one in told["folders"]} == {"deep", "deep/er"}


def test_many_files_are_counted_and_few_are_shown(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for number in range(300):
        (tmp_path / "many" / str(number)).write_bytes(b"x" * (number + 1))
    search = Search((Place("home", tmp_path),))
    search.run()
    told = search.told()
    assert len(told["files"]) == large.SHOWN
    assert told["folders"][0] | {"size": 0, "changed": 0} == {
        "size": 0, "items": 301, "place": "home", "path": "many", "changed": 0, "folder": True, "key": b"many".hex(),
    }  # fmt: skip


def test_odd_name_is_found_again(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff\nx")
    odd.write_bytes(b"x" * 5000)
    search = Search((Place("home", tmp_path),))
    search.run()
    json.dumps(search.told()).encode()
    large.remove(search.places, "home", bytes.fromhex(search.told()["files"][0]["key"]))
    assert not odd.exists()


@pytest.mark.parametrize("path", [b"../x", b"", b".", b"a/../../x", b"/etc/passwd", b"a\0b", b"link/x"])
def test_nothing_outside_is_removed(tmp_path: Path, path: bytes) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir()
    outside.mkdir()
    (outside / "x").touch()
    (tmp_path / "x").touch()
    (home / "link").symlink_to(outside)
    with pytest.raises((OSError, ValueError)):
        large.remove({"home": Place("home", home)}, "home", path)
    assert (outside / "x").exists()
    assert (tmp_path / "x").exists()


def test_removing_a_link_leaves_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "home/link").symlink_to(tmp_path / "outside")
    large.remove({"home": Place("home", tmp_path / "home")}, "home", b"link")
    assert (tmp_path / "outside").is_dir()


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to others")
def test_of_shared_places_only_ones_own_is_shown_and_removed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"x" * 5000)
    (tmp_path / "mine").write_bytes(b"x" * 5000)
    os.chown(tmp_path / "theirs", 12345, 12345)
    search = Search((Place("shared", tmp_path, own=False),))
    search.run()
    assert [one["path"] for one in search.told()["files"]] == ["mine"]
    with pytest.raises(PermissionError):
        large.remove(search.places, "shared", b"theirs")


def full(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_says_the_same_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_json(tmp_path / "a", {"x": 1})
    monkeypatch.setattr(files.tempfile, "mkstemp", full)
    files.write_json(tmp_path / "a", {"x": 1})
    with pytest.raises(OSError, match="No space"):
        files.write_json(tmp_path / "a", {"x": 2})
    (tmp_path / "a").chmod(0o644)
    with pytest.raises(OSError, match="No space"):
        files.write_json(tmp_path / "a", {"x": 1})


def test_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write(tmp_path / "a", "new")
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"a": "old"}


def test_program_runs_though_its_log_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    assert commands.run(["echo", "done"], tmp_path / "log").strip() == "done"


def test_example_that_does_not_fit_is_not_left_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/one.ipynb").write_text("{}")

    def half(_: object, there: IO[bytes]) -> None:
        there.write(b"{")
        full()

    monkeypatch.setattr(examples.shutil, "copyfileobj", half)
    with pytest.raises(OSError, match="No space"):
        homes.settle_in(tmp_path, "ada@example.org", examples.offers(tmp_path / "examples", None, tmp_path))
    assert list((tmp_path / "homes/ada@example.org/examples").iterdir()) == []


def test_storage_that_can_only_be_read_is_prepared(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.prepare(machine)

    def refused(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "chmod", refused)
    assert storage.prepare(machine) == "directory"


def test_known_number_is_read_from_a_full_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = accounts._number(tmp_path, "ada@example.org")
    monkeypatch.setattr(files, "write_json", full)
    assert accounts._number(tmp_path, "ada@example.org") == first


def test_new_number_is_written_on_a_full_storage_with_the_room_kept_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts._number(tmp_path, "ada@example.org")
    assert (tmp_path / ".wizard/spare").stat().st_size == accounts.SPARE
    written = files.write_json

    def crammed(path: Path, value: Any, *more: Any) -> None:
        if (tmp_path / ".wizard/spare").exists():
            full()
        written(path, value, *more)

    monkeypatch.setattr(files, "write_json", crammed)
    assert accounts._number(tmp_path, "grace@example.org") == accounts.FIRST + 1


@pytest.mark.parametrize(("number", "survived"), [(errno.ENOSPC, True), (errno.EROFS, True), (errno.EACCES, False)])
def test_boot_goes_on_with_what_was_last_written(number: int, survived: bool, capsys: pytest.CaptureFixture[str]) -> None:
    def save() -> None:
        with boot._even_on_a_full_disk("orders"):
            raise OSError(number, "no")

    if survived:
        save()
        assert "orders are as they were last written down" in capsys.readouterr().err
    else:
        with pytest.raises(OSError, match="no"):
            save()
