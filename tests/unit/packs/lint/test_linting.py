"""Each way a pack can be wrong is found, on its line, and with a remedy; a good one is left in peace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.packs import shelf
from aws_research_wizard.packs.findings import CODES, Severity
from tests.unit.packs.lint import good
from tests.unit.packs.lint.good import TEXT, found, notebook, report, write

Bend = Callable[[Path], Path]


def swap(old: str, new: str) -> Bend:
    """The pack with one piece of its text replaced."""
    assert old in TEXT
    return lambda folder: write(folder, TEXT.replace(old, new, 1))


def add(text: str) -> Bend:
    return lambda folder: write(folder, TEXT + text)


def raw(data: bytes) -> Bend:
    def bend(folder: Path) -> Path:
        file = write(folder)
        file.write_bytes(data)
        return file

    return bend


def lesson(content: dict[str, Any] | str, name: str = "one.ipynb") -> Bend:
    def bend(folder: Path) -> Path:
        file = write(folder)
        text = content if isinstance(content, str) else json.dumps(content, indent=1)
        (file.parent / "notebooks" / name).write_text(text)
        return file

    return bend


def without(name: str) -> Bend:
    def bend(folder: Path) -> Path:
        file = write(folder)
        (file.parent / name).unlink()
        return file

    return bend


def beside(name: str, text: str) -> Bend:
    def bend(folder: Path) -> Path:
        file = write(folder)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        return file

    return bend


def circle(folder: Path) -> Path:
    (folder / "other").mkdir()
    (folder / "other" / "pack.yaml").write_text("name: other\nextends: rivers\n")
    return write(folder, TEXT + "extends: other\n")


def broken_parent(folder: Path) -> Path:
    (folder / "other").mkdir()
    (folder / "other" / "pack.yaml").write_text("name: [")
    return write(folder, TEXT + "extends: other\n")


def folder_for_a_file(folder: Path) -> Path:
    file = write(folder)
    file.unlink()
    file.mkdir()
    return file


def locked(change: Callable[[str], str]) -> Bend:
    return lambda folder: write(folder, lock=change)


PACKAGES, SET = "[ipykernel, numpy]", "    registry: 1000-genomes\n"
GPU = "    gpu: [g5.xlarge, g4dn.xlarge]"
LANDSAT = """\
    registry: usgs-landsat
    title: Of the Earth
    bucket: usgs-landsat
    region: us-west-2
    access: requester-pays
    licence: Public domain
"""
ARGOVERSE = """\
    registry: argoverse
    title: Of roads
    bucket: argoverse
    region: us-east-1
    access: public
    licence: CC-BY-4.0
"""
SENTINEL = """\
  - {name: s2, registry: sentinel-2, title: x, bucket: sentinel-s2-l1c, region: eu-central-1, access: requester-pays, licence: x}
"""
NAIP = """\
  - {name: n, registry: naip, title: x, bucket: naip-analytic, region: us-west-2, access: requester-pays, licence: x}
"""
# code, how the pack is bent, the line where it must be told, a part of what must be told
CASES: list[tuple[str, Bend, int, str]] = [
    ("P001", folder_for_a_file, 1, "is a folder"),
    ("P002", raw(b""), 1, "empty"),
    ("P002", raw(b"# a comment\n"), 1, "comments only"),
    ("P003", raw(b"name: caf\xe9\n"), 1, "0xe9"),
    ("P003", raw("name: rivers".encode("utf-16")), 1, "UTF-16"),
    ("P003", raw(b"\x7fELF\x00\xff"), 1, "binary"),
    ("P004", raw(b"name: a: b\n"), 1, "mapping values"),
    ("P004", raw(b"name: a\n\tb: c\n"), 2, "a tab"),
    ("P005", raw(b"a: " + b"x" * 300_000), 1, "256 KB"),
    ("P005", raw(b"[" * 100_000), 1, "deep"),
    ("P006", raw(b"a: &a [x]\nb: *a\n"), 1, "'&a'"),
    ("P007", add("title: Again\n"), 44, "line 2"),
    ("P008", raw(b"- a\n- b\n"), 1, "a list"),
    ("P008", raw(b"name: a\n---\nname: b\n"), 2, "second document"),
    ("P009", raw(b"name: !!python/object/apply:os.system [ls]\n"), 1, "python/object"),
    ("P101", swap("title: Rivers\n", ""), 1, "title is missing"),
    ("P101", swap('    expect: "check: 1 of 1"\n', ""), 15, "examples[0].expect is missing"),
    ("P101", raw(b"name: rivers\ntitle: R\npurpose: |\n  a\n  b\n"), 1, "kernels, instances, idle"),
    ("P102", swap("packages: [", "pakages: ["), 11, "kernels.python.pakages is not known"),
    ("P102", add("monthly_cost: 700\n"), 44, "monthly_cost"),
    ("P103", swap('version: "3.11"', "version: 3.11"), 10, "must be text, not 3.11"),
    ("P103", swap(PACKAGES, "numpy"), 11, "must be a list"),
    ("P103", add("{x: 1}: 2\n"), 44, "a key must be a word"),
    ("P104", swap("auto_shutdown: 60", "auto_shutdown: 1"), 42, "idle.auto_shutdown is 1"),
    ("P104", swap("access: public", "access: free"), 30, "datasets[0].access is 'free'"),
    ("P105", swap(PACKAGES, "[ipykernel, numpy, numpy]"), 11, "twice"),
    ("P105", swap("[m6i.xlarge, m5.xlarge]", "[]"), 35, "is empty"),
    ("P106", swap("name: rivers", "name: lakes"), 1, "'lakes' stands in the folder 'rivers'"),
    ("P107", swap("    kernel: python\n", "    kernel: pyton\n"), 1, "'pyton'"),
    ("P110", add("extends: rivers\n"), 44, "extends itself"),
    ("P111", circle, 44, "rivers → other → rivers"),
    ("P112", add("extends: bse\n"), 44, "'bse'"),
    ("P113", broken_parent, 44, "other cannot be read"),
    ("P201", swap("  python:\n    display", '  "my kernel":\n    display'), 8, "'my kernel'"),
    ("P201", swap("  python:\n    display", '  "../python":\n    display'), 8, "'../python'"),
    ("P202", swap(PACKAGES, "[ipykernel, 'num py']"), 11, "'num py'"),
    ("P203", swap(PACKAGES, "[ipykernel, numpy, NumPy>=2]"), 11, "'NumPy>=2'"),
    ("P204", swap('version: "3.11"', 'version: "3.99"'), 10, "Python 3.99"),
    ("P204", swap('version: "3.11"', 'version: "three"'), 10, "three"),
    ("P205", swap(PACKAGES, '[ipykernel, "git+https://example.org/a"]'), 11, "an address"),
    ("P205", swap(PACKAGES, '[ipykernel, "a @ https://example.org/a.whl"]'), 11, "an address"),
    ("P206", swap(PACKAGES, f"[{', '.join(f'package{one}' for one in range(10_000))}]"), 11, "10,000 packages"),
    ("P207", swap(PACKAGES, f"{PACKAGES}\n    system: ['B W A']"), 12, "B W A"),
    ("P208", swap(PACKAGES, f"{PACKAGES}\n    env: {{MY_API_KEY: abc}}"), 12, "MY_API_KEY"),
    ("P209", swap("Rivers (Python 3.11)", "Rivers"), 9, "3.11"),
    ("P210", without("locks/python-py311-x86_64.txt"), 8, "has no lock"),
    ("P211", swap(PACKAGES, "[ipykernel, numpy>=1]"), 8, "solved for"),
    (
        "P212",
        locked(lambda text: text.replace(f"    --hash=sha256:{good.HASH}\n", "", 1)),
        8,
        "ipykernel is pinned without a hash",
    ),
    ("P213", swap(PACKAGES, "[ipykernel, numpy>=3]"), 8, "numpy>=3 is asked for, 2.4.6 is pinned"),
    ("P214", locked(lambda _: "numpy==1\n"), 1, "first line"),
    ("P215", beside("rivers/locks/python-py310-x86_64.txt", ""), 1, "belongs to no kernel"),
    ("P216", swap(PACKAGES, "[numpy]"), 11, "without ipykernel"),
    ("P217", locked(lambda text: text.replace("2026-11-23", "2025-11-23")), 8, "371 days ago"),
    ("P301", swap("m6i.xlarge", "hpc6a.12xlarge"), 35, "EC2 has no hpc6a.12xlarge"),
    ("P302", swap("m6i.xlarge", "u-6tb1.metal"), 35, "no known price"),
    ("P303", swap("m6i.xlarge", "m6g.xlarge"), 35, "Arm"),
    ("P304", swap("g5.xlarge", "m5.xlarge"), 39, "has no GPU"),
    ("P305", swap("[m6i.xlarge, m5.xlarge]", "[m6i.xlarge]"), 35, "names only m6i.xlarge"),
    ("P306", swap("Water that runs", "For $0.34/h"), 3, "purpose says '$0.34/h"),
    ("P307", swap("memory_gb: 2", "memory_gb: 64"), 35, "has 16 GiB"),
    ("P308", swap("[m6i.8xlarge, m5.8xlarge]", "[m6i.large, m5.large]"), 37, "a large team"),
    ("P401", swap("registry: 1000-genomes", "registry: 1000-genome"), 26, "'1000-genome'"),
    ("P402", swap(SET, "    registry: deutsche-boerse-pds\n"), 26, "deprecated"),
    ("P403", swap("bucket: 1000genomes", "bucket: elsewhere"), 28, "not in the bucket elsewhere"),
    ("P403", swap(TEXT[TEXT.index(SET) : TEXT.index("\ninstances")], LANDSAT), 28, "only a part of the bucket"),
    ("P404", swap("region: us-east-1", "region: eu-west-1"), 29, "is in us-east-1"),
    ("P405", swap("access: public", "access: controlled"), 30, "public, not controlled"),
    ("P406", swap(TEXT[TEXT.index(SET) : TEXT.index("\ninstances")], ARGOVERSE), 31, "CC-BY-NC-SA"),
    ("P407", swap("\ninstances:", f"{SENTINEL}\ninstances:"), 32, "$20.00 for each TB"),
    ("P408", swap("\ninstances:", f"{SENTINEL.replace('s2,', 'genomes,')}\ninstances:"), 32, "datasets[0]"),
    ("P409", swap("\ninstances:", f"{NAIP}\ninstances:"), 32, "requester-pays"),
    ("P501", without("notebooks/one.ipynb"), 15, "notebooks/one.ipynb"),
    ("P502", lesson("{"), 1, "no JSON"),
    ("P502", lesson({"cells": [], "nbformat": 3}), 1, "format is 3"),
    ("P502", lesson("[" * 100_000), 1, "deep"),
    ("P503", lesson(notebook("x = = 1\nprint('check: 1 of 1')")), 12, "cell 2, line 1: invalid syntax"),
    ("P504", lesson(notebook("print('check: 1 of 1')", kernel="python3")), 21, "python3"),
    ("P505", lesson(notebook("print('done')")), 12, "check: 1 of 1"),
    ("P506", lesson(notebook("print('check: 1 of 1')", execution_count=3)), 12, "were saved"),
    ("P507", beside("rivers/notebooks/three.ipynb", "{}"), 1, "three.ipynb"),
    ("P508", swap(TEXT[TEXT.index("  - file: two") : TEXT.index("\ndatasets")], ""), 14, "one notebook"),
    ("P509", swap("    resources:", "    on_request: true\n    resources:"), 16, "does not get"),
]


def test_a_good_pack_is_left_in_peace(tmp_path: Path) -> None:
    assert found(write(tmp_path)) == ()


@pytest.mark.parametrize(("code", "bend", "line", "said"), CASES, ids=[f"{case[0]}-{case[3]:.30}" for case in CASES])
def test_what_is_wrong_is_told_on_its_line_with_a_remedy(code: str, bend: Bend, line: int, said: str, tmp_path: Path) -> None:
    one = report(bend(tmp_path)) if code != "P409" else _west(bend(tmp_path))
    told = {(finding.code, finding.place.line): finding for finding in one.findings}
    assert (code, line) in told, [(finding.code, str(finding.place), finding.said) for finding in one.findings]
    assert said in told[code, line].said
    assert told[code, line].remedy
    assert (one.errors > 0) == any(finding.severity is Severity.ERROR for finding in one.findings)


def _west(file: Path) -> Any:
    from aws_research_wizard.packs import linting

    return linting.one(file, "us-west-2", good.TODAY)


ELSEWHERE = {"P218", "P220", "P510", "P511", "P512", "P513", "P514"}  # told when something is solved or run: test_executing


def test_every_code_has_its_case() -> None:
    shown = {code for code, *_ in CASES}
    assert {code for code in CODES if code < "P700"} - ELSEWHERE == shown


def test_many_mistakes_are_told_at_once_from_the_top(tmp_path: Path) -> None:
    text = TEXT.replace("title: Rivers\n", "").replace("auto_shutdown: 60", "auto_shutdown: 1").replace("m6i.xlarge", "m0.huge")
    findings = found(write(tmp_path, text))
    assert [one.code for one in findings] == ["P101", "P301", "P104"]
    assert [one.place.line for one in findings] == sorted(one.place.line for one in findings)


def test_a_pack_extends_one_that_ships(tmp_path: Path) -> None:
    text = "name: child\ntitle: Child\npurpose: |\n  a\n  b\nextends: genomics\n"
    (tmp_path / "child").mkdir()
    (tmp_path / "child" / "pack.yaml").write_text(text)
    one = report(tmp_path / "child" / "pack.yaml")
    assert one.pack
    assert one.pack.lineage == ("base", "genomics", "child")
    assert [finding.code for finding in one.findings] == ["P508"]


def test_what_is_inherited_is_not_held_against_a_pack(tmp_path: Path) -> None:
    write(tmp_path, TEXT.replace("m6i.xlarge", "hpc6a.12xlarge"))
    (tmp_path / "child").mkdir()
    (tmp_path / "child" / "pack.yaml").write_text("name: child\ntitle: C\npurpose: |\n  a\n  b\nextends: rivers\n")
    assert "P301" not in {finding.code for finding in found(tmp_path / "child" / "pack.yaml")}


@pytest.mark.parametrize(
    "cell",
    ["%matplotlib inline\nx = 1", "!ls -l\nfiles = !ls", "%%bash\nls |", "%%time\nx = 1", "await thing()", "numpy.array?"],
)
def test_what_only_notebooks_can_read_is_no_bad_cell(cell: str, tmp_path: Path) -> None:
    content = notebook("print('check: 1 of 1')")
    content["cells"].insert(1, content["cells"][1] | {"source": cell, "id": "c"})
    assert "P503" not in {finding.code for finding in found(lesson(content)(tmp_path))}


def test_all_shipped_packs_are_without_error_and_warning() -> None:
    for file in shelf.files_of(shelf.shipped()):
        wrong = [f"{one.place} {one.said}" for one in found(file) if one.severity is not Severity.NOTE]
        assert wrong == []


def test_costs_are_worked_out(tmp_path: Path) -> None:
    assert report(write(tmp_path)).plain("us-east-1")["usd_per_hour"] == {"small": "0.192", "medium": "0.768", "large": "1.536"}
