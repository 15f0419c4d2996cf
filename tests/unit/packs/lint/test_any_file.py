"""Whatever a file holds, the linter answers with findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aws_research_wizard.packs.findings import CODES, Finding
from tests.unit.packs.lint.good import TEXT, found, write

WORDS = (
    "name title purpose extends kernels python packages version examples datasets registry bucket instances team job small idle"
)
KEYS = st.sampled_from([*WORDS.split(), *["thresholds", "env", "resources", "file", "kernel", "expect", "access", "<<"]])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.dates()
    | st.sampled_from(["base", "rivers"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=8), inner, max_size=5)
)
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path)


def good(findings: tuple[Finding, ...]) -> bool:
    return all(one.code in CODES and one.said and one.remedy and one.place.line > 0 and "\n" not in one.said for one in findings)


@FEW
@given(st.binary(max_size=400))
@example(b"%YAML 9.9\n---\n")
@example(b"a: " + b"9" * 5000)
@example(b"a: 2026-99-99")
@example(b"=")
@example(b"? ? ? ? a")
@example(b"\xef\xbb\xbfname: rivers")
def test_bytes(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    assert good(found(file))


@FEW
@given(VALUES)
def test_values_of_every_kind(file: Path, values: Any) -> None:
    import yaml

    file.write_text(yaml.safe_dump(values, allow_unicode=True), "utf-8")
    assert good(found(file))


@FEW
@given(st.data())
def test_a_good_pack_with_one_line_changed(file: Path, data: st.DataObject) -> None:
    lines = TEXT.splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
    lines[place] = indent + data.draw(
        st.text(max_size=30) | st.sampled_from(["", "- ", "x: [", "extends: base", "a: &b c", "!!binary x"])
    )
    file.write_text("\n".join(lines), "utf-8", errors="replace")
    assert good(found(file))


@FEW
@given(st.binary(max_size=200) | VALUES)
def test_notebooks_and_locks_of_every_kind(file: Path, data: Any) -> None:
    raw = data if isinstance(data, bytes) else json.dumps(data, default=str).encode()
    (file.parent / "notebooks" / "one.ipynb").write_bytes(raw)
    (file.parent / "locks" / "python-py311-x86_64.txt").write_bytes(raw)
    assert good(found(file))


@FEW
@given(st.lists(st.text(max_size=40), max_size=3) | st.text(max_size=60))
def test_cells_of_every_kind(file: Path, source: Any) -> None:
    from tests.unit.packs.lint.good import notebook

    (file.parent / "notebooks" / "one.ipynb").write_text(json.dumps(notebook(source)))
    assert good(found(file))


@FEW
@given(st.sampled_from(["python", "r", "julia"]), st.text(max_size=60) | st.just("compat = 3") | st.just("[" * 4000))
def test_locks_with_our_first_line_and_anything_below(file: Path, language: str, below: str) -> None:
    first = f"# solved 2026-11-23 for {language} 3.11 on x, asked {'0' * 64}\n"
    (file.parent / "locks" / "python-py311-x86_64.txt").write_text(first + below, "utf-8", errors="replace")
    assert good(found(file))
