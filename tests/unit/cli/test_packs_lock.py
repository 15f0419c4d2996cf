"""`packs lock, outdated, diff, show` on a terminal."""

import json
from pathlib import Path

import pytest

from aws_research_wizard.cli import packs
from chalicelib.packs import service, yaml_files
from chalicelib.packs.models import PackView
from tests.unit.cli.conftest import Arw
from tests.unit.packs.lint.good import TEXT, write
from tests.unit.packs.test_locking import answer, plays


def test_lock_says_what_moved(arw: Arw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path).parent
    plays(monkeypatch, answer("ipykernel==7.2.0", "numpy==2.4.6"))
    ended = arw(f"packs lock {folder} --upgrade")
    assert ended.code == 0
    assert "1 changed: ipykernel 7.1.0 → 7.2.0" in " ".join(ended.out.split())
    assert "✔ Solved rivers-python" in ended.err
    plays(monkeypatch, answer("ipykernel==7.2.0", "numpy==2.4.6"))
    assert arw(f"packs lock {folder}").out == "rivers-python: 2 packages, as they were\n"


def test_outdated_lists_pins_and_writes_nothing(arw: Arw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path).parent
    before = (folder / "locks" / "python-py311-x86_64.txt").read_text()
    plays(monkeypatch, answer("ipykernel==7.2.0", "numpy==2.4.6"))
    ended = arw(f"packs outdated {folder} --output json")
    assert json.loads(ended.out) == [{"kernel": "rivers-python", "package": "ipykernel", "pinned": "7.1.0", "newest": "7.2.0"}]
    assert (folder / "locks" / "python-py311-x86_64.txt").read_text() == before


def test_no_solution_is_one_line_and_a_hint(arw: Arw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_research_wizard.packs.solving import Unsolvable

    plays(monkeypatch, Unsolvable("Because you require numpy<2 and numpy>=2"))
    ended = arw(f"packs lock {write(tmp_path).parent}")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("✘ rivers-python has no solution: Because you require numpy<2 and numpy>=2\n  → ")


def test_diff_is_a_table(arw: Arw, tmp_path: Path) -> None:
    one = write(tmp_path / "a").parent
    other = write(tmp_path / "b", TEXT.replace("auto_shutdown: 60", "auto_shutdown: 30")).parent
    ended = arw(f"packs diff {one} {other}")
    assert ended.code == 0
    assert "idle  auto_shutdown  60      30\n" in ended.out
    assert ended.out.endswith("1 differences: 1 idle\n")
    assert json.loads(arw(f"packs diff {one} {other} -o json").out)["differences"][0]["kind"] == "idle"
    assert "are the same" in arw(f"packs diff {one} {one}").out


def test_diff_of_shipped_packs_by_name(arw: Arw) -> None:
    ended = arw("packs diff genomics climate_modeling")
    assert ended.code == 0
    assert "python pysam" in ended.out
    assert arw("packs diff genomics climate").code == 2


def test_show_resolved_says_where_each_value_came_from(arw: Arw) -> None:
    view = PackView.of(service.resolve("genomics"), resolved=True).model_dump(mode="json")
    rows = {line.split()[0]: line.split()[-1] for line in packs._values(view, why=True).splitlines() if line}
    assert rows["kernels.python.packages.pysam"] == "genomics"
    assert rows["kernels.python.packages.numpy"] == "base"
    assert rows["kernels.python.on_request"] == "default"
    assert packs._values(view, why=True).endswith("genomics is base → genomics")
    assert arw("packs show genomics --resolved").out.startswith("VALUE ")


@pytest.mark.parametrize("name", yaml_files.names())
def test_every_value_shown_has_its_origin_and_none_is_left_out(name: str) -> None:
    pack = service.resolve(name)
    view = PackView.of(pack, resolved=True).model_dump(mode="json")
    ways = {way for way, _ in packs._flat(view)}
    unsaid = {way for way in ways if way not in pack.why}
    assert all(
        way.split(".")[-1] in ("language", "on_request", "gpus", "cpus", "memory_gb", "max_busy", "hours_a_day") for way in unsaid
    )
    heads = ("name", "title", "purpose", "extends")
    assert {way for way in pack.why if way not in heads} <= ways
