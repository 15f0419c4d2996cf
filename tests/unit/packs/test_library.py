"""Templates by field, and copies that never take the place of anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.client.home import home
from aws_research_wizard.packs import library
from aws_research_wizard.packs.environments import shipped
from aws_research_wizard.packs.library import State
from tests.fakes.hub import BASE, FakeHub

FIRST = "reads-to-variants.ipynb"


def test_every_pack_has_notebooks_that_say_what_they_teach() -> None:
    found = library.templates()
    assert {one.pack for one in found} == set(shipped.names())
    for one in found:
        assert one.title, one
        assert len(one.teaches) > 40, one
        assert one.kernel.startswith(one.pack)
        assert json.loads(one.content())["cells"]


def test_a_pack_that_is_not_there_is_told_with_a_near_miss() -> None:
    with pytest.raises(WizardError, match="no pack 'genomic'") as refused:
        library.templates("genomic")
    assert "genomics" in refused.value.hint


def test_copies_are_the_notebooks_as_they_are_shipped(tmp_path: Path) -> None:
    copies = library.copy_to(tmp_path / "new" / "folder", library.templates("genomics"))
    assert {one.state for one in copies} == {State.COPIED}
    for one in copies:
        assert (tmp_path / "new/folder" / one.name).read_text("utf-8") == one.template.content()
    assert len(list((tmp_path / "new/folder").iterdir())) == len(copies)


def test_what_is_there_already_is_let_be_and_another_one_is_never_overwritten(tmp_path: Path) -> None:
    chosen = [one for one in library.templates("genomics") if one.file == FIRST]
    (tmp_path / FIRST).write_text("my own work")
    assert [(one.name, one.state) for one in library.copy_to(tmp_path, chosen)] == [("reads-to-variants-2.ipynb", State.BESIDE)]
    assert [(one.name, one.state) for one in library.copy_to(tmp_path, chosen)] == [("reads-to-variants-2.ipynb", State.THERE)]
    assert (tmp_path / FIRST).read_text() == "my own work"


@pytest.mark.parametrize("kind", ["folder", "link", "bytes"])
def test_whatever_has_the_name_stays_what_it_is(tmp_path: Path, kind: str) -> None:
    chosen = [one for one in library.templates("genomics") if one.file == FIRST]
    there = tmp_path / FIRST
    if kind == "folder":
        there.mkdir()
    elif kind == "link":
        there.symlink_to(tmp_path / "nowhere")
    else:
        there.write_bytes(b"\xff\xfe\x00")
    assert library.copy_to(tmp_path, chosen)[0].state is State.BESIDE
    assert not (tmp_path / "nowhere").exists()


def test_copies_in_a_lab_go_into_ones_own_home_and_overwrite_nothing() -> None:
    hub = FakeHub()
    hub.files |= {"examples": None, f"examples/{FIRST}": "my own work"}
    chosen = library.templates("genomics")
    for expected in (State.COPIED, State.THERE):
        with home(f"{BASE}/hub/login?ticket=mock", hub.transport) as mine:
            mine.folder("examples")
            copies = [
                library.placed(
                    one, lambda name: mine.read(f"examples/{name}"), lambda name, text: mine.write(f"examples/{name}", text)
                )
                for one in chosen
            ]
        assert {one.state for one in copies if one.template.file != FIRST} == {expected}
    assert hub.files[f"examples/{FIRST}"] == "my own work"
    assert hub.files["examples/reads-to-variants-2.ipynb"] == chosen[0].content()
    assert hub.revoked == 2
    assert hub.tokens == set()


def test_a_link_that_no_longer_counts_is_told() -> None:
    with (
        pytest.raises(WizardError, match="the login link was refused"),
        home(f"{BASE}/hub/login?ticket=old", FakeHub().transport),
    ):
        pass


def test_the_token_is_taken_back_also_when_something_fails() -> None:
    hub = FakeHub()
    with pytest.raises(RuntimeError), home(f"{BASE}/hub/login?ticket=mock", hub.transport):
        raise RuntimeError
    assert hub.tokens == set()
