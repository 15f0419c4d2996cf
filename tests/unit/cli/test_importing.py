"""`import-environment` as a person meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aws_research_wizard.client.mock import MockCloud
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
    ended = nobody("jupyter import-environment --kernels kernels.txt --packages packages.txt --domain my_group --dry-run")
    assert ended.code == 0, ended.err
    assert "Pack my_group: 1 package asked for, 7 locked" in ended.out
    assert "packages 2: -e C:\\tool" in ended.out
    assert "kernels 3: ir" in ended.out
    assert "- tidy==2.1" in Path("packs/my_group/pack.yaml").read_text()


def test_json_holds_every_line(nobody: Arw) -> None:
    Path("packages.txt").write_text("tidy==2.1+local\n" + "".join(f"-e /home/ada/tool{number}\n" for number in range(60)))
    ended = nobody("jupyter import-environment --packages packages.txt --dry-run --output json")
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
    ended = nobody(f"jupyter import-environment --packages packages.txt --dry-run {words}")
    assert ended.code == 1
    assert said in ended.err
    assert len(ended.err.splitlines()) == 2
    assert not Path("packs").exists()


def test_a_list_that_is_not_there_is_named(nobody: Arw) -> None:
    ended = nobody("jupyter import-environment --packages nowhere.txt")
    assert ended.code == 1
    assert "there is no file nowhere.txt" in ended.err
    assert "pip freeze > current_packages.txt" in ended.err


def test_the_pack_is_added_and_a_lab_can_be_made_of_it(arw: Arw, cloud: MockCloud) -> None:
    Path("packages.txt").write_text("tidy==2.1\n")
    ended = arw("jupyter import-environment --packages packages.txt --domain my_group")
    assert ended.code == 0, ended.err
    assert "Pack my_group is there for team default" in ended.out
    assert sorted(cloud.uploads) == ["pack.yaml", "python-py311-x86_64.txt"]
    listed = json.loads(arw("packs list --output json").out)
    assert [one["name"] for one in listed if one["own"]] == ["my_group"]
    again = arw("packs add packs/my_group")
    assert again.code == 0, again.err
    assert arw("packs remove my_group").code == 0
    gone = arw("packs remove my_group")
    assert gone.code == 1
    assert "there is no pack 'my_group'" in gone.err


def test_a_control_plane_that_refuses_leaves_the_folder_and_says_how_to_go_on(arw: Arw, cloud: MockCloud) -> None:
    Path("packages.txt").write_text("tidy==2.1\n")
    cloud.trouble.append(403)
    ended = arw("jupyter import-environment --packages packages.txt --domain my_group")
    assert ended.code == 1
    assert "the pack was made, but could not be added" in ended.err
    assert "packs add packs/my_group" in ended.err
    assert Path("packs/my_group/pack.yaml").is_file()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda place: (place / "locks").rename(place / "other"), "there is no lock"),
        (lambda place: (place / "pack.yaml").write_text("name: my_group\n  x: ["), "line 2|mapping"),
        (lambda place: (place / "pack.yaml").write_text("name: genomics\n"), "is a pack that is shipped"),
        (lambda place: (place / "pack.yaml").write_text("name: my_group\nextends: nobody\n"), "which is not shipped"),
        (lambda place: (place / "pack.yaml").unlink(), "there is no pack in"),
        (lambda place: (place / "pack.yaml").write_bytes(b"\xff\xfe\x00\x01"), "plain YAML|holds no pack"),
        (
            lambda place: (place / "pack.yaml").write_text((place / "pack.yaml").read_text().replace("tidy==2.1", "tidy==2.2")),
            "asks for other packages than the lock",
        ),
    ],
)
def test_a_folder_that_is_no_pack_is_refused_before_anything_is_sent(
    arw: Arw, cloud: MockCloud, change: Callable[[Path], object], said: str
) -> None:
    Path("packages.txt").write_text("tidy==2.1\n")
    assert arw("jupyter import-environment --packages packages.txt --domain my_group --dry-run").code == 0
    change(Path("packs/my_group"))
    ended = arw("packs add packs/my_group")
    assert ended.code == 1
    assert any(part in ended.err for part in said.split("|")), ended.err
    assert cloud.asked == []
