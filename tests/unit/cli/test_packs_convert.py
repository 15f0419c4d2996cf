"""`packs convert` and `deploy --migrate-from-python`: from an older file to a lab, with word of every line."""

import json
from pathlib import Path

import pytest

from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw
from tests.unit.packs.lint.good import HASH
from tests.unit.packs.test_locking import plays
from tests.unit.packs.test_older import A, B

PINS = ("ipykernel==7.1.0", "ipywidgets==8.1", "numpy==2.4.6", "pandas==3.0", "matplotlib==3.11", "scipy==1.17")
MORE = ("biopython==1.88", "pysam==0.23.3", "scikit-allel==1.3.13")
LOCK = "".join(f"{pin} \\\n    --hash=sha256:{HASH}\n" for pin in (*PINS, *MORE))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_convert_tells_every_line_that_stays_behind(arw: Arw, tmp_path: Path) -> None:
    ended = arw(f"packs convert {A}")
    assert ended.code == 0
    assert "packs/genomics_laboratory/pack.yaml, extends genomics" in " ".join(ended.out.split())
    assert "    16  spack_packages.variants[1]: gatk@4.4.0.0\n        → neither PyPI nor Debian has it" in ended.out
    assert "    87  empty_section:\n" in ended.out
    assert max(map(len, ended.out.splitlines()[1:])) <= 100
    assert (tmp_path / "packs" / "genomics_laboratory" / "pack.yaml").is_file()


def test_programs_get_every_value(arw: Arw) -> None:
    (one,) = json.loads(arw(f"packs convert {B.parent} --into out -o json").out)
    assert one["pack"] == "river_lab"
    assert {entry["text"]: entry["to"] for entry in one["carried"]}[
        "aws_config.instance_types.small: m6i.xlarge"
    ] == "instances.team.small"
    assert all(entry["line"] and entry["why"] for entry in one["left"])


def test_what_is_no_older_pack_is_one_line_and_a_hint(arw: Arw) -> None:
    ended = arw("packs convert genomics")
    assert ended.code == 1
    assert "none of the older formats" in ended.err
    assert "Traceback" not in ended.err


def test_an_older_pack_becomes_a_lab(arw: Arw, cloud: MockCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays(monkeypatch, LOCK)
    ended = arw(f"jupyter deploy --migrate-from-python {A} --preserve-configurations --domain genomics")
    assert ended.code == 0, ended.err
    assert "    16  spack_packages.variants[1]: gatk@4.4.0.0" in ended.err
    assert "Pack genomics_laboratory added to your team's packs" in ended.err
    assert "instance type: r6i.4xlarge, as the older pack has it" in ended.err
    (lab,) = cloud.labs.values()
    assert (lab["domain"], lab["instance_type"]) == ("genomics_laboratory", "r6i.4xlarge")
    assert "genomics_laboratory" in cloud.own_packs
    assert (tmp_path / "packs" / "genomics_laboratory" / "locks" / "python-py311-x86_64.txt").is_file()


def test_what_is_said_on_the_command_line_wins(arw: Arw, cloud: MockCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    plays(monkeypatch, LOCK)
    words = "--preserve-configurations --domain genomics --instance-type r6i.8xlarge"
    assert arw(f"jupyter deploy --migrate-from-python {A} {words}").code == 0
    assert next(iter(cloud.labs.values()))["instance_type"] == "r6i.8xlarge"


def test_packages_that_cannot_be_had_together_make_no_lab(arw: Arw, cloud: MockCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_research_wizard.packs.solving import Unsolvable

    plays(monkeypatch, Unsolvable("Because pysam needs a and you need b"))
    ended = arw(f"jupyter deploy --migrate-from-python {A} --domain genomics")
    assert ended.code == 1
    assert "has no solution: Because pysam needs a and you need b" in ended.err
    assert "mend packs/genomics_laboratory/pack.yaml" in ended.err
    assert not cloud.labs
    assert not cloud.own_packs


def test_preserving_without_migrating_is_misuse(arw: Arw) -> None:
    ended = arw("jupyter deploy --domain genomics --preserve-configurations")
    assert ended.code == 2
    assert "--preserve-configurations goes with --migrate-from-python" in ended.err
