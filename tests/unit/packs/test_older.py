"""Older packs become ours, and every value of theirs is either carried or told; nothing is dropped in silence."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_research_wizard.packs import documents, linting, shape
from aws_research_wizard.packs.documents import Document, leaves
from aws_research_wizard.packs.findings import CODES
from aws_research_wizard.packs.older import shapes, spack, writing
from aws_research_wizard.packs.older.converting import Converted, convert
from aws_research_wizard.packs.older.shapes import Shape

OLDER = Path(__file__).resolve().parents[2] / "data" / "older"
A, LATER, B = OLDER / "genomics_lab.yaml", OLDER / "ocean_later.yaml", OLDER / "river_lab" / "domain-pack.yaml"
TODAY = date(2026, 11, 29)


def parsed(text: str) -> Document:
    document, found = documents.parse(text.encode(), "old.yaml")
    assert document, found
    return document


def at(pack: dict[str, Any], way: str) -> Any:
    """The value at a way such as kernels.python.packages[0]."""
    value: Any = pack
    for name, number in re.findall(r"([A-Za-z_]+)|\[(\d+)\]", way):
        value = value[name] if name else value[int(number)]
    return value


def whole(made: Converted) -> None:
    """Every leaf of every file is carried or left, once; and what is carried is really there."""
    for book in made.books:
        assert book.carried.keys() | book.left.keys() == {steps for steps, _ in leaves(book.document.values)}
        assert not book.carried.keys() & book.left.keys()
        assert all(one.why and one.place.line > 0 for one in book.left.values())
        for one in book.carried.values():
            assert at(made.pack, one.way), one
    text = writing.HEAD + writing._text(made.pack)
    again = parsed(text)
    assert again.values == made.pack
    assert shape.findings(again) == []


# ---- the three formats


@pytest.mark.parametrize(("file", "kind"), [(A, Shape.A), (LATER, Shape.LATER), (B, Shape.B)])
def test_each_format_is_known_by_its_keys(file: Path, kind: Shape) -> None:
    document, _ = documents.read(file)
    assert document
    assert shapes.of(document.values) is kind


def test_ours_is_none_of_them() -> None:
    for values in ({"name": "x", "kernels": {}}, {"name": "x"}, [], None, "x", {"category": "x"}):
        assert shapes.of(values) is None


@pytest.mark.parametrize("file", [A, LATER, B])
def test_fixtures_are_carried_whole_or_told(file: Path) -> None:
    whole(writing.read(file))
    whole(writing.read(file, extends="genomics", with_r=False))


def test_what_a_file_of_format_a_becomes() -> None:
    pack = writing.read(A).pack
    assert (pack["name"], pack["extends"]) == ("genomics_laboratory", "genomics")
    assert pack["kernels"]["python"]["packages"] == ["numpy", "biopython>=1.81", "pysam>=0.21.0", "scikit-allel>=1.3.6"]
    assert pack["kernels"]["python"]["system"] == ["bwa", "rna-star", "minimap2", "samtools", "bcftools"]
    assert pack["kernels"]["r"]["packages"] == ["r-cran-irkernel", "r-bioc-deseq2", "r-cran-ggplot2"]
    assert [one["registry"] for one in pack["datasets"]] == ["1000-genomes", "giab"]
    assert pack["instances"]["team"]["medium"][0] == "r6i.4xlarge"
    assert pack["instances"]["job"]["memory"] == ["x2iezn.4xlarge"]
    assert pack["idle"] == {"auto_shutdown": 45}


def test_what_is_left_is_told_with_its_line_and_a_reason() -> None:
    (book,) = writing.read(A).books
    lines = A.read_text().splitlines()
    told = {lines[one.place.line - 1].strip(): one.why for one in book.left.values()}
    assert "neither PyPI nor Debian" in told["- gatk@4.4.0.0"]
    assert told["- our-own-caller@0.3"].startswith("nobody here knows what our-own-caller")
    assert told["instance_type: hpc6a.12xlarge"].startswith("EC2 has no hpc6a.12xlarge")
    assert told["cost_per_hour: 1.02"].endswith("the price table of 2025-01-01 says 1.008")
    assert told["efa: true"].startswith("a lab is one machine")
    assert told["empty_section: {}"]
    differs = {lines[one.place.line - 1].strip(): one.but for one in book.carried.values()}
    assert (
        differs["- bwa@0.7.17 %gcc@11.4.0 +pic"]
        == "not how Spack builds it (%gcc@11.4.0 +pic); not the version 0.7.17: Debian has its own"
    )


def test_a_folders_spack_yaml_is_read_too() -> None:
    made = writing.read(B)
    assert [Path(book.document.file).name for book in made.books] == ["domain-pack.yaml", "spack.yaml"]
    assert made.pack["kernels"]["python"]["system"] == ["gdal-bin", "cmake"]


def test_without_r_its_packages_are_told_by_their_debian_names() -> None:
    made = writing.read(A, with_r=False)
    assert "r" not in made.pack["kernels"]
    assert any("r-bioc-deseq2" in one.why for one in made.books[0].left.values())


def test_what_a_lab_would_be_asked_for() -> None:
    assert writing.read(A).wish == {"instance_type": "r6i.4xlarge", "shared_storage": "500GB"}


def test_the_name_of_a_shipped_pack_is_not_taken() -> None:
    made = convert([parsed("name: genomics\ndescription: x\nspack_packages: {}\n")], "genomics", ("genomics",))
    assert made.pack["name"] == "my_genomics"
    assert "is shipped" in made.notes[0]


@pytest.mark.parametrize(
    ("text", "name", "version", "rest"),
    [
        ("fftw@3.3.10 +mpi %gcc@12", "fftw", "3.3.10", "+mpi %gcc@12"),
        ("hdf5+mpi~cxx", "hdf5", "", "+mpi~cxx"),
        ("petsc@3.19: build_type=Release ^openmpi", "petsc", "3.19:", "build_type=Release ^openmpi"),
        ("py-numpy", "py-numpy", "", ""),
    ],
)
def test_specs(text: str, name: str, version: str, rest: str) -> None:
    assert spack.parse(text) == (name, version, rest)


@pytest.mark.parametrize("text", ["", "not a spec", "@1.0", "a\nb", "é"])
def test_what_is_no_spec(text: str) -> None:
    assert spack.parse(text) is None


def test_the_table_of_names_is_sorted_and_whole() -> None:
    table = spack.table()
    assert list(table) == sorted(table)
    assert {kind for kind, _ in table.values()} == {"python", "r", "debian", "none"}
    assert all(there for _, there in table.values())


# ---- lint


@pytest.mark.parametrize("file", [A, LATER, B])
def test_lint_says_what_is_wrong_with_an_older_pack(file: Path) -> None:
    report = linting.one(file, "us-east-1", TODAY)
    codes = [one.code for one in report.findings]
    assert "P700" in codes
    assert report.errors
    left = sum(len(book.left) for book in writing.read(file).books)
    assert len(codes) >= left + 1
    assert {"P301", "P701", "P702", "P703", "P704", "P402"} <= {
        one.code for each in (A, LATER, B) for one in linting.one(each, "us-east-1", TODAY).findings
    }


def test_an_older_pack_that_lacks_what_its_own_format_asks_for(tmp_path: Path) -> None:
    file = tmp_path / "old.yaml"
    file.write_text("spack_packages: {}\n")
    assert [one.said for one in linting.one(file, "us-east-1", TODAY).findings if one.code == "P705"] == [
        "name is missing, which its own format asks for",
        "description is missing, which its own format asks for",
    ]


# ---- nothing dropped, whatever it is


KEYS = st.sampled_from(
    [
        *("name", "description", "target_users", "version", "spack_packages", "aws_instance_recommendations", "instance_type"),
        *(
            "aws_data_sources",
            "software",
            "packages",
            "infrastructure",
            "instances",
            "data",
            "aws_open_data",
            "bucket",
            "cost_per_hour",
        ),
        *("storage_gb", "spack_config", "aws_config", "instance_types", "small", "gpu", "auto_shutdown", "datasets_available"),
        *("aws_integration", "spack", "specs", "type", "estimated_cost"),
    ]
)
WORDS = st.sampled_from(
    [
        *(
            "bwa@0.7.17 +pic",
            "py-numpy@1.25.1",
            "py-numpy",
            "r-deseq2",
            "gatk",
            "nobody-knows",
            "not a spec!",
            "r6i.4xlarge",
            "g5.xlarge",
        ),
        *(
            "hpc6a.12xlarge",
            "m6g.large",
            "1000 Genomes - people",
            "era5-pds",
            "1000genomes",
            "py-UPPER_case@1.0rc1",
            "$5 a\nline: two",
        ),
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-5, 20_000) | st.floats(allow_nan=False) | st.text(max_size=10) | WORDS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=6), inner, max_size=5)
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=8))
def test_every_value_is_carried_or_told_and_the_result_is_a_pack(values: dict[str, Any]) -> None:
    document, found = documents.parse(yaml.safe_dump(values, allow_unicode=True).encode(), "old.yaml")
    if document is None or found or not isinstance(document.values, dict):
        return
    whole(convert([document], "base", ("base",)))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_lint_of_any_older_file_is_findings(values: dict[str, Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "old.yaml"
        file.write_text(yaml.safe_dump(values | {"spack_packages": {}}))
        report = linting.one(file, "us-east-1", TODAY)
        assert all(one.code in CODES and one.remedy for one in report.findings)


# ---- what is written


def test_a_conversion_is_written_whole_and_again_but_over_nothing_else(tmp_path: Path) -> None:
    made = writing.read(A)
    place = writing.write(made, tmp_path)
    assert [one.name for one in place.iterdir()] == ["pack.yaml"]
    writing.write(made, tmp_path)
    (place / "notebooks").mkdir()
    with pytest.raises(writing.ConvertRefused, match="there already"):
        writing.write(made, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [place.name]


def test_what_cannot_be_converted_is_refused_in_one_line(tmp_path: Path) -> None:
    for text, said in (("a: [", "old.yaml"), ("name: x\nkernels: {}\n", "none of the older formats"), ("", "empty")):
        (tmp_path / "old.yaml").write_text(text)
        with pytest.raises(writing.ConvertRefused, match=said):
            writing.read(tmp_path / "old.yaml")
    with pytest.raises(writing.ConvertRefused, match="no pack 'genomic' is shipped"):
        writing.read(A, extends="genomic")
