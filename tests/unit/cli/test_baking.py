"""`packs bake` and `packs images`, and what people are told of the image that a lab was launched from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aws_research_wizard.cli import board, cards
from aws_research_wizard.client import watching
from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    news: Callable[..., Iterator[Any]] = watching.news
    monkeypatch.setattr(watching, "news", lambda fetch, first: news(fetch, first, lambda _seconds: None))


def test_a_bake_is_followed_and_ends_with_what_was_baked(arw: Arw, cloud: MockCloud) -> None:
    ended = arw("packs bake genomics")
    assert ended.code == 0, ended.err
    assert "Image ami-0mock of genomics baked in 63 s" in ended.out or "baked in 62 s" in ended.out
    assert "genomics-python (312 MB)" in ended.out
    assert "reads-to-variants.ipynb" in ended.out
    for step in (
        "Bake accepted",
        "Builder launched (r6i.2xlarge)",
        "Kernels installed, lessons passed",
        "Image made",
        "Labs get it",
    ):
        assert step in ended.err


def test_a_bake_that_fails_says_why_and_that_nothing_is_left(arw: Arw, cloud: MockCloud) -> None:
    cloud.images.fails_with = "reads-to-variants.ipynb printed something else"
    ended = arw("packs bake genomics")
    assert ended.code == 1
    said = " ".join(ended.err.split())
    assert "printed something else" in said
    assert "nothing of it is left" in said


def test_a_bake_that_is_not_waited_for_says_where_to_look(arw: Arw, cloud: MockCloud) -> None:
    ended = arw("packs bake genomics --no-wait")
    assert ended.code == 0
    assert "packs images --pack genomics" in ended.out


def test_a_second_bake_of_a_pack_is_refused_and_told_of_the_first(arw: Arw, cloud: MockCloud) -> None:
    arw("packs bake genomics --no-wait")
    ended = arw("packs bake genomics")
    assert ended.code == 1
    assert next(iter(cloud.images.bakes)) in " ".join(ended.err.split())


def test_images_are_listed_by_pack(arw: Arw, cloud: MockCloud) -> None:
    assert "No image has been baked yet" in arw("packs images").out
    arw("packs bake genomics")
    assert "ami-0mock" in arw("packs images --pack genomics").out
    assert json.loads(arw("packs images --pack climate_modeling --output json").out) == []


def test_people_see_which_image_a_lab_was_launched_from(arw: Arw, cloud: MockCloud) -> None:
    arw("jupyter deploy --domain genomics")
    lab = next(iter(cloud.labs.values()))
    assert "plain, everything installed at its first boot" in arw(f"jupyter status {lab['id']}").out
    lab["image"] = {"image_id": "ami-0mock", "bake_id": "bake-20261123-090000-mock", "baked_at": "2026-11-23T09:00:00Z"}
    assert "ami-0mock, baked" in arw(f"jupyter status {lab['id']}").out
    assert "baked image of 2026-11-23" in cards.ready(lab)


def test_the_step_of_the_launch_tells_of_the_image() -> None:
    data = {"instance_type": "r6i.2xlarge", "image": {"bake_id": "b", "baked_at": "2026-11-23T09:00:00Z"}}
    fact = {"name": "MachineLaunched", "at": "2026-11-29T09:00:00Z", "data": data}
    assert board.steps([fact], rested=True)[0].detail == "r6i.2xlarge · baked image of 2026-11-23"
