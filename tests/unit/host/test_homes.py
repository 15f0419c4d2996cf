from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_research_wizard.host import accounts, examples, files, homes
from aws_research_wizard.host.examples import Offer

IN_PYTHON, IN_R = ('{"metadata": {"kernelspec": {"name": "genomics-%s"}}}' % key for key in ("python", "r"))  # noqa: UP031


@pytest.fixture
def lessons(tmp_path: Path) -> Path:
    files.write(tmp_path / "lessons/one.ipynb", IN_PYTHON)
    files.write(tmp_path / "lessons/deep/two.csv", "1")
    return tmp_path / "lessons"


def registered(tmp_path: Path, *names: str) -> Path:
    for name in names:
        files.write(tmp_path / "kernels" / name / "kernel.json", "{}")
    return tmp_path / "kernels"


@pytest.fixture
def offered(tmp_path: Path, lessons: Path) -> list[Offer]:
    return examples.offers(lessons, None, registered(tmp_path, "genomics-python"))


def test_home_has_shared_and_examples(tmp_path: Path, offered: list[Offer]) -> None:
    home = homes.settle_in(tmp_path, "ada@example.org", offered)
    assert home == tmp_path / "homes/ada@example.org"
    assert (home / "shared").readlink() == tmp_path / "shared"
    assert (home / "examples/deep/two.csv").read_text() == "1"
    assert (home / "examples/one.ipynb").exists()
    assert home.stat().st_mode & 0o777 == 0o700


def test_nothing_of_a_person_is_overwritten(tmp_path: Path, offered: list[Offer]) -> None:
    home = homes.settle_in(tmp_path, "ada@example.org", offered)
    (home / "examples/one.ipynb").write_text("mine")
    (home / "shared").unlink()
    (home / "shared").mkdir()
    homes.settle_in(tmp_path, "ada@example.org", offered)
    assert (home / "examples/one.ipynb").read_text() == "mine"
    assert not (home / "shared").is_symlink()


def test_a_notebook_is_laid_once_its_kernel_is_here(tmp_path: Path, lessons: Path) -> None:
    files.write(lessons / "in-r.ipynb", IN_R)
    files.write(lessons / "of-any-kernel.ipynb", "{}")
    more = tmp_path / "more"
    files.write(more / "climate/rain.ipynb", IN_R)
    there = registered(tmp_path, "genomics-python")
    home = homes.settle_in(tmp_path, "ada@example.org", examples.offers(lessons, more, there))
    assert {one.name for one in (home / "examples").rglob("*.ipynb")} == {"one.ipynb", "of-any-kernel.ipynb"}
    registered(tmp_path, "genomics-r")
    homes.settle_in(tmp_path, "ada@example.org", examples.offers(lessons, more, there))
    assert (home / "examples/in-r.ipynb").exists()
    assert (home / "examples/climate/rain.ipynb").exists()


@pytest.mark.parametrize("way", ["a link", "a file"])
def test_a_server_starts_also_where_somebody_put_something_in_the_examples_place(
    tmp_path: Path, offered: list[Offer], way: str
) -> None:
    home = homes.settle_in(tmp_path, "ada@example.org")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if way == "a link":
        (home / "examples").symlink_to(elsewhere)
    else:
        (home / "examples").write_text("mine")
    assert homes.settle_in(tmp_path, "ada@example.org", offered) == home
    assert list(elsewhere.iterdir()) == [], "nothing is written through a link"


@pytest.mark.parametrize("name", ["", ".", "..", "../etc", "a/b", ".ssh"])
def test_odd_name_is_no_home(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name for a home"):
        homes.place(tmp_path, name)


@given(st.emails())
def test_account_name_is_one_that_linux_takes(email: str) -> None:
    name = accounts.name_of(email)
    assert len(name) <= 32
    assert name[0].isascii()
    assert name[0].isalpha()
    assert all(letter.isascii() and (letter.isalnum() or letter == "-") for letter in name)


def test_people_of_one_name_have_two_accounts() -> None:
    assert accounts.name_of("ada@example.org") != accounts.name_of("ada@example.com")
    assert accounts.name_of("ada@example.org").startswith("ada-")


@given(st.lists(st.sampled_from("abcdef"), max_size=20))
def test_number_is_given_once_and_for_ever(people: list[str]) -> None:
    known: dict[str, int] = {}
    for person in people:
        before, known = known, accounts.assign(known, person)
        assert before.items() <= known.items()
    assert len(set(known.values())) == len(known)
    assert all(number >= accounts.FIRST for number in known.values())
