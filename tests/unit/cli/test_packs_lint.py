"""`packs lint` on a terminal: what is wrong, where, what to do, and the exit code."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Arw
from tests.unit.packs.lint.good import TEXT, write


def test_a_good_pack_ends_with_0(arw: Arw, tmp_path: Path) -> None:
    ended = arw(f"packs lint {write(tmp_path).parent}")
    assert (ended.code, ended.out) == (0, "✔ rivers: 0 errors, 0 warnings, 0 notes\n")


def test_a_finding_has_place_code_and_remedy(arw: Arw, tmp_path: Path) -> None:
    ended = arw(f"packs lint {write(tmp_path, TEXT.replace('m6i.xlarge', 'm6x.xlarge'))}")
    assert ended.code == 1
    assert "  35:13  error    P301  EC2 has no m6x.xlarge\n" in ended.out
    assert "                        → did you mean 'm6i.xlarge'?\n" in ended.out
    assert ended.out.endswith("✘ rivers: 1 error, 0 warnings, 0 notes\n")
    assert max(map(len, ended.out.splitlines()[1:])) <= 80


def test_programs_get_everything(arw: Arw, tmp_path: Path) -> None:
    ended = arw(f"packs lint {write(tmp_path, TEXT.replace('[m6i.xlarge, m5.xlarge]', '[m6i.xlarge]'))} --output json")
    (report,) = json.loads(ended.out)
    assert (ended.code, report["pack"], report["errors"], report["warnings"]) == (0, "rivers", 0, 1)
    assert report["usd_per_hour"]["small"] == "0.192"
    (finding,) = report["findings"]
    assert finding["code"] == "P305"
    assert (finding["severity"], finding["line"], finding["column"]) == ("warning", 35, 5)
    assert finding["remedy"]


def test_all_is_a_table_of_the_checkout(arw: Arw) -> None:
    ended = arw("packs lint all")
    assert ended.code == 0, ended.out
    assert ended.out.startswith("PACK ")
    assert " packs: 0 errors, 0 warnings, " in ended.out
    assert "P407" not in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def test_a_folder_of_packs_is_linted_whole(arw: Arw, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "lakes").mkdir()
    (tmp_path / "lakes" / "pack.yaml").write_text("")
    ended = arw(f"packs lint {tmp_path}")
    assert ended.code == 1
    assert "P002  the file is empty" in ended.out
    assert "2 packs: 1 error" in ended.out


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("genomic", "did you mean 'genomics'?"),
        ("nowhere/at/all", "no pack and no file"),
        ("'\0'", "no pack"),
        ("x" * 5000, "no pa"),
    ],
)
def test_what_is_no_pack_is_misuse(arw: Arw, word: str, said: str) -> None:
    ended = arw(f"packs lint {word}")
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_a_folder_without_packs_is_misuse(arw: Arw, tmp_path: Path) -> None:
    assert arw(f"packs lint {tmp_path}").code == 2
