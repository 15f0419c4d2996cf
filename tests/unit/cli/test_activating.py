"""`jupyter activate` and `deactivate`, and what `jupyter status` says of packs and locks."""

import pytest

from aws_research_wizard.cli import activating, cards
from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw


@pytest.fixture
def lab(arw: Arw, cloud: MockCloud, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(activating, "PAUSE_SECONDS", 0.0)
    assert arw("jupyter deploy --domain genomics").code == 0
    return next(iter(cloud.labs))


def test_an_activation_is_followed_to_its_end(arw: Arw, lab: str) -> None:
    ended = arw(f"jupyter activate {lab} --domain machine_learning")
    assert (ended.code, ended.out.splitlines()) == (
        0,
        [
            f"✔ Lab {lab} offers Machine Learning (Python 3.11); nobody was interrupted",
            "✔ Notebooks in ~/examples/machine_learning",
        ],
    )
    assert "Install kernel machine_learning-python" in ended.err


def test_status_says_which_packs_are_active_and_from_which_lock_each_kernel_was_made(arw: Arw, lab: str) -> None:
    arw(f"jupyter activate {lab} --domain machine_learning --no-wait")
    said = " ".join(arw(f"jupyter status {lab}").out.split())
    assert "Packs machine_learning" in said
    assert "Machine Learning (Python 3.11) · lock 3f0c3f0c3f0c of 2026-11-23, 61 packages" in said


def test_an_activation_that_fails_says_why_and_status_keeps_saying_it(arw: Arw, cloud: MockCloud, lab: str) -> None:
    cloud.activation_fails_with = "no space left"
    ended = arw(f"jupyter activate {lab} --domain machine_learning")
    assert ended.code == 1
    assert "machine_learning was not activated: no space left" in ended.err
    assert "machine_learning could not be activated: no space left" in " ".join(arw(f"jupyter status {lab}").out.split())


def test_a_kernel_that_was_there_is_not_shown_as_one_that_comes(arw: Arw, lab: str) -> None:
    ended = arw(f"jupyter activate {lab} --domain genomics")
    assert (ended.code, "genomics-python" in ended.err) == (0, False)


def test_an_activation_that_stalls_ends_the_wait_and_status_says_what_can_be_done(arw: Arw, cloud: MockCloud, lab: str) -> None:
    cloud.activation_stalls = True
    ended = arw(f"jupyter activate {lab} --domain machine_learning")
    assert ended.code == 1
    assert "machine_learning is not there yet: its machine has said nothing of it for 45 minutes" in ended.err
    assert f"jupyter deactivate {lab} --domain machine_learning" in ended.err
    said = " ".join(arw(f"jupyter status {lab}").out.split())
    assert "machine_learning is stalled: its machine has said nothing of it for 45 minutes" in said
    assert f"jupyter deactivate {lab} --domain machine_learning" in said


def test_a_kernel_on_its_way_is_not_shown_as_one_that_is_there(arw: Arw, cloud: MockCloud, lab: str) -> None:
    cloud.activation_stalls = True
    arw(f"jupyter activate {lab} --domain machine_learning")
    assert cards.offered(cloud.labs[lab]) == "Genomics (Python 3.11), Machine Learning (Python 3.11) (stalled)"


def test_a_stopped_lab_gets_a_pack_with_its_next_start(arw: Arw, lab: str) -> None:
    arw(f"jupyter stop {lab}")
    ended = arw(f"jupyter activate {lab} --domain machine_learning")
    assert ended.code == 0
    assert f"machine_learning comes with the next start of lab {lab}" in ended.out


def test_a_pack_that_is_taken_out_is_no_longer_shown(arw: Arw, lab: str) -> None:
    arw(f"jupyter activate {lab} --domain machine_learning")
    ended = arw(f"jupyter deactivate {lab} --domain machine_learning")
    assert ended.out == f"✔ Pack machine_learning is no longer active in lab {lab}; kernels that run go on\n"
    assert "machine_learning" not in arw(f"jupyter status {lab}").out
    assert arw(f"jupyter deactivate {lab} --domain machine_learning").code == 1


def test_an_unknown_field_is_one_line_and_a_hint(arw: Arw, lab: str) -> None:
    ended = arw(f"jupyter activate {lab} --domain genomiks")
    assert ended.code == 1
    assert "unknown domain" in ended.err
    assert "Traceback" not in ended.err
