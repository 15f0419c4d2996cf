"""The smoke notebook, as the machine reads it."""

from __future__ import annotations

import json

from aws_research_wizard.host import smoke


def test_every_cell_says_for_which_kernels_it_is_and_what_it_prints() -> None:
    found = {cell.name: cell for cell in smoke.cells(smoke.notebook())}
    assert (found["two"].source, found["two"].prints, found["two"].languages) == ("print(x + 1)", "42", ("python",))
    assert found["one"].prints == ""


def test_every_language_has_a_cell_that_prints() -> None:
    for language in ("python", "r", "julia"):
        assert [cell for cell in smoke.cells(smoke.notebook()) if language in cell.languages and cell.prints]


def test_it_is_a_notebook() -> None:
    assert json.loads(smoke.notebook())["nbformat"] == 4
