"""From two lists to a pack, with the real solver on an index of our own."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from aws_research_wizard.packs import locks
from aws_research_wizard.packs.environments import making, shipped
from aws_research_wizard.packs.environments.lines import ImportRefused
from tests.unit.packs.environments.wheels import index, only, wheel

TODAY = date(2026, 11, 29)
LOCK = "locks/python-py311-x86_64.txt"
Wish = making.Wish


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that uv looks for wheels."""
    folder = index(tmp_path / "wheels")
    for name, value in only(folder, tmp_path).items():
        monkeypatch.setenv(name, value)
    return folder


def test_a_list_becomes_a_pack_whose_lock_answers_it(shelf: Path) -> None:
    wheel(shelf, "tidy", "2.1", ["helper>=1"])
    wheel(shelf, "helper", "1.4")
    made = making.make(Wish("my_group", "tidy==2.1\n-e /home/ada/own\nsamtools=1.19=h50ea8bc_0\n"), TODAY)
    own = yaml.safe_load(made.files["pack.yaml"])
    assert own["kernels"]["python"]["packages"] == ["tidy==2.1"]
    assert own["kernels"]["python"]["system"] == ["samtools"]
    assert [(one.line, one.text) for one in made.left] == [(2, "-e /home/ada/own")]
    kernel = next(one for one in shipped.resolved("my_group", own).kernels if one.pack == "my_group")
    assert locks.findings(kernel, made.files[LOCK]) == []
    assert {"tidy", "helper", "ipykernel"} <= locks.parse(made.files[LOCK]).pins.keys()
    assert str(shelf) not in made.files[LOCK]


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("helper==9", r"line 1: .*no version of helper==9", "--leave-out helper"),
        ("\nhelper==1.0\ntidy==2.1", r"tidy depend on helper>=1.4 and you require helper==1.0", "loosen or remove|leave-out"),
        ("nobody-has-this==1", r"line 1: .*nobody-has-this was not found", "--leave-out nobody-has-this"),
    ],
)
def test_what_has_no_solution_is_told_in_the_solvers_words(shelf: Path, text: str, said: str, hint: str) -> None:
    wheel(shelf, "tidy", "2.1", ["helper>=1.4"])
    wheel(shelf, "helper", "1.0")
    wheel(shelf, "helper", "1.4")
    with pytest.raises(ImportRefused, match=said) as refused:
        making.make(Wish("mine", text), TODAY)
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 600
    assert [word for word in hint.split("|") if word in refused.value.hint]


def test_what_only_conda_has_is_left_behind_and_told(shelf: Path) -> None:
    wheel(shelf, "tidy", "2.1")
    made = making.make(Wish("mine", "tidy=2.1=py311_0\nstar-tool=2.7=h1\nother-tool=1=h2\n"), TODAY)
    assert [one.requirement for one in made.carried] == ["tidy==2.1"]
    assert [one.line for one in made.left] == [2, 3]
    assert {one.why for one in made.left} == {"the index has no package of this name: it is conda's own, or a program"}


@pytest.mark.parametrize("name", ["genomics", "base", "Mine", "../mine", "my group", "", "1st", "a" * 65])
def test_a_name_that_no_team_may_take_is_refused(name: str) -> None:
    with pytest.raises(ImportRefused):
        making.make(Wish(name, "numpy"), TODAY)


def test_a_list_of_which_nothing_can_be_carried_makes_no_pack() -> None:
    with pytest.raises(ImportRefused, match="nothing of the list can be carried"):
        making.make(Wish("mine", "-e /home/ada/own\n"), TODAY)


def test_another_python_is_told(shelf: Path) -> None:
    kernels = "Available kernels:\n  python3    /opt/lib/python3.9/site-packages/ipykernel/resources\n"
    assert making.make(Wish("mine", "numpy==1.0", kernels), TODAY).notes == (
        "python3 ran Python 3.9; a lab's is 3.11, and the packages are solved for that",
    )


# ---- the folder ----------------------------------------------------------------------------------------------------------


def made(text: str = "x") -> making.Made:
    return making.Made("mine", {"pack.yaml": f"{making.MADE_BY}\n{text}\n", LOCK: text}, (), (), (), (), 1)


def test_a_second_import_replaces_the_first_one_whole(tmp_path: Path) -> None:
    place = making.write(made("old"), tmp_path)
    (place / "notes.txt").write_text("left from before")
    making.write(made("new"), tmp_path)
    assert (place / LOCK).read_text() == "new"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mine"]
    assert not (place / "notes.txt").exists()


def test_a_folder_that_no_import_made_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/pack.yaml").write_text("name: mine\n")
    with pytest.raises(ImportRefused, match="no import made it"):
        making.write(made(), tmp_path)
    assert [one.name for one in tmp_path.rglob("*")] == ["mine", "pack.yaml"]
