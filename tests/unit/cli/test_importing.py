"""`import-environment` as a person meets it."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Arw
from tests.unit.packs.environments.wheels import index, only, wheel


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to work in, and an index beside it."""
    wheels = index(tmp_path / "wheels")
    wheel(wheels, "tidy", "2.1")
    for name, value in only(wheels, tmp_path).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def test_two_lists_become_a_folder_and_what_stayed_behind_is_told(nobody: Arw) -> None:
    Path("packages.txt").write_bytes("tidy==2.1\r\n-e C:\\tool\r\n".encode("utf-16"))
    Path("kernels.txt").write_text("Available kernels:\n  python3    /opt/kernels/python3\n  ir    /opt/kernels/ir\n")
    ended = nobody("jupyter import-environment --kernels kernels.txt --packages packages.txt --domain my_group")
    assert ended.code == 0, ended.err
    assert "Pack my_group: 1 package asked for, 7 locked" in ended.out
    assert "packages 2: -e C:\\tool" in ended.out
    assert "kernels 3: ir" in ended.out
    assert "- tidy==2.1" in Path("packs/my_group/pack.yaml").read_text()


def test_json_holds_every_line(nobody: Arw) -> None:
    Path("packages.txt").write_text("tidy==2.1+local\n" + "".join(f"-e /home/ada/tool{number}\n" for number in range(60)))
    ended = nobody("jupyter import-environment --packages packages.txt --output json")
    said = json.loads(ended.out)
    assert said["pack"] == "custom"
    assert [one["requirement"] for one in said["carried"]] == ["tidy==2.1"]
    assert [one["line"] for one in said["left"]] == list(range(2, 62))


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        (b"", "", "is empty"),
        (b"tidy==9\n", "", "line 1: Because"),
        (b"\xff\xfe\x00", "", "nothing of the list can be carried"),
        (b"tidy==2.1", "--domain ../x", "is no name for a pack"),
        (b"tidy==2.1", "--domain genomics", "a pack that is shipped"),
    ],
)
def test_what_cannot_be_imported_ends_in_one_line_and_leaves_nothing(nobody: Arw, content: bytes, words: str, said: str) -> None:
    Path("packages.txt").write_bytes(content)
    ended = nobody(f"jupyter import-environment --packages packages.txt {words}")
    assert ended.code == 1
    assert said in ended.err
    assert len(ended.err.splitlines()) == 2
    assert not Path("packs").exists()


def test_a_list_that_is_not_there_is_named(nobody: Arw) -> None:
    ended = nobody("jupyter import-environment --packages nowhere.txt")
    assert ended.code == 1
    assert "there is no file nowhere.txt" in ended.err
    assert "pip freeze > current_packages.txt" in ended.err
