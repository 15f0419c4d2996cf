"""Do our stand-ins for AWS behave as its documentation says, where our code leans on it?

The same calls run on the simulator (which may differ nowhere), on moto and on the local cloud's emulator. Where one is known
to differ, that is written with the truth, and must be so; docs/reference/fakes.md is made from it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import Context
from tests.contract.emulated import started
from tests.contract.truths import TRUTHS, Place, Truth
from tests.contract.truths.places import Boto, Emulator, Simulated
from tools import fakes_page

FAILS = (AssertionError, BotoCoreError, ClientError, KeyError, NotImplementedError, ValueError)
each_truth = pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.id)


def holds(truth: Truth, place: Place, stand_in: str) -> None:
    if stand_in not in truth.differs:
        return truth.show(place)
    with pytest.raises(FAILS):
        truth.show(place)
    return None


@pytest.fixture(scope="module")
def simulator() -> Iterator[Place]:
    from chalicelib.runtime import settings

    settings.seen(Context())
    yield Simulated()
    settings.forget()


@pytest.fixture(scope="module")
def moto() -> Iterator[Place]:
    from moto import mock_aws

    with mock_aws():
        yield Boto()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with started(tmp_path_factory.mktemp("truths")) as url:
        yield Emulator(url)


@each_truth
def test_the_simulator_does_as_aws(truth: Truth, simulator: Place) -> None:
    holds(truth, simulator, "simulator")


@each_truth
def test_moto_does_as_aws_or_as_is_written(truth: Truth, moto: Place) -> None:
    holds(truth, moto, "moto")


@pytest.mark.local_cloud
@each_truth
def test_the_emulator_does_as_aws_or_as_is_written(truth: Truth, emulator: Place) -> None:
    holds(truth, emulator, "ministack")


def test_every_truth_has_a_sentence_of_its_own_and_names_its_document() -> None:
    assert len({truth.id for truth in TRUTHS}) == len(TRUTHS)
    assert all(": " in truth.document for truth in TRUTHS)
    assert {name for truth in TRUTHS for name in truth.differs} <= {"moto", "ministack"}  # the simulator differs nowhere


def test_the_page_of_differences_is_current() -> None:
    assert fakes_page.PAGE.read_text() == fakes_page.page(), "run `make generate`"
