"""`jupyter upgrade`, and what `jupyter status` says of releases."""

import pytest

from aws_research_wizard.cli import upgrading
from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw

NEW = "0123456789ab"


@pytest.fixture
def lab(arw: Arw, cloud: MockCloud, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(upgrading, "PAUSE_SECONDS", 0.0)
    assert arw("jupyter deploy --domain genomics").code == 0
    return next(iter(cloud.labs))


def test_status_says_that_a_newer_release_is_there_and_how_to_get_it(arw: Arw, cloud: MockCloud, lab: str) -> None:
    assert f"Release  {cloud.newest}" in arw(f"jupyter status {lab}").out
    cloud.release(NEW)
    said = " ".join(arw(f"jupyter status {lab}").out.split())
    assert f"a newer one is there: {NEW}" in said
    assert f"jupyter upgrade {lab}" in said


def test_an_upgrade_is_followed_to_its_end(arw: Arw, cloud: MockCloud, lab: str) -> None:
    cloud.release(NEW)
    ended = arw(f"jupyter upgrade {lab}")
    assert (ended.code, ended.out) == (0, f"✔ Lab {lab} runs release {NEW}; nobody was interrupted\n")
    assert upgrading.DOING in ended.err


def test_an_upgrade_that_was_taken_back_fails_with_its_cause(arw: Arw, cloud: MockCloud, lab: str) -> None:
    cloud.release(NEW)
    cloud.upgrade_fails_with = "the smoke notebook failed in genomics-python, cell two: 43"
    ended = arw(f"jupyter upgrade {lab}")
    assert ended.code == 1
    assert "was not upgraded: the smoke notebook failed in genomics-python, cell two: 43" in " ".join(ended.err.split())


def test_a_lab_of_the_newest_release_is_left_alone(arw: Arw, cloud: MockCloud, lab: str) -> None:
    assert arw(f"jupyter upgrade {lab}").out == f"✔ Lab {lab} runs the newest release already, {cloud.newest}\n"


def test_a_stopped_lab_gets_it_with_its_next_start(arw: Arw, cloud: MockCloud, lab: str) -> None:
    arw(f"jupyter stop {lab}")
    cloud.release(NEW)
    ended = arw(f"jupyter upgrade {lab}")
    assert ended.code == 0
    assert "comes with its next start" in ended.out


def test_a_backup_comes_first_when_it_is_wanted(arw: Arw, cloud: MockCloud, lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before: list[str] = []
    monkeypatch.setattr(upgrading, "_backed_up", lambda _calls, found, _output: before.append(found["release"]))
    cloud.release(NEW)
    assert arw(f"jupyter upgrade {lab} --backup").code == 0
    assert before == ["0a1b2c3d4e5f"]
    assert arw(f"jupyter upgrade {lab} --backup --no-wait").code == 2


def test_without_a_good_backup_nothing_is_upgraded(arw: Arw, cloud: MockCloud, lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise WizardError("backup b-1 failed: the disk is full")

    monkeypatch.setattr(upgrading, "_backed_up", fails)
    cloud.release(NEW)
    assert arw(f"jupyter upgrade {lab} --backup").code == 1
    assert cloud.labs[lab]["newer_release"] == NEW


def test_no_wait_says_where_to_look(arw: Arw, cloud: MockCloud, lab: str) -> None:
    cloud.release(NEW)
    assert f"jupyter status {lab}" in arw(f"jupyter upgrade {lab} --no-wait").out


def test_ctrl_c_says_that_it_goes_on(arw: Arw, cloud: MockCloud, lab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.release(NEW)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(upgrading.time, "sleep", interrupted)
    ended = arw(f"jupyter upgrade {lab}")
    assert ended.code == 130
    assert "goes on" in ended.err
