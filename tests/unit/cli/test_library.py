"""`packs notebooks` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from aws_research_wizard.cli.session import session
from aws_research_wizard.client.mock import MockCloud
from tests.fakes.hub import FakeHub
from tests.unit.cli.conftest import Arw


def test_templates_are_listed_without_a_control_plane(nobody: Arw) -> None:
    every = nobody("packs notebooks")
    assert every.code == 0
    assert "reads-to-variants.ipynb" in every.out
    one = nobody("packs notebooks genomics")
    assert "Kernel" in one.out
    assert "Teaches" in one.out
    said = json.loads(nobody("packs notebooks genomics --output json").out)
    assert {"pack", "field", "file", "title", "kernel", "on_request", "teaches"} == said[0].keys()


def test_they_are_copied_and_a_second_time_left_alone(nobody: Arw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/two-populations.ipynb").write_text("my own work")
    ended = nobody("packs notebooks genomics --copy-to mine")
    assert ended.code == 0, ended.err
    assert "two-populations-2.ipynb copied beside another (for two-populations.ipynb)" in ended.out
    assert (tmp_path / "mine/two-populations.ipynb").read_text() == "my own work"
    again = json.loads(nobody("packs notebooks genomics --copy-to mine --output json").out)
    assert {one["state"] for one in again["notebooks"]} == {"there already"}
    assert nobody("packs notebooks genomics --copy-to only --only two-populations.ipynb").code == 0
    assert len(list((tmp_path / "only").iterdir())) == 1


def test_they_are_copied_into_a_running_lab(arw: Arw, cloud: MockCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = FakeHub()

    def answer(request: httpx.Request) -> httpx.Response:
        plane = request.url.host == "mock.test"
        return cloud.transport.handle_request(request) if plane else hub.answer(request)

    monkeypatch.setattr(session, "transport", httpx.MockTransport(answer))
    lab = json.loads(arw("jupyter quick-start --domain genomics --output json").out)["id"]
    ended = arw(f"packs notebooks climate_modeling --lab {lab}")
    assert ended.code == 0, ended.err
    assert f"{lab}:~/examples" in ended.out
    said = " ".join(ended.out.split())
    assert f"made for kernel climate_modeling-python, which lab {lab} does not have" in said
    assert f"Get it aws-research-wizard jupyter activate {lab} --domain climate_modeling" in said
    assert len([name for name in hub.files if name.startswith("examples/")]) >= 2
    assert hub.tokens == set()


def test_a_template_whose_kernel_comes_on_request_says_how_to_get_it(nobody: Arw, tmp_path: Path) -> None:
    ended = nobody(f"packs notebooks genomics --copy-to {tmp_path}")
    said = " ".join(ended.out.split())
    assert "peaks-at-promoters.ipynb: made for kernel genomics-r, which a lab has on request only" in said
    assert "Get it aws-research-wizard jupyter activate LAB --domain genomics --kernel r" in said
    listed = " ".join(nobody("packs notebooks genomics").out.split())
    assert "genomics-r, on request: aws-research-wizard jupyter activate LAB --domain genomics --kernel r" in listed
    told = json.loads(nobody(f"packs notebooks genomics --copy-to {tmp_path} --output json").out)
    assert told["kernels_lacking"] == ["genomics-r"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("nowhere", 1, "no pack 'nowhere'"),
        ("--copy-to x", 2, "name the pack"),
        ("genomics --copy-to x --lab y", 2, "not both"),
        ("genomics --copy-to x --only z.ipynb", 1, "no notebook 'z.ipynb'"),
    ],
)
def test_misuse_is_told_in_one_line(nobody: Arw, words: str, code: int, said: str) -> None:
    ended = nobody(f"packs notebooks {words}")
    assert ended.code == code
    assert said in ended.err
