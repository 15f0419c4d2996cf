from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_research_wizard.host import accounts, homes


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    (tmp_path / "examples/deep").mkdir(parents=True)
    (tmp_path / "examples/one.ipynb").write_text("{}")
    (tmp_path / "examples/deep/two.csv").write_text("1")
    return tmp_path / "examples"


def test_home_has_shared_and_examples(tmp_path: Path, examples: Path) -> None:
    home = homes.settle_in(tmp_path, examples, "ada@example.org")
    assert home == tmp_path / "homes/ada@example.org"
    assert (home / "shared").readlink() == tmp_path / "shared"
    assert (home / "examples/deep/two.csv").read_text() == "1"
    assert home.stat().st_mode & 0o777 == 0o700


def test_nothing_of_a_person_is_overwritten(tmp_path: Path, examples: Path) -> None:
    home = homes.settle_in(tmp_path, examples, "ada@example.org")
    (home / "examples/one.ipynb").write_text("mine")
    (home / "shared").unlink()
    (home / "shared").mkdir()
    homes.settle_in(tmp_path, examples, "ada@example.org")
    assert (home / "examples/one.ipynb").read_text() == "mine"
    assert not (home / "shared").is_symlink()


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
