"""What the pages about packs say, and that they say when it is not so any more."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from chalicelib.packs import service
from chalicelib.packs.rules import Language
from tools import catalogue, lessons, pack_pages, pictures
from tools.lessons import Report

GENOMICS = service.resolve("genomics")


def report(pack: str, **other: object) -> Report:
    locks = {
        pack_pages.lock_path(kernel): lessons.digest(pack_pages.ROOT / pack_pages.lock_path(kernel))
        for kernel in GENOMICS.kernels
    }
    plain = Report(pack, "2026-01-02", locks, 1, 3, 19, 581, 35.0, 18.5, ())
    return replace(plain, **other)  # type: ignore[arg-type]


def drawn(*sizes: tuple[int, int]) -> nbformat.NotebookNode:
    """A notebook that has drawn pictures of these sizes, in this order."""
    outputs = []
    for size in sizes:
        held = io.BytesIO()
        Image.new("RGB", size, "red").save(held, "PNG")
        data = {"image/png": base64.b64encode(held.getvalue()).decode()}
        outputs.append(nbformat.v4.new_output("display_data", data))
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("draw()", outputs=outputs)])


def test_a_packs_page_names_what_it_brings_with_versions_licences_prices_and_rights() -> None:
    page = pack_pages.readme(GENOMICS)
    lock = pack_pages.lock_of(GENOMICS.kernels[0])
    assert lock
    assert f"pysam {lock.pins['pysam']}" in page
    assert f"{len(lock.pins)} packages, solved {lock.day}" in page
    assert "r6i.2xlarge $0.504" in page
    assert all(one.licence in page and one.region in page for one in GENOMICS.datasets)
    assert "`arn:aws:s3:::gnomad-public-us-east-1` (only the prefix)" in page
    assert all(one.expect.removeprefix("check: ") in page for one in GENOMICS.examples)


def test_a_pack_without_data_says_that_its_labs_have_no_rights() -> None:
    assert "no rights on any bucket but its own" in pack_pages.readme(GENOMICS._replace(datasets=()))


def test_a_kernel_without_a_lock_is_to_be_solved_on_its_first_bake() -> None:
    kernel = GENOMICS.kernels[0]._replace(version="9.9")
    assert "to be solved on its first bake" in pack_pages.readme(GENOMICS._replace(kernels=(kernel,), examples=()))


def test_a_lock_whose_versions_are_still_bounds_is_not_called_solved() -> None:
    climate = service.resolve("climate_modeling")
    julia = next(kernel for kernel in climate.kernels if kernel.language is Language.JULIA)
    assert "to be solved on its first bake" in pack_pages.readme(climate._replace(kernels=(julia,), examples=()))


def test_the_table_stands_between_its_marks_and_leaves_the_rest() -> None:
    page = f"before\n{pack_pages.BEGIN}old\n{pack_pages.END}after\n"
    assert pack_pages.with_table(page, "new\n") == f"before\n{pack_pages.BEGIN}new\n{pack_pages.END}after\n"


def test_a_page_that_has_lost_its_marks_is_not_overwritten() -> None:
    with pytest.raises(SystemExit, match="lost its marks"):
        pack_pages.with_table("nothing of the kind", "new\n")


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    assert pack_pages.table(("a",), [("x | y",)]).splitlines()[-1] == "| x \\| y |"


def test_the_catalogue_tells_a_pass_a_failure_an_older_lock_and_what_was_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Report] = {}
    monkeypatch.setattr(lessons, "read", lambda _file: kept)
    assert "| not run |" in catalogue.page([GENOMICS])
    kept["genomics"] = report("genomics")
    assert "| pass |" in catalogue.page([GENOMICS])
    kept["genomics"] = report("genomics", wrong=("a.ipynb printed nothing",))
    assert "| a.ipynb printed nothing |" in catalogue.page([GENOMICS])
    assert "0 of 1 that were run passed" in catalogue.page([GENOMICS])
    kept["genomics"] = report("genomics", locks={"domain_packs/gone.txt": "0"})
    assert "(an older one ran)" in catalogue.page([GENOMICS])


def test_every_picture_of_the_catalogue_is_there_and_all_are_small() -> None:
    shown = {
        line.partition("../images/packs/")[2].rstrip(")")
        for line in catalogue.PAGE.read_text().splitlines()
        if "](../images/packs/" in line
    }
    kept = {file.name for file in lessons.ALBUM.iterdir()}
    assert shown == kept
    assert sum(file.stat().st_size for file in lessons.ALBUM.iterdir()) < 4_000_000


def test_the_last_picture_is_kept_and_made_small(tmp_path: Path) -> None:
    file = tmp_path / "album" / "one.png"
    assert pictures.keep(drawn((10, 10), (2000, 1000)), file)
    with Image.open(file) as kept:
        assert kept.size == (pictures.WIDEST, pictures.WIDEST // 2)


def test_a_lesson_without_a_picture_leaves_no_file(tmp_path: Path) -> None:
    assert not pictures.keep(drawn(), tmp_path / "one.png")
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_pieces_keeps_what_the_other_pieces_reported(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    lessons.write(file, [report("genomics"), report("base", cells=1)])
    lessons.write(file, [report("base", cells=2)])
    assert {name: one.cells for name, one in lessons.read(file).items()} == {"base": 2, "genomics": 19}
